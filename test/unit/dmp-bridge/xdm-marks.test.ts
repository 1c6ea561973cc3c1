import { describe, expect, test } from 'vitest'
import { buildMetadata, buildZip, sampleAuthor, samplePatient } from '../../world/letter.ts'
import { cdaOf, NOW, otherPatient, read, UNIQUE_ID, verdicts } from './samples.ts'

type Described = { uri?: string; uniqueId?: string; marks?: string[] }

const CDA = cdaOf()
const FOLDER = 'IHE_XDM/SUBSET01/'
const CONFIDENTIALITY = 'f4f85eac-e6cb-4883-b524-f2705394840f'
const DOCUMENT = { name: `${FOLDER}DOC0001.XML`, content: CDA }
const MARK = 'INVISIBLE_PATIENT'

function metadata(documents: Described[] = [{}], patient = samplePatient): string {
  return buildMetadata({
    patient,
    author: sampleAuthor,
    now: NOW,
    submissionSetUniqueId: '2.25.9',
    documents: documents.map(each => ({
      uri: each.uri ?? 'DOC0001.XML',
      content: Buffer.from(CDA),
      uniqueId: each.uniqueId ?? UNIQUE_ID,
      type: { code: '96349-6', label: 'Lettre' },
      marks: each.marks ?? [],
    })),
  }).toString()
}

const MARKED = metadata([{ marks: [MARK] }])

async function archive(...entries: { name: string; content: string | Buffer }[]) {
  const recognition = await read('IHE_XDM.zip', await buildZip(entries, NOW))
  return verdicts(recognition)
}

const described = (content: string, name = 'METADATA.XML') => ({ name: FOLDER + name, content })
const fromTop = metadata([{ uri: `${FOLDER}DOC0001.XML` }])

describe('a mark holds the document wherever METADATA.XML has it', () => {
  test('on one of two entries for the file, in either order', async () => {
    for (const both of [
      [{ marks: [MARK] }, {}],
      [{}, { marks: [MARK] }],
    ]) {
      expect(await archive(described(metadata(both)), DOCUMENT)).toEqual([['marked']])
    }
  })

  test('in one of two METADATA.XML, whatever stands before its name', async () => {
    expect(await archive(described(MARKED), { name: 'METADATA.XML', content: fromTop }, DOCUMENT)).toEqual([['marked']])
    expect(await archive(described(MARKED), described(metadata(), 'OLD_METADATA.XML'), DOCUMENT)).toContainEqual(['marked'])
    expect(await archive(described(metadata()), described(MARKED, 'OLD_METADATA.XML'), DOCUMENT)).toContainEqual(['marked'])
    expect(await archive(described(MARKED, 'metadata.xml'), described(metadata()), DOCUMENT)).toEqual([['marked']])
  })

  test('in one that speaks of a ClinicalDocument', async () => {
    const speaking = MARKED.replace('</RegistryObjectList>', '<!-- ClinicalDocument --></RegistryObjectList>')
    expect(await archive(described(speaking), { name: 'METADATA.XML', content: fromTop }, DOCUMENT)).toEqual([['marked']])
  })

  test('in one that can not be read: unknown, so it waits', async () => {
    expect(await archive(described(`${MARKED}<x>`), { name: 'METADATA.XML', content: fromTop }, DOCUMENT)).toEqual([
      ['metadata-unreadable'],
    ])
  })

  test('under a scheme in upper case, or without its prefix', async () => {
    const scheme = `urn:uuid:${CONFIDENTIALITY}`
    for (const other of [scheme.toUpperCase(), CONFIDENTIALITY, CONFIDENTIALITY.toUpperCase()]) {
      expect(await archive(described(MARKED.replaceAll(scheme, other)), DOCUMENT)).toEqual([['marked']])
    }
  })

  test('beside the entry, pointing to it or to nothing', async () => {
    const mark = /<Classification[^>]*nodeRepresentation="INVISIBLE_PATIENT"[\s\S]*?<\/Classification>/.exec(MARKED)?.[0] ?? ''
    const moved = (one: string) => MARKED.replace(mark, '').replace('</RegistryObjectList>', `${one}</RegistryObjectList>`)
    expect(await archive(described(moved(mark)), DOCUMENT)).toEqual([['marked']])
    expect(await archive(described(moved(mark.replace(/classifiedObject="[^"]*"/, 'classifiedObject="x"'))), DOCUMENT)).toEqual([
      ['marked'],
    ])
  })

  test('on an entry of the same id whose file is missing', async () => {
    const both = metadata([{}, { uri: 'DOC0009.XML', marks: [MARK] }])
    expect(await archive(described(both), DOCUMENT)).toContainEqual(['marked'])
  })
})

test('an entry without the code N is not taken for normal', async () => {
  const none = metadata().replaceAll(CONFIDENTIALITY, '00000000-e6cb-4883-b524-f2705394840f')
  expect(await archive(described(none), DOCUMENT)).toEqual([['not-normal']])
})

describe('METADATA.XML that names another patient', () => {
  test('for the PDF beside the document', async () => {
    const other = metadata([{ uri: 'B.PDF', uniqueId: '2.25.5' }], otherPatient)
    const entry = (/<ExtrinsicObject[\s\S]*<\/ExtrinsicObject>/.exec(other)?.[0] ?? '').replaceAll('Document01', 'Document02')
    const both = metadata().replace('</RegistryObjectList>', `${entry}</RegistryObjectList>`)
    const [reasons] = await archive(described(both), DOCUMENT, { name: `${FOLDER}B.PDF`, content: '%PDF-1.4' })
    expect(reasons).toContain('two-patients')
  })

  test('in another archive of the message, or in a second METADATA.XML, for a PDF', async () => {
    const other = metadata([{ uri: 'B.PDF', uniqueId: '2.25.5' }], otherPatient)
    const second = [
      { name: 'IHE_XDM/SUBSET02/METADATA.XML', content: other },
      { name: 'IHE_XDM/SUBSET02/B.PDF', content: '%PDF-1.4' },
    ]
    expect(await archive(described(metadata()), DOCUMENT, ...second)).toEqual([['two-patients']])
  })

  test('in a second identifier of the entry', async () => {
    const one = /<ExternalIdentifier[^>]*58a6f841[\s\S]*?<\/ExternalIdentifier>/.exec(metadata())?.[0] ?? ''
    const two = metadata().replace(one, one + one.replace(samplePatient.ins ?? '', otherPatient.ins ?? ''))
    expect(await archive(described(two), DOCUMENT)).toEqual([['metadata-patient']])
  })
})

test('a replacement that only METADATA.XML tells waits', async () => {
  const association =
    '<Association id="r" associationType="urn:ihe:iti:2007:AssociationType:RPLC" sourceObject="Document01" targetObject="x"/>'
  const replacing = metadata().replace('</RegistryObjectList>', `${association}</RegistryObjectList>`)
  expect(await archive(described(replacing), DOCUMENT)).toEqual([['replacement']])
})
