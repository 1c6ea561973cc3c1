import { randomUUID } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import type { Dmp } from '../../../dmp-bridge/dmp.ts'
import { TIMING } from '../../../dmp-bridge/timing.ts'
import { buildLetter, sampleAuthor, samplePatient } from '../../world/letter.ts'
import { type BridgeWorld, plainDmp, policy, sender, startBridgeWorld } from './bridge-world.ts'

const HOUR = 3_600_000
const MINUTE = 60_000

test('a letter’s document is filed once, after the author’s time to hold it, and the bytes are given back', async () => {
  await using world = await startBridgeWorld()
  const uniqueId = await world.send('m1')
  await world.pass(59_000)
  expect(await world.states()).toEqual(['pending'])
  expect(world.released).toEqual([])
  await world.pass(2000)
  expect(await world.states()).toEqual(['filed'])
  expect(world.dmp.filed).toEqual([uniqueId])
  expect(world.released).toEqual(['m1'])
  expect(world.notes.map(each => each.kind)).toEqual(['filing-part-ignored', 'mss-headers', 'pending', 'filed'])
  expect(world.notes.at(-1)).toMatchObject({ message: 'm1', kind: 'filed', detail: { uniqueId } })
})

test('a message that can not be given back keeps no other', async () => {
  await using world = await startBridgeWorld()
  const release = async (id: string) => (id === 'm1' ? Promise.reject(new Error('no')) : void world.released.push(id))
  const read = async (id: string) => world.mails.get(id) ?? Buffer.alloc(0)
  await world.restart({ mail: { read, release, note: async () => {} } })
  await world.db.atomically(['m1', 'm2'].flatMap(id => world.bridge.rowsFor({ id, sender, acceptedAt: world.now })))
  await world.db.run({ sql: "UPDATE inbox SET state = 'read'", parameters: [] }) // as after a crash: the sweep gives them back
  await world.pass(0)
  expect(world.released).toEqual(['m2'])
  expect(world.logs.filter(line => line.startsWith('bridge.fault'))).toHaveLength(1)
})

test('a message without documents is given back at once', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1', { eml: Buffer.from('From: a@a.mssante.test\r\n\r\nBonjour\r\n') })
  await world.pass(0)
  expect(world.released).toEqual(['m1'])
  expect(await world.states()).toEqual([])
})

test('a document dated tomorrow is held, and goes when a human releases it the day after', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1', { cda: { now: new Date(world.now + 24 * HOUR) } })
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['held bad-date'])
  const [filing] = await world.bridge.orders.list()
  await world.bridge.orders.release(filing!.id, { by: 'cli:test' })
  await world.pass(MINUTE)
  expect(await world.states()).toEqual(['held bad-date'])
  await world.pass(24 * HOUR)
  await world.bridge.orders.release(filing!.id, { by: 'cli:test' })
  await world.pass(MINUTE)
  expect(await world.states()).toEqual(['filed'])
})

test('a DMP that is down is tried for days with growing waits, then the document is filed once', async () => {
  await using world = await startBridgeWorld()
  const uniqueId = await world.send('m1')
  await world.dmp.down()
  await world.pass(2 * 24 * HOUR)
  expect(await world.states()).toEqual(['pending'])
  const attempts = (await world.bridge.orders.list())[0]!.attempts
  expect(attempts).toBeGreaterThan(40)
  expect(attempts).toBeLessThan(70)
  await world.dmp.up()
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['filed'])
  expect(world.dmp.filed).toEqual([uniqueId])
})

test('after five days without the DMP the document is held, not before, and a release tries again', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1')
  await world.dmp.down()
  await world.pass(5 * 24 * HOUR)
  expect(await world.states()).toEqual(['pending'])
  await world.pass(2 * HOUR)
  expect(await world.states()).toEqual(['held dmp-unreachable'])
  expect(world.released).toEqual([])
  await world.dmp.up()
  const [filing] = await world.bridge.orders.list()
  expect(await world.bridge.orders.release(filing!.id, { by: 'cli:test' })).toMatchObject({ kind: 'done', state: 'pending' })
  await world.pass(MINUTE)
  expect(await world.states()).toEqual(['filed'])
})

test('a refusal is final with its code, and only a human tries again', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1')
  world.dmp.script.push('accept', { errors: ['XDSUnknownPatientId'] }) // the first request is TD0.2
  await world.pass(24 * HOUR)
  expect(await world.bridge.orders.list()).toMatchObject([{ state: 'refused', code: 'XDSUnknownPatientId', reasons: ['human-patient'] }])
  expect(world.dmp.requests).toHaveLength(2)
  expect(world.notes.at(-1)).toMatchObject({ kind: 'refused', detail: { code: 'XDSUnknownPatientId' } })
  const [filing] = await world.bridge.orders.list()
  await world.bridge.orders.retry(filing!.id, { by: 'cli:test' })
  await world.pass(MINUTE)
  expect(await world.states()).toEqual(['filed'])
})

test('a refused document’s bytes are given back after a week', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1')
  world.dmp.script.push('accept', { errors: ['XDSNonIdenticalHash'] })
  await world.pass(7 * 24 * HOUR)
  expect(world.released).toEqual([])
  await world.pass(MINUTE)
  await world.pass(MINUTE)
  expect(world.released).toEqual(['m1'])
  const [filing] = await world.bridge.orders.list()
  expect(await world.bridge.orders.retry(filing!.id, { by: 'cli:test' })).toEqual({ kind: 'no', why: 'bytes-released' })
})

test('a closed DMP gets nothing', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1')
  world.dmp.script.push({ errors: ['closed'] })
  await world.pass(2 * MINUTE)
  expect(await world.bridge.orders.list()).toMatchObject([{ state: 'refused', code: 'dmp-closed', attempts: 0 }])
  expect(world.dmp.requests.map(each => each.path)).toEqual(['/services/patients'])
})

test('a DMP that committed without answering says duplicate on the retry: filed, once', async () => {
  await using world = await startBridgeWorld()
  const uniqueId = await world.send('m1')
  world.dmp.script.push('accept', 'accept-and-cut')
  await world.pass(2 * MINUTE)
  expect(await world.bridge.orders.list()).toMatchObject([{ state: 'filed', code: 'XDSDuplicateUniqueIdInRegistry', attempts: 2 }])
  expect(world.dmp.filed).toEqual([uniqueId])
})

test('an ambiguous answer is looked up: found means filed', async () => {
  await using world = await startBridgeWorld()
  const uniqueId = await world.send('m1')
  world.dmp.script.push('accept', { errors: ['XDSRepositoryError'] })
  world.dmp.filed.push(uniqueId)
  await world.pass(2 * MINUTE)
  expect(await world.states()).toEqual(['filed'])
  expect(world.dmp.requests.map(each => each.path)).toEqual(['/services/patients', '/services/repository', '/services/registry'])
})

test('an ambiguous answer that stays so is tried once more, then a human sees it', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1')
  world.dmp.script.push('accept', { errors: ['XDSRegistryError'] }, 'accept', { errors: ['XDSRegistryError'] })
  await world.pass(HOUR)
  expect(await world.bridge.orders.list()).toMatchObject([
    { state: 'refused', code: 'XDSRegistryError', reasons: ['ambiguous'], attempts: 2 },
  ])
})

test('two messages with the same document make one filing; other bytes under the same id are held', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1', { uniqueId: '2.25.1' })
  await world.pass(0) // one after the other: of two that are read at once, the second is read again
  await world.send('m2', { eml: world.mails.get('m1')! })
  await world.pass(0)
  expect(await world.states()).toEqual(['ignored already-pending', 'pending'])
  await world.pass(2 * MINUTE)
  await world.send('m3', { eml: world.mails.get('m1')! })
  await world.send('m4', { uniqueId: '2.25.1', cda: { title: 'Autre' } })
  await world.pass(2 * MINUTE)
  expect(await world.states()).toEqual(['filed', 'held same-id-other-bytes', 'ignored already-filed', 'ignored already-pending'])
  expect(world.dmp.filed).toEqual(['2.25.1'])
  expect(world.released.sort()).toEqual(['m1', 'm2', 'm3'])
})

test('the DMP is asked for a patient once, not for every document', async () => {
  await using world = await startBridgeWorld()
  for (const id of ['m1', 'm2', 'm3']) await world.send(id)
  await world.pass(5 * MINUTE)
  expect(await world.states()).toEqual(['filed', 'filed', 'filed'])
  expect(world.dmp.requests.filter(each => each.path === '/services/patients')).toHaveLength(1)
})

test('no more than five submissions start in a second', async () => {
  await using world = await startBridgeWorld()
  for (let count = 0; count < 12; count++) await world.send(`m${count}`)
  await world.pass(60_000) // up to the first submission
  const before = world.dmp.filed.length
  await world.pass(999)
  expect(world.dmp.filed.length - before).toBeLessThanOrEqual(5)
  await world.pass(5000)
  expect(world.dmp.filed).toHaveLength(12)
})

test('when the DMP fails again and again, one probe at a time goes until it answers', async () => {
  await using world = await startBridgeWorld({ timing: { breakerAfter: 3 } })
  for (let count = 0; count < 10; count++) await world.send(`m${count}`)
  world.dmp.script.push(...Array.from({ length: 200 }, () => ({ status: 503 })))
  await world.pass(60_000)
  const before = world.dmp.requests.length
  await world.pass(10 * MINUTE)
  // 30 s, 1 min, 2 min, then every 4 min: without the breaker each of the ten would have asked several times
  expect(world.dmp.requests.length - before).toBeLessThanOrEqual(8)
  world.dmp.script.length = 0
  await world.pass(2 * HOUR)
  expect(await world.states()).toEqual(Array.from({ length: 10 }, () => 'filed'))
})

test('a refused certificate stops the flow at once and loses nothing', async () => {
  await using world = await startBridgeWorld()
  for (const id of ['m1', 'm2', 'm3']) await world.send(id)
  world.dmp.script.push({ fault: 'DMPInvalidCertificate' })
  await world.pass(60_100)
  expect(world.dmp.requests).toHaveLength(1)
  expect(await world.states()).toEqual(['pending', 'pending', 'pending'])
  await world.pass(10 * MINUTE)
  expect(await world.states()).toEqual(['filed', 'filed', 'filed'])
})

test('an unclear answer about one patient holds his document, and stops no other', async () => {
  await using world = await startBridgeWorld()
  const dmp = plainDmp(world.dmp)
  const unclear: Dmp['exists'] = async () => ({ kind: 'ambiguous', code: 'unreadable-answer' })
  await world.restart({ dmp: { ...dmp, exists: unclear } })
  await world.send('m1')
  await world.pass(2 * MINUTE)
  expect(world.logs.filter(line => line.startsWith('bridge.dmp-trouble')).join()).not.toContain('"open":true')
  expect(await world.states()).toEqual(['held traits-unconfirmed'])
  expect(world.dmp.requests).toEqual([])
})

test('a document that takes too long to prepare is held, and its neighbour is filed', async () => {
  await using world = await startBridgeWorld()
  const dmp = plainDmp(world.dmp)
  const slow = await world.send('m1')
  const prepare: Dmp['prepare'] = async (documents, context) => {
    if (documents[0]?.cda?.uniqueId === slow) AbortSignal.abort().throwIfAborted()
    return dmp.prepare(documents, context)
  }
  await world.restart({ dmp: { ...dmp, prepare } })
  const other = await world.send('m2')
  await world.pass(5 * MINUTE)
  expect(await world.states()).toEqual(['filed', 'held preparing-timed-out'])
  expect(world.dmp.filed).toEqual([other])
})

test('a box that has not declared holds its documents; a human may answer for them', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1', { sender: { declared: false } })
  await world.pass(2 * MINUTE)
  expect(await world.states()).toEqual(['held not-declared'])
  expect(world.notes.at(-1)).toMatchObject({ kind: 'held', detail: { reasons: 'not-declared' } })
  const [filing] = await world.bridge.orders.list()
  await world.bridge.orders.release(filing!.id, { by: 'cli:test' })
  await world.pass(MINUTE)
  expect(await world.states()).toEqual(['filed'])
})

test('a release covers only what a human may answer for: another author’s document is held again', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1', { sender: { declared: false, idNatPs: '810000000001', structures: [] } })
  await world.pass(2 * MINUTE)
  const [filing] = await world.bridge.orders.list()
  expect(await world.bridge.orders.release(filing!.id, { by: 'cli:test' })).toMatchObject({
    state: 'pending',
    rechecked: expect.arrayContaining(['author-not-sender']),
  })
  await world.pass(MINUTE)
  expect(await world.states()).toEqual([expect.stringMatching(/^held author-not-sender/)])
  expect(world.dmp.requests).toEqual([])
})

test('the professional holds a document back in its time, and the same document in another letter too', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1')
  await world.pass(0)
  const [filing] = await world.bridge.orders.list()
  expect(await world.bridge.orders.hold(filing!.id, { by: 'cli:test' })).toMatchObject({ kind: 'done', state: 'held' })
  await world.send('m2', { eml: world.mails.get('m1')! })
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['held author-request', 'held author-request'])
  await world.bridge.orders.refuse(filing!.id, { by: 'cli:test' })
  await world.pass(8 * 24 * HOUR)
  await world.pass(MINUTE)
  expect(world.released).toEqual(['m1'])
  expect(world.dmp.requests).toEqual([])
})

test('what is held while its request is prepared is not sent, though the claim had run out', async () => {
  await using world = await startBridgeWorld()
  const dmp = plainDmp(world.dmp)
  const prepare: Dmp['prepare'] = async (documents, context) => {
    world.now += TIMING.leaseMs
    const [filing] = await world.bridge.orders.list()
    expect(await world.bridge.orders.hold(filing!.id, { by: 'cli:test' })).toMatchObject({ kind: 'done', state: 'held' })
    return dmp.prepare(documents, context)
  }
  await world.restart({ dmp: { ...dmp, prepare } })
  await world.send('m1')
  await world.pass(2 * MINUTE)
  expect(await world.bridge.orders.list()).toMatchObject([{ state: 'held', reasons: expect.arrayContaining(['author-request']) }])
  expect(world.dmp.filed).toEqual([])
})

/** The same document, alone and with a mark in the METADATA.XML beside it. */
async function lettersOf(world: BridgeWorld): Promise<{ bare: Buffer; marked: Buffer }> {
  const built = await buildLetter({
    from: 'Dr Éloi FICTIF <dr.fictif@a.mssante.test>',
    to: 'dr.autre@b.mssante.test',
    author: sampleAuthor,
    patient: samplePatient,
    now: new Date(world.now),
    newId: randomUUID,
    marks: ['INVISIBLE_PATIENT'],
  })
  const cda = Buffer.from(built.cda).toString('base64').replace(/.{76}/g, '$&\r\n')
  const head = 'Content-Type: text/xml\r\nContent-Disposition: attachment; filename=DOC0001.XML\r\nContent-Transfer-Encoding: base64'
  return { marked: built.eml, bare: Buffer.from(`From: a@a.mssante.test\r\nMIME-Version: 1.0\r\n${head}\r\n\r\n${cda}\r\n`) }
}

test('a mark holds every copy of its document, in whichever order the letters come', async () => {
  await using world = await startBridgeWorld()
  const { bare, marked } = await lettersOf(world)
  await world.send('m1', { eml: bare })
  await world.pass(0)
  expect(await world.states()).toEqual(['pending'])
  await world.send('m2', { eml: marked })
  await world.pass(0)
  expect(await world.states()).toEqual(['held marked', 'held marked'])
  await world.send('m3', { eml: bare })
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['held marked', 'held marked', 'held marked'])
  await world.pass(0) // the sweep tells what another letter has changed
  expect(world.notes.flatMap(each => (each.kind === 'held' ? each.message : [])).sort()).toEqual(['m1', 'm2', 'm3'])
  for (const { id } of await world.bridge.orders.list()) {
    await world.bridge.orders.release(id, { by: 'cli:test' }) // of a bare copy too: it is judged again with its twins
    await world.pass(HOUR)
  }
  expect(await world.states()).toEqual(['held marked', 'held marked', 'held marked'])
  expect(world.dmp.requests).toEqual([])
})

test('a mark outlives the filing that was given up with it, and two letters read at once', async () => {
  await using world = await startBridgeWorld()
  const { bare, marked } = await lettersOf(world)
  await world.send('m1', { eml: bare })
  await world.send('m2', { eml: marked })
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['held marked', 'held marked'])
  for (const { id } of await world.bridge.orders.list()) await world.bridge.orders.refuse(id, { by: 'cli:test' })
  await world.send('m3', { eml: bare })
  await world.pass(HOUR)
  expect((await world.bridge.orders.list({ messageId: 'm3' }))[0]).toMatchObject({
    state: 'held',
    reasons: expect.arrayContaining(['marked']),
  })
  expect(world.dmp.requests).toEqual([])
})

test('what its author gave up is not filed by his next letter, whatever its bytes', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1', { uniqueId: '2.25.1' })
  await world.pass(0)
  const [filing] = await world.bridge.orders.list()
  await world.bridge.orders.hold(filing!.id, { by: 'cli:test' })
  expect(await world.bridge.orders.refuse(filing!.id, { by: 'cli:test' })).toEqual({ kind: 'done', state: 'refused', rechecked: [] })
  await world.send('m2', { eml: world.mails.get('m1')! })
  await world.send('m3', { uniqueId: '2.25.1', cda: { title: 'Autre' } })
  await world.pass(HOUR)
  const [second] = await world.bridge.orders.list({ messageId: 'm2' })
  const [third] = await world.bridge.orders.list({ messageId: 'm3' })
  expect([second, third]).toMatchObject([
    { state: 'held', reasons: expect.arrayContaining(['author-request']) },
    { state: 'held', reasons: expect.arrayContaining(['author-request']) },
  ])
  expect(world.dmp.requests).toEqual([])
})

test('a document that is stopped after an attempt of unknown end is said to be perhaps filed', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1')
  world.dmp.script.push('accept', 'accept-and-cut')
  await world.pass(MINUTE)
  const [filing] = await world.bridge.orders.list()
  expect(filing).toMatchObject({ state: 'pending', attempts: 1 })
  expect(await world.bridge.orders.hold(filing!.id, { by: 'cli:test' })).toMatchObject({ kind: 'done', state: 'held', mayBeFiled: true })
  expect(await world.states()).toEqual(['held author-request may-be-filed'])
  await world.bridge.orders.release(filing!.id, { by: 'cli:test' })
  expect(await world.bridge.orders.hold(filing!.id, { by: 'cli:test' })).toMatchObject({ mayBeFiled: true })
  expect(await world.bridge.orders.refuse(filing!.id, { by: 'cli:test' })).toMatchObject({ state: 'refused', mayBeFiled: true })
  expect(await world.states()).toEqual(['refused given-up may-be-filed'])
})

test('a marked copy of what is filed already waits for a human', async () => {
  await using world = await startBridgeWorld()
  const { bare, marked } = await lettersOf(world)
  await world.send('m1', { eml: bare })
  await world.pass(HOUR)
  await world.send('m2', { eml: marked })
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['filed', 'held marked already-filed'])
})

test('without a DMP everything that could be filed is held', async () => {
  await using world = await startBridgeWorld({ withoutDmp: true })
  await world.send('m1')
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['held no-dmp-configured'])
})

test('a message whose bytes cannot be had is held after a few attempts, and its neighbour is filed', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1')
  await world.send('m2')
  const bytes = world.mails.get('m1')!
  world.mails.delete('m1')
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['filed', 'held internal-error'])
  world.mails.set('m1', bytes)
  const held = (await world.bridge.orders.list({ state: 'held' }))[0]!
  expect(await world.bridge.orders.release(held.id, { by: 'cli:test' })).toMatchObject({ kind: 'done' })
  await world.pass(2 * MINUTE)
  expect(await world.states()).toEqual(['filed', 'filed'])
})

test('an unforeseen error over one filing is counted, then the filing is held', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1')
  await world.pass(0)
  world.mails.delete('m1') // planned, then lost
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['held internal-error'])
  expect(world.logs.filter(line => line.startsWith('bridge.fault'))).toHaveLength(5)
})

test('bytes that are not those that were judged are not sent', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1', { uniqueId: '2.25.1' })
  await world.pass(0)
  await world.send('m2', { uniqueId: '2.25.1', cda: { title: 'Autre' } })
  world.mails.set('m1', world.mails.get('m2')!)
  await world.pass(2 * MINUTE)
  expect(await world.states()).toEqual(['held bytes-changed', 'held same-id-other-bytes'])
  expect(world.dmp.requests).toEqual([])
})

test('what another process had in hand when it died is taken up again', async () => {
  await using world = await startBridgeWorld()
  const uniqueId = await world.send('m1')
  await world.pass(0)
  // the dead one: claimed, sent, never settled
  await world.db.run({ sql: `UPDATE filing SET claimed_by = 'dead', claimed_until = ${world.now + 10 * HOUR}, faults = 1`, parameters: [] })
  world.dmp.filed.push(uniqueId)
  await world.restart()
  await world.pass(2 * MINUTE)
  expect(await world.bridge.orders.list()).toMatchObject([{ state: 'filed', code: 'XDSDuplicateUniqueIdInRegistry' }])
  expect(world.dmp.filed).toEqual([uniqueId])
})

test('neither rows nor notes nor logs hold the patient, the title or a file name', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1')
  await world.send('m2', { sender: { declared: false } })
  await world.pass(HOUR)
  const rows = await Promise.all(
    ['inbox', 'filing', 'dmp_status', 'dmp_pace'].map(table => world.db.run({ sql: `SELECT * FROM ${table}`, parameters: [] })),
  )
  const all = JSON.stringify([rows, world.notes, world.logs])
  for (const secret of ['28403751', 'TESTOU', 'HÉLOÏSE', 'HELOISE', 'adressage', '.XML', '.zip', '1984']) expect(all).not.toContain(secret)
})

test('a started bridge files by itself when it is rung, and stops with empty hands', async () => {
  await using world = await startBridgeWorld({ clock: { now: Date.now }, policy: { ...policy, delayMs: 0 } })
  world.bridge.start()
  const uniqueId = await world.send('m1')
  world.bridge.ring()
  await vi.waitFor(() => expect(world.released).toEqual(['m1']), { timeout: 20_000, interval: 10 })
  expect(world.dmp.filed).toEqual([uniqueId])
  await world.bridge.stop()
  await world.send('m2')
  world.bridge.ring()
  expect(await world.db.run({ sql: 'SELECT claimed_by FROM inbox WHERE claimed_by IS NOT NULL', parameters: [] })).toEqual([])
})
