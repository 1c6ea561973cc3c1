import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../../config/database/index.ts'
import { auditMigrations, openAudit } from '../../../../crypto/index.ts'
import { listPublications, openPublisher, type Publisher, retryPublication } from '../../../../directory/fhir/index.ts'
import { type Bals, directoryMigrations, openBals } from '../../../../directory/index.ts'
import { boxTelecom, organization, practitioner, practitionerRole, type Resource } from '../../../world/annuaire-simulator/index.ts'
import { balOf, buildPeople, publishedAuthor } from '../../../world/people.ts'
import { HOSPITALS, PRACTICES } from '../../../world/places.ts'
import { annuaireStage } from './stage.ts'

const BY = 'operator'
const PASSWORD = 'correct horse battery'
const MINUTE = 60_000
const [place, elsewhere] = HOSPITALS as unknown as [(typeof HOSPITALS)[number], (typeof HOSPITALS)[number]]
const SERVICE = {
  address: "urgences.l'hospital@beta.mssante.example",
  type: 'ORG' as const,
  name: 'Urgences',
  structures: [place.idNatStruct],
  responsible: 'Dr Claire EXEMPLE',
  description: 'Boîte des urgences',
}
const DOCTOR = balOf(publishedAuthor)

const stage = annuaireStage()
let folder: string
let db: Database
let bals: Bals
let now: number
let publisher: Publisher
let logged: string[]
let who: Resource
let where: Resource

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pli-publication-'))
  db = await openDatabase({ file: join(folder, 'pli.sqlite'), migrations: [...auditMigrations, ...directoryMigrations] })
  now = Date.parse('2026-11-22T06:30:00Z')
  bals = openBals(db, { now: () => now, hash: async text => text, verify: async () => false, audit: openAudit(db, { now: () => now }) })
  logged = []
  publisher = open()
  who = practitioner(publishedAuthor)
  where = organization(place)
  stage.annuaire.resources.push(who, where)
})

afterEach(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

/** As a gateway does when it starts: everything it knows is in the rows. */
function open(client = stage.client()): Publisher {
  const write = (event: string, detail: object) => void logged.push(`${event} ${Object.values(detail).join(' ')}`)
  const timing = { retry: [MINUTE, 5 * MINUTE], lease: 10 * MINUTE, sweep: 15_000, compare: 60 * MINUTE }
  return openPublisher({ db, client, boxes: bals, now: () => now, log: { info: write, warn: write, error: write }, timing })
}

const patches = () => stage.annuaire.calls.filter(({ method }) => method === 'PATCH').map(({ path, status }) => `${status} ${path}`)
const holders = (address: string) => stage.annuaire.holders(address)
const telecomOf = (address: string) => stage.annuaire.resources.flatMap(({ telecom }) => telecom).find(({ value }) => value === address)
const parts = (address: string) =>
  Object.fromEntries((telecomOf(address)?.extension?.[0]?.extension ?? []).map(({ url, ...value }) => [url, Object.values(value)[0]]))
const state = async (address: string) => (await listPublications(db)).find(one => one.address === address)
const create = (box: Parameters<Bals['create']>[0]) => bals.create(box, PASSWORD, BY)

describe('the life of a publication', () => {
  test('a box that is created is inserted, its texts are changed one by one, and it goes when it is closed', async () => {
    await create(SERVICE)
    expect(await state(SERVICE.address)).toMatchObject({ state: 'waiting', dueAt: now })
    await publisher.drain()
    expect(holders(SERVICE.address)).toEqual([`Organization/${where.id}`])
    expect(parts(SERVICE.address)).toMatchObject({ listeRouge: false, responsible: 'Dr Claire EXEMPLE', description: 'Boîte des urgences' })
    expect(await state(SERVICE.address)).toMatchObject({ state: 'published', operation: 'insert', carrier: `Organization/${where.id}` })

    await bals.change(SERVICE.address, { description: 'Jour et nuit', responsible: 'M. Hugo MODÈLE' }, BY)
    await publisher.drain()
    expect(parts(SERVICE.address)).toMatchObject({ responsible: 'M. Hugo MODÈLE', description: 'Jour et nuit' })

    await bals.close(SERVICE.address, BY)
    await publisher.drain()
    expect(holders(SERVICE.address)).toEqual([])
    expect(await state(SERVICE.address)).toMatchObject({ state: 'absent', operation: 'delete' })
    const condition = `/Organization?identifier=urn:oid:1.2.250.1.71.4.2.2|${place.idNatStruct}`
    expect(patches()).toEqual([`200 ${condition}`, `200 ${condition}`, `200 ${condition}`])
  })

  test('a text that comes takes the whole telecom, and the rank that its holder chose stays', async () => {
    await create(SERVICE)
    await publisher.drain()
    telecomOf(SERVICE.address)!.rank = 1
    await bals.change(SERVICE.address, { service: 'Urgences', description: null }, BY)
    await publisher.drain()
    expect(telecomOf(SERVICE.address)?.rank).toBe(1)
    expect(parts(SERVICE.address)).toMatchObject({ service: 'Urgences', responsible: 'Dr Claire EXEMPLE' })
    expect(parts(SERVICE.address)).not.toHaveProperty('description')
  })

  test('what the annuaire does not show is no reason to call it', async () => {
    await create(SERVICE)
    await publisher.drain()
    const calls = stage.annuaire.calls.length
    await bals.change(SERVICE.address, { quotaBytes: 1_000_000 }, BY)
    await publisher.drain()
    expect(stage.annuaire.calls.length).toBe(calls)
    expect(await state(SERVICE.address)).toMatchObject({ state: 'published' })
  })

  test('suspended it goes, resumed it comes back', async () => {
    await create(SERVICE)
    await publisher.drain()
    await bals.suspend(SERVICE.address, BY)
    await publisher.drain()
    expect(holders(SERVICE.address)).toEqual([])
    await bals.resume(SERVICE.address, BY)
    await publisher.drain()
    expect(holders(SERVICE.address).length).toBe(1)
  })
})

describe('who carries it', () => {
  test('a person of one structure: the work situation; of several or none: the person; and it moves when that changes', async () => {
    const site = organization(publishedAuthor.place)
    stage.annuaire.resources.push(site, practitionerRole(publishedAuthor, who, site))
    await create(DOCTOR)
    await publisher.drain()
    expect(holders(DOCTOR.address)).toEqual([`PractitionerRole/role-${who.id}-${site.id}`])
    expect(parts(DOCTOR.address)).toMatchObject({ listeRouge: false })
    const [path] = patches()
    expect(path).toContain('practitioner.identifier=urn:oid:1.2.250.1.71.4.2.1|801234567897')
    expect(path).toContain('organization.identifier=http://finess.sante.gouv.fr|750803447')
    await bals.change(DOCTOR.address, { structures: [...DOCTOR.structures, place.idNatStruct] }, BY)
    await publisher.drain()
    expect(holders(DOCTOR.address)).toEqual([`Practitioner/${who.id}`])
  })

  test('a practice: the one responsible among its holders; an application: its structure', async () => {
    const [other] = buildPeople({ count: 1 }).slice(2)
    const holdersOfIt = [publishedAuthor.person!.rpps, other!.person!.rpps]
    const cab = {
      address: 'cabinet@beta.mssante.example',
      type: 'CAB' as const,
      name: 'Cabinet',
      structures: [],
      rpps: holdersOfIt[0],
      holders: holdersOfIt,
    }
    const app = { ...SERVICE, address: 'labo@beta.mssante.example', type: 'APP' as const, service: 'Laboratoire' }
    stage.annuaire.resources.push(practitioner(other!))
    await create(cab)
    await create(app)
    await publisher.drain()
    expect(holders(cab.address)).toEqual([`Practitioner/${who.id}`])
    expect(holders(app.address)).toEqual([`Organization/${where.id}`])
    await bals.change(cab.address, { rpps: holdersOfIt[1]! }, BY)
    await publisher.drain()
    expect(holders(cab.address)).toEqual([`Practitioner/${other!.person!.rpps}`])
  })
})

describe('the red list', () => {
  test('a box that is on it is never published', async () => {
    await create({ ...SERVICE, redListed: true })
    await publisher.drain()
    expect(patches()).toEqual([])
    expect(await state(SERVICE.address)).toMatchObject({ state: 'absent' })
  })

  test('put on it, a box leaves the annuaire; taken off it, it comes back', async () => {
    await create(SERVICE)
    await publisher.drain()
    await bals.change(SERVICE.address, { redListed: true }, BY)
    await publisher.drain()
    expect(holders(SERVICE.address)).toEqual([])
    await bals.change(SERVICE.address, { redListed: false }, BY)
    await publisher.drain()
    expect(holders(SERVICE.address).length).toBe(1)
  })

  test('wherever somebody else had published it, it leaves', async () => {
    stage.annuaire.resources.push({ ...organization(elsewhere), telecom: [boxTelecom(SERVICE.address, { type: 'ORG' })] })
    await create({ ...SERVICE, redListed: true })
    await publisher.drain()
    expect(holders(SERVICE.address)).toEqual([])
  })
})

describe('when the service fails', () => {
  const minutes = async (count: number) => {
    now += count * MINUTE
    await publisher.drain()
  }

  test('an outage is waited for with growing patience, and costs one call, not one a box', async () => {
    await create(SERVICE)
    await create({ ...SERVICE, address: 'chirurgie@beta.mssante.example' })
    stage.annuaire.setFault('http-500')
    await publisher.drain()
    expect(stage.annuaire.calls.length).toBe(1)
    const states = (await listPublications(db)).map(one => [one.state, one.fault, one.attempts])
    expect(states.filter(([, fault]) => fault === 'failing 500')).toEqual([['retrying', 'failing 500', 1]])
    await minutes(1)
    await minutes(1)
    expect(stage.annuaire.calls.length).toBeLessThanOrEqual(3)
    stage.annuaire.setFault(undefined)
    await minutes(10)
    expect((await listPublications(db)).map(one => one.state)).toEqual(['published', 'published'])
    expect((await listPublications(db)).every(one => one.fault === undefined && one.attempts === 0)).toBe(true)
  })

  test('an insertion whose answer was lost is not made twice', async () => {
    await create(SERVICE)
    stage.annuaire.setFault('cut-after-commit', { method: 'PATCH', times: 1 })
    await publisher.drain()
    expect(holders(SERVICE.address).length).toBe(1)
    expect(await state(SERVICE.address)).toMatchObject({ state: 'retrying' })
    await minutes(1)
    expect(await state(SERVICE.address)).toMatchObject({ state: 'published' })
    expect(where.telecom.filter(({ value }) => value === SERVICE.address).length).toBe(1)
    expect(patches().length).toBe(1)
  })

  test('a deletion whose answer was lost has still been made', async () => {
    await create(SERVICE)
    await publisher.drain()
    await bals.suspend(SERVICE.address, BY)
    stage.annuaire.setFault('cut-after-commit', { method: 'PATCH', times: 1 })
    await publisher.drain()
    await minutes(1)
    expect(await state(SERVICE.address)).toMatchObject({ state: 'absent' })
  })

  test('a change whose answer was lost, and that is taken back, is taken back there too', async () => {
    await create(SERVICE)
    await publisher.drain()
    stage.annuaire.setFault('cut-after-commit', { method: 'PATCH', times: 1 })
    await bals.change(SERVICE.address, { description: 'Jour et nuit' }, BY)
    await publisher.drain()
    expect(parts(SERVICE.address)).toMatchObject({ description: 'Jour et nuit' })
    await bals.change(SERVICE.address, { description: SERVICE.description }, BY)
    await minutes(1)
    expect(parts(SERVICE.address)).toMatchObject({ description: SERVICE.description })
  })

  test('killed in the middle of an attempt, another gateway takes the row over once the claim has ended, and looks first', async () => {
    await create(SERVICE)
    stage.annuaire.setFault('cut-after-commit', { method: 'PATCH', times: 1 })
    const killed = { ...stage.client() }
    const patch = killed.patch
    killed.patch = (...asked) => patch(...asked).catch(() => new Promise(() => {})) // nothing after it ever runs
    void open(killed).drain()
    await expect.poll(() => holders(SERVICE.address).length).toBe(1)
    publisher = open()
    await publisher.drain()
    expect(await state(SERVICE.address)).toMatchObject({ state: 'waiting' })
    await minutes(10)
    expect(await state(SERVICE.address)).toMatchObject({ state: 'published' })
    expect(patches().length).toBe(1)
  })

  test.each(['malformed-json', 'other-resource'] as const)('a 200 that is %s is no acknowledgement', async fault => {
    await create(SERVICE)
    stage.annuaire.setFault(fault, { method: 'PATCH', times: 1 })
    await publisher.drain()
    expect(await state(SERVICE.address)).toMatchObject({ state: 'retrying', fault: expect.stringMatching(/^malformed/) })
    await minutes(1)
    expect(await state(SERVICE.address)).toMatchObject({ state: 'published' })
  })

  test('a wrong key is tried again: it is mended in the configuration, not in the box', async () => {
    await create(SERVICE)
    publisher = open(stage.client({ apiKey: 'another' }))
    await publisher.drain()
    expect(await state(SERVICE.address)).toMatchObject({
      state: 'retrying',
      fault: 'unauthorized 401',
      text: expect.stringContaining('ESANTE-API-KEY'),
    })
    publisher = open()
    await minutes(1)
    expect(await state(SERVICE.address)).toMatchObject({ state: 'published' })
  })

  test('a change that comes while the service is down is what is published', async () => {
    await create(SERVICE)
    stage.annuaire.setFault('down')
    await publisher.drain()
    await bals.change(SERVICE.address, { redListed: true }, BY)
    stage.annuaire.setFault(undefined)
    await minutes(1)
    expect(holders(SERVICE.address)).toEqual([])
    expect(patches()).toEqual([])
  })
})

describe('what the operator must mend', () => {
  test('nobody has this identifier: said once, tried again only when asked or when the box changes', async () => {
    await create({ ...SERVICE, structures: [elsewhere.idNatStruct] })
    await publisher.drain()
    expect(await state(SERVICE.address)).toMatchObject({ state: 'refused', fault: 'nobody-has-this-identifier', operation: 'insert' })
    const calls = stage.annuaire.calls.length
    now += 90 * MINUTE
    await publisher.drain()
    expect(stage.annuaire.calls.length).toBe(calls)
    stage.annuaire.resources.push(organization(elsewhere))
    await retryPublication(db, SERVICE.address, () => now)
    await publisher.drain()
    expect(await state(SERVICE.address)).toMatchObject({ state: 'published' })
    await expect(retryPublication(db, 'nobody@beta.mssante.example', () => now)).rejects.toThrow('is not in the list')
  })

  test('several have this identifier: the logical id where it is known, the operator otherwise', async () => {
    await create(SERVICE)
    await publisher.drain()
    stage.annuaire.resources.push(organization(place, 'twin'))
    await bals.change(SERVICE.address, { description: 'Jour et nuit' }, BY)
    await publisher.drain()
    expect(patches().slice(1)).toEqual([expect.stringContaining('412 /Organization?'), `200 /Organization/${where.id}`])
    await create({ ...SERVICE, address: 'chirurgie@beta.mssante.example' })
    await publisher.drain()
    expect(await state('chirurgie@beta.mssante.example')).toMatchObject({ state: 'refused', fault: 'several-have-this-identifier' })
  })

  test('published on somebody else, or as another type: not ours to move, nothing is sent', async () => {
    const other = organization(elsewhere)
    other.telecom.push(boxTelecom(SERVICE.address, { type: 'ORG' }))
    where.telecom.push(boxTelecom(DOCTOR.address, { type: 'ORG' }))
    stage.annuaire.resources.push(other)
    await create(SERVICE)
    await create({ ...SERVICE, address: DOCTOR.address, type: 'APP' })
    await publisher.drain()
    expect(await state(SERVICE.address)).toMatchObject({ state: 'refused', fault: 'published-elsewhere' })
    expect(await state(DOCTOR.address)).toMatchObject({ state: 'refused', fault: 'published-as-another-type' })
    expect(patches()).toEqual([])
  })

  test('nothing personal but the address is logged', async () => {
    await create({ ...SERVICE, structures: [elsewhere.idNatStruct] })
    await publisher.drain()
    expect(logged).toEqual([`publication-refused ${SERVICE.address} insert nobody-has-this-identifier 404`])
  })
})

test('boxes from before are found, those already there as they should be are left alone', async () => {
  where.telecom.push(boxTelecom(SERVICE.address, { type: 'ORG', responsible: SERVICE.responsible, description: SERVICE.description }))
  await create(SERVICE)
  await create({ ...SERVICE, address: 'chirurgie@beta.mssante.example' })
  await db.run({ sql: 'DELETE FROM fhir_publication', parameters: [] })
  await publisher.drain()
  expect((await listPublications(db)).map(one => one.state)).toEqual(['published', 'published'])
  expect(patches().length).toBe(1)
})

test('a publisher that runs by itself publishes when the bell rings, and stops', async () => {
  publisher.start()
  await create({ ...SERVICE, structures: [PRACTICES[0]!.idNatStruct] })
  stage.annuaire.resources.push(organization(PRACTICES[0]!))
  publisher.ring()
  await expect.poll(() => holders(SERVICE.address).length).toBe(1)
  await publisher.stop()
  expect(await state(SERVICE.address)).toMatchObject({ state: 'published' })
})
