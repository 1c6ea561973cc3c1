import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { corpus, hasCorpus } from '../../support/corpus.ts'
import { samplePatient } from '../../world/letter.ts'
import { type AdminWorld, openAdminWorld } from './admin-world.ts'

const INS = samplePatient.ins!
const OID = samplePatient.insOid
const ER7 = { 'Content-Type': 'x-application/hl7-v2+er7' }

let world: AdminWorld
beforeEach(async () => {
  world = await openAdminWorld()
})
afterEach(() => world[Symbol.asyncDispose]())

const post = (path: string, body: unknown, headers = {}) => world.ask({ method: 'POST', path: `/v1/oppositions${path}`, body, headers })
const said = async () => (await post('/question', { ins: INS, oid: OID })).json
const message = (zfa9: string, at: string, valid = 'VALI') => {
  const pid = Object.assign(
    Array.from({ length: 33 }, () => ''),
    { 0: 'PID', 3: `${INS}^^^ASIP&${OID}&ISO^INS`, 32: valid },
  ).join('|')
  return ['MSH|^~\\&|GAM|X|Y|Z|20260301||ADT^A31', pid, `ZFA|ACTIF||||||||${zfa9}|${at}|NA`, ''].join('\r')
}

describe('statements', () => {
  test('an opposition is recorded, found, and lifted by a checked identity only', async () => {
    expect(await said()).toEqual({ feeding: 'none' })
    const opposed = { ins: INS, oid: OID, feeding: 'IO', saidAt: '2026-01-05T10:00:00+01:00' }
    expect(await post('', opposed)).toMatchObject({ status: 200, json: { recorded: true, feeding: 'IO' } })
    expect((await post('', opposed)).json).toEqual({ recorded: false, feeding: 'IO' })
    expect((await post('', { ...opposed, feeding: 'INO', saidAt: undefined })).json).toEqual({ recorded: false, feeding: 'IO' })
    expect((await post('', { ins: INS, oid: OID, feeding: 'INO', qualified: true })).json).toEqual({ recorded: true, feeding: 'INO' })
    expect(await said()).toEqual({ feeding: 'INO' })
  })

  test.each([
    ['bad-ins-key', { ins: `${INS.slice(0, 13)}00`, oid: OID, feeding: 'IO' }],
    ['no-ins', { ins: INS, oid: '1.2.3', feeding: 'IO' }],
    ['form', { ins: INS, oid: OID, feeding: 'OUI' }],
    ['form', { ins: INS, oid: OID, feeding: 'IO', saidAt: 'hier' }],
    ['form', { ins: INS, oid: OID, feeding: 'IO', name: 'MARTIN' }],
  ])('%s: refused, and the answer quotes nothing', async (reason, body) => {
    const answer = await post('', body)
    expect(answer).toMatchObject({ status: 422, json: { reason } })
    expect(answer.text).not.toMatch(new RegExp(`${INS.slice(0, 13)}|MARTIN|hier|OUI`))
    expect(await said()).toEqual({ feeding: 'none' })
  })
})

describe('messages and files', () => {
  test('one HL7 message, then a batch whose faults are told by line', async () => {
    expect((await post('/import', message('IO', '20260301101500'), ER7)).json).toEqual({ statements: 1, recorded: 1, unread: 0, lines: [] })
    expect(await said()).toEqual({ feeding: 'IO' })
    const batch = ['FHS|^~\\&|GAM', 'BHS|^~\\&|GAM', message('INO', '20260302'), message('PEUT-ETRE', '20260303'), 'BTS|2', 'FTS|1'].join(
      '\r',
    )
    world.now = Date.UTC(2026, 2, 4)
    const answer = await post('/import', batch, ER7)
    expect(answer.json).toEqual({ statements: 1, recorded: 1, unread: 1, lines: [{ line: 7, why: 'unknown-feeding' }] })
    expect(answer.text).not.toContain(INS)
  })

  test('lines of JSON', async () => {
    const line = JSON.stringify({ ins: INS, oid: OID, feeding: 'IO', saidAt: '2026-01-01T00:00:00Z' })
    const wrong = line.replace('"IO"', '"?"')
    const answer = await post('/import', [line, '', wrong, '{"ins":', line].join('\n'), { 'Content-Type': 'application/x-ndjson' })
    const lines = [
      { line: 3, why: 'form' },
      { line: 4, why: 'not-json' },
    ]
    expect(answer.json).toEqual({ statements: 2, recorded: 1, unread: 2, lines })
  })

  test('a file that says nothing is refused; one of another type, or too long, too', async () => {
    expect(await post('/import', 'Bonjour', ER7)).toMatchObject({
      status: 422,
      json: { reason: 'unread', faults: [{ reason: 'not-hl7' }] },
    })
    expect(await post('/import', '{}', { 'Content-Type': 'application/json' })).toMatchObject({ status: 415 })
    expect(await post('', { ins: 'x'.repeat(70_000), oid: OID, feeding: 'IO' })).toMatchObject({ status: 413 })
    expect(await post('/import', `${'x'.repeat(200_000)}`, ER7)).toMatchObject({ status: 422 }) // a file may be longer than a form
  })

  test.skipIf(!hasCorpus)('the published examples', async () => {
    const folder = corpus('hl7v2', 'Consentement_DMP_PAMFR')
    const files = readdirSync(folder).filter(name => name.endsWith('.er7'))
    const answer = await post('/import', files.map(name => readFileSync(join(folder, name), 'utf8')).join('\r'), ER7)
    expect(answer.json).toMatchObject({ statements: 5, unread: 0 })
  })

  test('many are recorded', async () => {
    const line = (at: number) =>
      JSON.stringify({ ins: INS, oid: OID, feeding: 'IO', saidAt: new Date(Date.UTC(2025, 0, 1) + at).toISOString() })
    const text = Array.from({ length: 1_200 }, (_, at) => line(at)).join('\n')
    expect((await post('/import', text, { 'Content-Type': 'text/plain' })).json).toMatchObject({ statements: 1_200, recorded: 1_200 })
  })
})

test('who did what is written down, the patient under a keyed hash', async () => {
  await post('', { ins: INS, oid: OID, feeding: 'IO' })
  await said()
  await post('/import', message('INO', '20200101'), ER7)
  const lines = (await world.administration.audit.list()).filter(({ action }) => action.startsWith('api.'))
  expect(lines).toMatchObject([
    {
      by: 'token:console',
      action: 'api.recordOpposition',
      object: expect.stringMatching(/^patient:[\w-]{22}$/),
      detail: { recorded: 'true' },
    },
    { by: 'token:console', action: 'api.askOpposition', object: lines[0]?.object },
    { by: 'token:console', action: 'api.importOppositions', object: '', detail: { statements: '1', recorded: '0', unread: '0' } },
  ])
  const everything = JSON.stringify([lines, world.events, await world.db.run({ sql: 'SELECT * FROM opposition', parameters: [] })])
  expect(everything).not.toContain(INS.slice(0, 13))
})

test('the OpenAPI document describes them', async () => {
  const { paths } = (await world.ask({ path: '/openapi.json' })).json as {
    paths: Record<string, { post: { requestBody: { content: object } } }>
  }
  expect(Object.keys(paths).filter(path => path.startsWith('/v1/oppositions'))).toHaveLength(3)
  expect(Object.keys(paths['/v1/oppositions/import']!.post.requestBody.content)).toContain('x-application/hl7-v2+er7')
})
