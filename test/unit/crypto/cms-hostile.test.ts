import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pemToDer } from '../../../crypto/certificate.ts'
import { CmsFault, decrypt, encrypt, signDetached, signOpaque, verifyDetached, verifyOpaque } from '../../../crypto/cms/index.ts'
import { collect, type Source } from '../../../crypto/cms/source.ts'
import { algorithm, END, header, inContext, integer, octetString, oid, open, sequence, setOf, value } from '../../../crypto/cms/write.ts'
import * as forger from './cms-forger.ts'
import { type CmsWorld, createCmsWorld } from './cms-people.ts'

const now = new Date('2026-11-22T08:00:00Z')
const letter = Buffer.from('Content-Type: text/plain\r\n\r\nA letter to nobody, of some length.\r\n')
const ID_SIGNED = '1.2.840.113549.1.7.2'
const ID_ENVELOPED = '1.2.840.113549.1.7.3'

let world: CmsWorld
let samples: Record<'detached' | 'opaque' | 'cbc' | 'gcm', Buffer>
beforeAll(async () => {
  world = await createCmsWorld(now)
  const by = [{ identity: world.people.ec.identity }]
  const to = [world.people.rsa.issued.certificatePem, world.people.ec.issued.certificatePem]
  samples = {
    detached: await signDetached(letter, { by, at: now }),
    opaque: await whole(signOpaque(letter, { by, at: now })),
    cbc: await whole(encrypt(letter, { to, profile: 'mail-client', ...trust() })),
    gcm: await whole(encrypt(letter, { to, profile: 'gateway', ...trust() })),
  }
})
afterAll(() => world[Symbol.asyncDispose]())

const whole = (source: Source) => collect(source, 1e8)
const trust = () => ({ anchors: world.anchors, at: now })
const rsa = () => ({ identities: [world.people.rsa.identity] })

/** Reads a sample in the way it is meant for; all that may come out is content or a CmsFault. */
const READERS: Record<keyof typeof samples, (cms: Source) => Promise<Buffer>> = {
  detached: async cms => (await verifyDetached(cms, letter, trust())) && letter,
  opaque: async cms => (await verifyOpaque(cms, trust())).content,
  cbc: async cms => (await decrypt(cms, rsa())).content,
  gcm: async cms => (await decrypt(cms, rsa())).content,
}
const KINDS = ['detached', 'opaque', 'cbc', 'gcm'] as const

/** @returns the reason, or the content that was accepted */
async function outcome(reading: Promise<Buffer>): Promise<string | Buffer> {
  try {
    return await reading
  } catch (fault) {
    if (!(fault instanceof CmsFault)) throw fault
    return fault.reason
  }
}

describe.each(KINDS)('%s', kind => {
  test('cut short anywhere is malformed', async () => {
    const cms = samples[kind]
    for (let length = 0; length < cms.length; length += 3) {
      const reason = await outcome(READERS[kind](cms.subarray(0, length)))
      expect({ length, reason }).toEqual({ length, reason: 'malformed' })
    }
  })

  test('followed by anything is malformed', async () => {
    expect(await outcome(READERS[kind](Buffer.concat([samples[kind], Buffer.from([0])])))).toBe('malformed')
  })

  test('comes an octet at a time', async () => {
    expect(await READERS[kind]([...samples[kind]].map(octet => Buffer.from([octet])))).toEqual(letter)
  })
})

describe('an altered octet', () => {
  test.each(['detached', 'opaque', 'gcm'] as const)('never gives other content: %s', async kind => {
    for (let at = 0; at < samples[kind].length; at += 5) {
      const cms = Buffer.from(samples[kind])
      cms[at]! ^= 1 << (at % 8)
      const result = await outcome(READERS[kind](cms))
      // Some octets mean nothing: a version, the certificate of an authority, another recipient's key.
      if (typeof result !== 'string') expect(result.equals(letter)).toBe(true)
    }
  })

  test('of the content is refused, signed or authenticated', async () => {
    for (const kind of ['opaque', 'gcm'] as const) {
      const cms = Buffer.from(samples[kind])
      const at = kind === 'opaque' ? cms.indexOf('nobody') : cms.length - 60
      cms[at]! ^= 1
      expect(await outcome(READERS[kind](cms))).toBe(kind === 'opaque' ? 'altered' : 'undecryptable')
    }
    expect(await outcome(verifyDetached(samples.detached, Buffer.from('other'), trust()).then(() => letter))).toBe('altered')
  })

  test('anywhere, or anything else: no crash, no endless loop', () =>
    fc.assert(
      fc.asyncProperty(fc.constantFrom(...KINDS), fc.nat(), fc.uint8Array({ maxLength: 12 }), async (kind, place, octets) => {
        const at = place % samples[kind].length
        const cms = Buffer.concat([samples[kind].subarray(0, at), octets, samples[kind].subarray(at + octets.length)])
        await outcome(READERS[kind](cms))
      }),
      { numRuns: 500 },
    ))
})

describe('a hostile encoding', () => {
  const nested = (depth: number) => Array.from({ length: depth }).reduce<Buffer>(inside => sequence(inside), integer(1))
  const indefinite = (depth: number) =>
    Buffer.concat([...Array.from({ length: depth }, () => open(0x31)), ...Array.from({ length: depth }, () => END)])
  const signedWith = (...parts: Buffer[]) => sequence(oid(ID_SIGNED), value(inContext(0), sequence(...parts)))

  test.each<[string, () => Buffer, string]>([
    ['nothing', () => Buffer.alloc(0), 'malformed'],
    ['only noughts', () => Buffer.alloc(1000), 'malformed'],
    ['a length of four gigabytes', () => Buffer.from('3084ffffffff0609', 'hex'), 'malformed'],
    ['a length of more than four octets', () => Buffer.from('30880000000000000001', 'hex'), 'too-large'],
    ['a multi-byte tag', () => Buffer.from('3f8101020500', 'hex'), 'malformed'],
    ['a primitive value of indefinite length', () => Buffer.concat([open(0x30), Buffer.from([0x06, 0x80])]), 'malformed'],
    ['an object identifier of a megabyte', () => sequence(header(0x06, 1_000_000), Buffer.alloc(1_000_000)), 'too-large'],
    ['sequences in sequences, indefinite', () => signedWith(integer(1), indefinite(5000)), 'too-large'],
    ['a set of sequences in sequences', () => signedWith(integer(1), setOf(nested(800))), 'malformed'],
    [
      'sequences in sequences where certificates go',
      () => signedWith(integer(1), setOf(), sequence(oid(ID_SIGNED)), value(inContext(0), nested(4000)), setOf(nested(4000))),
      'malformed',
    ],
    ['no signer', () => signedWith(integer(1), setOf(), sequence(oid(ID_SIGNED)), setOf()), 'unsigned'],
    [
      'the certificate list alone',
      () => signedWith(integer(1), setOf(), sequence(oid(ID_SIGNED)), value(inContext(0)), setOf()),
      'unsigned',
    ],
    ['an envelope', () => samples.cbc, 'unsigned'],
  ])('%s is refused as a signature', async (_, cms, reason) => {
    expect(await outcome(verifyDetached(cms(), letter, trust()).then(() => letter))).toBe(reason)
  })

  /** Mentions a certificate of ours: what is meant for others is not read any further. */
  const ours = () => setOf(sequence(octetString(Buffer.from(even(world.people.rsa.identity.facts.serial), 'hex'))))
  const even = (serial: string) => (serial.length % 2 ? `0${serial}` : serial)
  const envelope = (content: Buffer, recipients = ours()) =>
    sequence(oid(ID_ENVELOPED), value(inContext(0), sequence(integer(0), recipients, content)))
  const AES = '2.16.840.1.101.3.4.1.42'

  test.each<[string, () => Buffer, string]>([
    ['a signature', () => samples.opaque, 'unsupported'],
    [
      'no recipient',
      () => envelope(sequence(oid(ID_SIGNED), algorithm(AES, octetString(Buffer.alloc(16))), value(0x80)), setOf()),
      'not-for-us',
    ],
    ['a weak cipher for others', () => envelope(sequence(oid(ID_SIGNED), algorithm('1.2.840.113549.3.7')), setOf()), 'not-for-us'],
    ['a weak cipher', () => envelope(sequence(oid(ID_SIGNED), algorithm('1.2.840.113549.3.7'))), 'weak'],
    ['no content', () => envelope(sequence(oid(ID_SIGNED), algorithm(AES, octetString(Buffer.alloc(16))))), 'unsupported'],
    [
      'an IV of the wrong length',
      () => envelope(sequence(oid(ID_SIGNED), algorithm(AES, octetString(Buffer.alloc(8))), value(0x80))),
      'malformed',
    ],
    ['a cipher without parameters', () => envelope(sequence(oid(ID_SIGNED), algorithm(AES), value(0x80))), 'malformed'],
    [
      'GCM without its tag',
      () => envelope(sequence(oid(ID_SIGNED), algorithm('2.16.840.1.101.3.4.1.46', sequence(octetString(Buffer.alloc(12)))), value(0x80))),
      'unsupported',
    ],
    [
      'content in strings within strings',
      () =>
        envelope(
          sequence(
            oid(ID_SIGNED),
            algorithm(AES, octetString(Buffer.alloc(16))),
            Buffer.concat(Array.from({ length: 100 }, (_, depth) => open(depth ? 0x24 : 0xa0))),
          ),
        ),
      'too-large',
    ],
  ])('%s is refused as an envelope', async (_, cms, reason) => {
    expect(await outcome(READERS.cbc(cms()))).toBe(reason)
  })

  test('of a million empty pieces is not read to its end', async () => {
    function* pieces() {
      yield Buffer.concat([
        open(0x30),
        oid(ID_SIGNED),
        open(0xa0),
        open(0x30),
        integer(1),
        setOf(),
        open(0x30),
        oid(ID_SIGNED),
        open(0xa0),
        open(0x24),
      ])
      for (let index = 0; index < 100; index++) yield Buffer.alloc(20_000, Buffer.from([0x04, 0x00]))
    }
    expect(await outcome(READERS.opaque(pieces()))).toBe('too-large')
  })
})

describe('a signature', () => {
  const outsider = async () => (await world.person('outsider', { key: 'ec' })).issued
  const reason = async (forgery: forger.Forgery) =>
    outcome(verifyDetached(forger.forge(letter, world.people.ec.issued, forgery), letter, trust()).then(() => letter))

  test('with the fewest attributes is accepted; without a signing time there is none', async () => {
    const { signers } = await verifyDetached(forger.forge(letter, world.people.ec.issued), letter, trust())
    expect(signers).toMatchObject([{ signedAt: undefined, scheme: 'ecdsa', hash: 'sha256' }])
  })

  test.each<[string, () => forger.Forgery | Promise<forger.Forgery>, string]>([
    ['without the digest', () => ({ attributes: [forger.contentType()] }), 'malformed'],
    ['without the content type', () => ({ attributes: [forger.messageDigest(letter)] }), 'malformed'],
    [
      'with the digest of something else',
      () => ({ attributes: [forger.contentType(), forger.messageDigest(Buffer.from('other'))] }),
      'altered',
    ],
    ['of another content type', () => ({ contentType: '1.2.840.113549.1.7.5' }), 'altered'],
    [
      'over another content type',
      () => ({ attributes: [forger.contentType('1.2.840.113549.1.7.5'), forger.messageDigest(letter)] }),
      'altered',
    ],
    [
      'with two digests',
      () => ({ attributes: [forger.contentType(), forger.messageDigest(letter), forger.messageDigest(Buffer.from('other'))] }),
      'malformed',
    ],
    [
      'with a digest of two values',
      () => ({
        attributes: [
          forger.contentType(),
          forger.attribute('1.2.840.113549.1.9.4', octetString(randomBytes(32)), octetString(randomBytes(32))),
        ],
      }),
      'malformed',
    ],
    [
      'with a signing time that is none',
      () => ({ attributes: [forger.contentType(), forger.messageDigest(letter), forger.attribute('1.2.840.113549.1.9.5', integer(1))] }),
      'malformed',
    ],
    ['made by another key', async () => ({ keyPem: (await outsider()).keyPem }), 'forged'],
    [
      'bound to another certificate',
      async () => ({
        attributes: [
          forger.contentType(),
          forger.messageDigest(letter),
          forger.signingCertificate(pemToDer((await outsider()).certificatePem)),
        ],
      }),
      'forged',
    ],
    ['with the algorithm of another kind of key', () => ({ signatureAlgorithm: algorithm('1.2.840.113549.1.1.11') }), 'unsupported'],
    ['with another hash than its digest', () => ({ signatureAlgorithm: algorithm('1.2.840.10045.4.3.4') }), 'unsupported'],
    ['with SHA-1', () => ({ signatureAlgorithm: algorithm('1.2.840.10045.4.1') }), 'weak'],
    ['with PSS and its defaults', () => ({ signatureAlgorithm: algorithm('1.2.840.113549.1.1.10', sequence()) }), 'weak'],
    ['with an algorithm of nobody', () => ({ signatureAlgorithm: algorithm('1.2.3.4') }), 'unsupported'],
  ])('%s is refused', async (_, forgery, expected) => {
    expect(await reason(await forgery())).toBe(expected)
  })
})

describe('an encrypted key or content that is wrong', () => {
  /** The sample with octets of its only RSA recipient replaced. */
  async function withKey(profile: 'mail-client' | 'gateway', encryptedKey: Buffer): Promise<string | Buffer> {
    const to = [world.people.rsa.issued.certificatePem]
    const cms = await whole(encrypt(letter, { to, profile, ...trust() }))
    const at = cms.indexOf(Buffer.from('04820100', 'hex')) + 4
    encryptedKey.copy(cms, at)
    return outcome(READERS.cbc(cms))
  }

  test.each(['mail-client', 'gateway'] as const)('gives one fault without detail, for any ciphertext: %s', async profile => {
    for (const key of [
      Buffer.alloc(256),
      Buffer.alloc(256, 0xff),
      Buffer.concat([Buffer.alloc(255), Buffer.from([1])]),
      randomBytes(256),
    ]) {
      const result = await withKey(profile, key)
      if (profile === 'gateway') expect(result).toBe('undecryptable')
      else expect(typeof result === 'string' ? result : 'noise').toMatch(/^(undecryptable|noise)$/) // one wrong CBC padding in 256 looks right
    }
  })

  test('gives the same words for a wrong key, a wrong padding and a wrong tag', async () => {
    const words = new Set<string>()
    for (const kind of ['cbc', 'gcm'] as const) {
      for (const at of [20, 40, 60]) {
        const cms = Buffer.from(samples[kind])
        cms[cms.length - at]! ^= 0x80
        await READERS[kind](cms).catch((fault: CmsFault) => words.add(`${fault.reason} ${fault.message} ${fault.cause} ${fault.verdict}`))
      }
    }
    expect([...words]).toEqual(['undecryptable the message cannot be decrypted undefined undefined'])
  })

  test('of RSA PKCS#1 v1.5 gives the same noise each time, so that asking twice tells nothing', async () => {
    const to = [world.people.rsa.issued.certificatePem]
    const cms = await whole(encrypt(Buffer.alloc(100), { to, profile: 'mail-client', ...trust() }))
    randomBytes(255).copy(cms, cms.indexOf(Buffer.from('04820100', 'hex')) + 5)
    const results = await Promise.all(Array.from({ length: 5 }, () => outcome(READERS.cbc(cms))))
    for (const result of results) expect(result).toEqual(results[0])
  })

  test('of ECDH: a point that is not on the curve', async () => {
    const to = [world.people.ec.issued.certificatePem]
    const cms = await whole(encrypt(letter, { to, profile: 'gateway', ...trust() }))
    cms[cms.indexOf(Buffer.from('03420004', 'hex')) + 10]! ^= 1
    expect(await outcome(decrypt(cms, { identities: [world.people.ec.identity] }).then(({ content }) => content))).toBe('undecryptable')
  })
})
