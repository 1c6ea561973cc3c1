import { type Context, Hono } from 'hono'
import type { Database } from '../../config/database/index.ts'
import type { FilingState } from '../filing-tables.ts'
import { type Figures, openFigures } from './figures.ts'
import type { PageEnv } from './page.ts'
import { Instant, reasonWords, STATES, typeText } from './words.tsx'

/** Of this process: the breaker of the DMP, as far as it knows. */
export interface DmpState {
  isConfigured: boolean
  /** too many failures in a row: one probe at a time, the next at `nextAt` (milliseconds) */
  isOpen: boolean
  nextAt: number
}

const DAY_MS = 86_400_000
const PERIODS = [1, 7, 30, 90]

/** The figures, for `/chiffres`: of the visitor's boxes, or of all for an operator. */
export function figuresPages({ db, dmp, now }: { db: Database; dmp: () => DmpState; now: () => number }): Hono<PageEnv> {
  const figures = openFigures(db)
  const app = new Hono<PageEnv>()
  app.get('/', async (context: Context<PageEnv>) => {
    const asked = Number(context.req.query('jours'))
    const days = PERIODS.includes(asked) ? asked : 7
    const read = await figures.read({ since: now() - days * DAY_MS, now: now(), boxes: context.var.visitor.boxes })
    return context.render(<FiguresPage figures={read} days={days} dmp={dmp()} now={now()} />, { title: 'Chiffres – Dépôts au DMP' })
  })
  return app
}

function FiguresPage({ figures, days, dmp, now }: { figures: Figures; days: number; dmp: DmpState; now: number }) {
  const { byState, byReason, byType, byDay, oldest, lastFiledAt } = figures
  return (
    <>
      <h1>Chiffres des dépôts</h1>
      <section aria-labelledby="dmp">
        <h2 id="dmp">Le DMP</h2>
        <dl>
          <dt>Liaison</dt>
          <dd>{dmpText(dmp)}</dd>
          <dt>Dernier dépôt réussi</dt>
          <dd>{lastFiledAt === undefined ? 'aucun' : <Instant at={lastFiledAt} />}</dd>
          <dt>Plus ancien en attente</dt>
          <dd>
            <Since at={oldest.pending} now={now} />
          </dd>
          <dt>Plus ancien retenu</dt>
          <dd>
            <Since at={oldest.held} now={now} />
          </dd>
        </dl>
      </section>
      <nav aria-label="Période">
        <ul class="counts">
          {PERIODS.map(period => (
            <li>
              <a href={`/chiffres?jours=${period}`} aria-current={period === days ? 'page' : undefined}>
                {period === 1 ? '24 heures' : `${period} jours`}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <Days byDay={byDay} />
      <Counts
        id="etats"
        title="Par état"
        column="État"
        rows={Object.entries(byState).map(([state, count]) => ({
          text: STATES[state as FilingState] ?? state,
          count,
          query: `etat=${state}`,
        }))}
      />
      <Counts
        id="motifs"
        title="Par motif, des dépôts retenus ou refusés"
        column="Motif"
        rows={Object.entries(byReason).map(([code, count]) => ({ text: reasonWords(code).text, count, query: `motif=${code}` }))}
      />
      <Counts
        id="types"
        title="Par type de document"
        column="Type"
        rows={Object.entries(byType).map(([code, count]) =>
          code === 'unknown' ? { text: 'Type inconnu', count } : { text: typeText(code), count, query: `type=${encodeURIComponent(code)}` },
        )}
      />
    </>
  )
}

function dmpText({ isConfigured, isOpen, nextAt }: DmpState) {
  if (!isConfigured) return 'aucun accès au DMP n’est configuré : tout est retenu'
  if (!isOpen) return 'normale'
  return (
    <>
      interrompue après plusieurs échecs ; prochain essai <Instant at={nextAt} />
    </>
  )
}

function Since({ at, now }: { at: number | undefined; now: number }) {
  if (at === undefined) return <>aucun</>
  const hours = Math.floor((now - at) / 3_600_000)
  return (
    <>
      <Instant at={at} /> ({hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} jours`})
    </>
  )
}

function Counts({
  id,
  title,
  column,
  rows,
}: {
  id: string
  title: string
  column: string
  rows: { text: string; count: number; query?: string }[]
}) {
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {rows.length === 0 ? (
        <p>Aucun dépôt sur cette période.</p>
      ) : (
        <table>
          <caption>{title}, du plus fréquent au moins fréquent</caption>
          <thead>
            <tr>
              <th scope="col">{column}</th>
              <th scope="col" class="number">
                Dépôts
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ text, count, query }) => (
              <tr>
                <th scope="row">{query === undefined ? text : <a href={`/depots?${query}`}>{text}</a>}</th>
                <td class="number">{count}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

const HEIGHT = 60
const SERIES = ['filed', 'held', 'refused', 'other'] as const

/** The table says it all; the drawing beside it is for the eye alone (RGAA 1.2). */
function Days({ byDay }: Pick<Figures, 'byDay'>) {
  if (byDay.length === 0) return null
  const most = Math.max(...byDay.map(day => SERIES.reduce((sum, name) => sum + day[name], 0)))
  return (
    <section aria-labelledby="jours">
      <h2 id="jours">Par jour</h2>
      {byDay.length > 1 && (
        <svg class="days" viewBox={`0 0 ${byDay.length * 12} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          {byDay.map((day, index) => {
            let top = HEIGHT
            return SERIES.map(name => {
              const height = (day[name] / most) * HEIGHT
              top -= height
              return <rect class={name} x={index * 12 + 1} y={top} width={10} height={height} />
            })
          })}
        </svg>
      )}
      <div class="scroll">
        <table>
          <caption>Dépôts reçus chaque jour, selon leur état présent</caption>
          <thead>
            <tr>
              <th scope="col">Jour</th>
              <th scope="col" class="number">
                Déposés
              </th>
              <th scope="col" class="number">
                Retenus
              </th>
              <th scope="col" class="number">
                Refusés
              </th>
              <th scope="col" class="number">
                Autres
              </th>
            </tr>
          </thead>
          <tbody>
            {byDay.map(day => (
              <tr>
                <th scope="row">{day.day.split('-').reverse().join('/')}</th>
                {SERIES.map(name => (
                  <td class="number">{day[name]}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
