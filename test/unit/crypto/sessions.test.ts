import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect, createServer, type Server, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Anchors,
  clientTls,
  createIdentity,
  dial,
  type Identity,
  judgePeer,
  loadAnchors,
  type PeerVerdict,
  serverTls,
} from '../../../crypto/index.ts'
import { createPki, type Issued, type Pki, selfSigned } from '../../world/pki.ts'

const now = new Date()
const operator = { kind: 'server', organization: 'OPERATEUR FICTIF', structure: '1750000001', key: 'ec' } as const
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const

let folder: string
let pki: Pki
let ours: Identity
let anchors: Anchors
let good: Issued
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-sessions-'))
  pki = await createPki({ now, key: 'ec' })
  const own = await pki.issue({ ...operator, commonName: 'localhost' })
  ours = createIdentity({ certificatePem: own.certificatePem + pki.authorities[1], keyPem: own.keyPem })
  good = await pki.issue({ ...operator, commonName: 'mta.b.test' })
  anchors = loadAnchors(await pki.write(folder))
})
afterAll(() => rm(folder, { recursive: true }))

const shows = (issued: Issued): ConnectionOptions => ({
  cert: issued.certificatePem + pki.authorities[1],
  key: issued.keyPem,
  ca: [...pki.authorities],
})
const reception = (door = 'reception', trust = anchors) => serverTls({ identity: ours, door, requestPeer: true, anchors: trust })

/** A door that judges each connection, and closes it. */
async function openDoor(options = reception(), trust = anchors) {
  const judged: { verdict: PeerVerdict; resumed: boolean }[] = []
  const server: Server = createServer(options, socket => {
    judged.push({ verdict: judgePeer(socket, trust), resumed: socket.isSessionReused() })
    socket.end('bye')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { judged, port, server, [Symbol.dispose]: () => void server.close() }
}

/** One connection of a client that is not ours. @returns the last session that it was given */
async function visit(port: number, options: ConnectionOptions): Promise<Buffer | undefined> {
  const socket = connect({ host: '127.0.0.1', servername: 'localhost', port, ...options })
  let session: Buffer | undefined
  socket.on('session', given => {
    session = given
  })
  await once(socket, 'secureConnect')
  socket.resume()
  await once(socket, 'close')
  return session
}

describe.each(VERSIONS)('a client that comes back to a door with a session of %s', version => {
  const only = { minVersion: version, maxVersion: version }

  test('is known by the certificate that it showed first', async () => {
    using door = await openDoor()
    const session = await visit(door.port, { ...shows(good), ...only })
    await visit(door.port, { ...shows(good), ...only, session })
    expect(door.judged.map(({ resumed }) => resumed)).toEqual([false, true])
    expect(door.judged[1]!.verdict).toMatchObject({ kind: 'trusted', subject: good.subject })
  })

  test('is refused when its certificate was revoked since', async () => {
    const late = await pki.issue({ ...operator, commonName: `late.${version}.test` })
    const lists = join(folder, version)
    const trust = loadAnchors(await pki.write(lists))
    using door = await openDoor(reception('reception', trust), trust)
    const session = await visit(door.port, { ...shows(late), ...only })
    pki.revoke(late)
    await pki.write(lists, { thisUpdate: new Date(now.getTime() - 1000) })
    trust.reload()
    await visit(door.port, { ...shows(late), ...only, session })
    expect(door.judged).toMatchObject([
      { resumed: false, verdict: { kind: 'trusted' } },
      { resumed: true, verdict: { kind: 'refused', why: 'revoked' } },
    ])
  })

  test('keeps what OpenSSL had against its certificate, and that is not ours to forgive', async () => {
    using door = await openDoor()
    const alone = { ...shows(await selfSigned('mta.b.test', now)), ...only }
    const session = await visit(door.port, alone)
    await visit(door.port, { ...alone, session })
    expect(door.judged.map(({ resumed }) => resumed)).toEqual([false, true])
    for (const { verdict } of door.judged) expect(verdict).toMatchObject({ kind: 'refused', why: 'not-from-anchors' })
  })

  test('without a certificate has none', async () => {
    using door = await openDoor()
    const nobody = { ca: [...pki.authorities], ...only }
    await visit(door.port, { ...nobody, session: await visit(door.port, nobody) })
    expect(door.judged[1]).toMatchObject({ resumed: true, verdict: { why: 'no-certificate' } })
  })

  test('is a stranger once the door has new TLS options, and at any other door', async () => {
    using door = await openDoor()
    using other = await openDoor(reception('submission'))
    const session = await visit(door.port, { ...shows(good), ...only })
    await visit(other.port, { ...shows(good), ...only, session })
    door.server.setSecureContext(reception())
    await visit(door.port, { ...shows(good), ...only, session })
    expect([...door.judged, ...other.judged].map(({ resumed }) => resumed)).toEqual([false, false, false])
  })
})

describe.each(VERSIONS)('our client that comes back to a server with a session of %s', version => {
  const only = { minVersion: version, maxVersion: version }
  let asked: string[]
  let refuses: Error | undefined
  let clock: number
  const fresh = () => {
    asked = []
    refuses = undefined
    clock = now.getTime()
    return clientTls({
      identity: createIdentity({ certificatePem: good.certificatePem, keyPem: good.keyPem }),
      anchors,
      identifiedBy: 'dn',
    })
  }

  async function come(port: number, base: ConnectionOptions) {
    const { tls, met } = dial(
      {
        ...base,
        checkServerIdentity(host, peer) {
          asked.push(String(peer.subject.CN))
          return base.checkServerIdentity?.(host, peer) ?? refuses
        },
      },
      `127.0.0.1:${port}`,
      () => clock,
    )
    const socket: TLSSocket = connect({ host: '127.0.0.1', servername: 'localhost', port, ...tls })
    await once(socket, 'secureConnect')
    const fault = met(socket)
    const found = { fault, resumed: socket.isSessionReused(), certificate: socket.getPeerCertificate().raw }
    socket.resume()
    await once(socket, 'close')
    return found
  }
  const serving = () => openDoor({ ...reception(), ...only })

  test('judges the certificate of the session, which Node neither checks nor shows', async () => {
    using server = await serving()
    const base = fresh()
    expect(await come(server.port, base)).toMatchObject({ fault: undefined, resumed: false, certificate: expect.any(Buffer) })
    expect(await come(server.port, base)).toMatchObject({ fault: undefined, resumed: true, certificate: undefined })
    expect(asked).toEqual(['localhost', 'localhost'])
  })

  test('says nothing to one that is not accepted any more, and forgets its session', async () => {
    using server = await serving()
    const base = fresh()
    await come(server.port, base)
    refuses = new Error('it has left the white list')
    expect(await come(server.port, base)).toMatchObject({ fault: refuses, resumed: true })
    refuses = undefined
    expect(await come(server.port, base)).toMatchObject({ fault: undefined, resumed: false })
  })

  test('shows and sees certificates anew after an hour, however often it came', async () => {
    using server = await serving()
    const base = fresh()
    await come(server.port, base)
    clock += 50 * 60_000
    expect(await come(server.port, base)).toMatchObject({ resumed: true })
    clock += 11 * 60_000
    expect(await come(server.port, base)).toMatchObject({ resumed: false })
  })

  test('begins anew with another identity', async () => {
    using server = await serving()
    await come(server.port, fresh())
    expect(await come(server.port, fresh())).toMatchObject({ resumed: false })
  })
})

test('only options that carry our own judgement can be dialled', () => {
  expect(() => dial({ rejectUnauthorized: true }, 'h:1')).toThrow('clientTls')
})
