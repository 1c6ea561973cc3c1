import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../config/index.ts'
import { type Audit, auditMigrations, openAudit } from '../../../crypto/index.ts'
import { BalFault, type Bals, type BalType, directoryMigrations, type NewBal, openBals, parseDn } from '../../../directory/index.ts'
import { withLuhn } from '../../world/letter.ts'
import { ANNE, at, CLAIRE, FINESS, NEW, PAUL, SIRET } from './bal-samples.ts'

const NOW = Date.parse('2026-11-20T08:00:00Z')
const PASSWORD = 'correct horse battery'
const BY = 'test:maud'
const PAUL_BOX: NewBal = { address: at('paul'), type: 'PER', name: 'M. Paul FICTIF', structures: [], rpps: PAUL }
const ANNE_BOX: NewBal = { address: at('anne'), type: 'PER', name: 'Mme Anne FICTIVE', structures: [], rpps: ANNE }

let folder: string
let db: Database
let bals: Bals
let audit: Audit
let now: number

const migrations = [...auditMigrations, ...directoryMigrations]
const opened = (database: Database): Bals =>
  openBals(database, {
    now: () => now,
    hash: async password => `hash of ${password}`,
    verify: async (hash, password) => hash === `hash of ${password}`,
    audit: openAudit(database, { now: () => now }),
  })

beforeEach(async () => {
  now = NOW
  folder = mkdtempSync(join(tmpdir(), 'pli-bal-rules-'))
  db = await openDatabase({ file: join(folder, 'pli.db'), migrations })
  bals = opened(db)
  audit = openAudit(db, { now: () => now })
})

afterEach(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

const create = (...boxes: NewBal[]) => Promise.all(boxes.map(box => bals.create(box, PASSWORD, BY)))
/** @returns the reasons of everything that was wrong */
const faults = (work: Promise<unknown>) =>
  work.then(
    () => [],
    error => {
      if (error instanceof BalFault) return error.faults.map(({ reason }) => reason)
      throw error
    },
  )
const actions = async () => (await audit.list()).map(({ action, object, by }) => `${action} ${object} ${by}`)

describe('a new box', () => {
  test.each(Object.keys(NEW) as BalType[])('%s is found with what it is', async type => {
    await create(NEW[type])
    expect(await bals.find(NEW[type].address)).toMatchObject({
      ...NEW[type],
      redListed: false,
      paperless: false,
      purposes: [],
      delegates: [],
      certificates: [],
      revision: 1,
      holders: NEW[type].holders ?? (NEW[type].rpps ? [CLAIRE] : []),
      ...(NEW[type].rpps && { idNatPs: `8${CLAIRE}` }),
    })
  })

  test('that breaks a rule is not there, and leaves no line', async () => {
    expect(await faults(bals.create({ ...NEW.ORG, responsible: undefined, structures: [] }, PASSWORD, BY))).toEqual([
      'structures',
      'responsible',
    ])
    expect(await bals.list()).toEqual([])
    expect(await audit.list()).toEqual([])
  })

  test('is not created where no letter could be put', async () => {
    const domain = NEW.PER.address.split('@')[1]
    for (const local of ['a/b', '/', 'x'.repeat(65)]) {
      expect(await faults(bals.create({ ...NEW.PER, address: `${local}@${domain}` }, PASSWORD, BY))).toEqual(['address'])
    }
  })

  test('is not created by nobody', async () => {
    for (const by of ['', ' ', 'x\ny', 'x'.repeat(101)]) expect(await faults(bals.create(NEW.PER, PASSWORD, by))).toEqual(['by'])
  })
})

describe('what changes', () => {
  test('the national identifier follows the one responsible, who stays among the holders', async () => {
    await create(NEW.CAB)
    await bals.change(NEW.CAB.address, { rpps: PAUL }, BY)
    expect(await bals.find(NEW.CAB.address)).toMatchObject({ rpps: PAUL, idNatPs: `8${PAUL}`, holders: [CLAIRE, PAUL] })
    expect(await faults(bals.change(NEW.CAB.address, { rpps: ANNE }, BY))).toEqual(['holders'])
    await bals.change(NEW.CAB.address, { rpps: ANNE, holders: [ANNE, PAUL] }, BY)
    expect(await bals.find(NEW.CAB.address)).toMatchObject({ rpps: ANNE, holders: [ANNE, PAUL] })
  })

  test('null takes a value away; what is needed stays', async () => {
    await create({ ...NEW.ORG, description: 'x', quotaBytes: 9 })
    await bals.change(NEW.ORG.address, { description: null, quotaBytes: null }, BY)
    const bal = await bals.find(NEW.ORG.address)
    expect(bal).not.toHaveProperty('description')
    expect(bal).not.toHaveProperty('quotaBytes')
    expect(await faults(bals.change(NEW.ORG.address, { responsible: '' }, BY))).toEqual(['responsible'])
  })

  test('everything that is wrong is said at once', async () => {
    await create(NEW.PER)
    expect(await faults(bals.change(NEW.PER.address, { name: '', service: 'x', quotaBytes: -1 }, BY))).toEqual([
      'immutable',
      'name',
      'quota',
    ])
  })

  test('the audit line holds what changed and nothing else; without a change there is none', async () => {
    await create(NEW.ORG)
    await bals.change(NEW.ORG.address, { redListed: true, purposes: ['results', 'referrals'], name: NEW.ORG.name }, BY)
    await bals.change(NEW.ORG.address, { redListed: true }, BY)
    const [, line, ...rest] = await audit.list()
    expect(line).toMatchObject({ by: BY, action: 'box.change', object: NEW.ORG.address, at: NOW })
    expect(line?.detail).toEqual({ redListed: 'true', purposes: 'referrals results' })
    expect(rest).toEqual([])
  })

  test('a revision that has passed is refused', async () => {
    await create(NEW.PER)
    await bals.change(NEW.PER.address, { name: 'Dr C. FICTIVE' }, BY, 1)
    expect(await faults(bals.change(NEW.PER.address, { name: 'Dr D. FICTIVE' }, BY, 1))).toEqual(['revision'])
    expect((await bals.find(NEW.PER.address))?.name).toBe('Dr C. FICTIVE')
  })
})

describe('who may write as whom', () => {
  beforeEach(() => create(NEW.PER, NEW.ORG, NEW.APP, NEW.CAB, PAUL_BOX, ANNE_BOX))

  test('everybody as himself; the holders of a CAB box as it; nobody else', async () => {
    expect(await bals.writableBy(at('claire'))).toEqual([at('claire'), at('cabinet')])
    expect(await bals.writableBy(at('paul'))).toEqual([at('paul'), at('cabinet')])
    expect(await bals.writableBy(at('anne'))).toEqual([at('anne')])
    for (const local of ['chirurgie', 'logiciel', 'cabinet']) expect(await bals.writableBy(at(local))).toEqual([at(local)])
    expect(await bals.writableBy(at('nobody'))).toEqual([])
  })

  test('a delegate, until the delegation is taken back', async () => {
    await bals.addDelegate(at('chirurgie'), at('anne'), BY)
    await bals.addDelegate(at('cabinet'), at('anne'), BY)
    await bals.addDelegate(at('cabinet'), at('anne'), BY) // said twice, it is so once
    expect((await bals.find(at('cabinet')))?.delegates).toEqual([at('anne')])
    expect(await bals.writableBy(at('anne'))).toEqual([at('anne'), at('cabinet'), at('chirurgie')])
    await bals.removeDelegate(at('cabinet'), at('anne'), BY)
    await bals.removeDelegate(at('cabinet'), at('anne'), BY)
    expect(await bals.writableBy(at('anne'))).toEqual([at('anne'), at('chirurgie')])
    expect((await actions()).slice(6)).toEqual([
      `box.delegate-add ${at('chirurgie')} ${BY}`,
      `box.delegate-add ${at('cabinet')} ${BY}`,
      `box.delegate-remove ${at('cabinet')} ${BY}`,
    ])
  })

  test.each([
    ['another PER box', 'claire', 'anne'],
    ['an APP box', 'logiciel', 'anne'],
  ])('nobody writes as %s', async (_, box, delegate) => {
    expect(await faults(bals.addDelegate(at(box), at(delegate), BY))).toEqual(['delegate'])
  })

  test.each(['logiciel', 'cabinet', 'nobody'])('%s is no delegate: only PER boxes hosted here are', async delegate => {
    expect(await faults(bals.addDelegate(at('chirurgie'), at(delegate), BY))).toEqual(['delegate'])
  })

  test('a suspended delegate writes as nobody, himself included, until he is resumed', async () => {
    await bals.addDelegate(at('chirurgie'), at('claire'), BY)
    await bals.suspend(at('claire'), BY)
    expect(await bals.writableBy(at('claire'))).toEqual([])
    await bals.resume(at('claire'), BY)
    expect(await bals.writableBy(at('claire'))).toEqual([at('claire'), at('cabinet'), at('chirurgie')])
  })

  test('nobody writes as a suspended or a closed box', async () => {
    await bals.addDelegate(at('chirurgie'), at('claire'), BY)
    await bals.suspend(at('chirurgie'), BY)
    await bals.close(at('cabinet'), BY)
    expect(await bals.writableBy(at('claire'))).toEqual([at('claire')])
    expect(await bals.writableBy(at('chirurgie'))).toEqual([])
  })

  test('a holder who leaves the practice no longer writes as it', async () => {
    await bals.change(at('cabinet'), { holders: [CLAIRE] }, BY)
    expect(await bals.writableBy(at('paul'))).toEqual([at('paul')])
  })

  test('a person has his own box and the practices that he holds', async () => {
    const addresses = async (idNatPs: string) => (await bals.byIdentity(idNatPs)).map(({ address }) => address)
    expect(await addresses(`8${PAUL}`)).toEqual([at('cabinet'), at('paul')])
    await bals.suspend(at('paul'), BY)
    expect(await addresses(`8${PAUL}`)).toEqual([at('cabinet'), at('paul')])
    await bals.close(at('paul'), BY)
    expect(await addresses(`8${PAUL}`)).toEqual([at('cabinet')])
    for (const other of [PAUL, `0${PAUL}`, '8', '', `8${withLuhn('1000000009')}`]) expect(await addresses(other)).toEqual([])
  })
})

describe('certificates of an application', () => {
  const DN = `CN=Dossier,OU=${FINESS},O=CLINIQUE FICTIVE,ST=Paris (75),C=FR`
  beforeEach(() => create(NEW.APP, NEW.ORG, NEW.PER))

  test('are compared as names, not as texts', async () => {
    await bals.addCertificate(at('logiciel'), DN, BY)
    await bals.addCertificate(at('logiciel'), `C=FR, ST=Paris (75), O="CLINIQUE FICTIVE", OU=${FINESS}, CN=Dossier`, BY)
    expect((await bals.find(at('logiciel')))?.certificates).toEqual([DN])
    const found = await bals.byCertificate(parseDn(`OU=${FINESS},CN=Dossier,C=FR,ST=Paris (75),O=CLINIQUE FICTIVE`))
    expect(found.map(({ address }) => address)).toEqual([at('logiciel')])
    expect(await bals.byCertificate(parseDn(DN.replace('Dossier', 'dossier')))).toEqual([])
    await bals.removeCertificate(at('logiciel'), DN.toString(), BY)
    expect(await bals.byCertificate(parseDn(DN))).toEqual([])
    expect((await actions()).slice(3)).toEqual([
      `box.certificate-add ${at('logiciel')} ${BY}`,
      `box.certificate-remove ${at('logiciel')} ${BY}`,
    ])
  })

  test.each([
    ['of another structure', DN.replace(FINESS, SIRET)],
    ['without an OU', DN.replace(`OU=${FINESS},`, '')],
    ['with a second OU', `OU=${SIRET},${DN}`],
    ['that is no name', 'Dossier'],
    ['that reads in two ways', `${DN}+L=Paris`],
  ])('one %s is refused', async (_, dn) => {
    expect(await faults(bals.addCertificate(at('logiciel'), dn, BY))).toEqual(['certificate'])
  })

  test.each(['chirurgie', 'claire'])('%s has none: its type signs in otherwise', async local => {
    expect(await faults(bals.addCertificate(at(local), DN, BY))).toEqual(['certificate'])
  })
})

describe('a closed box', () => {
  beforeEach(async () => {
    await create(NEW.PER, NEW.ORG, NEW.APP)
    await bals.addDelegate(at('chirurgie'), at('claire'), BY)
    await bals.addCertificate(at('logiciel'), `CN=Dossier,OU=${FINESS},C=FR`, BY)
  })

  test('has no password, no delegation either way, no certificate', async () => {
    for (const local of ['claire', 'logiciel']) await bals.close(at(local), BY)
    expect(await bals.authenticate(at('claire'), PASSWORD)).toBeUndefined()
    expect(await bals.authenticate(at('claire'), '')).toBeUndefined()
    expect((await bals.find(at('chirurgie')))?.delegates).toEqual([])
    expect(await bals.find(at('logiciel'))).toMatchObject({ closedAt: NOW, certificates: [] })
    expect(await bals.byCertificate(parseDn(`CN=Dossier,OU=${FINESS},C=FR`))).toEqual([])
    const hashes = await db.run({ sql: 'SELECT password_hash FROM bal WHERE closed_at IS NOT NULL', parameters: [] })
    expect(hashes).toEqual([{ password_hash: '' }, { password_hash: '' }])
  })

  test('stays closed whatever is asked, and its address is never given again', async () => {
    await bals.close(at('chirurgie'), BY)
    const before = await audit.list()
    for (const change of [
      () => bals.resume(at('chirurgie'), BY),
      () => bals.suspend(at('chirurgie'), BY),
      () => bals.close(at('chirurgie'), BY),
      () => bals.declare(at('chirurgie'), BY),
      () => bals.change(at('chirurgie'), { name: 'x' }, BY),
      () => bals.changePassword(at('chirurgie'), PASSWORD, BY),
      () => bals.addDelegate(at('chirurgie'), at('claire'), BY),
    ]) {
      expect(await faults(change())).toEqual(['closed'])
    }
    expect(await faults(bals.create({ ...NEW.ORG, name: 'Autre' }, PASSWORD, BY))).toEqual(['address-taken'])
    expect(await audit.list()).toEqual(before)
  })

  test('is no delegate any more', async () => {
    await bals.close(at('claire'), BY)
    expect(await faults(bals.addDelegate(at('chirurgie'), at('claire'), BY))).toEqual(['delegate'])
  })
})

test('changes at once, by two processes, all happen, each with its line, in one whole chain', async () => {
  await create(NEW.ORG, NEW.PER, PAUL_BOX, ANNE_BOX)
  const other = await openDatabase({ file: join(folder, 'pli.db'), migrations })
  const theirs = opened(other)
  await Promise.all([
    bals.change(at('chirurgie'), { name: 'Chirurgie A' }, 'one'),
    theirs.change(at('chirurgie'), { description: 'Bloc' }, 'two'),
    bals.addDelegate(at('chirurgie'), at('claire'), 'one'),
    theirs.addDelegate(at('chirurgie'), at('paul'), 'two'),
    theirs.change(at('claire'), { redListed: true }, 'two'),
    bals.change(at('claire'), { quotaBytes: 7 }, 'one'),
  ])
  expect(await bals.find(at('chirurgie'))).toMatchObject({
    ...{ name: 'Chirurgie A', description: 'Bloc', delegates: [at('claire'), at('paul')], revision: 5 },
  })
  expect(await bals.find(at('claire'))).toMatchObject({ redListed: true, quotaBytes: 7, revision: 3 })
  expect(await audit.verify()).toMatchObject({ lines: 10 })
  expect((await audit.verify()).fault).toBeUndefined()
  await other.close()
})

test('a delegate who is closed at the same moment by another process is no delegate afterwards', async () => {
  await create(NEW.ORG, NEW.PER)
  const other = await openDatabase({ file: join(folder, 'pli.db'), migrations })
  await Promise.all([faults(bals.addDelegate(at('chirurgie'), at('claire'), 'one')), opened(other).close(at('claire'), 'two')])
  expect((await bals.find(at('chirurgie')))?.delegates).toEqual([])
  expect(await bals.writableBy(at('claire'))).toEqual([])
  await other.close()
})

test('boxes of the first release are found with their holders, and can be changed where the new rules do not touch them', async () => {
  const file = join(folder, 'old.db')
  const old = await openDatabase({ file, migrations: directoryMigrations.filter(({ id }) => id === 'directory-1-bal') })
  const insert = (address: string, type: string, rpps: string | null) =>
    old.run({
      sql: 'INSERT INTO bal (address, type, name, rpps, id_nat_ps, password_hash, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
      parameters: [address, type, 'Ancien', rpps, rpps && `8${rpps}`, `hash of ${PASSWORD}`, NOW],
    })
  await insert(at('cabinet'), 'CAB', CLAIRE)
  await insert(at('chirurgie'), 'ORG', null)
  await old.run({ sql: 'INSERT INTO bal_structure VALUES (?, 0, ?)', parameters: [at('chirurgie'), FINESS] })
  await old.close()
  const migrated = await openDatabase({ file, migrations })
  const boxes = opened(migrated)
  expect(await boxes.find(at('cabinet'))).toMatchObject({ holders: [CLAIRE], structures: [], redListed: false, revision: 1 })
  expect((await boxes.byIdentity(`8${CLAIRE}`)).length).toBe(1)
  expect((await boxes.authenticate(at('chirurgie'), PASSWORD))?.structures).toEqual([FINESS])
  await boxes.change(at('chirurgie'), { redListed: true }, BY) // it has no responsible person, as nobody asked for one then
  expect(await boxes.find(at('chirurgie'))).toMatchObject({ redListed: true })
  await migrated.close()
})
