import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../../../dmp-bridge/caps.ts'
import { decide, type Sender } from '../../../../dmp-bridge/decide.ts'
import type { CdaFacts } from '../../../../dmp-bridge/facts.ts'
import { recogniseFile, recogniseMessage } from '../../../../dmp-bridge/recognise.ts'
import { shippedTables } from '../../../../dmp-bridge/tables.ts'
import { buildCdaN1, wrappedId } from '../../../../dmp-bridge/wrap/cda-n1.ts'
import { type Description, descriptionSchema } from '../../../../dmp-bridge/wrap/description.ts'
import { typeLabels } from '../../../../dmp-bridge/wrap/type-labels.ts'
import { wrap } from '../../../../dmp-bridge/wrap/wrap.ts'
import { corpus, hasCorpus } from '../../../support/corpus.ts'
import { buildPdfA } from '../../../world/pdfa-builder.ts'
import { cdaOf, NOW, otherPatient, policy } from '../samples.ts'
import { description, doctor, hprimOf, jpegOf, mailOf, pdfPart, REPORT, tiffOf } from './wrap-samples.ts'

const ID = '2.25.98765432109876543210'
const FILES = {
  pdf: pdfPart(buildPdfA()),
  jpeg: { type: 'image/jpeg', filename: 'a.jpg', content: jpegOf(1240, 1754) },
  tiff: { type: 'image/tiff', filename: 'a.tif', content: tiffOf(1728, 2200) },
  rtf: { type: 'text/rtf', filename: 'a.rtf', content: '{\\rtf1\\ansi Bonjour}' },
  text: { type: 'text/plain; charset=utf-8', filename: 'cr.txt', content: REPORT },
  hprim: { type: 'text/plain', filename: 'a.hpr', content: hprimOf() },
}

async function wrapped(
  eml: Buffer,
  change: { description?: Partial<Description>; patient?: Partial<Description['patient']>; sender?: Sender; uniqueId?: string } = {},
) {
  const recognition = await recogniseMessage(eml, DEFAULT_LIMITS, { candidates: true })
  const document = recognition.documents.find(each => each.candidate)
  if (!document) throw new Error('no candidate')
  const said = { ...description, ...change.description, patient: { ...description.patient, ...change.patient } }
  return wrap({
    ...{ document, recognition, policy, description: said, sender: change.sender ?? doctor, uniqueId: change.uniqueId ?? ID },
    writtenAt: NOW.getTime(),
    read: (name, bytes) => recogniseFile(name, bytes, DEFAULT_LIMITS),
  })
}

async function verdict(...asked: Parameters<typeof wrapped>): Promise<string[]> {
  const result = await wrapped(...asked)
  if ('reasons' in result) return result.reasons
  const judged = decide(result.document, result.recognition, asked[1]?.sender ?? doctor, policy, { now: NOW })
  return judged.action === 'file' ? ['file'] : judged.reasons
}

describe('a described file becomes a document that is filed', () => {
  test.each(Object.entries(FILES))('%s', async (_kind, part) => {
    expect(await verdict(mailOf([part]))).toEqual(['file'])
  })

  test('with what was said of it, in the name of its sender', async () => {
    const result = await wrapped(mailOf([FILES.pdf]), { description: { title: 'Consultation & suivi <b>' } })
    const cda = ('document' in result ? result.document.cda : undefined) as CdaFacts
    expect(cda).toMatchObject({
      uniqueId: ID,
      setId: ID,
      version: 1,
      body: 'N1',
      mediaType: 'application/pdf',
      title: 'Consultation & suivi <b>',
      confidentiality: 'N',
      language: 'fr-FR',
      effectiveTime: '20260105093000+0000',
      service: { start: '20260104' },
      typeCode: { code: '11488-4', label: 'CR ou fiche de consultation ou de visite' },
      practice: { code: 'AMBULATOIRE', label: 'Ambulatoire' },
      facility: { code: 'SA07', label: 'Cabinet individuel' },
      authors: [
        { idNatPs: doctor.idNatPs, family: 'FICTIF', given: 'Éloi', structures: doctor.structures, specialty: { code: 'G15_10/SM26' } },
      ],
      legalAuthenticator: { idNatPs: doctor.idNatPs, family: 'FICTIF' },
      patient: { identities: 1, birthName: 'TESTOU', firstName: 'HÉLOÏSE', birthDate: '19840309', sex: 'F', birthPlace: '75114' },
    })
    expect(cda.idExtension).toBeUndefined()
    expect(cda.pdfs).toEqual([createHash('sha256').update(FILES.pdf.content).digest('hex')])
  })

  test('the same bytes each time', async () => {
    const [one, two] = [await wrapped(mailOf([FILES.pdf])), await wrapped(mailOf([FILES.pdf]))]
    expect('document' in one && 'document' in two && one.document.sha256 === two.document.sha256).toBe(true)
    const of = { messageId: 'm1', place: 1, sha256: 'aa', describedAt: 1 }
    expect(wrappedId(of)).toBe(wrappedId({ ...of }))
    expect(wrappedId(of)).toMatch(/^2\.25\.[1-9]\d{30,38}$/)
    const others = [{ messageId: 'm2' }, { place: 2 }, { sha256: 'ab' }, { describedAt: 2 }].map(each => wrappedId({ ...of, ...each }))
    expect(new Set([wrappedId(of), ...others]).size).toBe(5)
  })

  test('results as a text that has all of them, and not the number of the insured', async () => {
    const { documents } = await recogniseMessage(mailOf([FILES.hprim]), DEFAULT_LIMITS, { candidates: true })
    const text = Buffer.from(documents[0]!.content).toString()
    expect(text).toContain('Glycémie : 5,1 mmol/l (4,1 – 5,9) ; 0,92 g/l (0,74 – 1,06)')
    expect(text).toContain('Prélèvement à jeun')
    expect(text).toContain('Résultats du jour')
    expect(text).not.toContain('2840375114256')
  })
})

describe('it is judged like a stranger’s', () => {
  test.each<[string, Parameters<typeof wrapped>[1], string[]]>([
    ['an authority that is not taken here', { patient: { oid: '1.2.250.1.213.1.4.11' } }, ['ins-oid-not-allowed']],
    ['another sex than the number says', { patient: { sex: 'M' } }, ['identity-unclear']],
    ['a type of no table', { description: { type: '99999-9' } }, ['unknown-type']],
    ['a type that waits for its announcement', { description: { type: '60568-3' } }, ['announce-first']],
    ['an unknown place', { description: { facility: 'SA999' } }, ['unknown-facility']],
    ['an unknown practice', { description: { practice: 'NULLE_PART' } }, ['unknown-practice']],
    ['an act that is yet to come', { description: { performedAt: '2026-01-06' } }, ['bad-date']],
    ['no declaration any more', { sender: { ...doctor, declared: false } }, ['not-ours-to-wrap']],
    ['an id with the number of the patient', { uniqueId: `2.25.${description.patient.ins.slice(0, 13)}` }, ['id-tells-patient']],
  ])('%s', async (_what, change, reasons) => {
    expect(await verdict(mailOf([FILES.pdf]), change)).toEqual(expect.arrayContaining(reasons))
  })

  test('a subject that names another patient', async () => {
    const eml = mailOf([FILES.pdf], { subject: 'XDM/1.0/DDM+Lettre AUTRE Léo 02/06/1955' })
    expect(await verdict(eml)).toEqual(['subject-patient'])
  })

  test('a document beside it of another patient', async () => {
    const cda = { type: 'text/xml', filename: 'cda.xml', content: cdaOf({ patient: otherPatient }) }
    expect(await verdict(mailOf([cda, { type: 'text/rtf', filename: 'a.rtf', content: '{\\rtf1 x}' }]))).toEqual(['two-patients'])
  })

  test('results of another birth date or first name', async () => {
    expect(await verdict(mailOf([{ ...FILES.hprim, content: hprimOf({ born: '02/06/1955' }) }]))).toEqual([
      'description-differs',
      'two-patients',
    ])
    expect(await verdict(mailOf([{ ...FILES.hprim, content: hprimOf({ firstName: 'LEO' }) }]))).toEqual(['description-differs'])
  })

  test('a PDF that could not be wrapped before is not wrapped now', async () => {
    expect(await verdict(mailOf([pdfPart(buildPdfA({ id: false }))]))).toEqual(['not-pdfa'])
  })
})

describe('a description', () => {
  test('is complete, and its number has its key', () => {
    expect(descriptionSchema.safeParse(description).success).toBe(true)
    const wrong: Record<string, unknown>[] = [
      { ...description, patient: { ...description.patient, ins: '284037511425600' } },
      { ...description, patient: { ...description.patient, oid: '1.2.3' } },
      { ...description, patient: { ...description.patient, birthDate: '1984-02-30' } },
      { ...description, patient: { ...description.patient, birthName: 'A\nB' } },
      { ...description, patient: { ...description.patient, birthPlaceCog: '7511' } },
      { ...description, performedAt: 'hier' },
      { ...description, more: 1 },
    ]
    for (const each of wrong) expect(descriptionSchema.safeParse(each).success).toBe(false)
  })

  test('every type that is offered is one that a professional files', () => {
    const tables = shippedTables()
    for (const code of typeLabels().keys()) {
      const systems = ['2.16.840.1.113883.6.1', '1.2.250.1.213.1.1.4.12']
      expect(systems.some(system => tables.classOf({ code, system, label: '' })?.professional)).toBe(true)
    }
  })
})

test.skipIf(!hasCorpus)('what is built is valid against the schema of the CI-SIS', () => {
  const author = { idNatPs: doctor.idNatPs!, family: 'FICTIF', given: 'Éloi', specialty: doctor.person!.specialty! }
  const cda = buildCdaN1(
    {
      ...{ uniqueId: ID, content: buildPdfA(), mediaType: 'application/pdf', description, writtenAt: NOW.getTime(), author },
      structure: doctor.person!.structure!,
    },
    shippedTables(),
  )
  const file = join(mkdtempSync(join(tmpdir(), 'pli-wrap-')), 'cda.xml')
  writeFileSync(file, cda)
  const schema = corpus('schema', 'infrastructure', 'cda', 'CDA_extended.xsd')
  const { status, stderr } = spawnSync('xmllint', ['--huge', '--noout', '--nonet', '--schema', schema, file], { encoding: 'utf8' })
  expect(stderr).toContain('validates')
  expect(status).toBe(0)
})
