import { simpleParser } from 'mailparser'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { silent } from '../../../config/index.ts'
import type { Bal } from '../../../directory/index.ts'
import { isNews } from '../../../gateway/filing-news.ts'
import { type FilingNotices, filingNoticeMigrations, openFilingNotices } from '../../../gateway/filing-notices.ts'
import type { NoticedDocument } from '../../../gateway/receipts/index.ts'
import { openReportWriter } from '../../../gateway/report-writer.ts'
import { openSettlement, type Settlement } from '../../../gateway/settlement.ts'
import type { Spool } from '../../../gateway/spool/index.ts'
import { samplePatient } from '../../world/letter.ts'
import { type BridgeWorld, startBridgeWorld } from '../dmp-bridge/bridge-world.ts'
import { openSpoolWorld, RELAYED, RETRY, SENDER, type SpoolWorld } from './spool-world.ts'

const LINK = 'https://pages.a.mssante.test/retenir/'
const TWO_MINUTES = 120_000

let mail: SpoolWorld
let bridge: BridgeWorld
let box: Pick<Bal, 'type' | 'filingNotices' | 'holdLink'>
let notices: FilingNotices
let settlement: Settlement

/** One process over the rows: what it tells, and what it carries. */
function process(spool: Spool): { notices: FilingNotices; settlement: Settlement } {
  const now = () => bridge.now
  let count = 0
  const newId = () => `report-${++count}`
  const reports = openReportWriter({ spool, hostname: 'smtp.a.mssante.test', postmaster: 'postmaster@a.mssante.test', now, newId })
  const made = openFilingNotices({
    ...{ db: mail.db, spool, reports, now, log: silent },
    orders: { list: filter => bridge.bridge.orders.list(filter) },
    findBox: async () => box,
    holdLinkOf: id => `${LINK}${id}`,
    pages: 'https://pages.a.mssante.test',
    onReport: () => {},
  })
  return {
    notices: made,
    settlement: openSettlement({
      ...{ spool, reports, now, log: silent, notices: made },
      retry: RETRY,
      random: () => 0,
      onReport: () => {},
    }),
  }
}

beforeEach(async () => {
  mail = await openSpoolWorld(filingNoticeMigrations)
  bridge = await startBridgeWorld({
    mail: {
      read: async id => bridge.mails.get(id) ?? Promise.reject(new Error('no such mail')),
      release: async () => {},
      note: async () => {},
      moved: id => notices.moved(id),
    },
  })
  Object.defineProperty(mail, 'now', { get: () => bridge.now })
  box = { type: 'PER', holdLink: false }
  ;({ notices, settlement } = process(mail.spool))
})
afterEach(async () => {
  await bridge[Symbol.asyncDispose]()
  await mail[Symbol.asyncDispose]()
})

/** A letter with one document. @param relayed whether its relay is over already, and has brought no report of ours */
async function send({ relayed = true, ...letter }: { relayed?: boolean } & Parameters<BridgeWorld['send']>[1] = {}): Promise<string> {
  const { id } = await mail.accept()
  if (relayed) await mail.db.run({ sql: "UPDATE recipient SET relay = 'sent' WHERE message_id = ?", parameters: [id] })
  await bridge.send(id, letter)
  return id
}

const told = async (id: string) => Promise.all((await mail.reports(id)).map(({ text }) => simpleParser(text)))
const deliver = async () => {
  for (const leg of await mail.spool.claimDue(10)) await settlement.settle(leg, { kind: 'final', reply: 'stored' })
}

describe('what becomes of a document is told to its sender', () => {
  test('filed: one mail, in French, that software can read, and names nobody', async () => {
    const id = await send({ uniqueId: '2.25.9001' })
    await bridge.pass(TWO_MINUTES)
    const [only, ...others] = await told(id)
    expect(others).toEqual([])
    expect(only?.subject).toBe('Dépôt au DMP : effectué')
    expect(only?.text).toContain('Document 1 (Compte rendu) : déposé au DMP le 5 janvier 2026 à 10:31.')
    expect(Object.fromEntries(only!.headers)).toMatchObject({
      'auto-submitted': 'auto-generated',
      'x-pli-filing': '2.25.9001; place=1; state=filed',
      'content-language': 'fr',
    })
    const [{ text: raw = '' } = {}] = await mail.reports(id)
    const { ins, birthName, firstName } = samplePatient
    for (const secret of [ins!, birthName, firstName, 'IHE_XDM']) expect(raw.toLowerCase()).not.toContain(secret.toLowerCase())
    expect(await mail.db.run({ sql: 'SELECT sender FROM message WHERE about = ?', parameters: [id] })).toEqual([{ sender: '' }])
    expect((await mail.events(id)).map(({ kind, detail }) => [kind, JSON.parse(detail)])).toEqual([
      ['filing-told', { by: 'mail', states: 'filed' }],
    ])
  })

  test('held: why, and what to do; released and filed: told once again', async () => {
    const id = await send()
    await bridge.pass(1_000)
    const [filing] = await bridge.bridge.orders.list()
    await bridge.bridge.orders.hold(filing!.id, { by: 'test' })
    await bridge.pass(TWO_MINUTES)
    await bridge.bridge.drain() // the sweep finds what an order has moved
    await bridge.bridge.orders.release(filing!.id, { by: 'test' })
    await bridge.pass(TWO_MINUTES)
    await notices.moved(id)
    await notices.tellDue()
    const [held, filed, ...others] = await told(id)
    expect(others).toEqual([])
    expect(held?.subject).toBe('Dépôt au DMP : à vérifier')
    expect(held?.text).toContain('retenu, il n’est pas dans le DMP.\n      Retenu à la demande d’un professionnel.')
    expect(held?.text).toContain('Libérez le document pour qu’il soit déposé')
    expect(held?.text).toContain('https://pages.a.mssante.test\n')
    expect(held?.headers.get('x-pli-filing')).toMatch(/; state=held; reason=author-request$/)
    expect(filed?.subject).toBe('Dépôt au DMP : effectué')
  })

  test('with the acknowledgement, when that is still to come: one mail, not two', async () => {
    const id = await send({ relayed: false })
    await bridge.pass(TWO_MINUTES)
    expect(await told(id)).toEqual([])
    await deliver()
    await notices.tellDue()
    const [only, ...others] = await told(id)
    expect(others).toEqual([])
    expect(only?.subject).toBe('Accusé de réception : message remis')
    expect(only?.text).toContain('Au sujet de ses documents :\n\n   - Document 1 (Compte rendu) : déposé au DMP')
    expect(only?.headers.get('x-pli-filing')).toMatch(/^2\.25\.\d+; place=1; state=filed$/)
  })

  test('by itself, when the attempt brings no report', async () => {
    const id = await send({ relayed: false })
    await bridge.pass(TWO_MINUTES)
    const [leg] = await mail.spool.claimDue(10)
    await settlement.settle(leg!, RELAYED)
    expect((await told(id)).map(({ subject }) => subject)).toEqual(['Dépôt au DMP : effectué'])
  })

  test('a lost claim carries no news away', async () => {
    const id = await send({ relayed: false })
    await bridge.pass(TWO_MINUTES)
    const [leg] = await mail.spool.claimDue(10)
    await mail.db.run({ sql: "UPDATE recipient SET claimed_by = 'another' WHERE message_id = ?", parameters: [id] })
    await settlement.settle(leg!, { kind: 'final', reply: 'stored' })
    expect(await told(id)).toEqual([])
    bridge.now += 60_000
    await notices.tellDue()
    expect(await told(id)).toHaveLength(1)
  })

  test('exactly once: after a crash, and by two processes at once', async () => {
    const id = await send({ relayed: false })
    await bridge.pass(TWO_MINUTES)
    bridge.now += 60_000
    const others = [process(mail.as('second')), process(mail.as('third'))]
    await Promise.all([notices, ...others.map(each => each.notices)].flatMap(each => [each.tellDue(), each.moved(id)]))
    expect(await told(id)).toHaveLength(1)
    await deliver()
    const reports = await told(id)
    expect(reports).toHaveLength(2)
    expect(reports[1]?.headers.has('x-pli-filing')).toBe(false)
  })
})

describe('what nobody waits for is not told', () => {
  test('a plain letter', async () => {
    const id = await send({ eml: Buffer.from(`From: <${SENDER}>\r\n\r\nBonjour\r\n`) })
    await bridge.pass(TWO_MINUTES)
    await notices.tellDue()
    expect(await told(id)).toEqual([])
  })

  test('a box that files nothing', async () => {
    const id = await send({ sender: { declared: false } })
    await bridge.pass(TWO_MINUTES)
    expect(await bridge.states()).toEqual(['held not-declared'])
    expect(await told(id)).toEqual([])
  })

  test('success, where problems alone are wanted', async () => {
    box = { type: 'APP', filingNotices: 'problems' }
    const id = await send()
    await bridge.pass(TWO_MINUTES)
    expect(await bridge.states()).toEqual(['filed'])
    expect(await told(id)).toEqual([])
  })
})

describe('the link to hold documents back', () => {
  test('comes while they wait, once, with the time; then what became of them', async () => {
    box = { type: 'PER' }
    const id = await send()
    await bridge.pass(1_000)
    await notices.moved(id)
    expect((await told(id)).map(({ subject }) => subject)).toEqual(['Dépôt au DMP : prévu'])
    const [planned] = await told(id)
    expect(planned?.text).toContain('dépôt au DMP prévu le 5 janvier 2026 à 10:31.')
    expect(planned?.text).toContain(`${LINK}${id}\n`)
    await bridge.pass(TWO_MINUTES)
    const [, filed, ...others] = await told(id)
    expect(others).toEqual([])
    expect(filed?.text).not.toContain(LINK)
  })

  test('software gets none unless it asks for it', async () => {
    box = { type: 'APP' }
    const first = await send({ uniqueId: '2.25.9001' })
    await bridge.pass(1_000)
    expect(await told(first)).toEqual([])
    box = { type: 'APP', holdLink: true }
    const second = await send({ uniqueId: '2.25.9002' })
    await bridge.pass(1_000)
    expect(await told(second)).toHaveLength(1)
  })
})

describe('isNews', () => {
  const held: NoticedDocument = { place: 1, state: 'held', reasons: ['no-ins'], at: 1 }
  const filed: NoticedDocument = { place: 1, state: 'filed', reasons: [], at: 2 }
  const soon: NoticedDocument = { place: 2, state: 'pending', reasons: [], at: 3 }
  const late: NoticedDocument = { place: 2, state: 'pending', reasons: [] }
  const copy: NoticedDocument = { place: 2, state: 'ignored', reasons: ['twin'], at: 1 }
  const silent_: NoticedDocument = { place: 1, state: 'held', reasons: ['no-dmp-configured', 'no-ins'], at: 1 }
  const [all, problems] = [
    { which: 'all', holdLink: false },
    { which: 'problems', holdLink: false },
  ] as const
  test.each([
    ['what is settled', [filed, copy], undefined, all, true],
    ['nothing but copies', [copy], undefined, all, false],
    ['a hold, while the rest will go in minutes', [held, soon], undefined, all, false],
    ['a hold, while the DMP is away', [held, late], undefined, all, true],
    ['the same hold, while the DMP is away', [held, late], [held, late], all, false],
    ['an operator without a DMP', [silent_], undefined, all, false],
    ['a PDF that nobody has described', [{ ...held, reasons: ['not-pdfa', 'needs-identity'] }], undefined, all, false],
    ['a PDF beside a document', [{ ...held, place: 2, reasons: ['needs-identity'] }, filed], undefined, all, true],
    ['the same again', [held], [held], all, false],
    ['the same reason at another time', [{ ...held, at: 9 }], [held], all, true],
    ['a hold, to who wants problems alone', [held], undefined, problems, true],
    ['the end of a problem, to who wants problems alone', [filed], [held], problems, true],
    ['a document that the DMP gave up again', [{ ...filed, state: 'deleted', at: 9 } as NoticedDocument], [filed], all, true],
  ])('%s', (_, documents, before, wishes, expected) => {
    expect(isNews(documents, before, wishes)).toBe(expected)
  })
})
