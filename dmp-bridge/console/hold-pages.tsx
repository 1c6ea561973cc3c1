import { type Context, Hono } from 'hono'
import type { Child } from 'hono/jsx'
import type { FilingView } from '../filing-view.ts'
import { frenchClass } from '../french.ts'
import { HOLD_PATH, type HoldLinks } from '../hold-link.ts'
import type { OrderResult, Orders } from '../orders.ts'
import { Instant } from './words.tsx'

export interface HoldPagesOptions {
  links: Pick<HoldLinks, 'messageOf'>
  orders: Pick<Orders, 'list' | 'hold'>
  /** @returns when the message was accepted; undefined when there is none */
  acceptedAt(messageId: string): Promise<number | undefined>
  /** What an order has moved is looked at. */
  ring(): void
  now(): number
}

/** Of one message; and of all tokens that are none, so that whoever tries some never keeps a doctor from holding. */
const MOST_A_MINUTE = 60

/**
 * The pages behind the link of a mail (`hold-link.ts`): GET shows what waits and changes nothing, since programs that look through mail follow links;
 * POST holds what still waits of the message. They need no account, and show nothing of the patient.
 */
export function holdPages(options: HoldPagesOptions): Hono {
  const { links, orders, acceptedAt, now } = options
  const app = new Hono()
  const isTooMuch = openCount(MOST_A_MINUTE, now)
  const path = `${HOLD_PATH}/:token{[\\w-]+}`

  app.use(path, async (context, next) => {
    if (!isTooMuch(links.messageOf(context.req.param('token')) ?? '')) return next()
    context.status(429)
    context.header('Retry-After', '60')
    return context.render(<Note title="Trop de demandes" text="Réessayez dans une minute." />, { title: 'Trop de demandes' })
  })

  app.get(path, async context => {
    const found = await find(context.req.param('token'))
    if (!found) return gone(context)
    return context.render(<Waiting {...found} />, { title: 'Retenir des documents' })
  })

  app.post(path, async context => {
    const found = await find(context.req.param('token'))
    if (!found) return gone(context)
    const results: Held[] = []
    for (const filing of found.filings) {
      results.push({ filing, result: filing.state === 'pending' ? await orders.hold(filing.id, { by: 'link' }) : undefined })
    }
    options.ring()
    return context.render(<Result at={found.at} results={results} />, { title: 'Documents retenus' })
  })

  /** @returns the message's documents that were ever to be filed */
  async function find(token: string): Promise<{ at: number; filings: FilingView[] } | undefined> {
    const id = links.messageOf(token)
    const at = id === undefined ? undefined : await acceptedAt(id)
    if (id === undefined || at === undefined) return undefined
    const filings = (await orders.list({ messageId: id })).filter(({ state }) => state !== 'ignored')
    return { at, filings }
  }

  return app
}

/** One page for a link that was altered and one that has ended: nobody learns which tokens were ours. */
function gone(context: Context): Response | Promise<Response> {
  context.status(404)
  const title = 'Lien sans effet'
  return context.render(<Note title={title} text="Ce lien n’existe pas ou n’est plus valable. Rien n’a été changé." />, { title })
}

function Note({ title, text }: { title: string; text: string }) {
  return (
    <>
      <h1>{title}</h1>
      <p>{text}</p>
    </>
  )
}

function Waiting({ at, filings }: { at: number; filings: FilingView[] }) {
  const waiting = filings.filter(({ state }) => state === 'pending')
  return (
    <>
      <h1>Dépôt au DMP</h1>
      <p>
        Message du <Instant at={at} />
      </p>
      <Documents filings={filings}>{filing => <Present filing={filing} />}</Documents>
      {waiting.length > 0 ? (
        <form method="post">
          <p>La remise du message à ses destinataires n’en dépend pas.</p>
          <button type="submit">{waiting.length > 1 ? `Retenir ces ${waiting.length} documents` : 'Retenir ce document'}</button>
        </form>
      ) : (
        <p>Plus rien n’est en attente : il n’y a rien à retenir.</p>
      )}
    </>
  )
}

interface Held {
  filing: FilingView
  /** of the order; undefined when the document did not wait */
  result: OrderResult | undefined
}

function Result({ at, results }: { at: number; results: Held[] }) {
  const resultOf = (filing: FilingView) => results.find(each => each.filing.id === filing.id)?.result
  return (
    <>
      <h1>Dépôt au DMP</h1>
      <p>
        Message du <Instant at={at} />
      </p>
      <Documents filings={results.map(({ filing }) => filing)}>
        {filing => {
          const result = resultOf(filing)
          return result ? outcomeOf(result) : <Present filing={filing} />
        }}
      </Documents>
    </>
  )
}

function outcomeOf(result: OrderResult): string {
  if (result.kind === 'no') return 'trop tard : le dépôt est en cours ou terminé'
  return result.mayBeFiled ? 'retenu, mais un essai précédent a peut-être abouti : vérifiez dans le DMP' : 'retenu'
}

function Documents({ filings, children }: { filings: FilingView[]; children: (filing: FilingView) => Child }) {
  return (
    <ul>
      {filings.map(filing => (
        <li>
          {nameOf(filing)} : {children(filing)}
        </li>
      ))}
    </ul>
  )
}

function nameOf({ place, type }: FilingView): string {
  const kind = type === undefined ? undefined : frenchClass(type)
  return place === 0 ? 'Message' : `Document ${place}${kind === undefined ? '' : ` (${kind})`}`
}

function Present({ filing: { state, attempts, nextAttemptAt } }: { filing: FilingView }) {
  if (state === 'pending' && attempts === 0 && nextAttemptAt !== undefined) {
    return (
      <>
        dépôt prévu le <Instant at={nextAttemptAt} />
      </>
    )
  }
  return <>{STATES[state]}</>
}

const STATES: Record<FilingView['state'], string> = {
  pending: 'en attente, le DMP ne répond pas',
  held: 'déjà retenu',
  filed: 'trop tard : déjà déposé dans le DMP',
  refused: 'non déposé',
  ignored: 'sans dépôt',
  deleting: 'suppression demandée au DMP',
  deleted: 'retiré du DMP',
}

/** @returns whether one more of these is too much within the minute; what it keeps is forgotten when the minute is over */
function openCount(most: number, now: () => number): (what: string) => boolean {
  const counts = new Map<string, number>()
  let began = 0
  return what => {
    if (now() - began >= 60_000) counts.clear()
    if (counts.size === 0) began = now()
    const count = (counts.get(what) ?? 0) + 1
    counts.set(what, count)
    return count > most
  }
}
