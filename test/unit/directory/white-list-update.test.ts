import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Anchors, type Identity, loadAnchors, loadIdentity, signEnveloped, verifyEnveloped } from '../../../crypto/index.ts'
import {
  nextUpdateAt,
  openWhiteList,
  readUpdateState,
  type UpdateOptions,
  updateWhiteList,
  type WhiteListFault,
} from '../../../directory/index.ts'
import { createPki, type Issued, type Pki, selfSigned, writeIdentity } from '../../world/pki.ts'
import { buildWhiteList } from '../../world/white-list.ts'
import { startWhiteListServer, type WhiteListServer } from '../../world/white-list-server.ts'

/** The publisher on a real HTTPS port, and everything that he, or somebody in between, may get wrong. */
const NOW = new Date()
const DAY = 86_400_000
const HOUR = 3_600_000
const SIGNER = 'liste-blanche.example'
const folder = mkdtempSync(join(tmpdir(), 'pli-list-update-'))
const common = { organization: 'LISTE BLANCHE FICTIVE', structure: '1809991013' }
const DOMAINS = ['a', 'b', 'c', 'd'].map(name => `${name}.mssante.example`)

let pki: Pki
let stranger: Pki
let anchors: Anchors
let signer: Identity
let otherSigner: Identity
let strangeSigner: Identity
let good: Issued
let expired: Issued
let revoked: Issued
let elsewhere: Issued
let server: WhiteListServer
let file: string
let now: number

beforeAll(async () => {
  ;[pki, stranger] = await Promise.all([createPki({ now: NOW }), createPki({ now: NOW, label: 'OTHER' })])
  const sign = (by: Pki, commonName: string) => by.issue({ kind: 'signature', commonName, ...common })
  const serve = (request: object = {}) => pki.issue({ kind: 'server', commonName: 'liste.example', key: 'ec', ...common, ...request })
  const past = { notBefore: new Date(NOW.getTime() - 30 * DAY), notAfter: new Date(NOW.getTime() - DAY) }
  ;[good, expired, revoked, elsewhere] = await Promise.all([serve(), serve(past), serve(), serve({ san: ['other.example'] })])
  pki.revoke(revoked)
  signer = loadIdentity(await writeIdentity(folder, 'signer', await sign(pki, SIGNER), pki))
  otherSigner = loadIdentity(await writeIdentity(folder, 'other', await sign(pki, 'someone-else.example'), pki))
  strangeSigner = loadIdentity(await writeIdentity(folder, 'strange', await sign(stranger, SIGNER), stranger))
  anchors = loadAnchors(await pki.write(folder))
  server = await startWhiteListServer({ certificate: good, chainPem: pki.authorities[1]! })
}, 60_000)
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

let files = 0
beforeEach(() => {
  now = NOW.getTime()
  file = join(folder, `lists-${files++}`, 'list.xml')
  server.show(good)
  server.fail(undefined)
})

function listOf(options: { domains?: readonly string[]; at?: number; by?: Identity | 'nobody' } = {}): string {
  const { domains = DOMAINS, at = NOW.getTime() - HOUR, by = signer } = options
  const entries = domains.map(domain => ({ domain, dn: good.subject }))
  return buildWhiteList({
    entries,
    generatedAt: new Date(at),
    sign: xml => (by === 'nobody' ? xml : signEnveloped(xml, { identity: by, where: 'end-of-root' })),
  })
}

const verify = (xml: string) => verifyEnveloped(xml, { anchors, at: new Date(now), signerName: SIGNER })
const update = (options: Partial<UpdateOptions> = {}) =>
  updateWhiteList({ url: server.url, file, anchors, verify, now: () => now, timeout: 60_000, ...options })

/** @returns the fault that an update ends with */
async function fault(options?: Partial<UpdateOptions>): Promise<WhiteListFault> {
  return update(options).then(
    result => expect.fail(`not refused: ${result.kind}`),
    error => error,
  )
}

describe('an update', () => {
  test('puts the list in place, and says what it is', async () => {
    server.publish(listOf())
    expect(await update()).toEqual({ kind: 'updated', entries: 4, generatedAt: new Date(Math.floor((NOW.getTime() - HOUR) / 1000) * 1000) })
    expect(readFileSync(file, 'utf8')).toBe(listOf())
    expect(readdirSync(join(file, '..')).sort()).toEqual(['list.xml', 'list.xml.state.json'])
  })

  test('asks only whether there is another one; without another nothing is written', async () => {
    server.publish(listOf())
    await update()
    const { ino } = statSync(file)
    now += DAY
    expect(await update()).toEqual({ kind: 'unchanged' })
    const { headers, status } = server.requests.at(-1)!
    expect(status).toBe(304)
    expect(headers).toMatchObject({ 'if-none-match': expect.stringMatching(/^"/), 'if-modified-since': expect.stringContaining('GMT') })
    expect(statSync(file).ino).toBe(ino)
    expect((await readUpdateState(file))?.checkedAt).toBe(now)
  })

  test('of a publisher without ETag: the same octets are no new list', async () => {
    server.publish(listOf(), { validators: false })
    await update()
    const { ino } = statSync(file)
    expect(await update()).toEqual({ kind: 'unchanged' })
    expect(server.requests.at(-1)).toMatchObject({ status: 200 })
    expect(statSync(file).ino).toBe(ino)
  })

  test.each([
    ['that no request can carry', '"liste-\u00e9"'],
    ['longer than servers read', `"${'e'.repeat(9_000)}"`],
  ])('is not held up by an ETag %s', async (_, etag) => {
    server.publish(listOf(), { etag })
    await update()
    server.publish(listOf({ at: NOW.getTime() - 1000 }), { modifiedAt: new Date(NOW.getTime() + DAY) })
    expect(await update()).toMatchObject({ kind: 'updated' })
    expect(server.requests.at(-1)?.headers).not.toHaveProperty('if-none-match')
  })

  test('asks for the whole list when somebody else has replaced the file', async () => {
    server.publish(listOf())
    await update()
    writeFileSync(file, listOf({ at: NOW.getTime() - 2 * HOUR }))
    expect(await update()).toMatchObject({ kind: 'updated' })
    expect(server.requests.at(-1)?.headers['if-none-match']).toBeUndefined()
  })

  test('is taken by a gateway that follows the file', async () => {
    server.publish(listOf())
    await update()
    const list = await openWhiteList(file, { verify, now: () => now })
    server.publish(listOf({ domains: [...DOMAINS, 'e.mssante.example'], at: NOW.getTime() }))
    expect(await update({ inUse: list })).toMatchObject({ kind: 'updated', entries: 5 })
    expect(await list.refresh()).toBe(true)
    expect(list.dnsOf('e.mssante.example').length).toBe(1)
  })

  test('follows a redirection on the same host', async () => {
    server.publish(listOf())
    server.fail({ redirect: '/lists/today.xml' })
    expect(await update()).toMatchObject({ kind: 'updated' })
    expect(server.requests.at(-1)?.path).toBe('/lists/today.xml')
  })
})

describe('a list that does not take the place of the last one', () => {
  const LATER = () => NOW.getTime() - 60_000
  const cases: [string, () => string | Buffer, string, string?][] = [
    ['cut short', () => listOf({ at: LATER() }).slice(0, -200), 'signature', 'malformed'],
    ['without a signature', () => listOf({ at: LATER(), by: 'nobody' }), 'signature', 'unsigned'],
    ['with one domain changed', () => listOf({ at: LATER() }).replace('<Nom>a.', '<Nom>z.'), 'signature', 'altered'],
    ['signed by another holder of a right certificate', () => listOf({ at: LATER(), by: otherSigner }), 'signature', 'signer'],
    ['signed by the same name under another authority', () => listOf({ at: LATER(), by: strangeSigner }), 'signature', 'signer'],
    ['older', () => listOf({ at: NOW.getTime() - 2 * DAY }), 'older'],
    ['emptied', () => listOf({ domains: [], at: LATER() }), 'empty'],
    ['of one entry where there were four', () => listOf({ domains: DOMAINS.slice(0, 1), at: LATER() }), 'shrunk'],
    ['of next week', () => listOf({ at: NOW.getTime() + 7 * DAY }), 'future'],
    ['a web page', () => '<html><body>maintenance</body></html>', 'signature', 'unsigned'],
    ['nothing', () => '', 'signature', 'malformed'],
    ['bytes', () => Buffer.from([0xff, 0xfe, 0x00]), 'not-utf8'],
  ]
  test.each(cases)('%s', async (_, xml, reason, detail) => {
    server.publish(listOf())
    await update()
    const [bytes, { ino }] = [readFileSync(file), statSync(file)]
    server.publish(xml())
    now += DAY
    expect(await fault()).toMatchObject({ name: 'WhiteListFault', reason, detail })
    expect(readFileSync(file).equals(bytes)).toBe(true)
    expect(statSync(file).ino).toBe(ino)
    expect(readdirSync(join(file, '..')).sort()).toEqual(['list.xml', 'list.xml.state.json'])
    expect(await readUpdateState(file)).toMatchObject({ checkedAt: now, fault: reason, accepted: { entries: 4 } })
    // The publisher mends it: the next one is taken.
    server.publish(listOf({ at: NOW.getTime() }))
    expect(await update()).toMatchObject({ kind: 'updated' })
    expect((await readUpdateState(file))?.fault).toBeUndefined()
  })

  test('older than the one accepted last, although the file was lost', async () => {
    server.publish(listOf())
    await update()
    rmSync(file)
    server.publish(listOf({ at: NOW.getTime() - 2 * DAY }))
    expect(await fault()).toMatchObject({ reason: 'older' })
  })

  test('older than the one in use', async () => {
    server.publish(listOf())
    expect(await fault({ inUse: { generatedAt: NOW, entries: 4 } })).toMatchObject({ reason: 'older' })
  })
})

describe('a server that is not listened to', () => {
  beforeEach(async () => {
    server.publish(listOf())
    await update()
    server.publish(listOf({ at: NOW.getTime() }))
  })

  const cases: [string, Parameters<WhiteListServer['fail']>[0], string, Partial<UpdateOptions>?][] = [
    ['that answers 500', { status: 500 }, 'answer'],
    ['that answers with a part', { status: 206 }, 'answer'],
    ['that redirects to another host', { redirect: 'https://elsewhere.example/list.xml' }, 'redirect'],
    ['that redirects to another port', { redirect: 'https://localhost:1/list.xml' }, 'redirect'],
    ['that redirects out of HTTPS', { redirect: 'http://localhost/list.xml' }, 'redirect'],
    ['that redirects to a file', { redirect: 'file:///etc/passwd' }, 'redirect'],
    ['that redirects in a circle', { redirect: '/listeblanchemssante.xml' }, 'redirect'],
    ['that goes away in the middle', 'cut', 'unreachable'],
    ['that says nothing', 'silent', 'too-slow', { timeout: 300 }],
    ['that says one octet after the other', 'drip', 'too-slow', { timeout: 300 }],
    ['that never ends', 'endless', 'too-large', { bytes: 1_000_000 }],
  ]
  test.each(cases)('%s', async (name, failure, reason, options) => {
    const before = readFileSync(file)
    // Once: whoever comes back by another way gets the list. Only the circle needs it again and again.
    server.fail(failure, { always: reason === 'redirect' && name.includes('circle') })
    expect(await fault(options)).toMatchObject({ reason })
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  test('that is not there', async () => {
    expect(await fault({ url: 'https://localhost:1/list.xml' })).toMatchObject({ reason: 'unreachable' })
  })

  test('over HTTP', async () => {
    expect(await fault({ url: server.url.replace('https', 'http') })).toMatchObject({ reason: 'redirect' })
  })

  const certificates: [string, () => Promise<Issued> | Issued, RegExp][] = [
    ['of another authority', () => stranger.issue({ kind: 'server', commonName: 'liste.example', ...common }), /accepted authority/],
    ['that it made itself', () => selfSigned('localhost', NOW), /accepted authority/],
    ['that has expired', () => expired, /expired/],
    ['that was revoked', () => revoked, /revoked/],
    ['of another host', () => elsewhere, /another host/],
  ]
  test.each(certificates)('with a certificate %s', async (_, certificate, words) => {
    server.show(await certificate())
    const before = readFileSync(file)
    const asked = server.requests.length
    const error = await fault()
    expect(error).toMatchObject({ reason: 'server-certificate', message: expect.stringMatching(words) })
    expect(server.requests.length).toBe(asked)
    expect(readFileSync(file).equals(before)).toBe(true)
  })
})

test('an attempt that we break off leaves no trace', async () => {
  server.fail('silent', { always: true })
  const breaking = new AbortController()
  const broken = fault({ signal: breaking.signal })
  const asked = server.requests.length
  while (server.requests.length === asked) await new Promise(resolve => setImmediate(resolve))
  breaking.abort()
  expect(await broken).toMatchObject({ reason: 'unreachable' })
  expect(await readUpdateState(file)).toBeUndefined()
})

describe('when the next attempt of the schedule is due', () => {
  const at = (fault?: string) => nextUpdateAt({ checkedAt: 1000, ...(fault ? { fault } : {}) }, DAY, 2000)
  test('at once, when there was none', () => {
    expect(nextUpdateAt(undefined, DAY, 2000)).toBe(2000)
  })
  test('a day after an answer, whatever it was', () => {
    expect([at(), at('older'), at('signature'), at('answer')]).toEqual([1000 + DAY, 1000 + DAY, 1000 + DAY, 1000 + DAY])
  })
  test('an hour after an attempt without an answer', () => {
    expect([at('unreachable'), at('too-slow')]).toEqual([1000 + HOUR, 1000 + HOUR])
  })
  test('at once, when the last one is said to be in the future: the clock was put right', () => {
    expect(nextUpdateAt({ checkedAt: 9000 }, DAY, 2000)).toBe(2000)
  })
})

test('a state that cannot be read costs one download', async () => {
  server.publish(listOf())
  await update()
  writeFileSync(`${file}.state.json`, '{"checkedAt":')
  expect(await update()).toEqual({ kind: 'unchanged' })
  expect(server.requests.at(-1)?.status).toBe(200)
  expect((await readUpdateState(file))?.accepted?.entries).toBe(4)
})

test('a gateway that has not yet seen what another one fetched does not put an older list in its place', async () => {
  const inUse = { generatedAt: new Date(NOW.getTime() - 3 * HOUR), entries: 4 }
  server.publish(listOf())
  await update({ inUse })
  server.publish(listOf({ at: NOW.getTime() - 2 * HOUR })) // a mirror that is behind
  expect((await fault({ inUse })).reason).toBe('older')
  expect(readFileSync(file, 'utf8')).toBe(listOf())
})
