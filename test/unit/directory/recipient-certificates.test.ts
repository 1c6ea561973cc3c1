import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../config/database/index.ts'
import { type Audit, auditMigrations, openAudit } from '../../../crypto/index.ts'
import { directoryMigrations, openRecipientCertificates, type RecipientCertificates } from '../../../directory/index.ts'
import { createPki, type Issued, type Pki } from '../../world/pki.ts'

const DOMAIN = 'beta.mssante.example'
const BOX = `camille.fictif@${DOMAIN}`
const DAY = 86_400_000
const NOW = Date.parse('2026-03-02T05:00:00Z')

let pki: Pki
let older: Issued
let newer: Issued
beforeAll(async () => {
  pki = await createPki({ now: new Date(NOW), key: 'ec' })
  const issue = (days: number) =>
    pki.issue({
      kind: 'mail',
      commonName: BOX,
      organization: 'FICTIF',
      structure: '1759999070',
      key: 'ec',
      notBefore: new Date(NOW - days * DAY),
    })
  older = await issue(300)
  newer = await issue(3)
})

let folder: string
let db: Database
let audit: Audit
let certificates: RecipientCertificates
let clock: number
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pli-recipients-'))
  db = await openDatabase({ file: join(folder, 'pli.db'), migrations: [...auditMigrations, ...directoryMigrations] })
  clock = NOW
  const now = () => clock
  audit = openAudit(db, { now })
  certificates = openRecipientCertificates(db, { now, audit })
})
afterEach(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

const learn = ({ certificatePem: pem }: Issued, subject = BOX) => certificates.add({ subject, pem, source: 'signed-mail' })
const enter = ({ certificatePem: pem }: Issued, subject = BOX) => certificates.add({ subject, pem, source: 'operator', by: 'cli:test' })
const ofBox = async () => (await certificates.of(BOX, DOMAIN)).box.map(({ pem, source }) => [pem, source])
const lines = async () => (await audit.list()).map(({ by, action, object, detail }) => [by, action, object, detail.source])

test('those of a box and those of its domain are told apart, the newer before the older, and nobody else gets them', async () => {
  await learn(older)
  await learn(newer)
  await enter(newer, DOMAIN)
  expect(await ofBox()).toEqual([
    [newer.certificatePem, 'signed-mail'],
    [older.certificatePem, 'signed-mail'],
  ])
  expect((await certificates.of(BOX, DOMAIN)).domain).toMatchObject([
    { subject: DOMAIN, pem: newer.certificatePem, notBefore: NOW - 3 * DAY },
  ])
  expect(await certificates.of('other@elsewhere.example', 'elsewhere.example')).toEqual({ box: [], domain: [] })
})

test('what the operator entered comes before a newer one that was learnt, and a mail does not take it from him', async () => {
  await enter(older)
  await learn(newer)
  await learn(older)
  expect(await ofBox()).toEqual([
    [older.certificatePem, 'operator'],
    [newer.certificatePem, 'signed-mail'],
  ])
})

test('one that was learnt and is then entered is the operator’s', async () => {
  await learn(older)
  await enter(older)
  expect(await ofBox()).toEqual([[older.certificatePem, 'operator']])
})

test('who added and removed what stands in the audit log, once; seeing it again does not', async () => {
  expect(await learn(newer)).toBe(true)
  clock += 2 * DAY
  expect(await learn(newer)).toBe(false)
  expect(await certificates.list()).toMatchObject([{ addedAt: NOW, seenAt: NOW + 2 * DAY }])
  await enter(older)
  const [known] = await certificates.list(BOX)
  expect(await certificates.remove(BOX, known?.fingerprint.slice(0, 16), 'cli:test')).toHaveLength(1)
  expect(await lines()).toEqual([
    ['signed-mail', 'certificate.add', BOX, 'signed-mail'],
    ['cli:test', 'certificate.add', BOX, 'operator'],
    ['cli:test', 'certificate.remove', BOX, undefined],
  ])
  expect(await ofBox()).toEqual([[newer.certificatePem, 'signed-mail']])
})

test('two mails that show it at the same time add it once', async () => {
  expect((await Promise.all([learn(newer), learn(newer)])).filter(Boolean)).toHaveLength(1)
  expect(await lines()).toHaveLength(1)
})

test('what is no certificate is not kept', async () => {
  await expect(certificates.add({ subject: BOX, pem: 'bonjour', source: 'operator' })).rejects.toThrow()
  expect(await certificates.list()).toEqual([])
})
