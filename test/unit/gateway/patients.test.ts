import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../config/index.ts'
import { maskPatient, maskPatientsIn } from '../../../gateway/address.ts'
import { readHeader } from '../../../gateway/header.ts'
import {
  openHidden,
  openPatients,
  PATIENT_ADDRESS_FAULTS,
  type PatientMail,
  patientMigrations,
  readPatientFields,
} from '../../../gateway/patients/index.ts'
import { insWithKey, samplePatient } from '../../world/letter.ts'

const DOMAIN = 'patient.mssante.test'
const BOX = 'dr.fictif@a.mssante.test'
const OTHER = 'dr.autre@a.mssante.test'
const SECRETARIAT = 'secretariat@a.mssante.test'
const at = (local: string) => `${local.toLowerCase()}@${DOMAIN}`
const PATIENT = at(samplePatient.ins ?? '')

let folder: string
let db: Database
let now = 1_000

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-patients-'))
  db = await openDatabase({ file: join(folder, 'pli.sqlite'), migrations: patientMigrations })
})
afterAll(async () => {
  await db.close()
  await rm(folder, { recursive: true, force: true })
})

const hidden = openHidden(randomBytes(32), DOMAIN)
const patients = () => openPatients(db, { domain: DOMAIN, hidden, now: () => now })

describe('the address of a patient', () => {
  const fault = (local: string) => patients().checkAddress(at(local))

  test('is a number with its key, also of Corsica and of a provisional number', () => {
    for (const thirteen of ['2840375114256', '1550420048012', '185112A004017', '285112B004017', '7840375114256']) {
      expect(fault(insWithKey(thirteen))).toBeUndefined()
    }
  })

  test('with any one digit wrong is refused, in a sentence that does not repeat it', () => {
    const wrong = fc
      .tuple(fc.stringMatching(/^[12]\d{12}$/), fc.nat(14), fc.integer({ min: 1, max: 9 }))
      .map(([thirteen, place, shift]) => {
        const right = [...insWithKey(thirteen)]
        right[place] = String((Number(right[place]) + shift) % 10)
        return right.join('')
      })
    fc.assert(fc.property(wrong, local => fault(local) === PATIENT_ADDRESS_FAULTS.key))
    for (const sentence of Object.values(PATIENT_ADDRESS_FAULTS)) expect(sentence).not.toMatch(/\d{3}/)
  })

  test.each(['', '1', 'dr.fictif', '28403751142561234', '2840375114256a', '28403c5114256', '2840375114256.12', '2840375114256+12'])(
    '%j is none',
    local => expect(fault(local)).toBe(PATIENT_ADDRESS_FAULTS.shape),
  )

  test('without its key is taken, with a line in the ledger; the test box of the national service is taken too', () => {
    const short = at('2840375114256')
    expect(patients().checkAddress(short)).toBeUndefined()
    expect(
      patients()
        .linesFor(mail({ recipients: [OTHER, short] }))
        .map(({ position, kind }) => `${position} ${kind}`),
    ).toEqual(['1 conversation-opened', '1 patient-without-key'])
    expect(patients().checkAddress(at('reponse.automatique-test'))).toBeUndefined()
  })

  test('is hidden in logs, whatever the domain', () => {
    for (const local of ['284037511425623', '2840375114256', '185112a00401712']) expect(maskPatient(at(local))).toBe(`***@${DOMAIN}`)
  })

  test('is of one domain exactly', () => {
    const { isPatient } = patients()
    expect([PATIENT, 'x@sub.patient.mssante.test', 'x@patient.mssante.test.example', BOX].map(isPatient)).toEqual([
      true,
      false,
      false,
      false,
    ])
  })
})

let mails = 0
function mail(of: Partial<PatientMail>): PatientMail {
  mails += 1
  return { id: `m${mails}`, box: BOX, recipients: [PATIENT], closes: undefined, ...of }
}
async function accept(of: Partial<PatientMail>): Promise<void> {
  now += 1
  await db.atomically(patients().rowsFor(mail(of)))
}
const answers = async (patient = PATIENT) => {
  const open = await Promise.all([BOX, OTHER, SECRETARIAT].map(async box => ((await patients().mayAnswer(patient, box)) ? [box] : [])))
  return open.flat()
}

describe('a conversation', () => {
  test('is opened by a letter, for its author and the mailbox of Reply-To only; ended by its author, opened again by him', async () => {
    expect(await answers()).toEqual([])
    await accept({})
    expect(await answers()).toEqual([BOX])
    await accept({ replyTo: SECRETARIAT })
    expect(await answers()).toEqual([BOX, SECRETARIAT])
    await accept({ closes: 'header' })
    expect(await answers()).toEqual([])
    await accept({})
    expect(await answers()).toEqual([BOX])
    await accept({ closes: 'subject' })
  })

  test('of one box does not end with that of another', async () => {
    await accept({ replyTo: SECRETARIAT })
    await accept({ box: OTHER, replyTo: SECRETARIAT })
    await accept({ closes: 'header' })
    expect(await answers()).toEqual([OTHER, SECRETARIAT])
    await accept({ box: SECRETARIAT, closes: 'header' }) // the holder of the box to which others sent the patient
    expect(await answers()).toEqual([OTHER])
    await accept({ box: OTHER, closes: 'header' })
    expect(await answers()).toEqual([])
  })

  test('is with one patient, under his number with its key or without', async () => {
    await accept({ recipients: [PATIENT.replace(/..@/, '@'), BOX] })
    expect(await answers()).toEqual([BOX])
    expect(await answers(at(insWithKey('1550420048012')))).toEqual([])
    await accept({ closes: 'header' })
    expect(await answers()).toEqual([])
  })

  test('has no row for professionals', async () => {
    expect(patients().rowsFor(mail({ recipients: [OTHER, SECRETARIAT] }))).toEqual([])
  })
})

describe('what a header says to patients', () => {
  const read = (...lines: string[]) => readPatientFields(readHeader(Buffer.from(lines.map(line => `${line}\r\n`).join(''))))

  test.each([
    ['Subject: [FIN]', 'subject'],
    ['Subject:   [FIN]  ', 'subject'],
    ['Subject: =?utf-8?B?W0ZJTl0=?=', 'subject'],
    ['Subject: =?iso-8859-1?q?=5BFIN=5D?=', 'subject'],
    ['Subject: =?utf-8?Q?=5BFI?=\r\n =?utf-8?Q?N=5D?=', 'subject'],
    ['subject:\r\n [FIN]', 'subject'],
    ['X-MSS-MES: FIN', 'header'],
    ['x-mss-mes: fin', 'header'],
    ['X-MSS-MES: autre\r\nX-MSS-MES: FIN', 'header'],
    ['Subject: Re: [FIN]', undefined],
    ['Subject: [FIN] du traitement', undefined],
    ['Subject: FIN', undefined],
    ['Subject: [fin]', undefined],
    ['Subject: [FIN =?utf-8?Q?]?=', undefined],
    ['X-MSS-MES: FINI', undefined],
    ['X-MSS-MES:', undefined],
    ['Comments: X-MSS-MES: FIN', undefined],
  ])('%j', (line, closes) => {
    expect(read(line).closes).toBe(closes)
  })

  test.each([
    [`Reply-To: "Secrétariat" <${SECRETARIAT.toUpperCase()}>`, SECRETARIAT],
    [`Reply-To: ${SECRETARIAT}, ${OTHER}`, undefined],
    ['Reply-To: secretariat', undefined],
    ['Reply-To: undisclosed:;', undefined],
    ['Subject: x', undefined],
  ])('%j', (line, replyTo) => {
    expect(read(line).replyTo).toBe(replyTo)
  })
})

describe('a patient’s address in rows', () => {
  const address = `${samplePatient.ins}@${DOMAIN}`

  test('is sealed, alike each time, and shown again; any other text is left as it is', () => {
    const stored = hidden.hide(address)
    expect(stored).toMatch(new RegExp(`^~[\\w-]+@${DOMAIN.replaceAll('.', '\\.')}$`))
    expect(hidden.hide(address)).toBe(stored)
    expect(hidden.hide(`rfc822;${address}`)).not.toBe(stored)
    expect(hidden.show(stored)).toBe(address)
    expect(hidden.show(hidden.hide(`rfc822;${address}`))).toBe(`rfc822;${address}`)
    expect(maskPatient(stored)).toBe(`***@${DOMAIN}`)
    for (const other of ['', 'dr.a@alpha.mssante.example', '~x@alpha.mssante.example']) expect(hidden.show(hidden.hide(other))).toBe(other)
  })

  test('can’t be put there by a sender: what looks sealed is sealed too, and another key shows nothing', () => {
    const forged = `~AAAA@${DOMAIN}`
    expect(hidden.hide(forged)).not.toBe(forged)
    expect(hidden.show(hidden.hide(forged))).toBe(forged)
    expect(openHidden(randomBytes(32), DOMAIN).show(hidden.hide(address))).toBe(hidden.hide(address))
  })

  test('a peer’s words that repeat it are masked', () => {
    expect(maskPatientsIn(`550 5.1.1 <${address}>: unknown`)).toBe(`550 5.1.1 <***@${DOMAIN}>: unknown`)
    expect(maskPatientsIn('250 2.0.0 Accepted as 1234567890123')).toBe('250 2.0.0 Accepted as 1234567890123')
  })
})
