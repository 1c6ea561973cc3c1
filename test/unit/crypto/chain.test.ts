import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadAnchors, trustOf } from '../../../crypto/anchors.ts'
import { derToPem } from '../../../crypto/certificate.ts'
import { judgeCertificate } from '../../../crypto/chain.ts'
import type { PeerVerdict, Rdn } from '../../../crypto/index.ts'
import { type CertificateContent, type Keys, makeCertificate, makeList, newKeys } from '../../world/pki-certificates.ts'

const now = new Date('2026-11-22T08:00:00Z')
const year = 365 * 86_400_000
const SERVER = ['1.3.6.1.5.5.7.3.1']

const folder = mkdtempSync(join(tmpdir(), 'pli-chain-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A party of a chain that the ordinary test PKI would never issue. */
interface Party {
  name: Rdn[]
  keys: Keys
  der: Buffer
}

let root: Party
let limited: Party

beforeAll(async () => {
  root = await party('ROOT', undefined, { authority: {}, keyUsage: ['keyCertSign', 'cRLSign'] })
  limited = await party('LIMITED', root, { authority: { pathLength: 0 }, keyUsage: ['keyCertSign', 'cRLSign'] })
})

async function party(name: string, issuer: Party | undefined, content: Partial<CertificateContent>, keys?: Keys): Promise<Party> {
  const own = keys ?? (await newKeys('ec'))
  const subject = [{ type: 'CN', value: name }]
  const whole: CertificateContent = {
    subject,
    issuer: issuer?.name ?? subject,
    publicKey: own.publicKey,
    authorityKey: (issuer?.keys ?? own).publicKey,
    notBefore: new Date(now.getTime() - year),
    notAfter: new Date(now.getTime() + year),
    keyUsage: ['digitalSignature'],
    ...content,
  }
  return { name: subject, keys: own, der: makeCertificate(whole, (issuer?.keys ?? own).privateKey).der }
}

/** Our judgement with these authorities, each with an empty list of its own. */
function judge(leaf: Buffer, authorities: Party[], at = now): PeerVerdict {
  const dates = { thisUpdate: new Date(now.getTime() - year), nextUpdate: new Date(now.getTime() + year) }
  const anchors = authorities.map(({ der }, index) => write(`${index}.pem`, derToPem(der, 'CERTIFICATE')))
  const crls = authorities.map(({ name, keys }, index) =>
    write(`${index}.crl`, makeList({ issuer: name, authorityKey: keys.publicKey, ...dates, number: 1, revoked: [] }, keys.privateKey)),
  )
  return judgeCertificate(leaf, trustOf(loadAnchors({ anchors, crls })), 'tls', at)
}

function write(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

function why(verdict: PeerVerdict): string {
  return verdict.kind === 'trusted' ? 'trusted' : verdict.why
}

describe('a chain', () => {
  test('of root, authority and certificate is trusted', async () => {
    const leaf = await party('leaf', limited, { purposes: SERVER })
    expect(why(judge(leaf.der, [root, limited]))).toBe('trusted')
  })

  test('with any octet of the certificate changed is refused', async () => {
    const leaf = await party('leaf', limited, { purposes: SERVER })
    const trusting = [root, limited]
    for (let at = 0; at < leaf.der.length; at += 5) {
      const changed = Buffer.from(leaf.der)
      changed[at]! ^= 1
      expect(why(judge(changed, trusting)), `octet ${at}`).not.toBe('trusted')
    }
  })

  test('longer than its authority allows is refused', async () => {
    const below = await party('BELOW', limited, { authority: {}, keyUsage: ['keyCertSign', 'cRLSign'] })
    const leaf = await party('leaf', below, { purposes: SERVER })
    expect(why(judge(leaf.der, [root, limited, below]))).toBe('not-from-anchors')
  })

  test('through an authority whose key may not sign certificates is refused', async () => {
    const mute = await party('MUTE', root, { authority: {}, keyUsage: ['cRLSign'] })
    const leaf = await party('leaf', mute, { purposes: SERVER })
    expect(why(judge(leaf.der, [root, mute]))).toBe('not-from-anchors')
  })

  test('through a certificate that is no authority is refused', async () => {
    const middle = await party('MIDDLE', root, { keyUsage: ['keyCertSign'] })
    const leaf = await party('leaf', middle, { purposes: SERVER })
    expect(why(judge(leaf.der, [root]))).toBe('not-from-anchors')
  })

  test('of an authority that has ended is refused', async () => {
    const ended = await party('ENDED', root, {
      authority: {},
      keyUsage: ['keyCertSign', 'cRLSign'],
      notAfter: new Date(now.getTime() - 1000),
    })
    const leaf = await party('leaf', ended, { purposes: SERVER })
    expect(judge(leaf.der, [root, ended])).toMatchObject({
      why: 'expired',
      detail: 'certificate of the authority "ENDED" expired on 2026-11-22',
    })
  })

  test('with a key that is too small is refused', async () => {
    const small = await party('small', limited, { purposes: SERVER }, weak('rsa'))
    expect(why(judge(small.der, [root, limited]))).toBe('not-from-anchors')
    const curve = await party('curve', limited, { purposes: SERVER }, weak('ec'))
    expect(why(judge(curve.der, [root, limited]))).toBe('not-from-anchors')
  })
})

describe('a certificate is not for TLS', () => {
  test.each<[string, Partial<CertificateContent>]>([
    ['of an authority', { authority: {}, keyUsage: ['digitalSignature', 'keyCertSign'] }],
    ['whose key is for encryption only', { keyUsage: ['keyEncipherment'] }],
    ['for mail', { purposes: ['1.3.6.1.5.5.7.3.4'] }],
    ['for answering OCSP', { purposes: ['1.3.6.1.5.5.7.3.9'] }],
  ])('%s', async (_, content) => {
    const leaf = await party('leaf', root, content)
    expect(why(judge(leaf.der, [root]))).toBe('wrong-usage')
  })
})

test('words that a certificate brings along cannot break a reply line', async () => {
  const leaf = await party('leaf', { ...root, name: [{ type: 'CN', value: `Évil\r\n250 OK ${'x'.repeat(500)}` }] }, { purposes: SERVER })
  const verdict = judge(leaf.der, [root])
  expect(verdict).toMatchObject({ why: 'not-from-anchors', detail: expect.stringMatching(/^[\x20-\x7e]{1,180}$/) })
})

test('what is no certificate is refused as unreadable', () => {
  expect(why(judge(Buffer.from('3003020101', 'hex'), [root]))).toBe('unreadable')
})

function weak(kind: 'rsa' | 'ec'): { publicKey: KeyObject; privateKey: KeyObject } {
  return kind === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 1024 }) : generateKeyPairSync('ec', { namedCurve: 'secp224r1' })
}
