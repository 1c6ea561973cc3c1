import { type FilingState, MOVES } from '../filing-tables.ts'
import type { FilingEntry, FilingList, ListFilter } from './filing-list.ts'
import type { PageContext } from './page.ts'
import { Instant, reasonWords, STATES, State, startOfDay, typeText } from './words.tsx'

const SIZE = 25
const REFRESH = 'every 20s'
/** Most urgent first. */
const ORDER: readonly FilingState[] = ['held', 'refused', 'pending', 'filed', 'ignored', 'deleting', 'deleted']
const DAY_MS = 86_400_000

/** What the address of the page asks for. */
interface Asked {
  etat: string
  motif: string
  type: string
  boite: string
  du: string
  au: string
  page: string
  /** `non`: the page stands still (RGAA 13.1) */
  actualiser: string
}
const NAMES: readonly (keyof Asked)[] = ['etat', 'motif', 'type', 'boite', 'du', 'au', 'page', 'actualiser']

/** The list, with its filters; asked for by htmx, only what changes by itself. */
export async function listPage(context: PageContext, list: FilingList): Promise<Response> {
  const { boxes } = context.var.visitor
  const asked = Object.fromEntries(NAMES.map(name => [name, context.req.query(name)?.trim() ?? ''])) as unknown as Asked
  const filter = filterOf(asked, boxes)
  const number = /^[1-9]\d{0,5}$/.test(asked.page) ? Number(asked.page) : 1
  const [{ entries, total }, counts] = await Promise.all([list.page(filter, { number, size: SIZE }), list.counts(filter)])
  const live = <Live asked={asked} entries={entries} total={total} counts={counts} number={number} />
  if (context.req.header('HX-Request') !== undefined) return context.html(live)
  const { reasons, types } = await list.choices(boxes)
  return context.render(
    <>
      <h1>Dépôts au DMP</h1>
      <Filters asked={asked} reasons={reasons} types={types} boxes={boxes} />
      {live}
    </>,
    { title: filter.state ? `${STATES[filter.state]} – Dépôts au DMP` : 'Dépôts au DMP' },
  )
}

function filterOf({ etat, motif, type, boite, du, au }: Asked, boxes: ListFilter['boxes']): ListFilter {
  const last = startOfDay(au)
  return {
    boxes,
    state: Object.hasOwn(MOVES, etat) && etat !== 'none' ? (etat as FilingState) : undefined,
    reason: motif || undefined,
    type: type || undefined,
    box: boite.toLowerCase() || undefined,
    from: startOfDay(du),
    until: last === undefined ? undefined : startOfDay(new Date(last + 1.5 * DAY_MS).toISOString().slice(0, 10)),
  }
}

/** @returns the address of the list with something else asked for; what is empty is left out */
function address(asked: Asked, other: Partial<Asked>): string {
  const query = new URLSearchParams(Object.entries({ ...asked, ...other }).filter(([, value]) => value !== ''))
  return query.size > 0 ? `/depots?${query}` : '/depots'
}

function Filters({ asked, reasons, types, boxes }: { asked: Asked; reasons: string[]; types: string[]; boxes: ListFilter['boxes'] }) {
  const isFiltered = [asked.motif, asked.type, asked.boite, asked.du, asked.au].some(value => value !== '')
  return (
    <details class="card" open={isFiltered}>
      <summary>Filtrer</summary>
      <form method="get" action="/depots" class="filters">
        <div>
          <label for="etat">État</label>
          <select id="etat" name="etat">
            <option value="">Tous</option>
            {ORDER.map(state => (
              <option value={state} selected={state === asked.etat}>
                {STATES[state]}
              </option>
            ))}
          </select>
        </div>
        <div>
          <label for="motif">Motif</label>
          <select id="motif" name="motif">
            <option value="">Tous</option>
            {reasons.map(code => (
              <option value={code} selected={code === asked.motif}>
                {reasonWords(code).text}
              </option>
            ))}
          </select>
        </div>
        <div>
          <label for="type">Type de document</label>
          <select id="type" name="type">
            <option value="">Tous</option>
            {types.map(code => (
              <option value={code} selected={code === asked.type}>
                {typeText(code)}
              </option>
            ))}
          </select>
        </div>
        <div>
          <label for="boite">Boîte</label>
          {boxes ? (
            <select id="boite" name="boite">
              <option value="">Toutes</option>
              {boxes.map(box => (
                <option value={box} selected={box === asked.boite}>
                  {box}
                </option>
              ))}
            </select>
          ) : (
            <input id="boite" name="boite" value={asked.boite} spellcheck={false} autocapitalize="none" placeholder="adresse exacte" />
          )}
        </div>
        <div>
          <label for="du">Du</label>
          <input id="du" name="du" type="date" value={asked.du} />
        </div>
        <div>
          <label for="au">Au (compris)</label>
          <input id="au" name="au" type="date" value={asked.au} />
        </div>
        <div class="row">
          <button type="submit">Filtrer</button>
          <a href="/depots">Tout afficher</a>
        </div>
      </form>
    </details>
  )
}

interface LiveProps {
  asked: Asked
  entries: FilingEntry[]
  total: number
  counts: Map<FilingState, number>
  number: number
}

/** What changes by itself. Links have ids, so that htmx gives the focus back to the one that had it. */
function Live({ asked, entries, total, counts, number }: LiveProps) {
  const isLive = asked.actualiser !== 'non'
  const refresh = isLive ? { 'hx-get': address(asked, {}), 'hx-trigger': REFRESH, 'hx-swap': 'outerHTML' } : {}
  return (
    <div id="liste" {...refresh}>
      <nav aria-label="États">
        <ul class="counts">
          <li>
            <a id="n-tous" href={address(asked, { etat: '', page: '' })} aria-current={asked.etat === '' ? 'page' : undefined}>
              Tous <strong>{[...counts.values()].reduce((sum, count) => sum + count, 0)}</strong>
            </a>
          </li>
          {ORDER.filter(state => counts.has(state) || state === asked.etat).map(state => (
            <li>
              <a
                id={`n-${state}`}
                href={address(asked, { etat: state, page: '' })}
                aria-current={asked.etat === state ? 'page' : undefined}
              >
                {STATES[state]} <strong>{counts.get(state) ?? 0}</strong>
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <section aria-labelledby="resultats">
        <div class="row apart">
          <h2 id="resultats">Résultats</h2>
          <a id="actualiser" href={address(asked, { actualiser: isLive ? 'non' : '' })}>
            {isLive ? 'Arrêter l’actualisation automatique' : 'Actualiser automatiquement'}
          </a>
        </div>
        {entries.length === 0 ? <p>Aucun dépôt ne répond à ces critères.</p> : <Table entries={entries} total={total} number={number} />}
        <Pages asked={asked} total={total} number={number} />
      </section>
    </div>
  )
}

function Table({ entries, total, number }: Pick<LiveProps, 'entries' | 'total' | 'number'>) {
  const first = (number - 1) * SIZE + 1
  return (
    <table>
      <caption>
        Dépôts {first} à {first + entries.length - 1} sur {total}, du plus récent au plus ancien
      </caption>
      <thead>
        <tr>
          <th scope="col">Document</th>
          <th scope="col">État et motif</th>
          <th scope="col" class="wide">
            Boîte
          </th>
        </tr>
      </thead>
      <tbody>
        {entries.map(({ id, createdAt, type, state, reasons, code, box }) => (
          <tr>
            <th scope="row">
              <a id={`d-${id}`} href={`/depots/${id}`}>
                {typeText(type)}
              </a>
              <br />
              <span class="soft">
                <Instant at={createdAt} />
              </span>
            </th>
            <td>
              <State state={state} />
              {reasons.map(reason => (
                <div>{reasonWords(reason).text}</div>
              ))}
              {code !== undefined && state !== 'filed' && <div class="soft break">Code du DMP : {code}</div>}
            </td>
            <td class="wide break">{box}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Pages({ asked, total, number }: { asked: Asked; total: number; number: number }) {
  const last = Math.max(1, Math.ceil(total / SIZE))
  if (last === 1 && number === 1) return null
  return (
    <nav aria-label="Pages">
      <ul class="plain">
        {number > 1 && (
          <li>
            <a id="page-avant" rel="prev" href={address(asked, { page: String(Math.min(number, last + 1) - 1) })}>
              Page précédente
            </a>
          </li>
        )}
        <li>
          <span class="button quiet">
            Page {number} sur {last}
          </span>
        </li>
        {number < last && (
          <li>
            <a id="page-apres" rel="next" href={address(asked, { page: String(number + 1) })}>
              Page suivante
            </a>
          </li>
        )}
      </ul>
    </nav>
  )
}
