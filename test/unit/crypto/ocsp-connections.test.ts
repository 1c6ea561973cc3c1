import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { GeneralName } from '@peculiar/asn1-x509'
import { Client } from 'undici'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { derToPem } from '../../../crypto/certificate.ts'
import {
  type Anchors,
  answeredSince,
  clientTls,
  connector,
  createIdentity,
  type Identity,
  loadAnchors,
  peerFaultOf,
  prepared,
  serverTls,
} from '../../../crypto/index.ts'
import { makeAnswer, readQuestion } from '../../world/ocsp-responder.ts'
import type { CertificateContent, ListContent } from '../../world/pki-certificates.ts'
import { handshake } from './handshake.ts'
import { Anchorage, AUTHORITY, DAY, listOf, type Party, party } from './parties.ts'

// Real handshakes, in which OpenSSL goes by the clock of the machine: so do we here.
const now = new Date()
const from = (days: number) => new Date(now.getTime() + days * DAY)
const dates = { notBefore: from(-30), notAfter: from(365) }

const anchorage = new Anchorage()
let ca: Party
let peer: Identity
let ours: Identity
let asked: number
let server: Server | undefined

beforeAll(async () => {
  ca = await party('CA', undefined, { ...AUTHORITY, ...dates })
  const named = (name: string): Partial<CertificateContent> => ({ ...dates, names: [new GeneralName({ dNSName: name })] })
  peer = identityOf(await party('peer', ca, named('localhost')))
  ours = identityOf(await party('ours', ca, named('ours.test')))
})

afterEach(() => server?.close())
afterAll(() => anchorage.remove())

function identityOf({ der, keys }: Party): Identity {
  const keyPem = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return createIdentity({ certificatePem: derToPem(der, 'CERTIFICATE'), keyPem })
}

/** One authority with a responder, and this list of it. */
function anchorsWith(status: 'good' | 'revoked' | 'unknown', list?: Partial<ListContent>): Anchors {
  asked = 0
  const crls = list ? [anchorage.write(listOf(ca, { thisUpdate: from(-1), nextUpdate: from(6), ...list }))] : []
  const authorities = [{ certificate: anchorage.write(derToPem(ca.der, 'CERTIFICATE')), ocsp: 'http://responder.test/' }]
  const ask = async (_: string, request: Buffer) => {
    asked += 1
    const signer = { der: ca.der, key: ca.keys.privateKey, isIssuer: true }
    return makeAnswer({ ...readQuestion(request), issuerDer: ca.der, status, thisUpdate: now, nextUpdate: from(0.1), signer })
  }
  return loadAnchors({ anchors: [], crls, authorities }, { ocsp: { ask } })
}

const listens = (anchors: Anchors, identity = peer) => serverTls({ identity, door: 'reception', requestPeer: true, anchors })
const dials = (anchors: Anchors) => clientTls({ identity: ours, anchors, identifiedBy: 'name' })
const derOf = ({ certificatePem }: Identity) => Buffer.from(certificatePem.replace(/-----[^-]+-----/g, ''), 'base64')

describe('a peer of an authority that publishes no list', () => {
  test('is accepted at our door once its responder has said that it is good', async () => {
    const anchors = anchorsWith('good')
    const server = async () =>
      (await handshake(listens(anchors), { ...dials(anchors), checkServerIdentity: () => undefined }, anchors)).server
    expect(await server()).toMatchObject({ why: 'revocation-unknown' })
    await prepared(anchors, derOf(ours))
    expect(await server()).toMatchObject({ kind: 'trusted' })
  })

  test.each(['revoked', 'unknown'] as const)('is refused at our door when its responder says %s', async status => {
    const anchors = anchorsWith(status)
    await prepared(anchors, derOf(ours))
    const { server } = await handshake(listens(anchors), { ...dials(anchors), checkServerIdentity: () => undefined }, anchors)
    expect(server).toMatchObject({ kind: 'refused', why: status === 'revoked' ? 'revoked' : 'revocation-unknown' })
  })

  test('that we call: the handshake fails, the responder is asked, the next one succeeds', async () => {
    const anchors = anchorsWith('good')
    const first = await handshake(listens(anchors), dials(anchors), anchors)
    expect(peerFaultOf(first.client, anchors)).toMatchObject({ why: 'revocation-unknown' })
    expect(await answeredSince(first.client)).toBe(true)
    expect((await handshake(listens(anchors), dials(anchors), anchors)).client).toMatchObject({ kind: 'trusted' })
  })

  test('that we call, and that is revoked: not called again', async () => {
    const anchors = anchorsWith('revoked')
    const first = await handshake(listens(anchors), dials(anchors), anchors)
    expect(await answeredSince(first.client)).toBe(false)
    expect(asked).toBe(1)
    const again = await handshake(listens(anchors), dials(anchors), anchors)
    expect(peerFaultOf(again.client, anchors)).toMatchObject({ why: 'revoked' })
  })
})

test('a list that has ended since the TLS context was made gives way to the responder', async () => {
  const anchors = anchorsWith('good', { thisUpdate: from(-8), nextUpdate: from(-1) })
  await prepared(anchors, derOf(ours))
  const withLists = { ...listens(anchors), crl: [derToPem(listOf(ca, { thisUpdate: from(-8), nextUpdate: from(-1) }), 'X509 CRL')] }
  const { server } = await handshake(withLists, { ...dials(anchors), checkServerIdentity: () => undefined }, anchors)
  expect(server).toMatchObject({ kind: 'trusted' })
})

test('without a responder a list that has ended means no, whatever OpenSSL says', async () => {
  const files = {
    anchors: [anchorage.write(derToPem(ca.der, 'CERTIFICATE'))],
    crls: [anchorage.write(listOf(ca, { thisUpdate: from(-8), nextUpdate: from(-1) }))],
  }
  const anchors = loadAnchors(files)
  const { server } = await handshake(
    listens(anchors),
    { ...dials(anchors), checkServerIdentity: () => undefined, rejectUnauthorized: false },
    anchors,
  )
  expect(server).toMatchObject({ kind: 'refused', why: 'revocation-unknown' })
})

describe('an HTTPS service of an authority that publishes no list', () => {
  async function call(anchors: Anchors): Promise<number> {
    server = createServer(serverTls({ identity: peer, door: 'service' }), (_, response) => response.end('here'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = new Client(`https://localhost:${(server.address() as AddressInfo).port}`, {
      connect: connector(() => dials(anchors), 5000),
    })
    try {
      return (await client.request({ path: '/', method: 'GET' })).statusCode
    } finally {
      await client.destroy()
    }
  }

  test('is reached within one request', async () => expect(await call(anchorsWith('good'))).toBe(200))

  test('is not when it is revoked', async () => {
    const anchors = anchorsWith('revoked')
    const error = await call(anchors).catch(caught => caught)
    expect(peerFaultOf(error, anchors)).toMatchObject({ why: 'revocation-unknown' })
    expect(asked).toBe(1)
  })
})
