import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { trustOf } from '../../../crypto/anchors.ts'
import { authorityOf, parseCertificate, pemToDer } from '../../../crypto/certificate.ts'
import { fetchedListName, loadAnchors } from '../../../crypto/index.ts'
import { readRevocationList } from '../../../crypto/revocation.ts'
import { cpuClock } from '../../support/cpu-time.ts'
import { type AnchorPaths, createPki, type Pki } from '../../world/pki.ts'
import { extension } from '../../world/pki-certificates.ts'

const now = new Date('2026-11-22T08:00:00Z')
const DAY = 86_400_000

let folder: string
let pki: Pki
let other: Pki
let paths: AnchorPaths

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-anchors-'))
  ;[pki, other] = await Promise.all([createPki({ now, key: 'ec' }), createPki({ now, label: 'OTHER' })])
  paths = await pki.write(join(folder, 'ours'))
})

afterAll(() => rm(folder, { recursive: true }))

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

/** The revoked serial numbers of the sub-authority, as loaded. */
function revoked(anchors: ReturnType<typeof loadAnchors>): string[] {
  const { lists, authorities } = trustOf(anchors)
  return [...(lists.get(authorityOf(authorities[1]!))?.revoked.keys() ?? [])]
}

describe('loadAnchors', () => {
  test('knows until when its lists are fresh', () => {
    expect(loadAnchors(paths).freshUntil).toEqual(new Date(now.getTime() + 7 * DAY))
  })

  test('takes several certificates in one file, and lists in DER', async () => {
    const both = await file('both.pem', pki.authorities.join(''))
    const ders = await Promise.all(pki.crls().map((pem, index) => file(`${index}.crl`, pemToDer(pem))))
    expect(loadAnchors({ anchors: [both], crls: ders }).freshUntil).toBeDefined()
  })

  test('keeps the newest list of an authority, whatever the order', async () => {
    const issued = await pki.issue({ kind: 'client', organization: 'X', structure: '1000000000', commonName: 'x', key: 'ec' })
    const before = pki.crls({ thisUpdate: new Date(now.getTime() - 2 * DAY) })
    pki.revoke(issued)
    const after = pki.crls()
    const [older, newer] = [await file('older.pem', before[1]!), await file('newer.pem', after[1]!)]
    for (const crls of [
      [older, newer],
      [newer, older],
    ]) {
      expect(revoked(loadAnchors({ anchors: paths.anchors, crls }))).toEqual([issued.serial.toString('hex')])
    }
  })

  test('reload swaps everything in one step, or nothing', async () => {
    const changing = await pki.write(join(folder, 'changing'))
    const anchors = loadAnchors(changing)
    const before = trustOf(anchors)
    await writeFile(changing.crls[1]!, 'not a list')
    expect(() => anchors.reload()).toThrow(changing.crls[1])
    expect(trustOf(anchors)).toBe(before)
    await pki.write(join(folder, 'changing'))
    anchors.reload()
    expect(trustOf(anchors)).not.toBe(before)
  })

  test('reload keeps a fetched list that is older by now on the disk, spoilt, or cannot be read', async () => {
    const victim = await pki.issue({ kind: 'client', organization: 'X', structure: '1000000000', commonName: 'y', key: 'ec' })
    const older = pemToDer(pki.crls({ thisUpdate: new Date(now.getTime() - 2 * DAY) })[1]!)
    pki.revoke(victim)
    const newer = pemToDer(pki.crls()[1]!)
    const fetched = await mkdtemp(join(folder, 'fetched-'))
    const path = join(fetched, fetchedListName(parseCertificate(pki.authorities[1]!).facts.fingerprint256, 'complete'))
    await writeFile(path, newer)
    const anchors = loadAnchors({ ...paths, crls: [], fetched })
    const known = revoked(anchors)
    expect(known).toContain(victim.serial.toString('hex'))
    for (const octets of [older, Buffer.from('spoilt')]) {
      await writeFile(path, octets)
      anchors.reload()
      expect(revoked(anchors)).toEqual(known)
    }
    await rm(path)
    anchors.reload()
    anchors.reload()
    expect(revoked(anchors)).toEqual(known)
  })

  test.each<[string, () => Promise<AnchorPaths>, RegExp]>([
    [
      'a list with a wrong signature',
      async () => ({ ...paths, crls: [await file('bad.crl', flipped(pemToDer(pki.crls()[1]!)))] }),
      /signature .* is wrong/,
    ],
    [
      'a list of a stranger',
      async () => ({ ...paths, crls: [await file('stranger.pem', other.crls()[1]!)] }),
      /issuer .* not among the anchors: CN=OTHER/,
    ],
    ['a certificate in place of a list', async () => ({ ...paths, crls: [paths.anchors[0]!] }), /not a revocation list, PEM or DER$/],
    ['an authority without its root', async () => ({ ...paths, anchors: paths.anchors.slice(1) }), /no issuer among the anchors/],
    [
      'a file without certificate',
      async () => ({ ...paths, anchors: [await file('empty.pem', 'hello')] }),
      /empty\.pem: no PEM certificate/,
    ],
    [
      'a partitioned list',
      async () => ({
        ...paths,
        crls: [await file('part.pem', pki.crls({ extensions: [extension('2.5.29.28', true, Buffer.from('3000', 'hex'))] })[1]!)],
      }),
      /critical extension 2\.5\.29\.28/,
    ],
  ])('refuses %s', async (_, files, words) => {
    const given = await files()
    expect(() => loadAnchors(given)).toThrow(words)
  })
})

describe('a revocation list', () => {
  const authorities = () => pki.authorities.map(parseCertificate)

  test('of twenty thousand entries is read in less than a second', async () => {
    const big = await createPki({ now, key: 'ec' })
    for (let serial = 0; serial < 20_000; serial++) {
      big.revoke({ serial: Buffer.from((0x10000000 + serial).toString(16), 'hex') })
    }
    const der = pemToDer(big.crls()[1]!)
    const spent = cpuClock()
    const { list } = readRevocationList(der, big.authorities.map(parseCertificate))
    expect(spent()).toBeLessThan(1000)
    expect(list.revoked.size).toBe(20_000)
    expect(list.revoked.get('10000001')).toEqual(new Date(now.getTime() - DAY / 2))
  })

  test('cut at any octet is refused', () => {
    const der = pemToDer(pki.crls()[0]!)
    for (let length = 0; length < der.length; length++) expect(() => readRevocationList(der.subarray(0, length), authorities())).toThrow()
  })

  test('changed in any octet is refused', () => {
    const der = pemToDer(pki.crls()[0]!)
    for (let at = 0; at < der.length; at++) expect(() => readRevocationList(flipped(der, at), authorities())).toThrow()
  })
})

test('what the paths hold is what openssl reads too', async () => {
  expect(await readFile(paths.anchors[0]!, 'utf8')).toBe(pki.authorities[0])
})

/** One bit changed. */
function flipped(bytes: Buffer, at = bytes.length - 1): Buffer {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 1
  return copy
}
