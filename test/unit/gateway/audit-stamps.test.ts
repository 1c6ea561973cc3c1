import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { Configuration, Detail } from '../../../config/index.ts'
import { openCheckpointStamps } from '../../../crypto/index.ts'
import { openAuditNotes } from '../../../gateway/audit-notes.ts'
import { type AuditStamps, openAuditStamps } from '../../../gateway/audit-stamps.ts'
import { openAuditUpkeep } from '../../../gateway/audit-upkeep.ts'
import type { Identities } from '../../../gateway/certificates/identities.ts'
import { verdictText, verifyAudit } from '../../../gateway/cli/audit-verify.ts'
import { run } from '../../support/cli.ts'
import { forgingAuthority, opensslAuthority, startTimeStampServer, type TimeStampServer } from '../../support/time-stamp-authority.ts'
import { has } from '../../support/tools.ts'
import { until } from '../../support/until.ts'
import type { AnchorPaths, Issued } from '../../world/pki.ts'
import { type AuditWorld, DAY, makeSigners, openAuditWorld, type Signers } from '../crypto/audit-world.ts'

let signers: Signers
let world: AuditWorld
let restore: () => Promise<void>
let anchors: AnchorPaths
let authority: Issued
let host: { certificatePem: string; keyPem: string }
let server: TimeStampServer
let logged: { event: string; detail: Detail | undefined }[]
let stamps: AuditStamps

beforeAll(async () => {
  signers = await makeSigners(Date.now())
  world = await openAuditWorld(signers, { every: 1 })
  restore = await world.snapshot()
  const { pki } = signers
  const named = (kind: 'timeStamp' | 'server', commonName: string) =>
    pki.issue({ kind, commonName, organization: 'FICTIVE', structure: '1750000001', key: 'ec' })
  authority = await named('timeStamp', 'HORODATAGE FICTIF')
  const issued = await named('server', 'localhost')
  host = { certificatePem: issued.certificatePem + pki.authorities[1], keyPem: issued.keyPem }
  anchors = await pki.write(join(world.folder, 'tsa-igc'), { nextUpdate: new Date(signers.now + 30 * DAY) })
  writeFileSync(join(world.folder, 'authorities.pem'), pki.authorities.join(''))
  mkdirSync(join(world.folder, 'tsa'))
})

beforeEach(async () => {
  logged = []
  server = await startTimeStampServer(host, forging)
  stamps = openAuditStamps({ db: world.db, authority: settings(), now: () => world.now, log })
})

afterEach(async () => {
  await stamps.stop()
  await server[Symbol.asyncDispose]()
  await restore()
})

afterAll(() => world[Symbol.asyncDispose]())

/** Goes by our clock; `openssl ts` goes by the machine's. */
const forging = (query: Buffer) => forgingAuthority(authority, { at: new Date(world.now) })(query)
const settings = () => ({ url: server.url, ...anchors, httpsAnchors: anchors.anchors, timeout: 60_000 })
let heard = (_: string): unknown => undefined
const note = (event: string, detail?: Detail) => {
  logged.push({ event, detail })
  heard(event)
}
const log = { debug: note, info: note, warn: note, error: note, flush: (done: () => void) => done() }
const told = (event: string) => logged.filter(line => line.event === event).map(({ detail }) => detail)
const verify = () => world.verify({ trust: { ...world.trust(), stampAnchors: world.anchors } })

/** A line, its checkpoint, and what becomes of its stamp. */
async function checkpoint(): Promise<void> {
  await world.write(1)
  stamps.ask()
  await stamps.idle()
  await world.sign() // files what was stamped
}

test.skipIf(!has('openssl'))('the stamp of a real authority is verified, kept, filed and exported, and openssl verifies it', async () => {
  server.answer(opensslAuthority(join(world.folder, 'tsa'), authority))
  await world.audit.append({ by: 'x', action: 'y', object: 'z' })
  await world.sign()
  const due = await openCheckpointStamps(world.db).due()
  stamps.ask()
  await stamps.idle()
  await world.sign()
  expect(told('audit-stamped')).toMatchObject([{ number: 1, authority: expect.stringContaining('CN=HORODATAGE FICTIF') }])

  const verdict = await verify()
  expect([verdict.fault, verdict.notes]).toEqual([undefined, []])
  expect(verdict.checkpoints).toMatchObject({ count: 1, stamps: { count: 1, checkpoint: 1, line: 1 } })
  expect((await world.verifyWith(world.filed)).fault).toBeUndefined()
  expect(world.filed.map(line => (JSON.parse(line) as { checkpoint: number }).checkpoint)).toEqual([1, 1])

  const { stamp } = JSON.parse((await world.exported()).find(line => line.startsWith('{"checkpoint":1'))!) as { stamp: string }
  const token = join(world.folder, 'token')
  writeFileSync(token, Buffer.from(stamp, 'base64'))
  const shown = `ts -verify -digest ${due?.digest.toString('hex')} -in ${token} -token_in -CAfile ${join(world.folder, 'authorities.pem')}`
  expect(await run('openssl', shown.split(' '))).toMatchObject({ status: 0, stdout: expect.stringContaining('Verification: OK') })
})

test('an authority that is away, or wrong, stops no checkpoint: each one asks again, and since when is told once a day', async () => {
  world.now = (Math.floor(world.now / DAY) + 1.5) * DAY // no midnight meanwhile
  await checkpoint()
  world.now += DAY
  const since = new Date(world.now + 1_000).toISOString()
  server.answer(() => Buffer.from('no'), { status: 503 })
  await checkpoint()
  await checkpoint()
  server.answer(forgingAuthority(authority, { at: new Date(world.now), digest: Buffer.alloc(32) }))
  await checkpoint()
  server.answer(forgingAuthority(authority, { at: new Date(world.now - DAY) }))
  await checkpoint()
  expect(server.asked).toBe(5)
  expect(told('audit-unstamped')).toEqual([
    { since, reason: 'the time-stamp authority answered 503 without a time stamp' },
    { since, reason: 'the time stamp is of something else' },
    { since, reason: expect.stringMatching(/^the time stamp says .*: the clock of the authority or ours is wrong$/) },
  ])
  const { fault, notes, checkpoints } = await verify()
  expect([fault, checkpoints?.count, checkpoints?.stamps?.count]).toEqual([undefined, 5, 1])
  expect(notes).toEqual([`no time stamp since ${since.slice(0, 10)}`])

  server.answer(forging)
  await checkpoint()
  await checkpoint()
  expect(server.asked).toBe(6)
  expect(await verify()).toMatchObject({ notes: [], checkpoints: { count: 7, stamps: { count: 2, checkpoint: 6 } } })
})

test('a stamp that comes long after its checkpoint, as when the machine slept, is not kept: it would look as if it dated what was written anew', async () => {
  await world.write(1)
  world.now += 11 * 60_000
  stamps.ask()
  await stamps.idle()
  expect(told('audit-unstamped')).toMatchObject([{ reason: 'the time stamp came too late for its checkpoint' }])
  expect((await verify()).fault).toBeUndefined()
  await checkpoint()
  expect((await verify()).checkpoints?.stamps).toMatchObject({ count: 1, checkpoint: 2 })
})

test('at a stop what is being asked is broken off, and is no fault of the authority', async () => {
  server.answer(forging, { silent: true })
  await world.write(1)
  stamps.ask()
  await until('the question', () => server.asked === 1)
  await stamps.stop()
  stamps.ask()
  await stamps.idle()
  expect([server.asked, logged]).toEqual([1, []])
})

test('without an authority nobody is asked', async () => {
  await stamps.stop()
  stamps = openAuditStamps({ db: world.db, authority: undefined, now: () => world.now, log })
  await checkpoint()
  expect([server.asked, logged]).toEqual([0, []])
  expect((await world.verify()).notes).toEqual([])
})

test('the gateway has its first checkpoint stamped, and appends the stamp to the file; `pli audit verify` says so', async () => {
  const path = (name: string) => join(world.folder, name)
  const mailboxes = { publicKey: path('mailboxes.pub') }
  for (const name of ['mailboxes.pub', 'list.xml', 'directory.sqlite', 'master.keys']) writeFileSync(path(name), '')
  const stamped = new Promise<void>(resolve => {
    heard = event => event === 'audit-stamped' && resolve()
  })
  const audit = { checkpointEvery: 1, checkpointInterval: 3_600_000, keepFor: 200 * DAY }
  const auditing = openAuditUpkeep({
    ...{ db: world.db, anchors: world.anchors, now: () => world.now, log },
    configuration: { hostname: 'a.example', data: world.folder, audit, mailboxes, timeStamp: settings() } as unknown as Configuration,
    identities: { signature: () => signers.identity, held: [] } as unknown as Identities,
    notes: openAuditNotes({ now: () => world.now, log }),
    inForce: () => ({}),
    lists: () => [],
  })
  await auditing.start()
  await stamped
  await auditing.tick()
  await auditing.stop()
  expect(told('audit-fault')).toEqual([])

  writeFileSync(path('signer.pem'), signers.issued.certificatePem)
  symlinkSync(path('pli.db'), path('pli.sqlite'))
  const own = { certificate: 'signer.pem', key: 'no.key' }
  const listen = (port: number) => ({ host: '127.0.0.1', port })
  const configuration = {
    ...{ name: 'A', hostname: 'a.example', domains: ['a.example'], postmaster: 'postmaster@a.example', data: '.', audit: {} },
    listen: { submission: listen(587), submissions: listen(465), reception: listen(25) },
    ...{ tls: { ...own, ...anchors }, signature: own, whiteList: { file: 'list.xml', ...anchors, signer: 'alb.test' } },
    ...{ masterKeys: { file: 'master.keys' }, mailboxes: { publicKey: 'mailboxes.pub' }, directory: { file: 'directory.sqlite' } },
    timeStamp: { url: server.url, ...anchors },
  }
  writeFileSync(path('pli.yaml'), stringify(configuration))
  const verdict = await verifyAudit({ config: path('pli.yaml') })
  expect(verdictText(verdict)).toMatch(
    /^dated by 1 time stamp, from \S+ \S+ to \S+ \S+: the lines up to 1 \(checkpoint 1\) were there by then\nstamped by CN=HORODATAGE FICTIF/m,
  )
})
