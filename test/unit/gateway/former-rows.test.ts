import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { openPatients, patientMigrations, sealFormerRows } from '../../../gateway/patients/index.ts'
import { openSpoolWorld, SENDER, type SpoolWorld } from './spool-world.ts'

const DOMAIN = 'patient.mssante.fr'
const MATRICULE = '299019912345603'
const PATIENT = `${MATRICULE}@${DOMAIN}`
const BOX = 'dr.fictif@a.mssante.test'

const rowsOf = async (world: SpoolWorld) => {
  const of = (table: string) => world.db.run({ sql: `SELECT * FROM ${table}`, parameters: [] })
  return JSON.stringify(await Promise.all(['message', 'recipient', 'event', 'patient_conversation'].map(of)))
}

/** A letter to patients, one from one and a conversation, as the version before wrote them: no address was sealed. @returns the letter's id */
async function formerRows(world: SpoolWorld, count: number): Promise<string> {
  const before = world.as('here', { hide: text => text, show: text => text })
  const recipients = Array(count).fill({ address: PATIENT, domain: DOMAIN, orcpt: `rfc822;${PATIENT}` })
  const { id } = await world.accept({ recipients }, { by: before })
  await world.accept({ sender: PATIENT, origin: 'reception' }, { by: before })
  const run = (sql: string, ...parameters: string[]) => world.db.run({ sql, parameters })
  await run('UPDATE recipient SET diagnostic = ? WHERE message_id = ?', `450 <${PATIENT}> is busy`, id)
  await run(`INSERT INTO event VALUES (?, 0, 1, 1, 'deferred', ?)`, id, `{"said":"<${PATIENT}>"}`)
  await run(`INSERT INTO patient_conversation VALUES (?, ?, ?, 'm1', 1, NULL)`, PATIENT, BOX, BOX)
  return id
}

test('rows of before are sealed at the start: a letter that waits goes to its patient, and he may still answer', async () => {
  await using world = await openSpoolWorld(patientMigrations)
  const hidden = world.hidden
  const id = await formerRows(world, 450)
  expect(await rowsOf(world)).toContain(MATRICULE)

  expect(await sealFormerRows(world.db, hidden, DOMAIN)).toBe(1 + 1 + 450 + 1)
  expect(await rowsOf(world)).not.toContain(MATRICULE)
  expect(await openPatients(world.db, { domain: DOMAIN, hidden, now: Date.now }).mayAnswer(PATIENT, BOX)).toBe(true)
  expect(await world.spool.candidates(PATIENT, { envids: ['m0002'], headerMessageIds: [] })).toHaveLength(1)
  const claimed = (await world.spool.claimDue(500)).filter(({ message_id }) => message_id === id)
  expect(claimed).toHaveLength(450)
  expect(new Set(claimed.map(({ address, orcpt, sender }) => `${address} ${orcpt} ${sender}`))).toEqual(
    new Set([`${PATIENT} rfc822;${PATIENT} ${SENDER}`]),
  )
  expect(await sealFormerRows(world.db, hidden, DOMAIN)).toBe(0)
})

test('a conversation that was ended since stays ended', async () => {
  await using world = await openSpoolWorld(patientMigrations)
  const { hidden, db } = world
  await formerRows(world, 1)
  const patients = openPatients(db, { domain: DOMAIN, hidden, now: Date.now })
  const letter = { id: 'm2', box: BOX, recipients: [PATIENT], closes: undefined }
  await db.atomically([...patients.rowsFor(letter), ...patients.rowsFor({ ...letter, closes: 'header' })])
  await sealFormerRows(db, hidden, DOMAIN)
  expect(await patients.mayAnswer(PATIENT, BOX)).toBe(false)
  expect(await rowsOf(world)).not.toContain(MATRICULE)
})

test('what was in clear is not left in the free pages of the database', async () => {
  await using world = await openSpoolWorld(patientMigrations)
  await formerRows(world, 50)
  await sealFormerRows(world.db, world.hidden, DOMAIN)
  await world.db.close() // what is in the log beside the file goes into it
  expect((await readFile(world.file)).includes(MATRICULE)).toBe(false)
})
