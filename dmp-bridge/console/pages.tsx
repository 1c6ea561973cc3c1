import { Hono } from 'hono'
import type { Database } from '../../config/database/index.ts'
import type { Orders } from '../orders.ts'
import { DescribePage, type DescribePageProps, mayDescribe, readDescriptionForm } from './describe-page.tsx'
import { type FilingEntry, openFilingList } from './filing-list.ts'
import { Content, FilingPage, type LedgerLine } from './filing-page.tsx'
import { listPage } from './list-page.tsx'
import { isOrderName, ORDER_FAULTS, type OrderName, PAGE_ORDERS } from './order-kinds.ts'
import { needsPatient, OrderPage, patientOf, seenOf } from './order-page.tsx'
import type { PageContext, PageEnv } from './page.ts'
import type { Summaries } from './summary.ts'
import { STATES, typeText } from './words.tsx'

export interface FilingPagesOptions {
  db: Database
  orders: Orders
  summaries: Summaries
  /** authorities of the INS that are taken here */
  insOids: readonly string[]
  /** @returns the ledger of a message, oldest first */
  ledger: (messageId: string) => Promise<readonly LedgerLine[]>
  /** A look is written before anything is shown: when it can't be, nothing is. An order is in its own history with what it moves, and here behind it. */
  audit: (entry: {
    by: string
    action: string
    object: string
    result?: 'done' | 'refused'
    detail?: Record<string, string>
  }) => Promise<void>
  /** An order has moved a row: the worker may look at once. */
  ring: () => void
}

const DESCRIBED = 'C’est fait : le fichier devient un document, vérifié puis déposé si rien ne s’y oppose.'
const CHANGED = { kind: 'no', why: 'wrong-state' } as const

/** The pages about filings, for `/depots` (EX_GEN-1150). A filing of another's box does not exist for whoever asks. */
export function filingPages(options: FilingPagesOptions): Hono<PageEnv> {
  const { db, orders, ledger, summaries, insOids, audit, ring } = options
  const list = openFilingList(db)
  const app = new Hono<PageEnv>()

  const entryOf = (context: PageContext) => list.find(context.req.param('id') ?? '', context.var.visitor.boxes)

  /** Each look of an operator is written down first; the holder of the box sees what he sent. */
  async function contentOf(context: PageContext, entry: FilingEntry) {
    const { visitor } = context.var
    if (!visitor.mayRead) return 'forbidden'
    if (visitor.boxes === undefined) await audit({ by: visitor.by, action: 'console.read', object: entry.id })
    return summaries.of(entry)
  }

  app.get('/', context => listPage(context, list))

  app.get('/:id', async context => {
    const entry = await entryOf(context)
    if (!entry) return context.notFound()
    const { boxes, mayRead } = context.var.visitor
    const [lines, history, content] = await Promise.all([
      ledger(entry.messageId),
      orders.history(entry.id),
      boxes === undefined && mayRead ? ('ask' as const) : contentOf(context, entry),
    ])
    const fait = context.req.query('fait') ?? ''
    const done = isOrderName(fait) ? PAGE_ORDERS[fait].done : fait === 'decrire' ? DESCRIBED : undefined
    const isDescribable = mayDescribe(entry, context.var.visitor)
    const title = `${STATES[entry.state]} – ${typeText(entry.type)}`
    return context.render(<FilingPage {...{ entry, history, content, isDescribable, done }} ledger={lines} />, { title })
  })

  app.get('/:id/contenu', async context => {
    const entry = await entryOf(context)
    if (!entry) return context.notFound()
    const content = await contentOf(context, entry)
    if (context.req.header('HX-Request') !== undefined) return context.html(<Content id={entry.id} content={content} />)
    return context.render(
      <>
        <h1>Ce qui serait déposé</h1>
        <section>
          <Content id={entry.id} content={content} />
        </section>
        <p>
          <a href={`/depots/${entry.id}`}>Retour au dépôt</a>
        </p>
      </>,
      { title: 'Ce qui serait déposé' },
    )
  })

  /** `describe` needs more than a word: it has a form, in place of the page of an order. */
  async function describePage(context: PageContext, entry: FilingEntry, given: Partial<DescribePageProps> = {}) {
    const content = await contentOf(context, entry)
    const { formToken } = context.var
    return context.render(<DescribePage {...{ entry, content, formToken, insOids, ...given }} />, { title: 'Donner l’identité du patient' })
  }

  app.get('/:id/decrire', async context => {
    const entry = await entryOf(context)
    if (!entry || !mayDescribe(entry, context.var.visitor)) return context.notFound()
    return describePage(context, entry)
  })

  app.post('/:id/decrire', async context => {
    const entry = await entryOf(context)
    if (!entry || !mayDescribe(entry, context.var.visitor)) return context.notFound()
    const body = await context.req.parseBody()
    const { typed, description, wrong } = readDescriptionForm(body)
    if (!description) {
      context.status(422)
      return describePage(context, entry, { typed, wrong })
    }
    const { by } = context.var.visitor
    const result = body.vu === seenOf(entry) ? await orders.describe(entry.id, { by, ...description }) : CHANGED
    if (result.kind === 'no') {
      await audit({ by, action: 'console.describe', object: entry.id, result: 'refused', detail: { why: result.why } })
      context.status(409)
      return describePage(context, entry, { typed, fault: ORDER_FAULTS[result.why] })
    }
    await audit({ by, action: 'console.describe', object: entry.id })
    ring()
    return context.redirect(`/depots/${entry.id}?fait=decrire`, 303)
  })

  function orderPage(context: PageContext, entry: FilingEntry, order: OrderName, fault?: string) {
    if (fault !== undefined) context.status(409)
    const title = `${fault === undefined ? '' : 'Erreur – '}${PAGE_ORDERS[order].title(entry)}`
    return context.render(<OrderPage {...{ entry, order, fault, insOids }} formToken={context.var.formToken} />, { title })
  }

  app.get('/:id/:order', async context => {
    const order = context.req.param('order')
    const entry = await entryOf(context)
    if (!entry || !isOrderName(order)) return context.notFound()
    return orderPage(context, entry, order, PAGE_ORDERS[order].isPossible(entry) ? undefined : ORDER_FAULTS['wrong-state'])
  })

  app.post('/:id/:order', async context => {
    const order = context.req.param('order')
    const entry = await entryOf(context)
    if (!entry || !isOrderName(order)) return context.notFound()
    const body = await context.req.parseBody()
    // What is released is what was seen: reasons that came since are nobody's decision.
    if (body.vu !== seenOf(entry) || !PAGE_ORDERS[order].isPossible(entry))
      return orderPage(context, entry, order, ORDER_FAULTS['wrong-state'])
    const { by } = context.var.visitor
    const { does } = PAGE_ORDERS[order]
    const patient = needsPatient(entry, order) ? patientOf(body) : {}
    const result = await orders[does](entry.id, { by, ...patient })
    const refused = result.kind === 'no' ? result.why : undefined
    const audited = { by, action: `console.${does}`, object: entry.id }
    await audit(refused === undefined ? audited : { ...audited, result: 'refused', detail: { why: refused } })
    if (refused !== undefined) return orderPage(context, entry, order, ORDER_FAULTS[refused])
    ring()
    return context.redirect(`/depots/${entry.id}?fait=${order}`, 303)
  })
  return app
}
