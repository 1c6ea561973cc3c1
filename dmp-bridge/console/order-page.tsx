import type { Ins } from '../facts.ts'
import type { FilingEntry } from './filing-list.ts'
import { Reasons } from './filing-page.tsx'
import { type OrderName, PAGE_ORDERS } from './order-kinds.ts'
import { AUTHORITIES, Instant, State, typeText } from './words.tsx'

/** What the page was about: an order is about what its giver saw, and nothing else. */
export function seenOf({ state, reasons }: FilingEntry): string {
  return [state, ...reasons].join(' ')
}

export function OrderPage({
  entry,
  order,
  formToken,
  insOids,
  fault,
}: {
  entry: FilingEntry
  order: OrderName
  formToken: string
  insOids: readonly string[]
  fault?: string | undefined
}) {
  const { title, explains, look } = PAGE_ORDERS[order]
  const { id, state, reasons, type, createdAt } = entry
  return (
    <>
      <h1>{title(entry)}&nbsp;?</h1>
      {fault && (
        <p class="alert" role="alert">
          {fault}
        </p>
      )}
      <section aria-labelledby="de-quoi">
        <h2 id="de-quoi">{typeText(type)}</h2>
        <p>
          <State state={state} /> reçu <Instant at={createdAt} />
        </p>
        <Reasons reasons={reasons} />
      </section>
      <section aria-labelledby="suite">
        <h2 id="suite">Ce qui va se passer</h2>
        <ul>
          {explains(entry).map(sentence => (
            <li>{sentence}</li>
          ))}
        </ul>
        <p class="hint">Cet ordre est inscrit, avec votre nom, dans l’historique du dépôt et au journal d’audit.</p>
        <form method="post" action={`/depots/${id}/${order}`} class="row">
          <input type="hidden" name="jeton" value={formToken} />
          <input type="hidden" name="vu" value={seenOf(entry)} />
          {needsPatient(entry, order) && <PatientFields insOids={insOids} />}
          <button type="submit" class={look}>
            {title(entry)}
          </button>
          <a href={`/depots/${id}`}>Ne rien faire</a>
        </form>
      </section>
    </>
  )
}

/** The patient of a document is known here only while the bytes of its message are kept. */
export function needsPatient({ hasBytes }: FilingEntry, order: OrderName): boolean {
  return order === 'supprimer' && !hasBytes
}

function PatientFields({ insOids }: { insOids: readonly string[] }) {
  return (
    <>
      <p>
        Le message n’est plus conservé ici : l’INS du patient est nécessaire pour désigner son DMP. Il n’est gardé, scellé, que jusqu’à la
        réponse du DMP.
      </p>
      <div>
        <label for="ins">INS (15 caractères)</label> <input id="ins" name="ins" required autocomplete="off" spellcheck={false} />
      </div>
      <div>
        <label for="oid">Autorité de l’INS</label>{' '}
        <select id="oid" name="oid" required>
          {insOids.map(oid => (
            <option value={oid}>{AUTHORITIES[oid] ?? oid}</option>
          ))}
        </select>
      </div>
    </>
  )
}

/** @returns the patient that such a form names; whether he can be is the order's to say */
export function patientOf({ ins, oid }: Readonly<Record<string, unknown>>): { ins?: Ins } {
  if (typeof ins !== 'string' || ins.trim() === '' || typeof oid !== 'string') return {}
  return { ins: { matricule: ins.replaceAll(/\s/g, '').toUpperCase(), oid } }
}
