import { readFileSync } from 'node:fs'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { corpus, hasCorpus } from '../../support/corpus.ts'
import {
  type AnnuaireSimulator,
  boxTelecom,
  organization,
  practitioner,
  practitionerRole,
  startAnnuaireSimulator,
} from '../../world/annuaire-simulator/index.ts'
import { publishedAuthor } from '../../world/people.ts'
import { createPki } from '../../world/pki.ts'
import { HOSPITALS } from '../../world/places.ts'

const KEY = 'fictional-key'
const METADATA = 'https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/as-ext-mailbox-mss-metadata'
const PER = 'prenom.nom@domain.mssante.fr'
const ORG = 'structure@domain.mssante.fr'
const FINESS = HOSPITALS[0]!.finess
const BY_FINESS = `/Organization?identifier=http://finess.sante.gouv.fr|${FINESS}`

let agent: Agent
let annuaire: AnnuaireSimulator
let now = 0

beforeAll(async () => {
  const pki = await createPki({ now: new Date(), key: 'ec' })
  const issued = await pki.issue({
    kind: 'server',
    commonName: 'annuaire.pli.example',
    organization: 'ANNUAIRE',
    structure: '1999999999',
    key: 'ec',
  })
  agent = new Agent({ connect: { ca: [...pki.authorities] } })
  annuaire = await startAnnuaireSimulator({ tls: { ...issued, chainPem: pki.authorities.slice(1) }, apiKey: KEY, now: () => now })
})
afterAll(async () => {
  await agent.destroy()
  await annuaire.close()
})
beforeEach(() => {
  now += 10_000
  const who = practitioner(publishedAuthor)
  const where = organization(HOSPITALS[0]!)
  annuaire.resources.splice(0, Number.POSITIVE_INFINITY, who, where, practitionerRole(publishedAuthor, who, where))
})

interface Answer {
  status: number
  json: {
    resourceType: string
    total?: number
    entry?: { resource: { id: string } }[]
    link?: { relation: string; url: string }[]
    issue?: { code: string }[]
  }
}

async function call(method: 'GET' | 'PATCH', path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const sent = { 'esante-api-key': KEY, ...(body === undefined ? {} : { 'content-type': 'application/fhir+json' }), ...headers }
  const { statusCode, body: answer } = await request(path.startsWith('https') ? path : annuaire.url + path, {
    method,
    dispatcher: agent,
    headers: sent,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: statusCode, json: (await answer.json()) as Answer['json'] }
}

const get = (path: string) => call('GET', path)
const patch = (path: string, ...operations: object[][]) =>
  call('PATCH', path, { resourceType: 'Parameters', parameter: operations.map(part => ({ name: 'operation', part })) })
const type = (valueCode: string) => ({ name: 'type', valueCode })
const path = (valueString: string) => ({ name: 'path', valueString })
const at = { name: 'index', valueInteger: 0 }
const point = (address: string, box = 'ORG', ...fields: object[]) => ({
  name: 'value',
  valueContactPoint: {
    system: 'email',
    value: address,
    extension: [
      {
        url: METADATA,
        extension: [
          {
            url: 'type',
            valueCodeableConcept: {
              coding: [{ system: 'https://mos.esante.gouv.fr/NOS/TRE_R257-TypeBAL/FHIR/TRE-R257-TypeBAL', code: box }],
            },
          },
          { url: 'listeRouge', valueBoolean: false },
          ...fields,
        ],
      },
    ],
  },
})
const telecom = (address: string) => path(`Organization.telecom.where(value = '${address}')`)
const insert = (address: string, box?: string, ...fields: object[]) => [
  type('insert'),
  path('Organization.telecom'),
  at,
  point(address, box, ...fields),
]

describe.skipIf(!hasCorpus)('the published draft', () => {
  const examples = hasCorpus ? examplesOf(corpus('directory/ig-fhir-api-mss/openapi-balmss.yaml')) : []

  test('has the examples that we know', () => expect(examples.length).toBe(40))

  test.each(examples)('its example is taken: $where $name', async ({ where, value }) => {
    const box = JSON.stringify(value)
    const [carrier = ''] = where.slice(1).split(/[/?]/)
    const resource = annuaire.resources.find(({ resourceType }) => resourceType === carrier)!
    if (!box.includes('"insert"')) {
      const kind = box.includes('"CAB"') ? 'CAB' : box.includes(ORG) ? 'ORG' : 'PER'
      const description = kind === 'ORG' ? { description: 'BAL' } : {}
      resource.telecom.push(boxTelecom(box.includes(ORG) ? ORG : PER, { type: kind, ...description }))
    }
    const condition: Record<string, string> = {
      Practitioner: `?identifier=https://rpps.esante.gouv.fr|${publishedAuthor.person!.rpps}`,
      PractitionerRole: `?practitioner.identifier=urn:oid:1.2.250.1.71.4.2.1|8${publishedAuthor.person!.rpps}&organization.identifier=http://finess.sante.gouv.fr|${FINESS}`,
      Organization: `?identifier=urn:oid:1.2.250.1.71.4.2.2|1${FINESS}`,
    }
    const target = where.endsWith('/{id}') ? `/${carrier}/${resource.id}` : `/${carrier}${condition[carrier]}`
    expect(await call('PATCH', target, value)).toMatchObject({ status: 200, json: { resourceType: carrier, id: resource.id } })
  })
})

interface Example {
  where: string
  name: string
  value: unknown
}

function examplesOf(file: string): Example[] {
  type Api = {
    paths: Record<string, { patch?: { requestBody: { content: Record<string, { examples: Record<string, { value: unknown }> }> } } }>
  }
  return Object.entries((parse(readFileSync(file, 'utf8')) as Api).paths).flatMap(([where, { patch: operation }]) =>
    Object.entries(operation?.requestBody.content['application/fhir+json']?.examples ?? {}).map(([name, { value }]) => ({
      where,
      name,
      value,
    })),
  )
}

describe('who may ask', () => {
  test('nobody without the key', async () => {
    const answer = await call('GET', `/Organization?mailbox-mss:exact=${ORG}`, undefined, { 'esante-api-key': 'another' })
    expect(answer).toMatchObject({ status: 401, json: { resourceType: 'OperationOutcome' } })
  })

  test('17 times a second', async () => {
    const ask = () => get(`/Organization?mailbox-mss:exact=${ORG}`).then(({ status }) => status)
    const first = await Promise.all(Array.from({ length: 18 }, ask))
    expect(first.filter(status => status === 200).length).toBe(17)
    expect(first.filter(status => status === 429).length).toBe(1)
    now += 999
    expect(await ask()).toBe(429)
    now += 1
    expect(await ask()).toBe(200)
  })
})

describe('a search', () => {
  test.each([
    `/Organization?mailbox-mss:exact=${ORG}&name=x`,
    `/Organization?mailbox-mss-type=PER&mailbox-mss:exact=${ORG}`,
    '/Organization?mailbox-mss:exact=somebody@example.com',
    '/Organization',
    `/Organization?mailbox-mss:exact=${ORG},${PER}`,
    `/?_type=Practitioner,Organization&mailbox-mss:exact=${ORG}`,
  ])('is refused: %s', async where => {
    expect((await get(where)).status).toBeGreaterThanOrEqual(400)
  })

  test('finds boxes only, as whole or as elements, in pages', async () => {
    const where = annuaire.resources[1]!
    where.telecom.push({ system: 'email', value: 'autre@domain.mssante.fr' })
    expect((await get('/Organization?mailbox-mss:exact=autre@domain.mssante.fr')).json).toMatchObject({ total: 0 })
    annuaire.resources.push({ ...organization(HOSPITALS[1]!), telecom: [boxTelecom('b@domain.mssante.fr', { type: 'ORG' })] })
    where.telecom.push(boxTelecom(ORG, { type: 'ORG' }))
    const { json } = await get('/Organization?mailbox-mss:contains=@domain&_count=1&_elements=telecom')
    expect(Object.keys(json.entry![0]!.resource).sort()).toEqual(['id', 'meta', 'resourceType', 'telecom'])
    const next = json.link!.find(({ relation }) => relation === 'next')!
    expect((await get(next.url)).json.entry![0]!.resource.id).toBe(HOSPITALS[1]!.finess)
  })
})

describe('a patch', () => {
  const first = () => annuaire.resources[1]!.telecom[0]!
  const field = (name: string, end = '.value') =>
    path(`Organization.telecom.where(value = '${ORG}').extension('${METADATA}').extension('${name}')${end}`)
  const value = (text: string) => ({ name: 'value', valueString: text })

  beforeEach(() => void annuaire.resources[1]!.telecom.unshift(boxTelecom(ORG, { type: 'ORG', description: 'BAL' })))

  const refused: [string, object[]][] = [
    ['another address', [type('replace'), telecom(ORG), point('autre@domain.mssante.fr')]],
    ['another type', [type('replace'), telecom(ORG), point(ORG, 'APP')]],
    ['another type, alone', [type('replace'), field('type'), value('APP')]],
    ['another address, alone', [type('replace'), path(`Organization.telecom.where(value = '${ORG}').value`), value(PER)]],
    ['a text that is not there', [type('replace'), field('service'), value('Urgences')]],
    ['a value of another kind', [type('replace'), field('description'), { name: 'value', valueBoolean: true }]],
    ['an empty text', [type('replace'), field('description'), value(' ')]],
    ['a box that is not there', [type('delete'), telecom(PER)]],
    ['a part of a box', [type('delete'), field('description', '')]],
    ['a second box of this address', insert(ORG)],
    ['an address outside the space', insert('somebody@example.com')],
    ['a type of persons', insert('autre@domain.mssante.fr', 'PER')],
    ['a field that no box has', insert('autre@domain.mssante.fr', 'ORG', { url: 'phone', valueString: '01' })],
    ['no index', insert('autre@domain.mssante.fr').filter(part => part !== at)],
    ['the path of another resource', [type('delete'), path(`Practitioner.telecom.where(value = '${ORG}')`)]],
    ['an operation of another kind', [type('move'), telecom(ORG)]],
  ]
  test.each(refused)('is refused, and changes nothing: %s', async (_, part) => {
    const before = JSON.stringify(annuaire.resources)
    const legitimate = [type('replace'), field('description'), value('avant')]
    expect(await patch(BY_FINESS, legitimate, part)).toMatchObject({ status: 400, json: { resourceType: 'OperationOutcome' } })
    expect(JSON.stringify(annuaire.resources)).toBe(before)
  })

  test('of several operations is made whole', async () => {
    const operations = [[type('replace'), field('description'), value('après')], insert("l'autre@domain.mssante.fr")]
    expect((await patch(BY_FINESS, ...operations)).status).toBe(200)
    expect(first().value).toBe("l'autre@domain.mssante.fr")
    expect((await patch(BY_FINESS, [type('delete'), telecom("l\\'autre@domain.mssante.fr")])).status).toBe(200)
    expect(JSON.stringify(first())).toContain('après')
  })

  test('finds one resource, or says why not', async () => {
    const nobody = [type('delete'), telecom(ORG)]
    expect(await patch('/Organization?identifier=http://finess.sante.gouv.fr|000000000', nobody)).toMatchObject({ status: 404 })
    expect(await patch('/Organization/000', nobody)).toMatchObject({ status: 404 })
    expect(await patch('/Organization?identifier=https://example.com|1', nobody)).toMatchObject({ status: 400 })
    expect(await patch('/Organization', nobody)).toMatchObject({ status: 400 })
    annuaire.resources.push(organization(HOSPITALS[0]!, 'twin'))
    expect(await patch(BY_FINESS, nobody)).toMatchObject({ status: 412, json: { issue: [{ code: 'conflict' }] } })
    expect(await patch(`/Organization/${FINESS}`, nobody)).toMatchObject({ status: 200 })
  })

  test('must be FHIR', async () => {
    expect((await call('PATCH', BY_FINESS, '{', {})).status).toBe(400)
    expect((await call('PATCH', BY_FINESS, {}, {})).status).toBe(400)
    expect((await call('PATCH', BY_FINESS, [], { 'content-type': 'application/json-patch+json' })).status).toBe(400)
  })
})
