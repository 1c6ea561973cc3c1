import { request as plainRequest } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { adminEndpoints } from '../../../directory/index.ts'
import { openOppositions } from '../../../dmp-bridge/index.ts'
import { oppositionEndpoints } from '../../../gateway/http/oppositions.ts'
import { withLuhn } from '../../world/letter.ts'
import { balOf, publishedAuthor } from '../../world/people.ts'
import { type AdminWorld, DOMAIN, openAdminWorld } from './admin-world.ts'

const { idNatPs: _, ...DOCTOR } = balOf(publishedAuthor)
const FINESS = '1750803447'
const SERVICE = { address: `chirurgie@${DOMAIN}`, type: 'ORG', name: 'Chirurgie', structures: [FINESS], responsible: 'Dr Maud FICTIVE' }
const SOFTWARE = { ...SERVICE, address: `logiciel@${DOMAIN}`, type: 'APP', name: 'Dossier patient' }
const box = (address: string, rest = '') => `/v1/boxes/${encodeURIComponent(address)}${rest}`

let world: AdminWorld
beforeEach(async () => {
  world = await openAdminWorld()
})
afterEach(() => world[Symbol.asyncDispose]())

const post = (path: string, body?: unknown) => world.ask({ method: 'POST', path, body })
const actions = async () => (await world.administration.audit.list()).map(({ by, action, object, result }) => [by, action, object, result])

describe('boxes over HTTPS', () => {
  test('a box is created, shown, changed, suspended, resumed and closed; each step stands in the audit log with the token’s name', async () => {
    const created = await post('/v1/boxes', { ...SERVICE, purposes: ['results'] })
    expect(created.status).toBe(201)
    expect(created.json.password).toMatch(/^[\w-]{24}$/)
    expect(created.json.box).toMatchObject({ ...SERVICE, state: 'open', purposes: ['results'], redListed: false, revision: 1 })
    const changed = await world.ask({ method: 'PATCH', path: box(SERVICE.address), body: { redListed: true, service: 'Bloc' } })
    expect(changed).toMatchObject({ status: 200, json: { redListed: true, service: 'Bloc' } })
    expect((await post(box(SERVICE.address, '/suspend'))).json).toMatchObject({ state: 'suspended', suspendedAt: world.now })
    expect((await post(box(SERVICE.address, '/resume'))).json).toMatchObject({ state: 'open' })
    expect((await post(box(SERVICE.address, '/close'))).json).toMatchObject({ state: 'closed', closedAt: world.now })
    expect((await world.ask({ path: '/v1/boxes?state=closed' })).json).toEqual({
      boxes: [(await world.ask({ path: box(SERVICE.address) })).json],
    })
    expect((await world.ask({ path: '/v1/boxes?state=open' })).json).toEqual({ boxes: [] })
    const [by, object] = ['token:console', SERVICE.address]
    expect((await actions()).slice(1)).toEqual([
      [by, 'box.create', object, 'done'],
      [by, 'api.createBox', object, 'done'],
      [by, 'box.change', object, 'done'],
      [by, 'api.changeBox', object, 'done'],
      [by, 'box.suspend', object, 'done'],
      [by, 'api.suspendBox', object, 'done'],
      [by, 'box.resume', object, 'done'],
      [by, 'api.resumeBox', object, 'done'],
      [by, 'box.close', object, 'done'],
      [by, 'api.closeBox', object, 'done'],
      [by, 'api.listBoxes', '', 'done'],
      [by, 'api.showBox', object, 'done'],
      [by, 'api.listBoxes', '', 'done'],
    ])
    expect(await world.administration.audit.verify()).toMatchObject({ lines: 14 })
    expect(JSON.stringify(await world.administration.audit.list())).not.toContain(created.json.password)
  })

  test('delegates, purposes, the declaration and a password', async () => {
    await post('/v1/boxes', DOCTOR)
    await post('/v1/boxes', SERVICE)
    const delegate = box(SERVICE.address, `/delegates/${encodeURIComponent(DOCTOR.address)}`)
    expect((await world.ask({ method: 'PUT', path: delegate })).json).toMatchObject({ delegates: [DOCTOR.address] })
    expect((await world.ask({ method: 'DELETE', path: delegate })).json).toMatchObject({ delegates: [] })
    const purposes = { method: 'PUT', path: box(SERVICE.address, '/purposes') }
    expect((await world.ask({ ...purposes, body: { purposes: ['secretariat', 'results'] } })).json.purposes).toEqual([
      'results',
      'secretariat',
    ])
    expect((await post(box(DOCTOR.address, '/declare'))).json).toMatchObject({ declaredAt: world.now })
    expect((await post(box(DOCTOR.address, '/retract'))).json).not.toHaveProperty('declaredAt')
    const { password } = (await post(box(DOCTOR.address, '/password'))).json as { password: string }
    expect(password).toMatch(/^[\w-]{24}$/)
    expect((await post(box(DOCTOR.address, '/password'))).json.password).not.toBe(password)
  })

  test('many changes at once are all made, or told to come again', async () => {
    await post('/v1/boxes', SERVICE)
    const change = (name: string) => world.ask({ method: 'PATCH', path: box(SERVICE.address), body: { name } })
    const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => change(`Chirurgie ${at}`)))
    expect(answers.filter(({ status }) => status !== 200 && status !== 412)).toEqual([])
    const made = answers.filter(({ status }) => status === 200).length
    expect((await world.ask({ path: box(SERVICE.address) })).json.revision).toBe(1 + made)
    expect((await world.administration.audit.verify()).fault).toBeUndefined()
  })

  test('certificates of an application: the OU is one of its structures', async () => {
    await post('/v1/boxes', SOFTWARE)
    const dn = `CN=Dossier,OU=${FINESS},O=CLINIQUE FICTIVE,ST=Paris (75),C=FR`
    expect((await post(box(SOFTWARE.address, '/certificates'), { dn })).json).toMatchObject({ certificates: [dn] })
    const foreign = dn.replace(FINESS, `1${withLuhn('75999907')}`)
    expect(await post(box(SOFTWARE.address, '/certificates'), { dn: foreign })).toMatchObject({
      status: 422,
      json: { reason: 'certificate' },
    })
    const gone = { method: 'DELETE', path: box(SOFTWARE.address, `/certificates?dn=${encodeURIComponent(dn)}`) }
    expect((await world.ask(gone)).json).toMatchObject({ certificates: [] })
  })
})

describe('a refusal says why', () => {
  test.each([
    [404, 'unknown-box', 'GET', '/v1/boxes/nobody%40alpha.mssante.example', undefined],
    [404, 'unknown-box', 'POST', '/v1/boxes/nobody%40alpha.mssante.example/suspend', undefined],
    [404, 'no-such-operation', 'GET', '/v1/nothing', undefined],
    [404, 'no-such-operation', 'PUT', '/v1/boxes', {}],
    [409, 'address-taken', 'POST', '/v1/boxes', SERVICE],
    [409, 'reserved', 'POST', `/v1/boxes/postmaster%40${DOMAIN}/close`, undefined],
    [409, 'delegate', 'PUT', `/v1/boxes/chirurgie%40${DOMAIN}/delegates/nobody%40${DOMAIN}`, undefined],
    [422, 'domain', 'POST', '/v1/boxes', { ...SERVICE, address: 'chirurgie@elsewhere.example' }],
    [422, 'form', 'PATCH', `/v1/boxes/chirurgie%40${DOMAIN}`, { address: `autre@${DOMAIN}` }],
    [422, 'form', 'PATCH', `/v1/boxes/chirurgie%40${DOMAIN}`, { type: 'PER' }],
    [422, 'form', 'GET', '/v1/boxes?state=half', undefined],
    [422, 'form', 'GET', '/v1/boxes?type=PER&type=ORG', undefined],
    [400, 'not-json', 'POST', '/v1/boxes', '{"address":'],
    [413, 'too-long', 'POST', '/v1/boxes', { name: 'x'.repeat(70_000) }],
  ])('%i %s to %s %s', async (status, reason, method, path, body) => {
    await post('/v1/boxes', SERVICE)
    const answer = await world.ask({ method, path, body })
    expect(answer).toMatchObject({ status, json: { status, reason, detail: expect.stringMatching(/\w/) } })
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect((await actions()).at(-1)?.at(-1)).toBe('refused')
  })

  test('422 lists every fault, of the form and of the rules', async () => {
    const form = await post('/v1/boxes', { address: 'x', type: 'XXX', name: '', structures: [1], colour: 'red' })
    expect(form.status).toBe(422)
    expect((form.json.faults as { field: string }[]).map(({ field }) => field)).toEqual(['address', 'type', 'name', 'structures.0', ''])
    const rules = await post('/v1/boxes', { ...SERVICE, responsible: undefined, structures: ['1750803440'], rpps: '10000000000' })
    expect(rules.status).toBe(422)
    expect((rules.json.faults as { reason: string }[]).map(({ reason }) => reason)).toEqual(['structures', 'rpps', 'responsible'])
  })

  test('a body that is not said to be JSON is not read', async () => {
    const answer = await world.ask({
      method: 'POST',
      path: '/v1/boxes',
      body: JSON.stringify(SERVICE),
      headers: { 'Content-Type': 'text/plain' },
    })
    expect(answer).toMatchObject({ status: 415, json: { reason: 'not-json' } })
  })

  test('a closed box refuses every change, and its address is never given again', async () => {
    await post('/v1/boxes', SERVICE)
    await post(box(SERVICE.address, '/close'))
    expect(await post(box(SERVICE.address, '/resume'))).toMatchObject({ status: 409, json: { reason: 'closed' } })
    expect(await post('/v1/boxes', SERVICE)).toMatchObject({ status: 409, json: { reason: 'address-taken' } })
  })
})

test('of two administrators who read the same box, the second is told that it has changed', async () => {
  await post('/v1/boxes', SERVICE)
  const etag = (await world.ask({ path: box(SERVICE.address) })).headers.etag as string
  const change = (body: object) => world.ask({ method: 'PATCH', path: box(SERVICE.address), body, headers: { 'If-Match': etag } })
  const answers = await Promise.all([change({ name: 'Bloc A' }), change({ name: 'Bloc B' })])
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 412])
  const winner = answers.find(({ status }) => status === 200)
  expect((await world.ask({ path: box(SERVICE.address) })).json.name).toBe(winner?.json.name)
  expect(await change({ name: 'Bloc C' })).toMatchObject({ status: 412, json: { reason: 'revision' } })
})

test('what is asked of a patient, or of anything else than an address of ours, leaves no word of it in the audit log', async () => {
  await world.ask({ path: box('185057800608436@patient.mssante.fr') })
  await post(box('MARTIN Anne', '/suspend'))
  await post('/v1/boxes', { ...SERVICE, address: '185057800608436@patient.mssante.fr' })
  await world.ask({ path: box(`nobody@${DOMAIN.toUpperCase()}`) })
  expect((await world.administration.audit.list()).slice(1).map(({ action, object, result }) => [action, object, result])).toEqual([
    ['api.showBox', '', 'refused'],
    ['api.suspendBox', '', 'refused'],
    ['api.createBox', '', 'refused'],
    ['api.showBox', `nobody@${DOMAIN.toUpperCase()}`, 'refused'],
  ])
})

describe('tokens', () => {
  test.each([
    ['none', undefined],
    ['a wrong one', 'pli_x'],
    ['an empty one', ''],
  ])('%s: nothing is shown, not even which operations there are', async (_, token) => {
    for (const path of ['/v1/boxes', '/v1/nothing', '/openapi.json']) {
      const answer = await world.ask({ path, token })
      expect(answer).toMatchObject({ status: 401, json: { reason: 'token' } })
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="pli"')
    }
    await world.notes.flush()
    expect((await actions()).slice(1)).toEqual([['network:127.0.0.1', 'api.token', '', 'refused']])
  })

  test('a revoked one and one that has ended no longer open', async () => {
    const { tokens } = world.administration
    const short = await tokens.create('short', 'test:maud', world.now + 1_000)
    const other = await tokens.create('other', 'test:maud')
    const status = async (token: string) => (await world.ask({ path: '/v1/boxes', token })).status
    expect([await status(short), await status(other)]).toEqual([200, 200])
    await tokens.revoke('other', 'test:maud')
    world.now += 1_000
    expect([await status(short), await status(other), await status(other)]).toEqual([401, 401, 401])
    await world.notes.flush()
    const refused = (await world.administration.audit.list()).filter(({ action }) => action === 'api.token')
    expect(refused).toMatchObject([
      { by: 'network:127.0.0.1', object: 'short', result: 'refused', detail: { why: 'expired', count: '1' } },
      { by: 'network:127.0.0.1', object: 'other', result: 'refused', detail: { why: 'revoked', count: '1' } },
    ])
    await expect(tokens.revoke('other', 'test:maud')).rejects.toThrow('no token other in use')
    await expect(tokens.create('other', 'test:maud')).rejects.toThrow('take another name')
  })

  test('the rows hold no token', async () => {
    const rows = await world.db.run({ sql: 'SELECT * FROM admin_token', parameters: [] })
    expect(JSON.stringify(rows)).not.toContain(world.token.slice(4))
    expect(rows).toMatchObject([{ name: 'console', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }])
  })

  test('each failure is slower than the one before, is logged, and never slows a right token', async () => {
    for (let count = 0; count < 8; count++) await world.ask({ path: '/v1/boxes', token: 'pli_guess' })
    expect(world.waited).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000])
    expect((await world.ask({ path: '/v1/boxes' })).status).toBe(200)
    expect(world.waited.length).toBe(8)
    const refused = world.events.filter(({ event }) => event === 'http-token-refused')
    expect(refused.at(-1)?.detail).toEqual({ source: '127.0.0.1', count: 8 })
    world.now += 900_000
    await world.ask({ path: '/v1/boxes', token: 'pli_guess' })
    expect(world.waited.at(-1)).toBe(250)
  })

  test('when too many failures wait, the next ones are sent away at once', async () => {
    world.holding = true
    const all = world.waiting(20)
    const held = Array.from({ length: 20 }, () => world.ask({ path: '/v1/boxes', token: 'pli_guess' }))
    await all
    const answer = await world.ask({ path: '/v1/boxes', token: 'pli_guess' })
    expect(answer).toMatchObject({ status: 429, json: { reason: 'too-many' } })
    expect(answer.headers['retry-after']).toBe('60')
    expect((await world.ask({ path: '/v1/boxes' })).status).toBe(200)
    world.letGo()
    expect((await Promise.all(held)).every(({ status }) => status === 401)).toBe(true)
  })
})

test('every answer forbids to be kept, framed or guessed at, and the log names neither path nor box', async () => {
  await post('/v1/boxes', SERVICE)
  const { headers } = await world.ask({ path: box(SERVICE.address) })
  expect(headers).toMatchObject({
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'strict-transport-security': 'max-age=31536000',
    'x-content-type-options': 'nosniff',
  })
  expect(world.events.at(-1)).toEqual({ event: 'http', detail: { operation: 'showBox', by: 'token:console', status: 200, ms: 0 } })
  expect(JSON.stringify(world.events)).not.toContain('chirurgie')
})

test('a call that the audit log can’t take has no answer', async () => {
  await post('/v1/boxes', SERVICE)
  await world.db.run({ sql: 'ALTER TABLE audit RENAME TO gone', parameters: [] })
  const answer = await world.ask({ path: box(SERVICE.address) })
  expect(answer).toMatchObject({ status: 500, json: { reason: 'internal' } })
  expect(answer.text).not.toContain('Chirurgie')
})

test('the port speaks TLS only', async () => {
  const plain = new Promise((resolve, reject) => {
    plainRequest({ host: '127.0.0.1', port: world.port, path: '/v1/boxes', headers: { Authorization: `Bearer ${world.token}` } }, resolve)
      .on('error', reject)
      .end()
  })
  await expect(plain).rejects.toThrow(/socket hang up|ECONNRESET/)
})

describe('the OpenAPI document', () => {
  interface Document {
    openapi: string
    paths: Record<string, Record<string, { operationId: string; responses: object }>>
    components: { schemas: Record<string, { properties: Record<string, unknown> }> }
  }
  const read = async () => (await world.ask({ path: '/openapi.json' })).json as unknown as Document

  test('has every operation of the API, and every one that it has answers', async () => {
    const document = await read()
    expect(document.openapi).toBe('3.1.0')
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { operationId }]) => `${method} ${path} ${operationId}`),
    )
    const { admin, audit } = world.administration
    const oppositions = openOppositions(world.db, { secret: undefined, now: () => world.now })
    const endpoints = [...adminEndpoints(admin, audit), ...oppositionEndpoints({ oppositions, now: () => world.now })]
    const served = endpoints.map(({ method, path, id }) => `${method} ${path} ${id}`)
    expect(described.sort()).toEqual([...served, 'get /openapi.json openapi'].sort())
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, { operationId }] of Object.entries(operations)) {
        const body = ['post', 'put', 'patch'].includes(method) ? {} : undefined
        await world.ask({ method: method.toUpperCase(), path: path.replaceAll(/\{\w+\}/g, 'nobody%40alpha.mssante.example'), body })
        expect((await actions()).at(-1)?.[1]).toBe(`api.${operationId}`)
      }
    }
  })

  test('describes what is checked and what is answered, and points nowhere outside itself', async () => {
    const document = await read()
    expect(Object.keys(document.components.schemas).sort()).toEqual([
      'AuditLine',
      'Box',
      'BoxChanges',
      'NewBox',
      'OppositionImport',
      'Problem',
    ])
    const { Box, NewBox, BoxChanges } = document.components.schemas
    const shown = (await post('/v1/boxes', DOCTOR)).json.box as object
    for (const field of Object.keys(shown)) expect(Box?.properties).toHaveProperty(field)
    expect(NewBox).toMatchObject({ additionalProperties: false, required: ['address', 'type', 'name'] })
    expect(Object.keys(BoxChanges?.properties ?? {})).not.toContain('address')
    const text = JSON.stringify(document)
    for (const [, name] of text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g))
      expect(document.components.schemas).toHaveProperty(name as string)
    expect(text).not.toContain('$defs')
    expect(document.paths['/v1/boxes/{address}']?.patch?.responses).toHaveProperty('412')
  })
})
