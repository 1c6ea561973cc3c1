import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../../dmp-bridge/caps.ts'
import { computeMssHeaders, mssHeadersLine, readMssHeaders } from '../../../dmp-bridge/mss-headers.ts'
import { recogniseMessage } from '../../../dmp-bridge/recognise.ts'
import {
  buildCda,
  buildLetter,
  buildMail,
  buildPdf,
  buildXdm,
  buildZip,
  type CdaOptions,
  type FictionalPatient,
  oidOf,
  sampleAuthor,
  samplePatient,
} from '../../world/letter.ts'
import { startBridgeWorld } from './bridge-world.ts'

const now = new Date('2026-01-05T09:30:00Z')
const REPORT = { code: '34112-3', label: 'CR hospitalier' }
const PRESCRIPTION = { code: 'PRESC-BIO', label: 'Prescription de biologie' }

function cda(of: Partial<CdaOptions> = {}): { uniqueId: string; content: Buffer; type: { code: string; label: string } } {
  const uniqueId = oidOf(randomUUID())
  const body = { mediaType: 'application/pdf' as const, content: buildPdf(['essai']) }
  const type = of.type ?? REPORT
  return { uniqueId, type, content: buildCda({ patient: samplePatient, author: sampleAuthor, now, body, ...of, type, uniqueId }) }
}

async function xdmOf(...cdas: ReturnType<typeof cda>[]): Promise<Buffer> {
  const documents = cdas.map((each, index) => ({ ...each, uri: `DOC${index}.XML`, marks: [] }))
  return buildXdm({ patient: samplePatient, author: sampleAuthor, now, submissionSetUniqueId: oidOf(randomUUID()), documents })
}

function mail(attachments: { content: Buffer; type?: string; filename?: string }[], headers: Record<string, string> = {}): Buffer {
  const text = { type: 'text/plain; charset=utf-8', content: 'Bonjour' }
  const parts = attachments.map(({ content, type = 'application/zip', filename = 'IHE_XDM.zip' }) => ({ content, type, filename }))
  const names = { from: 'dr.fictif@a.mssante.test', to: 'dr.autre@b.mssante.test', subject: 'essai', date: now, messageId: 'a@b.test' }
  return buildMail({ ...names, headers, parts: [text, ...parts] })
}

async function lineOf(eml: Buffer): Promise<Record<string, string>> {
  return mssHeadersLine(readMssHeaders(eml), computeMssHeaders(await recogniseMessage(eml, DEFAULT_LIMITS)))
}

describe('the fields as they ought to be', () => {
  const computed = async (...attachments: Parameters<typeof mail>[0]) =>
    computeMssHeaders(await recogniseMessage(mail(attachments), DEFAULT_LIMITS))

  test('each CDA of the archive has its code, in its order, twice when it is there twice', async () => {
    const documents = [cda(), cda({ type: PRESCRIPTION }), cda()]
    expect(await computed({ content: await xdmOf(...documents) })).toEqual({ codes: ['34112-3', 'PRESC-BIO', '34112-3'], ins: 'O' })
  })

  test('without a CDA in an archive there is no field: a PDF, another archive, a CDA beside it', async () => {
    const nothing = { codes: undefined, ins: undefined }
    const pdf = { content: buildPdf(['essai']), type: 'application/pdf', filename: 'a.pdf' }
    const other = { content: await buildZip([{ name: 'a.txt', content: 'essai' }], now), filename: 'photos.zip' }
    expect(await computed(pdf)).toEqual(nothing)
    expect(await computed(other)).toEqual(nothing)
    expect(await computed({ content: cda().content, type: 'text/xml', filename: 'a.xml' })).toEqual(nothing)
  })

  test('nobody knows them when the archive cannot be read', async () => {
    const archive = await xdmOf(cda())
    expect(await computed({ content: archive.subarray(0, archive.length - 30) })).toBeUndefined()
    expect(await computed({ content: await xdmOf({ ...cda(), content: cda().content.subarray(0, 900) }) })).toBeUndefined()
  })

  const { ins: matricule = '', ...withoutIns } = samplePatient
  const wrongKey = `${matricule.slice(0, -1)}${(Number(matricule.at(-1)) + 1) % 10}`
  test.each<[string, FictionalPatient]>([
    ['no number', withoutIns],
    ['a number with a wrong key', { ...samplePatient, ins: wrongKey }],
    ['a number of no INS authority', { ...samplePatient, insOid: '1.2.250.1.213.1.4.2' }],
    ['no birth name', { ...samplePatient, birthName: '' }],
    ['no first name', { ...samplePatient, firstName: '', firstNames: '' }],
    ['no birth date', { ...samplePatient, birthDate: '' }],
    ['another sex', { ...samplePatient, sex: 'U' as never }],
  ])('N: %s', async (_, patient) => {
    expect(await computed({ content: await xdmOf(cda({ patient })) })).toEqual({ codes: ['34112-3'], ins: 'N' })
  })

  test('N: two patients in one document', async () => {
    const secondPatient = { ...samplePatient, birthName: 'AUTRE', birthDate: '1990-01-01' }
    expect(await computed({ content: await xdmOf(cda({ secondPatient })) })).toMatchObject({ ins: 'N' })
  })
})

describe('what was declared and what is found', () => {
  const archive = async () => [{ content: await xdmOf(cda(), cda({ type: PRESCRIPTION })) }]

  test.each<[string, Record<string, string>, Record<string, string>]>([
    ['right', { 'X-MSS-CODECDA': '34112-3,PRESC-BIO', 'X-MSS-INS': 'O', 'X-MSS-NIL': 'E-1' }, { agree: 'yes', product: 'given' }],
    [
      'in another order and case, folded',
      { 'x-mss-codecda': 'presc-bio,\r\n 34112-3', 'X-mss-Ins': 'O' },
      { agree: 'yes', product: 'none' },
    ],
    ['one code of two', { 'X-MSS-CODECDA': '34112-3', 'X-MSS-INS': 'O' }, { agree: 'no', declaredCodes: '34112-3' }],
    ['another qualification', { 'X-MSS-CODECDA': '34112-3,PRESC-BIO', 'X-MSS-INS': 'N' }, { agree: 'no', declaredIns: 'N', ins: 'O' }],
    ['nothing', {}, { agree: 'no', declaredCodes: 'none', declaredIns: 'none', codes: '34112-3,PRESC-BIO' }],
    ['a field that is empty', { 'X-MSS-CODECDA': '', 'X-MSS-INS': '' }, { agree: 'no', declaredCodes: 'other', declaredIns: 'other' }],
    ['an empty product', { 'X-MSS-NIL': '' }, { product: 'none' }],
  ])('%s', async (_, headers, line) => {
    expect(await lineOf(mail(await archive(), headers))).toMatchObject(line)
  })

  test('what is no code is not repeated: a name, a number, anything long', async () => {
    const { ins = '', birthName } = samplePatient
    const codes = [birthName, ins, ins.slice(0, 13), `${birthName}-${ins}`, '<b>', 'X'.repeat(200), '34112-3']
    const line = await lineOf(mail(await archive(), { 'X-MSS-CODECDA': codes.join(','), 'X-MSS-INS': birthName }))
    expect(line).toMatchObject({ declaredCodes: 'other,other,other,other,other,other,34112-3', declaredIns: 'other', agree: 'no' })
    const many = await lineOf(mail(await archive(), { 'X-MSS-CODECDA': Array(200).fill('1-1').join(',') }))
    expect(many.declaredCodes).toBe(`${'1-1,'.repeat(20)}more`)
  })

  test('nor is it when it stands in the document', async () => {
    const line = await lineOf(mail([{ content: await xdmOf(cda({ type: { code: samplePatient.birthName, label: 'x' } })) }]))
    expect(line).toMatchObject({ codes: 'other', ins: 'O' })
  })

  test('a field of the body is none', async () => {
    const eml = Buffer.from('From: a@b.test\r\n\r\nX-MSS-INS: O\r\nX-MSS-NIL: 1\r\n')
    expect(readMssHeaders(eml)).toEqual({ codes: undefined, ins: undefined, product: false })
    expect(readMssHeaders(Buffer.from('From: a@b.test\r\nX-MSS-INS: O'))).toMatchObject({ ins: 'O' })
  })
})

test('the ledger of a submission tells both', async () => {
  await using world = await startBridgeWorld()
  await world.send('right')
  const wrong = { from: 'dr.fictif@a.mssante.test', to: 'dr.autre@b.mssante.test', author: sampleAuthor, patient: samplePatient, now }
  const letter = await buildLetter({ ...wrong, newId: randomUUID, headers: { 'X-MSS-CODECDA': '11490-0', 'X-MSS-INS': 'N' } })
  await world.send('wrong', { eml: letter.eml })
  await world.pass(0)
  const lines = world.notes.filter(({ kind }) => kind === 'mss-headers')
  const codes = { codes: '96349-6', ins: 'O', product: 'given' }
  expect(lines.find(({ message }) => message === 'right')?.detail).toEqual({
    ...codes,
    declaredCodes: '96349-6',
    declaredIns: 'O',
    agree: 'yes',
  })
  expect(lines.find(({ message }) => message === 'wrong')?.detail).toEqual({
    ...codes,
    declaredCodes: '11490-0',
    declaredIns: 'N',
    agree: 'no',
  })
})
