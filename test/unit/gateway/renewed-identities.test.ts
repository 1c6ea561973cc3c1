import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { inspect } from 'node:util'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { silent } from '../../../config/index.ts'
import {
  type Anchors,
  clientTls,
  createIdentity,
  formatName,
  loadAnchors,
  loadIdentity,
  type PackedIdentity,
  packIdentity,
  serverTls,
  unpackIdentity,
} from '../../../crypto/index.ts'
import { openTransport } from '../../../dmp-bridge/dmp-transport.ts'
import { type HeldIdentity, holdIdentity } from '../../../gateway/certificates/held-identity.ts'
import { connect } from '../../../gateway/couriers/connection.ts'
import { signersOf } from '../../../gateway/filing/index.ts'
import { openTrust } from '../../../gateway/trust.ts'
import { startPeer } from '../../world/peer.ts'
import { createPki, type Issued, type Pki, writeIdentity } from '../../world/pki.ts'
import { issue, spaceOf, THEIRS } from './door.ts'

/** What we show and sign with towards others, once its files were replaced. The doors: test/e2e/17-certificates. */
let folder: string
let pki: Pki
let anchors: Anchors
let theirs: Issued
let [first, second]: Issued[] = []
let held: HeldIdentity
const named = { commonName: 'pli', organization: 'OPERATEUR FICTIF', structure: '1759999029', key: 'ec' } as const

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-renewed-'))
  pki = await createPki({ now: new Date(), key: 'ec' })
  anchors = loadAnchors(await pki.write(join(folder, 'pki')))
  theirs = await issue(pki, THEIRS)
  first = await pki.issue({ kind: 'server', ...named })
  second = await pki.issue({ kind: 'server', ...named })
})
afterAll(() => rm(folder, { recursive: true }))

beforeEach(async () => {
  const files = await writeIdentity(folder, 'own', first!, pki)
  held = holdIdentity('here', files, { load: () => loadIdentity(files), log: silent })
})
async function renew(issued = second!): Promise<void> {
  await writeIdentity(folder, 'own', issued, pki)
  for (let look = 0; look < 2; look += 1) held.renew()
}
const serials = () => [first, second].map(issued => issued!.serial.toString('hex').toUpperCase())

test('the relay shows the new one on its next connection; the one that is open goes on', async () => {
  await using peer = await startPeer({ shows: { cert: theirs.certificatePem + pki.authorities[1], key: theirs.keyPem } })
  const trust = openTrust({ anchors, identity: held.current, space: spaceOf({ [THEIRS]: theirs }), contact: 'p@a.test' })
  const come = () => connect({ host: '127.0.0.1', port: peer.port }, THEIRS, { trust, hostname: 'smtp.a.test' })
  const old = await come()
  await renew()
  const late = await come()
  expect(peer.shown).toEqual(serials())
  expect([old.usable, late.usable]).toEqual([true, true])
  old.close()
  late.close()
})

test('the DMP is shown the new one on the next connection', async () => {
  const own = await pki.issue({ kind: 'server', ...named, commonName: 'localhost' })
  const identity = createIdentity({ certificatePem: own.certificatePem + pki.authorities[1], keyPem: own.keyPem })
  const shown: string[] = []
  const resumed: boolean[] = []
  const server = createServer(serverTls({ identity, door: 'dmp', requestPeer: true, anchors }), (request, response) => {
    const socket = request.socket as TLSSocket
    shown.push(socket.getPeerCertificate().serialNumber)
    resumed.push(socket.isSessionReused())
    response.setHeader('connection', 'close').end()
  })
  server.listen(0, 'localhost')
  await once(server, 'listening')
  const tls = () => clientTls({ identity: held.current(), anchors, identifiedBy: 'name' })
  const baseUrl = `https://localhost:${(server.address() as AddressInfo).port}/`
  const transport = openTransport({ baseUrl, tls, timeoutMs: 5_000 })
  const post = () => transport.post('/x', { contentType: 'text/xml', body: Buffer.from('x') })
  await post()
  await post()
  await renew()
  await post()
  const [one, other] = serials()
  expect(shown).toEqual([one, one, other])
  expect(resumed).toEqual([false, true, false])
  await transport.close()
  server.close()
})

test('signatures for the DMP are made with the new one', async () => {
  const [old, next] = await Promise.all([1, 2].map(() => pki.issue({ kind: 'signature', ...named, key: 'rsa' })))
  await renew(old)
  const signers = signersOf(held.current)
  const assertion = '<a:Assertion xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion" ID="x"><a:Issuer>y</a:Issuer></a:Assertion>'
  const signed = () => /<[^>]*X509Certificate>([^<]+)</.exec(signers.signVihf(assertion))?.[1]?.replace(/\s/g, '')
  const before = signed()
  await renew(next)
  expect(signed()).not.toBe(before)
  expect(next!.certificatePem.replace(/\s/g, '')).toContain(signed())
  expect(signers.issuerDn).toBe(formatName(next!.subject))
})

test('a thread is handed the key without its octets, and knows the identity again', async () => {
  const { port1, port2 } = new MessageChannel()
  await renew(await pki.issue({ kind: 'signature', ...named, key: 'rsa' }))
  const identity = held.current()
  const sent = packIdentity(identity)
  expect(JSON.stringify(sent) + inspect(sent, { depth: 9 })).not.toMatch(/PRIVATE KEY-----/)
  const receive = () => {
    port1.postMessage(sent)
    return unpackIdentity((receiveMessageOnPort(port2) as { message: PackedIdentity }).message)
  }
  const received = receive()
  expect(receive()).toBe(received)
  expect(received.facts).toEqual(identity.facts)
  const xml = signersOf(() => received).signVihf('<a ID="x"><Issuer/></a>')
  expect(xml).toContain('SignatureValue')
  port1.close()
})
