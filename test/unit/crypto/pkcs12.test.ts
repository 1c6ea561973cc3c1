import { createCipheriv, createPrivateKey, pbkdf2Sync } from 'node:crypto'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadIdentity } from '../../../crypto/index.ts'
import { readPkcs12 } from '../../../crypto/pkcs12.ts'
import { cpuClock } from '../../support/cpu-time.ts'
import { createPki, type Issued, type Pki, selfSigned } from '../../world/pki.ts'
import * as p12 from './pkcs12-file.ts'
import { certificateBag, fileOf, integer, keyBag, mac, OIDS, octets, oid, PASSPHRASE, pbmac1, seq, tagged } from './pkcs12-file.ts'

const now = new Date('2026-11-22T08:00:00Z')
const request = { kind: 'client', organization: 'HÔPITAL FICTIF', structure: '1130000001', commonName: 'app.test' } as const

let folder: string
let pki: Pki
let issued: Issued
let other: Issued
let stranger: Issued

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-pkcs12-'))
  pki = await createPki({ now, key: 'ec' })
  issued = await pki.issue({ ...request, key: 'ec' })
  other = await pki.issue({ ...request, key: 'ec' })
  stranger = await selfSigned('stranger.test', now)
})

afterAll(() => rm(folder, { recursive: true }))

const ours = () => [keyBag(issued.keyPem), certificateBag(issued.certificatePem)]
const read = (file: Buffer) => readPkcs12(file, PASSPHRASE)
/** Without the newline at the end, which not every writer puts. */
const text = (pem: string) => pem.trim()

describe('a PKCS#12 file', () => {
  test.each(['aes128', 'aes192', 'aes256', '3des'] as const)('that node-forge wrote with %s is read', algorithm => {
    const content = readPkcs12(p12.forgeFile(stranger, algorithm, 'secret'), 'secret')
    expect(createPrivateKey(content.keyPem).equals(createPrivateKey(stranger.keyPem))).toBe(true)
    expect(text(content.certificatePem)).toBe(text(stranger.certificatePem))
    expect(content.chainPem).toEqual([])
  })

  test('gives the certificate of the key and what leads up from it, whatever their order', () => {
    const [root, sub] = pki.authorities
    const bags = [root!, stranger.certificatePem, other.certificatePem, sub!, issued.certificatePem, sub!].map(certificateBag)
    const content = read(fileOf([...bags, keyBag(issued.keyPem)]))
    expect(text(content.certificatePem)).toBe(text(issued.certificatePem))
    expect(content.chainPem.map(text)).toEqual([sub!, root!].map(text))
  })

  test('may be in BER: lengths left open, octet strings in pieces', () => {
    const whole = fileOf(ours())
    const [version, content, macData] = (p12.tree(whole).value as p12.Node[]).map(p12.der)
    const safe = ((p12.tree(content!).value as p12.Node[])[1]!.value as p12.Node[])[0]!.value as string
    const bytes = Buffer.from(safe, 'latin1')
    const open = (tag: number, ...inside: Buffer[]) => Buffer.concat([Buffer.of(tag, 0x80), ...inside, Buffer.of(0, 0)])
    const pieces = [bytes.subarray(0, 100), bytes.subarray(100)].map(piece => p12.der(octets(piece)))
    const ber = open(0x30, version!, open(0x30, p12.der(oid(OIDS.data)), open(0xa0, open(0x24, ...pieces))), macData!)
    expect(read(ber)).toEqual(read(whole))
  })

  test('may have a MAC of RFC 9879', () => {
    expect(read(fileOf(ours(), pbmac1()))).toEqual(read(fileOf(ours())))
    expect(() => readPkcs12(fileOf(ours(), pbmac1()), 'another')).toThrow(/MAC of the file does not verify/)
  })

  const refusals: [string, () => Buffer, RegExp][] = [
    ['with another passphrase', () => fileOf(ours(), mac({ passphrase: 'another' })), /MAC of the file does not verify/],
    ['without MAC', () => fileOf(ours(), () => []), /has no MAC/],
    ['with a MAC cut short', () => fileOf(ours(), mac({ cut: 4 })), /MAC of the file does not verify/],
    ['with an empty MAC', () => fileOf(ours(), mac({ cut: 0 })), /MAC of the file does not verify/],
    ['with a MAC by MD5', () => fileOf(ours(), mac({ algorithm: OIDS.md5 })), /uses a MAC that is not read here \(1\.2\.840/],
    ['with a MAC under a short key', () => fileOf(ours(), pbmac1({ length: 19 })), /key of the MAC/],
    ['with a MAC under a key of unstated length', () => fileOf(ours(), pbmac1({ length: null })), /key of the MAC/],
    ['with a key that does not fit', () => fileOf([keyBag(other.keyPem), certificateBag(issued.certificatePem)]), /no certificate of its/],
    ['without certificate', () => fileOf([keyBag(issued.keyPem)]), /no certificate of its private key/],
    ['without key', () => fileOf([certificateBag(issued.certificatePem)]), /no private key/],
    ['with two keys', () => fileOf([...ours(), keyBag(other.keyPem)]), /2 private keys/],
    ['with one key twice', () => fileOf([...ours(), keyBag(issued.keyPem)]), /2 private keys/],
    ['with 21 certificates', () => fileOf([...ours(), ...Array(20).fill(certificateBag(other.certificatePem))]), /more than 20/],
    ['with a revocation list', () => fileOf([...ours(), seq(oid(OIDS.crlBag), tagged(octets(Buffer.of())))]), /something else than keys/],
    ['with a certificate that is none', () => fileOf([...ours(), badCertificate(OIDS.x509)]), /certificate of the file cannot be read/],
    ['with a certificate of another kind', () => fileOf([...ours(), badCertificate('1.2.840.113549.1.9.22.2')]), /not X\.509/],
    ['with a key that is none', () => fileOf([seq(oid(OIDS.keyBag), tagged(seq()))]), /private key of the file cannot be read/],
    ['sealed by a signature', () => p12.der(seq(integer(3), seq(oid(OIDS.signedData), tagged(seq())))), /sealed by a signature/],
    ['with a part for a public key', () => p12.file([seq(oid(OIDS.envelopedData), tagged(seq()))]), /enciphered for a public key/],
    [
      'with a cipher that is unknown',
      () => fileOf([shrouded(seq(oid('1.2.3'), seq()))]),
      /uses a cipher that is not read here \(1\.2\.3\)/,
    ],
    ['with a part under another passphrase', () => fileOf([shrouded(p12.pbes2(integer(1)))]), /cannot be deciphered/],
    ['of version 4', () => p12.der(seq(integer(4), ...(p12.tree(fileOf(ours())).value as p12.Node[]).slice(1))), /no PKCS#12 file/],
    ['with something behind it', () => Buffer.concat([fileOf(ours()), Buffer.of(0)]), /no PKCS#12 file/],
    ['that is text', () => Buffer.from(issued.certificatePem), /no PKCS#12 file/],
    ['that is empty', () => Buffer.of(), /no PKCS#12 file/],
  ]

  test.each(refusals)('is refused %s', (_, file, words) => {
    expect(() => read(file())).toThrow(words)
  })

  test.each<[string, () => Buffer, RegExp]>([
    ['of the MAC', () => fileOf(ours(), mac({ stated: integer(0x7fffffff) })), /more than 2000000 rounds/],
    ['of the MAC, in more octets than we count with', () => fileOf(ours(), mac({ stated: integer({ hex: '0100000002' }) })), /too large/],
    ['of the MAC, negative', () => fileOf(ours(), mac({ stated: integer({ hex: 'ff' }) })), /negative/],
    ['of the MAC, zero', () => fileOf(ours(), mac({ stated: integer(0) })), /without iterations/],
    ['of a MAC of RFC 9879', () => fileOf(ours(), pbmac1({ stated: 0x7fffffff })), /more than 2000000 rounds/],
    ['of a key', () => fileOf([shrouded(p12.pbes2(integer(0x7fffffff)))]), /more than 2000000 rounds/],
    ['of an enciphered part', () => p12.file([encrypted(integer(0x7fffffff))]), /more than 2000000 rounds/],
  ])('is refused at once for the count %s', (_, file, words) => {
    const bytes = file()
    const spent = cpuClock()
    expect(() => read(bytes)).toThrow(words)
    expect(spent()).toBeLessThan(500)
  })

  test('may not spread its work over many keys', () => {
    const key = pbkdf2Sync(PASSPHRASE, 'saltsalt', 300_000, 32, 'sha256')
    const cipher = createCipheriv('aes-256-cbc', key, Buffer.alloc(16))
    const content = Buffer.concat([cipher.update('any key'), cipher.final()])
    const bags = Array.from({ length: 500 }, () => shrouded(p12.pbes2(integer(300_000)), content))
    expect(() => read(fileOf(bags))).toThrow(/more than 2000000 rounds/)
  })

  test('that is cut anywhere is refused; with an octet changed, it is refused or still the same', () => {
    const whole = fileOf(ours())
    const content = read(whole)
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        expect(() => read(whole.subarray(0, at))).toThrow(/^the file is no PKCS#12 file, or a broken one$/)
        const altered = Buffer.from(whole)
        altered[at]! ^= change
        expect([content, 'refused']).toContainEqual(outcome(altered))
      }),
      { numRuns: 500 },
    )
  })

  test('never tells the passphrase', () => {
    for (const [, file] of refusals) {
      const told = inspect(faultOf(file()), { depth: 9 })
      expect(told).toContain('Error')
      expect(told).not.toContain(PASSPHRASE)
    }
  })
})

describe('an identity in a PKCS#12 file', () => {
  const paths = () => ({ pkcs12: join(folder, 'app.p12'), passphrase: join(folder, 'app.passphrase') })

  async function write(passphrase: string | Buffer = PASSPHRASE, mode = 0o600): Promise<void> {
    await writeFile(paths().pkcs12, fileOf([...ours(), ...pki.authorities.map(certificateBag)]))
    await writeFile(paths().passphrase, passphrase)
    await chmod(paths().passphrase, mode)
  }

  test.each(['', '\n', '\r\n'])('is loaded with its chain, and shows its key to nobody (passphrase ended by %j)', async end => {
    await write(PASSPHRASE + end)
    const identity = loadIdentity(paths(), now)
    expect(identity.facts.subject).toEqual(issued.subject)
    expect(identity.chainPem).toHaveLength(2)
    expect(inspect(identity, { depth: 9, showHidden: true }) + JSON.stringify(identity)).not.toContain('PRIVATE')
  })

  test.each(['604', '620', '601', '640', '644', '666'])('is refused when others may use the passphrase (mode %s)', async mode => {
    await write(PASSPHRASE, Number.parseInt(mode, 8))
    expect(() => loadIdentity(paths(), now)).toThrow(/app\.p12: the passphrase file .*app\.passphrase can be used by others than its owner/)
  })

  test.each<[string, string | Buffer, RegExp]>([
    ['empty', '\n', /is empty/],
    ['of two lines', `${PASSPHRASE}\n\n`, /must hold one line/],
    ['of an invisible octet', `${PASSPHRASE}\0`, /must hold one line/],
    ['in Latin-1', Buffer.from(PASSPHRASE, 'latin1'), /is not in UTF-8/],
    ['too long', 'x'.repeat(1025), /no file of at most 1024 octets/],
  ])('is refused when the passphrase file is %s', async (_, passphrase, words) => {
    await write(passphrase)
    expect(() => loadIdentity(paths(), now)).toThrow(words)
  })

  test('is refused when the file is larger than any identity, before it is read', async () => {
    await write()
    await writeFile(paths().pkcs12, Buffer.alloc(256 * 1024 + 1))
    expect(() => loadIdentity(paths(), now)).toThrow(/no file of at most 262144 octets/)
  })

  test('is refused when a path is a folder or nothing', async () => {
    await write()
    expect(() => loadIdentity({ ...paths(), pkcs12: folder }, now)).toThrow(/is no file/)
    expect(() => loadIdentity({ ...paths(), passphrase: join(folder, 'none') }, now)).toThrow(/app\.p12: ENOENT/)
  })

  test('is judged as any other: expired', async () => {
    await write()
    expect(() => loadIdentity(paths(), new Date('2031-01-01'))).toThrow(/app\.p12: the certificate expired on 2029-11-21/)
  })
})

function faultOf(file: Buffer): unknown {
  try {
    return read(file)
  } catch (error) {
    return error
  }
}

function outcome(file: Buffer): unknown {
  const found = faultOf(file)
  return found instanceof Error ? 'refused' : found
}

function badCertificate(kind: string): p12.Node {
  return seq(oid(OIDS.certificateBag), tagged(seq(oid(kind), tagged(octets(Buffer.from('3000', 'hex'))))))
}

function shrouded(algorithm: p12.Node, content = Buffer.alloc(16)): p12.Node {
  return seq(oid(OIDS.shroudedKeyBag), tagged(seq(algorithm, octets(content))))
}

function encrypted(count: p12.Node): p12.Node {
  const content = p12.asn1.create(p12.asn1.Class.CONTEXT_SPECIFIC, 0 as never, false, 'x'.repeat(16))
  return seq(oid(OIDS.encryptedData), tagged(seq(integer(0), seq(oid(OIDS.data), p12.pbes2(count), content))))
}
