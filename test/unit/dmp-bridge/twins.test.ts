import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../../dmp-bridge/caps.ts'
import { readCda } from '../../../dmp-bridge/cda.ts'
import { decide } from '../../../dmp-bridge/decide.ts'
import { isOverrulable } from '../../../dmp-bridge/filing-reasons.ts'
import { recogniseMessage } from '../../../dmp-bridge/recognise.ts'
import { corpus, hasCorpus } from '../../support/corpus.ts'
import { buildMail, buildPdf, buildXdm, type CdaOptions, sampleAuthor, sampleBiologist, samplePatient } from '../../world/letter.ts'
import { cdaOf, NOW, otherPatient, policy, sender, verdicts } from './samples.ts'

const PDF = buildPdf(['Compte rendu'])
const BIOLOGY = { code: '11502-2', label: 'CR d’examens biologiques' }

/** The form of level 1: a PDF in a CDA. */
function level1(options: Partial<CdaOptions> = {}): string {
  return cdaOf({
    type: BIOLOGY,
    author: sampleBiologist,
    uniqueId: '2.25.1',
    setId: '2.25.100',
    body: { mediaType: 'application/pdf', content: PDF },
    ...options,
  })
}

/** The structured form, which may have the PDF in its section of copies. */
function level3(options: Partial<CdaOptions> = {}, copy: Buffer | null = PDF): string {
  const pdf =
    copy === null
      ? ''
      : `<entry><organizer classCode="CLUSTER" moodCode="EVN"><statusCode code="completed"/><component>
    <observationMedia classCode="OBS" moodCode="EVN"><value mediaType="application/pdf" representation="B64">
    ${copy.toString('base64').replace(/.{76}/g, '$&\n')}</value></observationMedia></component></organizer></entry>`
  const section = `<section><templateId root="1.2.250.1.213.1.1.2.243"/><title>Copie</title><text>x</text>${pdf}</section>`
  const own = level1({ uniqueId: '2.25.3', ...options })
  return own
    .replace('root="1.3.6.1.4.1.19376.1.2.20"', 'root="1.2.250.1.213.1.1.1.55" extension="2024.01"')
    .replace(/<nonXMLBody>[\s\S]*<\/nonXMLBody>/, `<structuredBody><component>${section}</component></structuredBody>`)
}

async function judge(...contents: (string | { zip: Buffer })[]) {
  const parts = contents.map((content, index) =>
    typeof content === 'string'
      ? { type: 'text/xml', filename: `${index}.xml`, content }
      : { type: 'application/zip', filename: 'IHE_XDM.zip', content: content.zip },
  )
  const head = { from: 'a@a.mssante.test', to: 'b@b.mssante.test', subject: 'Lettre', date: NOW, messageId: 'm@a.mssante.test' }
  return verdicts(await recogniseMessage(buildMail({ ...head, parts: [{ type: 'text/plain', content: 'x' }, ...parts] }), DEFAULT_LIMITS))
}

describe('one document in two forms: the structured one goes', () => {
  test('of one set and version', async () => {
    expect(await judge(level1(), level3({}, null))).toEqual([['twin'], 'file'])
  })

  test('the structured one has the other as its copy', async () => {
    expect(await judge(level3({ setId: '2.25.300' }), level1())).toEqual(['file', ['twin']])
  })

  test('each may come twice', async () => {
    expect(await judge(level1(), level3(), level1(), level3())).toEqual([['twin'], 'file', ['duplicate'], ['duplicate']])
  })

  test('both replace the forms of an earlier version', async () => {
    const two = { version: 2, replaces: '2.25.90' }
    expect(await judge(level1(two), level3({ ...two, replaces: '2.25.91' }))).toEqual([['twin'], 'file'])
  })

  test('an act without an hour agrees with any hour of its day', async () => {
    const day = level1().replace(/(<serviceEvent[\s\S]*?<low value=")(\d{8})[^"]*/, '$1$2')
    expect(day).not.toBe(level1())
    expect(await judge(day, level3())).toEqual([['twin'], 'file'])
  })

  test('alone, each is itself', async () => {
    expect(await judge(level1())).toEqual(['file'])
    expect(await judge(level3())).toEqual(['file'])
  })
})

describe('in doubt both wait', () => {
  const unclear = [['twins-differ'], ['twins-differ']]
  const later = new Date(NOW.getTime() - 3_600_000)
  const colleague = { ...sampleAuthor, rpps: '10000000017' }

  test.each<[string, string, string]>([
    ['nothing links them but the act', level1(), level3({ setId: '2.25.300' }, null)],
    ['the copy is another PDF', level1(), level3({ setId: '2.25.300' }, buildPdf(['Autre']))],
    ['one set, two versions', level1(), level3({ version: 2 })],
    ['one set, two acts', level1(), level3({ now: later })],
    ['the same PDF, another act', level1({ now: later, setId: '2.25.9' }), level3()],
    ['only one replaces a document', level1({ replaces: '2.25.90' }), level3()],
  ])('%s', async (_name, one, three) => {
    expect(await judge(one, three)).toEqual(unclear)
    expect(await judge(three, one)).toEqual(unclear)
  })

  test('another author, or another type', async () => {
    for (const options of [{ author: colleague }, { type: { code: '11488-4', label: 'Consultation' } }]) {
      expect((await judge(level1(options), level3())).flat()).toEqual(expect.arrayContaining(['twins-differ']))
      expect((await judge(level1(options), level3())).every(each => each.includes('twins-differ'))).toBe(true)
    }
  })

  test('three of them', async () => {
    const third = level3({ uniqueId: '2.25.4' })
    expect(await judge(level1(), level3(), third)).toEqual([
      ['twins-differ'],
      ['same-version', 'twins-differ'],
      ['same-version', 'twins-differ'],
    ])
  })

  test('the structured one replaces the other', async () => {
    expect(await judge(level1(), level3({ replaces: '2.25.1', version: 2 }))).toEqual([['twins-differ'], ['replacement', 'twins-differ']])
  })
})

test('two documents that have nothing to do with each other both go', async () => {
  const earlier = new Date(NOW.getTime() - 86_400_000)
  const other = level1({ setId: '2.25.200', now: earlier, body: { mediaType: 'application/pdf', content: buildPdf(['Hier']) } })
  expect(await judge(other, level3())).toEqual(['file', 'file'])
  expect(await judge(level1(), level1({ uniqueId: '2.25.2', setId: '2.25.200' }))).toEqual(['file', 'file'])
})

test('two patients are two patients', async () => {
  expect(await judge(level1({ patient: otherPatient }), level3())).toEqual([
    ['twins-differ', 'two-patients'],
    ['twins-differ', 'two-patients'],
  ])
})

test('a mark on either form holds both', async () => {
  const zipped = async (content: string, uniqueId: string) => {
    const document = { uri: 'DOC0001.XML', content: Buffer.from(content), uniqueId, type: BIOLOGY, marks: ['INVISIBLE_PATIENT'] }
    return {
      zip: await buildXdm({
        patient: samplePatient,
        author: sampleAuthor,
        now: NOW,
        submissionSetUniqueId: '2.25.50',
        documents: [document],
      }),
    }
  }
  const held = [['marked', 'twin'], ['marked']]
  expect(await judge(await zipped(level1(), '2.25.1'), level3())).toEqual(held)
  expect(await judge(level1(), await zipped(level3(), '2.25.3'))).toEqual(held)
})

test('the form that is left is left whatever holds the other', async () => {
  const recognition = await recogniseMessage(
    buildMail({
      from: 'a@a.mssante.test',
      to: 'b@b.mssante.test',
      subject: 'Lettre',
      date: NOW,
      messageId: 'm@a.mssante.test',
      parts: [level1(), level3({ confidentiality: 'R' })].map((content, index) => ({
        type: 'text/xml',
        filename: `${index}.xml`,
        content,
      })),
    }),
    DEFAULT_LIMITS,
  )
  expect(recognition.documents.map(each => decide(each, recognition, sender, policy))).toEqual([
    { action: 'ignore', reasons: ['twin'] },
    { action: 'hold', reasons: ['not-normal'] },
  ])
})

describe.skipIf(!hasCorpus)('public examples', () => {
  test('a PDF copy is found in the section of copies only', () => {
    const pdfsOf = (name: string) => {
      const reading = readCda(readFileSync(corpus('cda', '3-0', name)), DEFAULT_LIMITS)
      return reading.kind === 'cda' ? (reading.cda.pdfs ?? []).length : -1
    }
    expect(pdfsOf('BIO-CR-BIO_2024.01_TSH_1.xml')).toBe(1)
    expect(pdfsOf('BIO-CR-BIO_2021.01_CDA-R2-Niveau-1.xml')).toBe(1)
    expect(pdfsOf('BIO-CR-BIO_2024.01_CR-2nde-intention-PDF.xml')).toBe(1) // it attaches another laboratory's report too
  })
})

test('a human may choose between two forms, and nothing else of these reasons', () => {
  expect(isOverrulable('twins-differ')).toBe(true)
  for (const reason of ['twin', 'hl7-patient', 'hl7-unclear', 'hl7-deletion', 'hl7-no-document', 'not-for-dmp']) {
    expect(isOverrulable(reason)).toBe(false)
  }
})
