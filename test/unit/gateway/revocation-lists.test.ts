import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer, type Server, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Configuration, Detail, Log } from '../../../config/index.ts'
import { pemToDer } from '../../../crypto/certificate.ts'
import { createIdentity, type Identity, judgePeer, serverTls } from '../../../crypto/index.ts'
import { type Authorities, listFolder, openAuthorities } from '../../../gateway/revocation/index.ts'
import { type ListServer, startListServer } from '../../world/list-server.ts'
import { createPki, type Issued, type ListOptions, type Pki } from '../../world/pki.ts'
import { extension } from '../../world/pki-certificates.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const BEGINNING = Date.now()

let folder: string
let pki: Pki
let peer: Issued
let identity: Identity
let server: ListServer
/** What the gateway believes the time to be; OpenSSL goes by the machine's. */
let clock: number
let logged: { event: string; detail: Detail }[]
let open: Authorities[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-lists-'))
  pki = await createPki({ now: new Date(BEGINNING), key: 'ec' })
  const own = await pki.issue({ kind: 'server', commonName: 'a.test', organization: 'A', structure: '1759999029', key: 'ec' })
  peer = await pki.issue({ kind: 'server', commonName: 'b.test', organization: 'B', structure: '1759999029', key: 'ec' })
  identity = createIdentity({ certificatePem: own.certificatePem + pki.authorities[1], keyPem: own.keyPem })
  await Promise.all(pki.authorities.map((pem, index) => writeFile(join(folder, `${index}.pem`), pem)))
})

beforeEach(async () => {
  clock = BEGINNING
  logged = []
  open = []
  server = await startListServer()
  publish()
})

afterEach(async () => {
  await Promise.all(open.map(authorities => authorities.stop()))
  await server.down()
})

afterAll(() => rm(folder, { recursive: true }))

/** Fresh lists of both authorities, at /0.crl and /1.crl. */
function publish(options?: ListOptions): void {
  for (const [index, pem] of pki.crls(options).entries()) server.lists.set(`/${index}.crl`, pemToDer(pem))
}

const log: Log = {
  ...{ debug: note, info: note, warn: note, error: note },
  flush: done => done(),
}
function note(event: string, detail: Detail = {}): void {
  logged.push({ event, detail })
}
const told = (event: string) => logged.filter(line => line.event === event).map(({ detail }) => detail)

let folders = 0
const newData = () => join(folder, `data-${folders++}`)

/** The authorities of a gateway whose lists are published by the server. */
function authoritiesIn(data: string, { onRenewed = () => {}, delta = false }: { onRenewed?(): void; delta?: boolean } = {}): Authorities {
  const authorities = pki.authorities.map((_, index) => ({
    certificate: join(folder, `${index}.pem`),
    crl: `${server.url}/${index}.crl`,
    ...(delta && index === 1 ? { deltaCrl: `${server.url}/delta.crl` } : {}),
  }))
  const trust = { anchors: [], crls: [], authorities }
  const configuration = { data, tls: trust, whiteList: trust, directory: {}, signIn: {} } as unknown as Configuration
  const opened = openAuthorities(configuration, { onRenewed, now: () => clock, log })
  open.push(opened)
  return opened
}

/** Time goes by, and what is due is done. */
async function later(milliseconds: number, authorities: Authorities): Promise<void> {
  clock += milliseconds
  authorities.tick()
  await authorities.idle()
}

/** Our door, which stays open through all of it. */
async function openDoor(authorities: () => Authorities): Promise<{ door: Server; renew(): void; visit(): Promise<string> }> {
  const options = () => serverTls({ identity, door: 'reception', requestPeer: true, anchors: authorities().tls })
  const door = createServer(options())
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  return {
    door,
    renew: () => door.setSecureContext(options()),
    async visit() {
      const accepted = once(door, 'secureConnection') as Promise<[TLSSocket]>
      const { port } = door.address() as AddressInfo
      const shown = { cert: peer.certificatePem + pki.authorities[1], key: peer.keyPem }
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...shown })
      const [theirs] = await accepted
      const verdict = judgePeer(theirs, authorities().tls, new Date(clock))
      socket.destroy()
      return verdict.kind === 'trusted' ? 'trusted' : verdict.why
    },
  }
}

test('the server of the lists is away until they end, and comes back: the last good copy serves, then nobody is trusted, then all are again', async () => {
  const data = newData()
  let current: Authorities = authoritiesIn(data, { onRenewed: () => door?.renew() })
  let door: Awaited<ReturnType<typeof openDoor>> | undefined
  await current.begin()
  door = await openDoor(() => current)
  expect(await door.visit()).toBe('trusted')
  expect(told('revocation-list-updated')).toHaveLength(2)

  await server.down()
  await later(3 * DAY, current)
  expect(told('revocation-list-failed')).toMatchObject([{ reason: 'unreachable' }, { reason: 'unreachable' }])
  expect(await door.visit()).toBe('trusted')
  expect(told('revocation-list-ends-soon')).toEqual([])

  await later(3 * DAY, current)
  expect(told('revocation-list-ends-soon')).toMatchObject([{ hours: 23 }, { hours: 23 }])
  expect(await door.visit()).toBe('trusted')
  await later(12 * HOUR, current)
  expect(told('revocation-list-ends-soon')).toHaveLength(2) // once a day

  await current.stop()
  current = authoritiesIn(data, { onRenewed: () => door?.renew() }) // a restart changes nothing
  await current.begin()
  expect(await door.visit()).toBe('trusted')

  await later(13 * HOUR, current)
  expect(await door.visit()).toBe('revocation-unknown')

  await server.up()
  publish({ thisUpdate: new Date(BEGINNING - HOUR / 2), nextUpdate: new Date(BEGINNING + 30 * DAY) })
  await later(HOUR, current)
  expect(await door.visit()).toBe('trusted')
  door.door.close()
})

describe('a list', () => {
  test('is asked for again by its ETag, and not sent twice', async () => {
    const authorities = authoritiesIn(newData())
    await authorities.begin()
    await later(6 * HOUR, authorities)
    expect(server.requests.sort()).toEqual(['GET /0.crl 200', 'GET /0.crl 304', 'GET /1.crl 200', 'GET /1.crl 304'])
    await later(HOUR, authorities)
    expect(server.requests).toHaveLength(4)
    expect(told('revocation-list-failed')).toEqual([])
  })

  test('that ended while we were stopped is fetched before the start goes on', async () => {
    const data = newData()
    const before = authoritiesIn(data)
    await before.begin()
    await before.stop()
    clock += 20 * DAY
    publish({ thisUpdate: new Date(clock - HOUR), nextUpdate: new Date(clock + 10 * DAY) })
    const authorities = authoritiesIn(data)
    await authorities.begin()
    expect(authorities.tls.freshUntil?.getTime()).toBeGreaterThan(clock)
  })

  test('with another revoked certificate is in use at once', async () => {
    let renewals = 0
    const authorities = authoritiesIn(newData(), { onRenewed: () => renewals++ })
    await authorities.begin()
    const door = await openDoor(() => authorities)
    expect(await door.visit()).toBe('trusted')
    renewals = 0
    const [rootList, list] = pki.crls()
    pki.revoke(peer)
    publish()
    await later(6 * HOUR, authorities)
    expect(renewals).toBeGreaterThan(0) // who holds a TLS context is told
    expect(await door.visit()).toBe('revoked')

    server.lists.set('/0.crl', pemToDer(rootList!))
    server.lists.set('/1.crl', pemToDer(list!)) // the list of before, shown again
    await later(6 * HOUR, authorities)
    expect(told('revocation-list-failed')).toMatchObject([{ reason: 'older' }, { reason: 'older' }])
    expect(await door.visit()).toBe('revoked')
    door.door.close()
  })

  test.each<[string, () => void, string]>([
    ['with a wrong signature', () => server.lists.get('/1.crl')!.writeUInt8(0x55, server.lists.get('/1.crl')!.length - 1), 'invalid'],
    ['of another authority', () => server.lists.set('/1.crl', server.lists.get('/0.crl')!), 'invalid'],
    ['that is none', () => server.lists.set('/1.crl', Buffer.from('<html>portal</html>')), 'invalid'],
    ['that has ended', () => publish({ thisUpdate: new Date(BEGINNING - 9 * DAY), nextUpdate: new Date(BEGINNING - DAY) }), 'outdated'],
    ['of a time to come', () => publish({ thisUpdate: new Date(BEGINNING + HOUR) }), 'not-yet-valid'],
    ['that is not there', () => server.lists.clear(), 'answer'],
  ])('%s is not kept', async (_, spoil, reason) => {
    spoil()
    const data = newData()
    const authorities = authoritiesIn(data)
    await authorities.begin()
    expect(told('revocation-list-failed').map(detail => detail.reason)).toContain(reason)
    expect(authorities.tls.freshUntil).toBeUndefined()
    const kept = await readdir(listFolder(data)).catch(() => [])
    expect(kept.length).toBe(2 - told('revocation-list-failed').length)
  })

  test('elsewhere is not followed', async () => {
    server.instead = (_, response) => response.writeHead(302, { location: `${server.url}/0.crl` }).end()
    const authorities = authoritiesIn(newData())
    await authorities.begin()
    expect(told('revocation-list-failed')).toMatchObject([{ reason: 'answer' }, { reason: 'answer' }])
  })

  test('without end is cut off', async () => {
    const chunk = Buffer.alloc(1024 * 1024)
    server.instead = (_, response) => {
      const more = () => {
        if (!response.destroyed) response.write(chunk, more)
      }
      response.writeHead(200)
      more()
    }
    const authorities = authoritiesIn(newData())
    authorities.tick()
    await authorities.idle()
    expect(told('revocation-list-failed')).toMatchObject([{ reason: 'too-large' }, { reason: 'too-large' }])
  })

  test('that fails is asked for after a minute, then more and more seldom', async () => {
    const authorities = authoritiesIn(newData())
    await authorities.begin()
    server.requests.length = 0
    server.lists.clear()
    clock += 6 * HOUR
    const asked: number[] = []
    for (let minute = 0; minute <= 130; minute += 1) {
      await later(minute === 0 ? 0 : 60_000, authorities)
      if (server.requests.length > 0) asked.push(minute)
      server.requests.length = 0
    }
    expect(asked).toEqual([0, 1, 3, 7, 15, 31, 63, 123])
  })

  test('spoilt on the disk is fetched anew, and trusted by nobody meanwhile', async () => {
    const data = newData()
    await authoritiesIn(data).begin()
    const files = await readdir(listFolder(data))
    await Promise.all(files.map(name => writeFile(join(listFolder(data), name), 'spoilt')))
    const again = authoritiesIn(data)
    expect(again.tls.freshUntil).toBeUndefined()
    await again.begin()
    expect(again.tls.freshUntil).toBeDefined()
    expect((await readdir(listFolder(data))).sort()).toEqual(files.sort()) // and nothing is left beside them
  })
})

test('a delta list is fetched and counts', async () => {
  const victim = await pki.issue({ kind: 'server', commonName: 'c.test', organization: 'C', structure: '1759999029', key: 'ec' })
  const [, base] = pki.crls()
  server.lists.set('/1.crl', pemToDer(base!))
  pki.revoke(victim)
  const since = extension('2.5.29.27', true, Buffer.from([0x02, 0x01, 0x01]))
  server.lists.set('/delta.crl', pemToDer(pki.crls({ nextUpdate: new Date(BEGINNING + DAY), extensions: [since] })[1]!))
  const authorities = authoritiesIn(newData(), { delta: true })
  await authorities.begin()
  expect(
    told('revocation-list-updated')
      .map(({ kind }) => kind)
      .sort(),
  ).toEqual(['complete', 'complete', 'delta'])
  peer = victim
  const door = await openDoor(() => authorities)
  expect(await door.visit()).toBe('revoked')
  door.door.close()
})
