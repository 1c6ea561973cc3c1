import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../config/database/index.ts'
import { bridgeMigrations } from '../../../dmp-bridge/filing-tables.ts'
import { readOppositionFile } from '../../../dmp-bridge/opposition-import.ts'
import { type Feeding, readStatements } from '../../../dmp-bridge/opposition-message.ts'
import { type Oppositions, openOppositions } from '../../../dmp-bridge/oppositions.ts'
import { corpus, hasCorpus } from '../../support/corpus.ts'
import { samplePatient } from '../../world/letter.ts'
import { startBridgeWorld } from './bridge-world.ts'

const SECRET = Buffer.alloc(32, 1)
const NOW = Date.UTC(2026, 2, 2)
const MATRICULE = samplePatient.ins ?? ''
const message = (zfa9: string, change: { pid3?: string; pid32?: string; end?: string } = {}) => {
  const pid = ['PID', '1', '', change.pid3 ?? `42^^^X&1.2.3&ISO^PI~${MATRICULE}^^^ASIP&1.2.250.1.213.1.4.10&ISO^INS`]
  pid[32] = change.pid32 ?? 'VALI'
  const zfa = ['ZFA', 'ACTIF', '', '', '', '', '', '', '', zfa9, '20260301101500', 'NA']
  return ['MSH|^~\\&|GAM|X|Y|Z|20260301||ADT^A01', Array.from(pid, part => part ?? '').join('|'), zfa.join('|'), ''].join(
    change.end ?? '\r',
  )
}

let db: Database
let register: Oppositions
beforeEach(async () => {
  db = await openDatabase({ file: join(mkdtempSync(join(tmpdir(), 'pli-opposition-')), 'pli.sqlite'), migrations: bridgeMigrations })
  register = openOppositions(db, { secret: SECRET, now: () => NOW })
})
afterEach(() => db.close())

const say = (feeding: Feeding, saidAt: number, validated = true) =>
  register.record([{ matricule: MATRICULE, feeding, saidAt, validated }], 'accueil')

describe('reading a patient administration', () => {
  test.each([
    ['20260301101500', 'INO'],
    ['', 'INO'],
    ['2024', 'IO'], // may be from before the opposition
    ['20261345', 'IO'],
    ['hier', 'IO'],
  ])('what is dated %j leaves %s after an opposition', async (at, stands) => {
    await say('IO', Date.UTC(2026, 1, 1))
    const { statements } = readOppositionFile(message('INO').replace('20260301101500', at), NOW)
    await register.record(statements, 'accueil')
    expect(await register.of(MATRICULE)).toBe(stands)
  })

  test.each(['', '2024', 'hier'])('an opposition dated %j holds all the same', async at => {
    await say('INO', Date.UTC(2026, 1, 1))
    await register.record(readOppositionFile(message('IO').replace('20260301101500', at), NOW).statements, 'accueil')
    expect(await register.of(MATRICULE)).toBe('IO')
  })

  test.each(['\r', '\n', '\r\n'])('segments may end in any way', end => {
    const { statements, unread } = readStatements(message('IO', { end }) + message('INO', { end }))
    expect(statements.map(({ feeding, at, validated }) => [feeding, at, validated])).toEqual([
      ['IO', '20260301101500', true],
      ['INO', '20260301101500', true],
    ])
    expect(statements[0]?.ins).toEqual({ matricule: MATRICULE, oid: '1.2.250.1.213.1.4.10' })
    expect(unread).toEqual([])
  })

  test.each([
    ['not-hl7', 'PID|1'],
    ['no-zfa', message('IO').replace(/ZFA.*/, '')],
    ['unknown-feeding', message('OUI')],
    ['no-ins', message('IO', { pid3: '42^^^X&1.2.3&ISO^PI' })],
    ['bad-ins-key', message('IO', { pid3: `${MATRICULE.slice(0, 13)}00^^^A&1.2.250.1.213.1.4.8&ISO^INS` })],
    ['several-ins', message('IO', { pid3: `1^^^A&1.2.250.1.213.1.4.8&ISO^INS~2^^^A&1.2.250.1.213.1.4.8&ISO^INS` })],
    ['several-patients', message('IO').replace(/PID[^\r]*/, '$&\r$&')],
  ])('what cannot be read is told by its rank and reason: %s', (why, text) => {
    expect(readStatements(message('IO') + text.replace(/^PID/, 'MSH\rPID'))).toMatchObject({ unread: [{ message: 2, why }] })
  })

  test.skipIf(!hasCorpus)('the published examples say what their names say', () => {
    const folder = corpus('hl7v2', 'Consentement_DMP_PAMFR')
    const said = readdirSync(folder)
      .filter(name => name.endsWith('.er7'))
      .map(name => readStatements(readFileSync(join(folder, name), 'utf8')))
    expect(said.flatMap(each => each.unread)).toEqual([])
    expect(said.flatMap(each => each.statements.map(({ feeding }) => feeding)).sort()).toEqual(['INO', 'INO', 'INO', 'IO', 'NA'])
  })
})

describe('the register', () => {
  test('the last word counts, in whichever order they come', async () => {
    expect(await register.of(MATRICULE)).toBeUndefined()
    expect(await say('IO', 20)).toBe(1)
    expect(await say('INO', 10)).toBe(0)
    expect(await register.of(MATRICULE)).toBe('IO')
    expect(await say('INO', 30)).toBe(1)
    expect(await register.of(MATRICULE)).toBe('INO')
  })

  test('of two said at once, the opposition counts', async () => {
    await say('INO', 10)
    await say('IO', 10)
    await say('INO', 10)
    expect(await register.of(MATRICULE)).toBe('IO')
  })

  test('an opposition is taken of any identity, and lifted by a checked one only', async () => {
    await say('IO', 10, false)
    expect(await say('INO', 20, false)).toBe(0)
    expect(await register.of(MATRICULE)).toBe('IO')
    expect(await say('INO', 20)).toBe(1)
  })

  test('a date to come does not shield what was said from a later opposition', async () => {
    await say('INO', NOW + 365 * 86_400_000)
    await say('IO', NOW)
    expect(await register.of(MATRICULE)).toBe('IO')
  })

  test('it holds no number', async () => {
    await say('IO', 10)
    expect(JSON.stringify(await db.run({ sql: 'SELECT * FROM opposition', parameters: [] }))).not.toContain(MATRICULE.slice(0, 13))
  })

  test('under another key, or none, nothing can be told, which is not silence', async () => {
    await say('IO', 10)
    const other = openOppositions(db, { secret: Buffer.alloc(32, 2), now: () => NOW })
    expect(await other.of(MATRICULE)).toBe('unreadable')
    expect(await openOppositions(db, { secret: undefined, now: () => NOW }).of(MATRICULE)).toBe('unreadable')
    // A second key would leave the register unreadable once the first one is put back.
    const statement = { matricule: MATRICULE, feeding: 'INO', saidAt: NOW, validated: true } as const
    await expect(other.record([statement], 'accueil')).rejects.toThrow('kept under another key')
    expect(await other.of(MATRICULE)).toBe('unreadable')
    expect(await register.of(MATRICULE)).toBe('IO')
  })
})

describe('filing', () => {
  test.each([
    ['IO', 'held opposed'],
    ['NA', 'held opposition-not-asked'],
    ['INO', 'filed'],
  ] as const)('%s', async (feeding, state) => {
    await using world = await startBridgeWorld({ patientKey: SECRET })
    await world.send('m1')
    await world.pass(1_000) // read, waiting for its time
    await openOppositions(world.db, { secret: SECRET, now: () => world.now }).record(
      [{ matricule: MATRICULE, feeding, saidAt: world.now, validated: true }],
      'accueil',
    )
    await world.pass(120_000)
    expect(await world.states()).toEqual([state])
    expect(world.dmp.filed).toHaveLength(state === 'filed' ? 1 : 0)
  })

  test('a statement that nobody knows how to read is no leave to file', async () => {
    await using world = await startBridgeWorld({ patientKey: SECRET })
    const register = openOppositions(world.db, { secret: SECRET, now: () => world.now })
    await register.record([{ matricule: MATRICULE, feeding: 'INO', saidAt: world.now, validated: true }], 'accueil')
    await world.db.run({ sql: "UPDATE opposition SET feeding = 'toString'", parameters: [] })
    await world.send('m1')
    await world.pass(120_000)
    expect(await world.states()).toEqual(['held oppositions-unreadable'])
    await world.db.run({ sql: "UPDATE opposition SET feeding = ''", parameters: [] })
    await world.send('m2')
    await world.pass(120_000)
    expect(world.dmp.filed).toEqual([])
  })

  test('nobody can overrule an opposition', async () => {
    await using world = await startBridgeWorld({ patientKey: SECRET })
    await openOppositions(world.db, { secret: SECRET, now: () => world.now }).record(
      [{ matricule: MATRICULE, feeding: 'IO', saidAt: world.now, validated: true }],
      'accueil',
    )
    await world.send('m1')
    await world.pass(120_000)
    const [filing] = await world.bridge.orders.list()
    await world.bridge.orders.release(filing?.id ?? '', { by: 'cli:test' })
    await world.pass(120_000)
    expect(await world.states()).toEqual(['held opposed'])
  })
})
