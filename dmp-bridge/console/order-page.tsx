import type { FilingEntry } from './filing-list.ts'
import { Reasons } from './filing-page.tsx'
import { type OrderName, PAGE_ORDERS } from './order-kinds.ts'
import { Instant, State, typeText } from './words.tsx'

/** What the page was about: an order is about what its giver saw, and nothing else. */
export function seenOf({ state, reasons }: FilingEntry): string {
  return [state, ...reasons].join(' ')
}

export function OrderPage({
  entry,
  order,
  formToken,
  fault,
}: {
  entry: FilingEntry
  order: OrderName
  formToken: string
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
          <button type="submit" class={look}>
            {title(entry)}
          </button>
          <a href={`/depots/${id}`}>Ne rien faire</a>
        </form>
      </section>
    </>
  )
}
