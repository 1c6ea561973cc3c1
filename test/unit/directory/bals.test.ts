import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../config/database/index.ts'
import { auditMigrations, hashPassword, openAudit, verifyPassword } from '../../../crypto/index.ts'
import { BalFault, type Bals, directoryMigrations, type NewBal, openBals } from '../../../directory/index.ts'
import { balOf, buildPeople, publishedAuthor } from '../../world/people.ts'

const NOW = Date.parse('2026-03-02T05:00:00Z')
const BY = 'test:claire'
const PASSWORD = 'correct horse battery'
const DOCTOR = balOf(publishedAuthor)
const SERVICE: NewBal = {
  address: 'chirurgie.ch-beauval@beta.mssante.example',
  type: 'ORG',
  name: 'Chirurgie, CH fictif',
  structures: ['1750803447', '335600000000048'],
  responsible: 'Dr Maud RESPONSABLE-FICTIVE',
}

/** What is so of a box of which nothing was said. */
const UNSAID = { redListed: false, paperless: false, purposes: [], delegates: [], certificates: [], revision: 1 }
const DOCTOR_BAL = { ...UNSAID, ...DOCTOR, idNatPs: '801234567897', holders: [DOCTOR.rpps] }

let folder: string
let db: Database
let bals: Bals
let now: number
let verified: string[]

beforeEach(async () => {
  now = NOW
  verified = []
  folder = mkdtempSync(join(tmpdir(), 'pli-bals-'))
  db = await openDatabase({ file: join(folder, 'pli.db'), migrations: [...auditMigrations, ...directoryMigrations] })
  bals = openBals(db, {
    now: () => now,
    hash: hashPassword,
    audit: openAudit(db, { now: () => now }),
    verify: (hash, password) => {
      verified.push(hash)
      return verifyPassword(hash, password)
    },
  })
})

afterEach(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

const refused = (input: Partial<Record<keyof NewBal, unknown>>, password = PASSWORD) =>
  bals.create({ ...DOCTOR, ...input } as NewBal, password, BY).then(
    () => 'created',
    error => (error instanceof BalFault ? error.reason : error),
  )

describe('creating a box', () => {
  test('it is found as it was given, and only under its address', async () => {
    await bals.create(DOCTOR, PASSWORD, BY)
    await bals.create(SERVICE, PASSWORD, BY)
    expect(await bals.find(DOCTOR.address)).toEqual(DOCTOR_BAL)
    expect(await bals.find(SERVICE.address)).toEqual({ ...UNSAID, ...SERVICE, holders: [] })
    expect(await bals.find('nobody@alpha.mssante.example')).toBeUndefined()
    expect(await bals.list()).toEqual([await bals.find(SERVICE.address), await bals.find(DOCTOR.address)])
  })

  test('every fictional box of the local trust space can be created', async () => {
    const some = buildPeople({ count: 6 }).map(balOf)
    for (const bal of some) await bals.create(bal, PASSWORD, BY)
    expect((await bals.list()).length).toBe(some.length)
  })

  test.each([
    ['address', { address: 'Claire@alpha.mssante.example' }],
    ['address', { address: 'claire exemple@alpha.mssante.example' }],
    ['name', { name: ' ' }],
    ['name', { name: 'Dr Claire\r\nBcc: x' }],
    ['rpps', { rpps: '01234567890' }],
    ['rpps', { rpps: undefined }],
    ['rpps', { type: 'ORG' }],
    ['rpps', { type: 'CAB', rpps: undefined, idNatPs: undefined }],
    ['id-nat-ps', { idNatPs: '800000000000' }],
    ['structures', { structures: ['750803447'] }],
    ['structures', { structures: ['1750803447', '1750803447'] }],
    ['structures', { type: 'APP', rpps: undefined, idNatPs: undefined, structures: [] }],
  ])('is refused for its %s: %j', async (reason, input) => {
    expect(await refused(input)).toBe(reason)
    expect(await bals.list()).toEqual([])
  })

  test.each(['', 'short', 'x'.repeat(257)])('is refused with the password %j', async password => {
    expect(await refused({}, password)).toBe('password')
  })

  test('an address is given once, and its first box does not change', async () => {
    await bals.create(DOCTOR, PASSWORD, BY)
    const outcomes = await Promise.all([refused({ name: 'Dr Autre' }), refused({ type: 'CAB', structures: [] })])
    expect(outcomes).toEqual(['address-taken', 'address-taken'])
    expect(await bals.find(DOCTOR.address)).toEqual(DOCTOR_BAL)
  })
})

describe('authentication', () => {
  beforeEach(() => bals.create(DOCTOR, PASSWORD, BY))

  test('takes the right password of the box', async () => {
    expect(await bals.authenticate(DOCTOR.address, PASSWORD)).toEqual(await bals.find(DOCTOR.address))
  })

  test.each(['', 'wrong horse battery', `${PASSWORD} `, PASSWORD.toUpperCase()])('refuses the password %j', async password => {
    expect(await bals.authenticate(DOCTOR.address, password)).toBeUndefined()
  })

  test('a long password is not cut down to one that fits', async () => {
    const longest = 'x'.repeat(256)
    await bals.changePassword(DOCTOR.address, longest, BY)
    expect(await bals.authenticate(DOCTOR.address, longest)).toBeDefined()
    expect(await bals.authenticate(DOCTOR.address, `${longest}x`)).toBeUndefined()
  })

  test('costs an unknown box one verification of the same kind, whose hash no password opens', async () => {
    await bals.authenticate(DOCTOR.address, PASSWORD)
    expect(await bals.authenticate('nobody@alpha.mssante.example', PASSWORD)).toBeUndefined()
    expect(verified.length).toBe(2)
    const [known, unknown] = verified.map(hash => hash.split('$').slice(0, 4))
    expect(unknown).toEqual(known) // same algorithm, same cost
    expect(verified[1]).not.toBe(verified[0])
  })

  test('refuses a suspended box, at the same cost, until it is resumed', async () => {
    await bals.suspend(DOCTOR.address, BY)
    expect(await bals.authenticate(DOCTOR.address, PASSWORD)).toBeUndefined()
    expect(verified.length).toBe(1)
    expect((await bals.find(DOCTOR.address))?.suspendedAt).toBe(NOW)
    await bals.resume(DOCTOR.address, BY)
    expect(await bals.authenticate(DOCTOR.address, PASSWORD)).toBeDefined()
  })

  test('takes the new password only, once it was changed', async () => {
    await bals.changePassword(DOCTOR.address, 'another long password', BY)
    expect(await bals.authenticate(DOCTOR.address, PASSWORD)).toBeUndefined()
    expect(await bals.authenticate(DOCTOR.address, 'another long password')).toBeDefined()
  })
})

describe('the declaration to inform patients', () => {
  beforeEach(() => bals.create(DOCTOR, PASSWORD, BY))

  test('is absent at first, keeps its first date, and can be taken back', async () => {
    expect((await bals.find(DOCTOR.address))?.declaredAt).toBeUndefined()
    await bals.declare(DOCTOR.address, BY)
    now += 1000
    await bals.declare(DOCTOR.address, BY)
    expect((await bals.find(DOCTOR.address))?.declaredAt).toBe(NOW)
    await bals.retract(DOCTOR.address, BY)
    expect((await bals.find(DOCTOR.address))?.declaredAt).toBeUndefined()
  })

  test('of a box that does not exist is refused', async () => {
    await expect(bals.declare('nobody@alpha.mssante.example', BY)).rejects.toMatchObject({ reason: 'unknown-box' })
    await expect(bals.suspend('nobody@alpha.mssante.example', BY)).rejects.toMatchObject({ reason: 'unknown-box' })
  })
})
