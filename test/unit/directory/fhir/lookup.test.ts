import { beforeEach, describe, expect, test } from 'vitest'
import { Breaker } from '../../../../directory/fhir/breaker.ts'
import type { FhirFault } from '../../../../directory/fhir/fault.ts'
import { openLookup } from '../../../../directory/fhir/lookup.ts'
import { AnnuaireUnavailable } from '../../../../directory/index.ts'
import { type AnnuaireFault, boxTelecom, organization, practitioner, practitionerRole } from '../../../world/annuaire-simulator/index.ts'
import { publishedAuthor } from '../../../world/people.ts'
import { HOSPITALS } from '../../../world/places.ts'
import { annuaireStage } from './stage.ts'

const DOMAIN = 'beta.mssante.example'
const APP = `application@${DOMAIN}`
const DOCTOR = `nouveau.medecin@${DOMAIN}`
const ROLE = `nouveau.medecin.ch@${DOMAIN}`
const HIDDEN = `liste.rouge@${DOMAIN}`
const NOBODY = `personne@${DOMAIN}`
const DAY = 86_400_000
const [place] = HOSPITALS as [(typeof HOSPITALS)[number]]

const stage = annuaireStage()
let now: number
let faults: FhirFault[]

beforeEach(() => {
  now = Date.parse('2026-11-22T06:30:00Z')
  faults = []
  const who = practitioner(publishedAuthor)
  const where = organization(place)
  const role = practitionerRole(publishedAuthor, who, where)
  where.telecom.push(boxTelecom(APP, { type: 'APP', service: 'Laboratoire' }))
  who.telecom.push(boxTelecom(DOCTOR, { type: 'PER' }), boxTelecom(HIDDEN, { type: 'PER', listeRouge: true }))
  role.telecom.push(boxTelecom(ROLE, { type: 'PER' }))
  stage.annuaire.resources.push(who, where, role)
})

function lookup(options: { timeout?: number; apiKey?: string; anchors?: readonly string[]; breaker?: Breaker; most?: number } = {}) {
  const { timeout = 5000, breaker, most, ...client } = options
  const rest = { ...(breaker && { breaker }), ...(most && { most }) }
  return openLookup({ client: stage.client(client), now: () => now, timeout, cacheFor: DAY, onFault: fault => faults.push(fault), ...rest })
}

const calls = () => stage.annuaire.calls.map(({ path }) => path.replace(/\?.*/, ''))

test('a box is found in each of the three resources, in the words of the extract', async () => {
  const { find } = lookup()
  expect(await find(APP)).toEqual({
    listing: {
      address: APP,
      type: 'APP',
      name: `Laboratoire, ${place.name}`,
      idNatStruct: place.idNatStruct,
      service: 'Laboratoire',
      structure: place.name,
      place: `${place.postcode} ${place.town}`,
    },
    redListed: false,
    at: now,
  })
  expect((await find(DOCTOR))?.listing).toEqual({
    address: DOCTOR,
    type: 'PER',
    name: 'DR Claire EXEMPLE',
    rpps: '01234567897',
    idNatPs: '801234567897',
    profession: 'Médecin',
  })
  expect((await find(ROLE))?.listing).toEqual({ address: ROLE, type: 'PER', name: 'nouveau.medecin.ch' })
  expect(calls()).toEqual(['/Organization', '/Organization', '/Practitioner', '/Organization', '/Practitioner', '/PractitionerRole'])
  expect(stage.annuaire.calls.every(({ status }) => status === 200)).toBe(true)
})

test('a box of the red list is a recipient, and is told from the others', async () => {
  expect(await lookup().find(HIDDEN)).toMatchObject({ listing: { address: HIDDEN }, redListed: true })
})

test('an ordinary e-mail address of a structure is no box, nor is what somebody else holds', async () => {
  const [, where] = stage.annuaire.resources
  const { find } = lookup()
  where!.telecom.push(
    { system: 'email', value: NOBODY },
    { system: 'phone', value: NOBODY, extension: boxTelecom(NOBODY, { type: 'ORG' }).extension! },
  )
  expect(await find(NOBODY)).toBeUndefined()
})

test('a box of somebody who has gone, or that has ended, is listed no more', async () => {
  const [who, where] = stage.annuaire.resources
  const { find } = lookup()
  who!.active = false
  where!.telecom.push({ ...boxTelecom(NOBODY, { type: 'ORG' }), period: { end: '2026-11-01' } })
  expect(await find(DOCTOR)).toBeUndefined()
  expect(await find(NOBODY)).toBeUndefined()
})

test('older resources have the mark alone; a number with a wrong key identifies nobody', async () => {
  const [who] = stage.annuaire.resources
  const { extension, ...telecom } = boxTelecom(NOBODY, { type: 'PER' })
  who!.telecom = [{ ...telecom, extension: extension!.slice(0, 1) }]
  who!.identifier[0]!.value = '801234567890'
  const found = await lookup().find(NOBODY)
  expect(found?.listing).toEqual({ address: NOBODY, type: 'PER', name: 'DR Claire EXEMPLE', profession: 'Médecin' })
})

test('an address with signs that separate elsewhere is asked for as it is', async () => {
  const odd = `o'neil|a$b@${DOMAIN}`
  stage.annuaire.resources[0]!.telecom.push(boxTelecom(odd, { type: 'PER' }))
  expect((await lookup().find(odd))?.listing.address).toBe(odd)
})

describe('what is kept', () => {
  test('a yes is asked once a day, a no once in five minutes', async () => {
    const { find } = lookup()
    await find(APP)
    await find(NOBODY)
    const asked = calls().length
    now += 5 * 60_000 - 1
    expect(find(APP)).toMatchObject({ listing: { address: APP } }) // a value: no promise, no network
    expect(find(NOBODY)).toBeUndefined()
    expect(calls().length).toBe(asked)
    now += 1
    stage.annuaire.resources[0]!.telecom.push(boxTelecom(NOBODY, { type: 'PER' }))
    expect(await find(NOBODY)).toMatchObject({ listing: { address: NOBODY } })
    now += DAY
    stage.annuaire.resources[1]!.telecom = []
    expect(await find(APP)).toBeUndefined()
  })

  test('everybody who asks for an address at the same time waits for one look-up', async () => {
    const { find } = lookup()
    const answers = await Promise.all(Array.from({ length: 50 }, () => find(APP)))
    expect(new Set(answers).size).toBe(1)
    expect(calls()).toEqual(['/Organization'])
  })

  test('the oldest answers make room', async () => {
    const { find } = lookup({ most: 2 })
    for (const address of [APP, DOCTOR, HIDDEN, APP]) await find(address)
    expect(calls().filter(path => path === '/Organization').length).toBe(4)
    expect(find(HIDDEN)).not.toBeInstanceOf(Promise)
  })
})

describe('an outage', () => {
  test('a recipient who was found once stays one while the service is down', async () => {
    const { find } = lookup()
    const answer = await find(APP)
    await find(NOBODY)
    stage.annuaire.setFault('down')
    now += DAY
    expect(await find(APP)).toEqual(answer)
    await expect(Promise.resolve(find(NOBODY))).rejects.toThrow(AnnuaireUnavailable) // a no is not believed beyond its time
    now += 8 * DAY
    await expect(async () => find(APP)).rejects.toThrow(AnnuaireUnavailable)
  })

  test('costs three callers a timeout and then nobody, until a probe finds the service up', async () => {
    const { find } = lookup({ timeout: 1000 })
    stage.annuaire.setFault('silent')
    for (const name of ['a', 'b', 'c']) await expect(Promise.resolve(find(`${name}@${DOMAIN}`))).rejects.toThrow(AnnuaireUnavailable)
    expect(faults.map(({ reason }) => reason)).toEqual(['timeout', 'timeout', 'timeout'])
    const asked = calls().length
    expect(() => find(APP)).toThrow(AnnuaireUnavailable)
    expect(calls().length).toBe(asked)

    stage.annuaire.setFault(undefined)
    now += 5000
    expect(() => find(APP)).toThrow(AnnuaireUnavailable) // the probe is on its way; this caller does not wait for it
    await stage.annuaire.received(asked + 1)
    const found = () => {
      now += 5000 // a probe that was too slow is followed by another
      return find(APP)
    }
    await expect.poll(found, { interval: 5 }).toMatchObject({ listing: { address: APP } })
  })

  const silentOnes: [AnnuaireFault, string][] = [
    ['down', 'unreachable'],
    ['silent', 'timeout'],
    ['http-500', 'failing'],
    ['http-429', 'throttled'],
    ['malformed-json', 'malformed'],
    ['other-resource', 'malformed'],
    ['huge', 'malformed'],
  ]
  test.each(silentOnes)('%s: neither a yes nor a no', async (fault, reason) => {
    stage.annuaire.setFault(fault)
    const { find } = lookup({ timeout: fault === 'silent' ? 150 : 60_000 })
    await expect(Promise.resolve(find(APP))).rejects.toThrow(AnnuaireUnavailable)
    expect(faults.map(one => one.reason)).toEqual([reason])
    expect(faults[0]?.message).not.toContain('@')
  })

  test('the second of three questions failing is no answer either', async () => {
    stage.annuaire.resources.splice(1, 1)
    const { find } = lookup()
    stage.annuaire.setFault(undefined)
    stage.annuaire.resources[0]!.id = '' // no resource has an empty id
    await expect(Promise.resolve(find(DOCTOR))).rejects.toThrow(AnnuaireUnavailable)
  })

  test('a wrong key is an outage that the operator is told of', async () => {
    await expect(Promise.resolve(lookup({ apiKey: 'another' }).find(APP))).rejects.toThrow(AnnuaireUnavailable)
    expect(faults[0]).toMatchObject({ reason: 'unauthorized', status: 401, text: 'login: ESANTE-API-KEY is missing or unknown' })
  })

  test('a server that the configured authorities do not vouch for is told nothing', async () => {
    const { createPki } = await import('../../../world/pki.ts')
    const other = await createPki({ now: new Date(), label: 'OTHER', key: 'ec' })
    await expect(Promise.resolve(lookup({ anchors: other.authorities }).find(APP))).rejects.toThrow(AnnuaireUnavailable)
    expect(faults[0]?.reason).toBe('unreachable')
    expect(calls()).toEqual([])
  })
})

test('the service never counts more than 17 calls in a second, whatever is asked', async () => {
  const { find } = lookup({ timeout: 20_000 })
  await Promise.all(Array.from({ length: 15 }, (_, index) => find(`inconnu${index}@${DOMAIN}`))) // 45 calls
  expect(calls().length).toBe(45)
  expect(stage.annuaire.calls.filter(({ status }) => status === 429)).toEqual([])
  expect(faults).toEqual([])
})

test('an address is asked for over https only', () => {
  expect(() => stage.client({ url: 'http://127.0.0.1:1/fhir/v2' })).toThrow('must be https')
})

test('a clock that was set back keeps neither an answer nor an outage', async () => {
  const breaker = new Breaker({ after: 1, probeMs: 5_000 })
  const { find } = lookup({ breaker })
  const late = `late@${DOMAIN}`
  expect(await find(late)).toBeUndefined()
  breaker.failed(now)
  now -= 365 * DAY
  expect(breaker.takesProbe(now)).toBe(true)
  expect(breaker.takesProbe(now)).toBe(false)
  breaker.answered()
  const before = calls().length
  await find(late)
  expect(calls().length).toBeGreaterThan(before)
})
