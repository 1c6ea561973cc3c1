import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { compiled, packageRoot } from '../../../config/paths.ts'
import { readPkcs12 } from '../../../crypto/pkcs12.ts'
import { cpuClock } from '../../support/cpu-time.ts'
import { type Issued, selfSigned } from '../../world/pki.ts'
import * as p12 from './pkcs12-file.ts'
import { asn1, certificateBag, data, fileOf, keyBag, mac, OIDS, octets, oid, PASSPHRASE, seq, tagged } from './pkcs12-file.ts'

/**
 * Each published weakness of node-forge, by its name: what a crafted PKCS#12 file could do is tried; for the rest it is shown that the code
 * concerned is not loaded at all.
 */

let issued: Issued
const bags = () => [keyBag(issued.keyPem), certificateBag(issued.certificatePem)]
const read = (file: Buffer) => readPkcs12(file, PASSPHRASE)
const BROKEN = /^the file is no PKCS#12 file, or a broken one$/

beforeAll(async () => {
  issued = await selfSigned('app.test', new Date('2026-11-22T08:00:00Z'))
  expect(read(fileOf(bags())).chainPem).toEqual([]) // what the crafted files below start from is good
})

function cost(action: () => unknown): number {
  const spent = cpuClock()
  action()
  return spent()
}

describe('CVE-2025-12816, GHSA-5gfm-wpxj-wjgq: a MAC that the validator steps over is not verified', () => {
  const retagged = (node: p12.Node, change: Partial<p12.Node>): p12.Node => ({ ...node, ...change })
  const parts = (node: p12.Node | undefined) => node?.value as p12.Node[]
  const { Class, Type } = asn1

  test.each<[string, (macData: p12.Node) => p12.Node[]]>([
    ['is left out', () => []],
    ['is NULL', () => [p12.nothing()]],
    ['is an empty SEQUENCE', () => [seq()]],
    ['is a SET', macData => [retagged(macData, { type: Type.SET })]],
    ['is of a context', macData => [retagged(macData, { tagClass: Class.CONTEXT_SPECIFIC })]],
    ['is primitive', macData => [asn1.create(Class.UNIVERSAL, Type.SEQUENCE, false, asn1.toDer(macData).getBytes())]],
    ['comes second', macData => [seq(), macData]],
    ['comes twice', macData => [macData, macData]],
    ['has no digest', macData => [seq(seq(parts(parts(macData)[0])[0]!), ...parts(macData).slice(1))]],
    ['has no algorithm', macData => [seq(seq(parts(parts(macData)[0])[1]!), ...parts(macData).slice(1))]],
    ['has an empty algorithm', macData => [seq(seq(seq(), parts(parts(macData)[0])[1]!), ...parts(macData).slice(1))]],
    ['has a digest of another type', macData => [seq(seq(parts(parts(macData)[0])[0]!, p12.nothing()), ...parts(macData).slice(1))]],
    ['has no salt', macData => [seq(parts(macData)[0]!)]],
    ['has an empty salt', macData => [seq(parts(macData)[0]!, octets(Buffer.of()))]],
    ['has one field more', macData => [seq(...parts(macData), p12.integer(1))]],
  ])('MacData %s', (_, craft) => {
    expect(() => read(fileOf(bags(), safe => craft(mac()(safe)[0]!)))).toThrow(/no MAC|no PKCS#12 file|without salt/)
  })

  test('content that was changed under a MAC that was good', () => {
    const good = p12.der(seq(data(seq(...bags()))))
    const changed = [...bags(), certificateBag(issued.certificatePem)]
    expect(() => read(fileOf(changed, () => mac()(good)))).toThrow(/does not verify/)
  })
})

describe('CVE-2025-66031, GHSA-554w-wpv2-vw27: deep nesting ends in a sentence, quickly, and not in a full stack', () => {
  const levels = 60_000
  const open = (tag: number) => Buffer.concat([Buffer.alloc(2 * levels, Buffer.of(tag, 0x80)), Buffer.alloc(2 * levels)])

  function closed(): Buffer {
    const heads: Buffer[] = []
    for (let level = 0, size = 0; level < levels; level++) {
      const head = size < 0x80 ? Buffer.of(0x30, size) : Buffer.of(0x30, 0x83, size >> 16, (size >> 8) & 0xff, size & 0xff)
      heads.unshift(head)
      size += head.length
    }
    return Buffer.concat(heads)
  }

  test.each<[string, () => Buffer]>([
    ['the file itself, with lengths left open', () => open(0x30)],
    ['the file itself, with lengths', () => closed()],
    ['pieces of pieces of an octet string', () => open(0x24)],
    ['what the MAC covers', () => p12.der(seq(p12.integer(3), data(closed()), ...mac()(closed())))],
    ['what a part holds', () => p12.file([data(open(0x30))])],
  ])('%s', (_, file) => {
    const bytes = file()
    const depth = { message: expect.stringContaining('Max depth') }
    const broken = expect.objectContaining({ message: expect.stringMatching(BROKEN), cause: expect.objectContaining(depth) })
    expect(cost(() => expect(() => read(bytes)).toThrow(broken))).toBeLessThan(1_000)
  })
})

describe('CVE-2025-66030, GHSA-65ch-62r8-g69g: an identifier with an arc of 2^32 more is another identifier', () => {
  /** The same identifier, its last arc 2^32 (or 2^53) higher. */
  const higher = (dotted: string, by: bigint): p12.Node => {
    const arcs = dotted.split('.')
    let arc = BigInt(arcs.pop()!) + by
    const octetsOfArc: number[] = [Number(arc & 0x7fn)]
    for (arc >>= 7n; arc > 0n; arc >>= 7n) octetsOfArc.unshift(Number(arc & 0x7fn) | 0x80)
    const node = oid(arcs.join('.'))
    return { ...node, value: (node.value as string) + String.fromCharCode(...octetsOfArc) }
  }

  test.each([2n ** 32n, 2n ** 53n, 2n ** 64n])('higher by %s', by => {
    const certificate = seq(higher(OIDS.certificateBag, by), tagged(seq(oid(OIDS.x509), tagged(octets(Buffer.of())))))
    expect(() => read(fileOf([...bags(), certificate]))).toThrow(/something else than keys|no PKCS#12 file/)
    expect(() => read(p12.file([seq(higher(OIDS.data, by), tagged(octets(Buffer.of())))]))).toThrow(/public key|no PKCS#12 file/)
    expect(() => read(fileOf(bags(), safe => renamedMac(safe, by)))).toThrow(/MAC that is not read|no PKCS#12 file/)
  })

  function renamedMac(safe: Buffer, by: bigint): p12.Node[] {
    const [macData] = mac()(safe)
    const [digestInfo, ...rest] = macData!.value as p12.Node[]
    const [, digest] = digestInfo!.value as p12.Node[]
    return [seq(seq(seq(higher(OIDS.sha1, by)), digest!), ...rest)]
  }
})

test('node-forge 1.4.3, its third fix: a count of zero would make the MAC key independent of the passphrase', () => {
  for (const stated of [p12.integer(0), p12.integer({ hex: '00' }), p12.integer({ hex: '' }), p12.integer({ hex: '80' })]) {
    expect(() => read(fileOf(bags(), mac({ stated })))).toThrow(/without iterations|negative/)
  }
})

test('CVE-2026-33891, GHSA-5m6q-g25r-mvwx: an RSA key of zeros does not stop the clock', () => {
  const [version, n, e, d] = ['00', '00', '00', '00'].map(hex => p12.integer({ hex }))
  const rsa = seq(version!, n!, e!, d!, ...Array.from({ length: 5 }, () => p12.integer({ hex: '00' })))
  const key = seq(p12.integer(0), seq(oid('1.2.840.113549.1.1.1'), p12.nothing()), octets(p12.der(rsa)))
  const file = fileOf([seq(oid(OIDS.keyBag), tagged(key)), certificateBag(issued.certificatePem)])
  expect(cost(() => expect(() => read(file)).toThrow())).toBeLessThan(1_000)
})

describe('what is not loaded cannot be reached', () => {
  /** What node-forge has in it once our room, and nothing else, is loaded. */
  const loaded: Record<string, string[]> = JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '--eval', probe()], { cwd: packageRoot, encoding: 'utf8' }),
  )

  test('two files of node-forge are imported, by one file of ours', () => {
    const imports = sources().flatMap(([path, text]) =>
      [...text.matchAll(/(?:from|import|require)\s*\(?\s*'(node-forge[^']*)'/g)].map(([, name]) => `${path} ${name}`),
    )
    expect(imports.filter(line => !line.includes('.d.ts'))).toEqual([
      'crypto/pkcs12/forge.ts node-forge', // types
      'crypto/pkcs12/forge.ts node-forge/lib/asn1.js',
      'crypto/pkcs12/forge.ts node-forge/lib/rc2.js',
      'crypto/pkcs12/forge.ts node-forge/lib/util.js',
    ])
    const text = readFileSync(join(packageRoot, 'crypto/pkcs12/forge.ts'), 'utf8')
    expect(text).toContain("import type { asn1 as types } from 'node-forge'\n")
    const called = [...text.matchAll(/\b((?:asn1|rc2|util)\.\w+)\(/g)].map(([, name]) => name)
    expect(new Set(called)).toEqual(
      new Set(['asn1.fromDer', 'asn1.derToOid', 'asn1.toDer', 'rc2.createDecryptionCipher', 'util.createBuffer']),
    )
    expect(loaded.forge).toEqual(['asn1', 'oids', 'options', 'pki', 'rc2', 'util'])
    expect(loaded.pki).toEqual(['oids'])
  })

  test.each([
    ['CVE-2022-24771, GHSA-cfm4-qjh2-4765: RSA signatures, the algorithm is not checked', 'rsa'],
    ['CVE-2022-24772, GHSA-x4jg-mjrx-434g: RSA signatures, garbage behind the digest', 'rsa'],
    ['CVE-2022-24773, GHSA-2r2c-g63r-vccr: RSA signatures, the structure is not checked', 'rsa'],
    ['CVE-2026-33894, GHSA-ppp5-5v6c-4jwp: RSA signatures, garbage inside the digest', 'rsa'],
    ['CVE-2026-33891, GHSA-5m6q-g25r-mvwx: modInverse never ends', 'jsbn'],
    ['CVE-2026-33895, GHSA-q67f-28xg-22rw: Ed25519 signatures in two forms', 'ed25519'],
    ['CVE-2026-33896, GHSA-2328-f5f3-gj25: any certificate is an authority', 'verifyCertificateChain'],
    ['GHSA-5rrq-pxf6-6jx5: debug writes to prototypes', 'debug'],
    ['random numbers', 'random'],
    ['its own reader of PKCS#12, and key derivation', 'pkcs12'],
  ])('%s', (_, part) => {
    expect([...loaded.forge!, ...loaded.pki!]).not.toContain(part)
  })

  test.each([
    ['CVE-2020-7720, GHSA-92xj-mqp7-vmcj: setPath writes to prototypes', 'setPath'],
    ['CVE-2022-0122: parseUrl follows another host', 'parseUrl'],
  ])('%s', (_, name) => {
    expect(loaded.util).toContain('createBuffer')
    expect(loaded.util).not.toContain(name)
  })

  test('the version is one that has all the fixes above', () => {
    const { version } = createRequire(import.meta.url)('node-forge/package.json') as { version: string }
    const [major, minor, patch] = version.split('.').map(Number)
    expect(major! * 1e6 + minor! * 1e3 + patch!).toBeGreaterThanOrEqual(1_004_003)
  })

  function probe(): string {
    return `
      await import(${JSON.stringify(compiled('crypto/index'))})
      const { createRequire } = await import('node:module')
      const forge = createRequire(${JSON.stringify(compiled('crypto/index'))})('node-forge/lib/forge.js')
      const names = part => Object.keys(part).sort()
      console.log(JSON.stringify({ forge: names(forge), pki: names(forge.pki), util: names(forge.util) }))`
  }

  /** Every source file of the product, path from the package root and text. */
  function sources(): [path: string, text: string][] {
    return ['config', 'crypto', 'directory', 'dmp-bridge', 'gateway'].flatMap(room =>
      readdirSync(join(packageRoot, room), { recursive: true, encoding: 'utf8' })
        .filter(name => name.endsWith('.ts'))
        .sort()
        .map((name): [string, string] => [`${room}/${name}`, readFileSync(join(packageRoot, room, name), 'utf8')]),
    )
  }
})
