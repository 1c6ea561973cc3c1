import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Anchors,
  clientTls,
  createIdentity,
  type Identity,
  loadAnchors,
  PeerRefused,
  peerFaultOf,
  serverTls,
} from '../../../crypto/index.ts'
import { createPki, type Issued, type Pki, selfSigned } from '../../world/pki.ts'
import { handshake } from './handshake.ts'

const now = new Date()
const DAY = 86_400_000
const operator = { kind: 'server', organization: 'OPERATEUR FICTIF', structure: '1750000001' } as const

let folder: string
let pki: Pki
let other: Pki
let anchors: Anchors
let ours: Identity
let good: Issued
let expired: Issued
let early: Issued
let revoked: Issued
let foreign: Issued
let alone: Issued
let signer: Issued
let serverOnly: Issued

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-peer-'))
  ;[pki, other] = await Promise.all([createPki({ now }), createPki({ now, label: 'OTHER' })])
  const our = pki.issue({ ...operator, commonName: 'ours.test' })
  ;[good, expired, early, revoked, foreign, alone, signer, serverOnly] = await Promise.all([
    pki.issue({ ...operator, commonName: 'mta.b.test' }),
    pki.issue({
      ...operator,
      commonName: 'expired.b.test',
      notBefore: new Date(now.getTime() - 30 * DAY),
      notAfter: new Date(now.getTime() - DAY),
    }),
    pki.issue({ ...operator, commonName: 'early.b.test', notBefore: new Date(now.getTime() + DAY) }),
    pki.issue({ ...operator, commonName: 'revoked.b.test' }),
    other.issue({ ...operator, commonName: 'mta.b.test' }),
    selfSigned('mta.b.test', now),
    pki.issue({ ...operator, kind: 'signature', commonName: 'signer.b.test' }),
    pki.issue({ ...operator, commonName: 'only.b.test', purposes: ['1.3.6.1.5.5.7.3.1'] }),
  ])
  pki.revoke(revoked)
  anchors = loadAnchors(await pki.write(folder))
  ours = createIdentity(withChain(await our))
})

afterAll(() => rm(folder, { recursive: true }))

function withChain(issued: Issued) {
  return { certificatePem: issued.certificatePem + pki.authorities[1], keyPem: issued.keyPem }
}

/** A client as another operator has it: it shows the certificate, whatever it is worth. */
function shows(issued: Issued) {
  return { cert: issued.certificatePem, key: issued.keyPem, ca: [...pki.authorities] }
}

const listener = () => serverTls({ identity: ours, door: 'test', requestPeer: true, anchors })

describe('a peer that connects to the inter-operator listener', () => {
  const cases: [string, () => object, object][] = [
    ['a good certificate', () => shows(good), { kind: 'trusted', subject: expect.arrayContaining([{ type: 'CN', value: 'mta.b.test' }]) }],
    [
      'no certificate',
      () => ({ ca: [...pki.authorities] }),
      { kind: 'refused', why: 'no-certificate', detail: 'no client certificate was shown' },
    ],
    [
      'a self-signed certificate',
      () => shows(alone),
      { kind: 'refused', why: 'not-from-anchors', detail: expect.stringContaining('self-signed') },
    ],
    [
      'a certificate of another authority',
      () => shows(foreign),
      { kind: 'refused', why: 'not-from-anchors', detail: expect.stringContaining('OTHER AC') },
    ],
    [
      'a revoked certificate',
      () => shows(revoked),
      { kind: 'refused', why: 'revoked', detail: expect.stringMatching(/revoked on \d{4}-\d\d-\d\d$/) },
    ],
    [
      'an expired certificate',
      () => shows(expired),
      { kind: 'refused', why: 'expired', detail: expect.stringMatching(/expired on \d{4}-\d\d-\d\d$/) },
    ],
    ['a certificate of tomorrow', () => shows(early), { kind: 'refused', why: 'not-yet-valid' }],
    ['a signature certificate', () => shows(signer), { kind: 'refused', why: 'wrong-usage' }],
    ['a certificate for servers only', () => shows(serverOnly), { kind: 'trusted' }],
  ]
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
    test.each(cases)(`${version}: %s`, async (_, client, expected) => {
      const found = await handshake(listener(), { ...client(), minVersion: version, maxVersion: version }, anchors)
      expect(found.server).toMatchObject(expected)
      expect(found.protocol).toBe(version)
    })

  test('of another authority that took our authority’s names is refused', async () => {
    const twin = await createPki({ now })
    const forged = await twin.issue({ ...operator, commonName: 'mta.b.test' })
    const found = await handshake(listener(), { ...shows(forged), cert: forged.certificatePem + twin.authorities.join('') }, anchors)
    expect(found.server).toMatchObject({ kind: 'refused', why: 'not-from-anchors' })
  })

  test.each(['TLSv1.1', 'TLSv1'] as const)('is not heard with %s', async version => {
    const found = await handshake(
      listener(),
      { ...shows(good), minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' },
      anchors,
    )
    expect(found.client).toBeInstanceOf(Error)
  })

  test.each(['AES128-GCM-SHA256', 'ECDHE-RSA-AES256-SHA384', 'DHE-RSA-AES256-GCM-SHA384'])(
    'is not heard with the suite %s',
    async ciphers => {
      const found = await handshake(listener(), { ...shows(good), ciphers, maxVersion: 'TLSv1.2' }, anchors)
      expect(found.client).toBeInstanceOf(Error)
    },
  )
})

describe('a server that we connect to', () => {
  const dial = (identifiedBy: 'dn' | 'name') => clientTls({ identity: ours, anchors, identifiedBy })
  const serves = (issued: Issued) => ({ ...listener(), cert: issued.certificatePem + pki.authorities[1], key: issued.keyPem })

  test('is trusted with a good certificate', async () => {
    const found = await handshake(serves(good), dial('name'), anchors)
    expect(found).toMatchObject({ client: { kind: 'trusted' }, server: { kind: 'trusted' } })
  })

  test.each([
    ['expired', () => expired, 'expired'],
    ['early', () => early, 'not-yet-valid'],
    ['revoked', () => revoked, 'revoked'],
    ['foreign', () => foreign, 'not-from-anchors'],
    ['self-signed', () => alone, 'not-from-anchors'],
    ['signature', () => signer, 'wrong-usage'],
  ] as const)('is refused during the handshake: %s', async (_, issued, why) => {
    const found = await handshake({ ...serves(issued()), cert: issued().certificatePem }, dial('dn'), anchors)
    expect(peerFaultOf(found.client, anchors)).toMatchObject({ kind: 'refused', why })
  })

  test('is refused by name when its certificate carries another, and accepted where the caller compares the DN', async () => {
    const stranger = await pki.issue({ ...operator, commonName: 'mta.c.test', san: ['mta.c.test'] })
    expect((await handshake(serves(stranger), dial('name'), anchors)).client).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    expect((await handshake(serves(stranger), dial('dn'), anchors)).client).toMatchObject({ kind: 'trusted' })
  })

  test('that shows a client certificate is refused even where OpenSSL only notes it', async () => {
    const client = await pki.issue({ ...operator, kind: 'client', commonName: 'client.b.test' })
    const found = await handshake(serves(client), { ...dial('dn'), rejectUnauthorized: false }, anchors)
    expect(found.client).toMatchObject({ kind: 'refused', why: 'wrong-usage' })
  })

  test('revoked since the context was made is stopped by our own judgement', async () => {
    const late = await pki.issue({ ...operator, commonName: 'late.b.test' })
    const paths = await pki.write(join(folder, 'late'))
    const current = loadAnchors(paths)
    const dialling = clientTls({ identity: ours, anchors: current, identifiedBy: 'dn' })
    expect((await handshake(serves(late), dialling, current)).client).toMatchObject({ kind: 'trusted' })
    pki.revoke(late)
    await pki.write(join(folder, 'late'), { thisUpdate: new Date(now.getTime() - 1000) })
    current.reload()
    const found = await handshake(serves(late), dialling, current)
    expect(found.client).toBeInstanceOf(PeerRefused)
    expect(peerFaultOf(found.client, current)).toMatchObject({ why: 'revoked' })
  })
})

describe('without knowing who is revoked', () => {
  test.each([
    ['no list at all', () => []],
    ['no list of the root', (crls: string[]) => crls.slice(1)],
    ['no list of the authority', (crls: string[]) => crls.slice(0, 1)],
  ])('a good certificate is refused: %s', async (_, keep) => {
    const paths = await pki.write(join(folder, 'few'))
    const few = loadAnchors({ ...paths, crls: keep(paths.crls) })
    expect(few.freshUntil).toBeUndefined()
    const found = await handshake(serverTls({ identity: ours, door: 'test', requestPeer: true, anchors: few }), shows(good), few)
    expect(found.server).toMatchObject({ kind: 'refused', why: 'revocation-unknown' })
    const dialled = await handshake(listener(), clientTls({ identity: ours, anchors: few, identifiedBy: 'dn' }), few)
    expect(peerFaultOf(dialled.client, few)).toMatchObject({ why: 'revocation-unknown' })
  })

  test('a good certificate is refused once the list has ended', async () => {
    const paths = await pki.write(join(folder, 'old'), {
      thisUpdate: new Date(now.getTime() - 8 * DAY),
      nextUpdate: new Date(now.getTime() - DAY),
    })
    const old = loadAnchors(paths)
    const found = await handshake(serverTls({ identity: ours, door: 'test', requestPeer: true, anchors: old }), shows(good), old)
    expect(found.server).toMatchObject({ kind: 'refused', why: 'revocation-unknown', detail: expect.stringContaining('ended on') })
  })

  test('a trusted verdict is not remembered beyond the end of the list', async () => {
    const later = new Date(now.getTime() + 7 * DAY + 1000)
    expect((await handshake(listener(), shows(good), anchors)).server).toMatchObject({ kind: 'trusted' })
    expect((await handshake(listener(), shows(good), anchors, { now: later })).server).toMatchObject({
      kind: 'refused',
      why: 'revocation-unknown',
    })
  })
})

test('a revoked authority takes its certificates with it', async () => {
  const fallen = await createPki({ now, label: 'FALLEN', key: 'ec' })
  const issued = await fallen.issue({ ...operator, commonName: 'mta.d.test' })
  fallen.revokeAuthority()
  const paths = await fallen.write(join(folder, 'fallen'))
  const fallenAnchors = loadAnchors(paths)
  const client = { ...shows(issued), cert: issued.certificatePem + fallen.authorities[1] }
  const found = await handshake(
    serverTls({ identity: ours, door: 'test', requestPeer: true, anchors: fallenAnchors }),
    client,
    fallenAnchors,
  )
  expect(found.server).toMatchObject({ kind: 'refused', why: 'revoked' })
})
