import { WHOLE_MESSAGE } from '../filing-tables.ts'
import type { GivenOrder } from '../orders.ts'
import type { FilingEntry } from './filing-list.ts'
import { type OrderName, ordersFor, PAGE_ORDERS } from './order-kinds.ts'
import type { DocumentSummary, SummaryResult } from './summary.ts'
import { Instant, ORDERS_DONE, reasonWords, STATE_MEANINGS, STATES, State, typeText, whoText } from './words.tsx'

/** One line of the ledger of a message: ids and codes only. */
export interface LedgerLine {
  at: number
  what: string
  detail: Readonly<Record<string, string>>
}

export interface FilingPageProps {
  entry: FilingEntry
  ledger: readonly LedgerLine[]
  history: readonly GivenOrder[]
  /** what may be shown of the document; `ask` when each look is written down, so that it waits to be asked for */
  content: SummaryResult | 'ask' | 'forbidden'
  /** it waits for somebody who says whose it is, and this visitor may */
  isDescribable: boolean
  /** the sentence of the order that was just followed */
  done?: string | undefined
}

export function FilingPage({ entry, ledger, history, content, isDescribable, done }: FilingPageProps) {
  const { id, state, reasons, code, type, attempts, createdAt, nextAttemptAt, settledAt } = entry
  return (
    <>
      <p>
        <a href="/depots">Tous les dépôts</a>
      </p>
      <h1>{entry.place === WHOLE_MESSAGE ? 'Message illisible' : typeText(type)}</h1>
      {done && (
        <p class="done" role="status">
          {done}
        </p>
      )}
      <section aria-labelledby="etat-present">
        <h2 id="etat-present">État</h2>
        <p>
          <State state={state} /> {STATE_MEANINGS[state]}
        </p>
        <Reasons reasons={reasons} />
        <dl>
          <dt>Reçu</dt>
          <dd>
            <Instant at={createdAt} />
          </dd>
          {settledAt !== undefined && (
            <>
              <dt>Dans cet état depuis</dt>
              <dd>
                <Instant at={settledAt} />
              </dd>
            </>
          )}
          {nextAttemptAt !== undefined && (
            <>
              <dt>Prochain essai</dt>
              <dd>
                <Instant at={nextAttemptAt} />
              </dd>
            </>
          )}
          <dt>Essais</dt>
          <dd>{attempts}</dd>
          {code !== undefined && (
            <>
              <dt>Code du DMP</dt>
              <dd>{code}</dd>
            </>
          )}
          <dt>Boîte</dt>
          <dd>{entry.box}</dd>
          <dt>Identifiant du document</dt>
          <dd>{entry.uniqueId ?? 'aucun'}</dd>
          <dt>Message</dt>
          <dd>{entry.messageId}</dd>
        </dl>
      </section>
      <OrderLinks entry={entry} isDescribable={isDescribable} />
      <section aria-labelledby="document">
        <h2 id="document">Ce qui serait déposé</h2>
        <div id="contenu-document">
          <Content id={id} content={content} />
        </div>
      </section>
      <section aria-labelledby="historique">
        <h2 id="historique">Historique</h2>
        <Timeline entry={entry} ledger={ledger} history={history} />
      </section>
    </>
  )
}

export function Reasons({ reasons }: { reasons: readonly string[] }) {
  if (reasons.length === 0) return null
  return (
    <>
      <h3>{reasons.length === 1 ? 'Motif' : 'Motifs'}</h3>
      <ul class="reasons">
        {reasons.map(reasonWords).map(({ code, text, advice }) => (
          <li>
            <strong>{text}</strong> <span class="soft">({code})</span>
            <br />
            {advice}
          </li>
        ))}
      </ul>
    </>
  )
}

function OrderLinks({ entry, isDescribable }: Pick<FilingPageProps, 'entry' | 'isDescribable'>) {
  const orders = ordersFor(entry)
  if (orders.length === 0 && !isDescribable) return null
  return (
    <section aria-labelledby="decision">
      <h2 id="decision">Décider</h2>
      <p class="hint">Chaque ordre est expliqué, et confirmé, sur la page suivante.</p>
      <ul class="plain">
        {isDescribable && (
          <li>
            <a class="button" href={`/depots/${entry.id}/decrire`}>
              Donner l’identité du patient
            </a>
          </li>
        )}
        {orders.map((order: OrderName) => (
          <li>
            <a class={`button ${PAGE_ORDERS[order].look}`} href={`/depots/${entry.id}/${order}`}>
              {PAGE_ORDERS[order].title(entry)}
            </a>
          </li>
        ))}
      </ul>
    </section>
  )
}

export function Content({ id, content }: { id: string; content: FilingPageProps['content'] }) {
  if (content === 'forbidden') return <p>Votre compte ne donne pas le droit de voir le patient ni le titre du document.</p>
  if (content === 'ask')
    return (
      <p>
        <a
          class="button quiet"
          href={`/depots/${id}/contenu`}
          hx-get={`/depots/${id}/contenu`}
          hx-target="#contenu-document"
          hx-swap="innerHTML"
        >
          Voir le patient et le titre
        </a>{' '}
        <span class="hint">Cette consultation est inscrite au journal d’audit.</span>
      </p>
    )
  if (content.kind === 'document') return <Summary document={content.document} />
  if (content.kind === 'file')
    return (
      <dl>
        <dt>Fichier</dt>
        <dd>{content.name}</dd>
        <dt>Taille et format</dt>
        <dd>
          {sizeText(content.bytes)}, {content.mediaType}
        </dd>
      </dl>
    )
  return <p>{MISSING[content.kind]}</p>
}

const MISSING = {
  released: 'Le message n’est plus conservé ici : son contenu ne peut plus être affiché.',
  unreadable: 'Le contenu ne peut pas être affiché : le document n’a pas pu être lu.',
  changed: 'Le contenu n’est pas affiché : le document relu n’est plus celui qui avait été examiné.',
} as const

function Summary({ document }: { document: DocumentSummary }) {
  const { title, type, patient, ins, birthDate, sex, authors, date, bytes, format, marks } = document
  return (
    <dl>
      <dt>Titre</dt>
      <dd>{title}</dd>
      <dt>Type</dt>
      <dd>{type}</dd>
      <dt>Patient</dt>
      <dd>
        {patient || 'sans nom'}
        {sex && ` (${SEXES[sex] ?? sex})`}
        {birthDate && `, ${sex === 'F' ? 'née' : sex === 'M' ? 'né' : 'né(e)'} le ${hl7Day(birthDate)}`}
      </dd>
      <dt>INS</dt>
      <dd>{ins ?? 'absente'}</dd>
      <dt>{authors.length > 1 ? 'Auteurs' : 'Auteur'}</dt>
      <dd>{authors.join(' ; ') || 'absent'}</dd>
      <dt>Date du document</dt>
      <dd>{hl7Day(date)}</dd>
      <dt>Taille et format</dt>
      <dd>
        {sizeText(bytes)}, {format}
      </dd>
      {marks.length > 0 && (
        <>
          <dt>Restrictions</dt>
          <dd>{marks.join(', ')}</dd>
        </>
      )}
    </dl>
  )
}

const SEXES: Readonly<Record<string, string>> = { F: 'femme', M: 'homme', U: 'sexe inconnu' }

/** @param time HL7, yyyymmdd… */
function hl7Day(time: string): string {
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)/.exec(time) ?? []
  return day === undefined ? time : `${day}/${month}/${year}`
}

function sizeText(bytes: number): string {
  const kilobytes = bytes / 1024
  return kilobytes < 1024 ? `${Math.max(1, Math.round(kilobytes))} Ko` : `${(kilobytes / 1024).toFixed(1).replace('.', ',')} Mo`
}

function Timeline({ entry, ledger, history }: Pick<FilingPageProps, 'entry' | 'ledger' | 'history'>) {
  const of = (line: LedgerLine) => line.what === 'accepted' || line.detail.filing === entry.id
  const lines = [
    ...ledger.filter(of).map(({ at, what, detail }) => ({ at, text: ledgerText(what), more: reasonsOf(detail) })),
    ...history.map(({ at, order, by }) => ({ at, text: `${ORDERS_DONE[order]} par ${whoText(by)}`, more: '' })),
  ].sort((a, b) => a.at - b.at)
  if (lines.length === 0) return <p>Rien n’est encore inscrit.</p>
  return (
    <ol class="timeline">
      {lines.map(({ at, text, more }) => (
        <li>
          <Instant at={at} />
          <strong>{text}</strong>
          {more && ` – ${more}`}
        </li>
      ))}
    </ol>
  )
}

function ledgerText(what: string): string {
  if (what === 'accepted') return 'Message accepté par la messagerie'
  return Object.hasOwn(STATES, what) ? STATES[what as keyof typeof STATES] : what
}

function reasonsOf({ reasons = '', code = '' }: LedgerLine['detail']): string {
  const words = reasons
    .split(' ')
    .filter(Boolean)
    .map(reason => reasonWords(reason).text)
  return [...words, ...(code ? [`code ${code}`] : [])].join(' ')
}
