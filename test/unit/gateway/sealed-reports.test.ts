import { afterAll, beforeAll, expect, test } from 'vitest'
import { resultsField } from '../../../gateway/opening/index.ts'
import type { Outcome } from '../../../gateway/spool/index.ts'
import { only, openSpoolWorld, type SpoolWorld } from './spool-world.ts'

const AUTHOR = 'dr.autre@b.mssante.test'
const LETTER = [
  'Received: from smtp.b.mssante.test by smtp.a.mssante.test; Mon, 5 Jan 2026 00:00:00 +0000',
  `From: "Dr AUTRE" <${AUTHOR}>`,
  'To: "SECRET Name" <dr.fictif@a.mssante.test>',
  'Subject: XDM/1.0/DDM+Lettre SECRET Name',
  'Date: Mon, 5 Jan 2026 00:00:00 +0000',
  'Message-ID: <1@b.mssante.test>',
  '',
  'SECRET content',
  '',
].join('\r\n')

let world: SpoolWorld
beforeAll(async () => {
  world = await openSpoolWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

/** @returns the report on what became of a letter of another operator, whose author asked for all of it back */
async function reportOn(letter: string, outcome: Outcome): Promise<string> {
  const { spool } = world
  const draft = spool.newDraft()
  await draft.write(Buffer.from(letter))
  const recipients = [{ address: 'dr.fictif@a.mssante.test', domain: 'a.mssante.test', notify: 'SUCCESS,FAILURE' }]
  const about = { sender: AUTHOR, peer: 'CN=b', ret: 'FULL', headerMessageId: '<1@b.mssante.test>', recipients } as const
  const envelope = { origin: 'reception', eightBit: false, utf8: false, size: draft.size, sha256: '', ...about } as const
  const prepared = await spool.prepare(draft, envelope, true)
  await spool.accept(prepared)
  await world.settlementOf(spool).settle(only(prepared.legs), outcome)
  const [report] = await world.reports(prepared.id)
  return report!.text
}

const FAILED: Outcome = { kind: 'failed', status: '5.2.2', diagnostic: 'mailbox: over its quota' }
const opened = (letter: string) =>
  resultsField('smtp.a.mssante.test', { result: 'none', signers: [], opened: ['aes-256-gcm'] }).toString() + letter

test('of what came encrypted and was opened here, a report gives nothing back: it may go without encryption', async () => {
  for (const outcome of [FAILED, { kind: 'final', reply: '2.1.5 Stored in the mailbox' } satisfies Outcome]) {
    const report = await reportOn(opened(LETTER), outcome)
    expect(report).not.toMatch(/SECRET/)
    expect(report).toContain('\r\nDate: Mon, 5 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@b.mssante.test>\r\n')
    expect(report).toContain('\r\nIn-Reply-To: <1@b.mssante.test>\r\n')
  }
})

test('of what came as it is, what was asked for', async () => {
  expect(await reportOn(LETTER, FAILED)).toContain('SECRET content')
  expect(await reportOn(LETTER, { kind: 'final', reply: 'stored' })).toContain('Subject: XDM/1.0/DDM+Lettre SECRET Name')
})
