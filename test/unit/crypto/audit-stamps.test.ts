import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { askTimeStamp, loadAnchors, openCheckpointStamps, readTimeStamp } from '../../../crypto/index.ts'
import { type Forgery, forgingAuthority } from '../../support/time-stamp-authority.ts'
import type { Issued } from '../../world/pki.ts'
import { type AuditWorld, DAY, makeSigners, NOW, openAuditWorld, type Signers } from './audit-world.ts'

let signers: Signers
let authority: Issued
let world: AuditWorld
let restore: () => Promise<void>

beforeAll(async () => {
  signers = await makeSigners()
  authority = await issueAuthority('HORODATAGE FICTIF')
  world = await openAuditWorld(signers)
  restore = await world.snapshot()
})

afterEach(() => restore())
afterAll(() => world[Symbol.asyncDispose]())

const issueAuthority = (commonName: string) =>
  signers.pki.issue({ kind: 'timeStamp', commonName, organization: 'FICTIVE', structure: '1750000001', key: 'ec' })
const stamps = () => openCheckpointStamps(world.db)
const trust = () => ({ ...world.trust(), stampAnchors: world.anchors })
const verify = () => world.verify({ trust: trust() })

/** A stamp of a digest, by an authority that goes by our clock. */
async function tokenFor(digest: Buffer, forgery: Forgery = {}): Promise<Buffer> {
  const at = new Date(world.now)
  const { question, query } = askTimeStamp(digest, at)
  const answer = forgingAuthority(authority, { at, ...forgery })(query)
  return (await readTimeStamp(answer, question, { anchors: world.anchors, at })).token
}

/** One line, one checkpoint, and its stamp when one is due. @returns whether it was */
async function checkpoint(): Promise<boolean> {
  world.now += 3_600_000
  await world.write(1)
  const due = await stamps().due()
  if (!due) return false
  await stamps().keep(due.number, await tokenFor(due.digest))
  await world.sign()
  return true
}

const stamped = async () =>
  (await world.tamper('SELECT number FROM audit_checkpoint WHERE stamp IS NOT NULL ORDER BY number')).map(({ number }) => number)

describe('one checkpoint a day is stamped', () => {
  test('the first of its day, UTC, wherever the clock goes', async () => {
    const were: boolean[] = []
    for (let times = 0; times < 30; times++) were.push(await checkpoint()) // from 09:00 on
    expect(were.map((was, index) => (was ? index : -1)).filter(index => index >= 0)).toEqual([0, 15])
    world.now += 40 * DAY
    expect(await checkpoint()).toBe(true)
    world.now -= 20 * DAY
    expect([await checkpoint(), await checkpoint()]).toEqual([true, false])
  })

  test('the next one, when there was no stamp for the first; and since when there was none', async () => {
    await checkpoint()
    expect(await stamps().missingSince()).toBeUndefined()
    world.now = NOW + DAY
    await world.write(1)
    const first = world.now
    world.now += 3_600_000
    await world.write(1)
    expect(await stamps().due()).toMatchObject({ number: 3 })
    expect(await stamps().missingSince()).toBe(first)
    await checkpoint()
    expect(await stamped()).toEqual([1, 4])
    expect(await stamps().missingSince()).toBeUndefined()
  })

  test('no stamp takes the place of another', async () => {
    await checkpoint()
    const [{ stamp } = {}] = await world.tamper('SELECT stamp FROM audit_checkpoint')
    await stamps().keep(1, Buffer.from('other'))
    expect(await world.tamper('SELECT stamp FROM audit_checkpoint')).toEqual([{ stamp }])
  })

  test('the file has it: the checkpoint once more, with its stamp, also when that came while it was being filed', async () => {
    await world.audit.append({ by: 'x', action: 'y', object: 'z' })
    await world.keeper.sign(signers.identity)
    const unfiled = await world.keeper.unfiled()
    const due = await stamps().due()
    await stamps().keep(due!.number, await tokenFor(due!.digest))
    await world.keeper.filed(unfiled)
    const again = await world.keeper.unfiled()
    expect(again.map(({ number, isStamped }) => [number, isStamped])).toEqual([[1, true]])
    await world.keeper.filed(again)
    expect(await world.keeper.unfiled()).toEqual([])
    const copies = [...unfiled, ...again].map(({ text }) => text)
    expect(copies[1]).toMatch(/^\{"checkpoint":1,"line":1,"cms":"[^"]+","stamp":"[^"]+"\}$/)
    expect((await world.verifyWith(copies)).fault).toBeUndefined()
  })
})

describe('stamps are verified', () => {
  /** Stamped: 1 and 3; 2 is of the first day too. */
  beforeEach(async () => {
    await checkpoint()
    await checkpoint()
    world.now = NOW + DAY
    await checkpoint()
  })

  test('they say which period they cover', async () => {
    const verdict = await verify()
    expect(verdict.fault).toBeUndefined()
    expect(verdict.notes).toEqual([])
    expect(verdict.checkpoints?.stamps).toEqual({
      ...{ count: 2, first: NOW + 3_601_000, last: NOW + DAY + 3_601_000, checkpoint: 3, line: 3 },
      authorities: [expect.stringContaining('CN=HORODATAGE FICTIF')],
    })
  })

  test('and which days they do not', async () => {
    for (const day of [2, 3, 5, 6, 7]) {
      world.now = NOW + day * DAY
      await world.write(1)
      if (day === 5) await checkpoint()
    }
    expect((await verify()).notes).toEqual(['no time stamp from 2026-11-22 to 2026-11-23', 'no time stamp since 2026-11-26'])
  })

  test('an authority whose certificate has ended since is good for what it stamped; unknown ones are told, and cover nothing', async () => {
    world.now = NOW + 4 * 365 * DAY
    expect((await verify()).checkpoints?.stamps?.count).toBe(2)
    const { checkpoints, notes, fault } = await world.verify()
    expect([checkpoints?.stamps, fault]).toEqual([undefined, undefined])
    expect(notes).toEqual(['2 time stamps are not checked: the configuration names no authority for them'])
  })

  test('when nobody knows whether the authority was revoked, they cover nothing', async () => {
    const lists = await signers.pki.write(`${world.folder}/short`, { nextUpdate: new Date(NOW + 30 * DAY) })
    world.now = NOW + 40 * DAY
    const verdict = await world.verify({ trust: { ...world.trust(), stampAnchors: loadAnchors(lists) } })
    expect([verdict.fault, verdict.checkpoints?.stamps]).toEqual([undefined, undefined])
    expect(verdict.notes).toEqual([expect.stringMatching(/^2 time stamps cannot be judged now: the time stamp is not accepted: /)])
  })

  test('those of an authority that was revoked since cover nothing, not even once it has ended: nobody says whether its key was stolen before', async () => {
    const former = authority
    authority = await issueAuthority('HORODATAGE RÉVOQUÉ')
    world.now = NOW + 2 * DAY
    expect(await checkpoint()).toBe(true)
    signers.pki.revoke(authority, new Date(NOW + 5 * DAY))
    authority = former
    const lists = await signers.pki.write(`${world.folder}/revoked`, { nextUpdate: new Date(NOW + 2_000 * DAY) })
    for (const days of [6, 4 * 365]) {
      world.now = NOW + days * DAY
      const verdict = await world.verify({ trust: { ...world.trust(), stampAnchors: loadAnchors(lists) } })
      expect(verdict.fault).toBeUndefined()
      expect(verdict.checkpoints?.stamps).toMatchObject({ count: 2, checkpoint: 3 })
      expect(verdict.notes).toEqual([
        expect.stringMatching(/^1 time stamps cannot be judged now: the authority's certificate was revoked on 2026-11-25: /),
        'no time stamp since 2026-11-22',
      ])
    }
  })

  test('stamps that are gone, all of them, are missed where an authority is configured', async () => {
    await world.tamper('UPDATE audit_checkpoint SET stamp = NULL WHERE number > 0')
    const { notes, checkpoints, fault } = await verify()
    expect([checkpoints?.stamps, fault]).toEqual([undefined, undefined])
    expect(notes).toEqual(['no checkpoint has a time stamp, though the configuration names an authority'])
    expect((await world.verify()).notes).toEqual([])
  })

  const forged = async (forgery: Forgery) => {
    const [{ cms } = {}] = await world.tamper('SELECT cms FROM audit_checkpoint WHERE number = 1')
    await world.tamper('UPDATE audit_checkpoint SET stamp = NULL WHERE number > 0')
    const due = await stamps().due()
    expect(cms).toBeDefined()
    return (await tokenFor(due!.digest, forgery)).toString('base64')
  }

  test.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'of another checkpoint',
      () => world.tamper('UPDATE audit_checkpoint SET stamp = (SELECT stamp FROM audit_checkpoint WHERE number = 3) WHERE number = 1'),
      /^its time stamp is not right: the time stamp is of something else$/,
    ],
    [
      'with another octet',
      async () => {
        const [{ stamp } = {}] = await world.tamper('SELECT stamp FROM audit_checkpoint WHERE number = 1')
        const octets = Buffer.from(String(stamp), 'base64')
        octets[octets.length - 5]! ^= 1
        await world.tamper('UPDATE audit_checkpoint SET stamp = ? WHERE number = 1', octets.toString('base64'))
      },
      /^its time stamp is not right: /,
    ],
    ['that is none', () => world.tamper("UPDATE audit_checkpoint SET stamp = 'AAAA' WHERE number = 1"), /^its time stamp is not right: /],
    [
      'that is no base64',
      () => world.tamper("UPDATE audit_checkpoint SET stamp = 'x y' WHERE number = 1"),
      /^its time stamp cannot be read$/,
    ],
    [
      'that came long after, as for what was written anew',
      async () => {
        world.now += 2 * 3_600_000
        await world.tamper('UPDATE audit_checkpoint SET stamp = ? WHERE number = 3', await forged({}))
      },
      /^it says 2026-11-21T\S+, its time stamp 2026-11-21T\S+$/,
    ],
  ])('tampering is found: a stamp %s', async (_, change, words) => {
    await change()
    expect((await verify()).fault).toMatchObject({ checkpoint: expect.any(Number), why: expect.stringMatching(words) })
  })

  test('a stamp that is gone, or another one, for whoever kept copies', async () => {
    const copies = [...world.filed]
    expect((await world.verifyWith(copies)).fault).toBeUndefined()
    const [{ stamp } = {}] = await world.tamper('SELECT stamp FROM audit_checkpoint WHERE number = 3')
    await world.tamper('UPDATE audit_checkpoint SET stamp = NULL WHERE number = 3')
    expect((await verify()).fault).toBeUndefined()
    expect((await world.verifyWith(copies)).fault).toEqual({ checkpoint: 3, why: 'its time stamp is missing, kept has it' })
    await world.tamper('UPDATE audit_checkpoint SET stamp = ? WHERE number = 3', String(stamp).replace(/.{8}$/, 'AAAAAAA='))
    expect((await world.verifyWith(copies)).fault).toEqual({ checkpoint: 3, why: 'its time stamp is another one, kept has it' })
  })

  test('a part of the log brings its stamps along', async () => {
    const lines = await world.exported({ since: NOW + DAY })
    const verdict = await world.verifyExported(lines, trust())
    expect(verdict.fault).toBeUndefined()
    expect(verdict.checkpoints).toMatchObject({ count: 2, stamps: { count: 1, checkpoint: 3 } })
    const swapped = lines.map(line => line.replace(/("stamp":".{400}).{8}/, '$1AAAAAAAA'))
    expect((await world.verifyExported(swapped, trust())).fault).toMatchObject({ checkpoint: 3 })
  })
})
