import { writeFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Inspection } from '../../dmp-bridge/index.ts'
import { formatCx } from '../../dmp-bridge/ins.ts'
import { authorMetadata, type EntryMetadata } from '../../dmp-bridge/metadata.ts'
import { shippedTables } from '../../dmp-bridge/tables.ts'
import { pli } from '../support/cli.ts'
import { corpus, hasCorpus } from '../support/corpus.ts'
import { askOracle, type OracleDocument, type OracleEntry, type OracleFile, type OracleHeader } from '../support/oracle.ts'
import { has } from '../support/tools.ts'

type Report = Inspection['documents'][number]

/** One document as the oracle sees it, and as the command does. */
interface Pair {
  file: string
  folder: string
  theirs: OracleDocument
  ours: Report | undefined
}

/** What is wrong in the METADATA.XML of the samples (README of the samples; spec dmp §4). Any other difference is a fault, and so is one that is gone. */
const KNOWN_DEFECTS: Record<string, { fields: (keyof OracleEntry)[]; why: string }> = {
  'xdm/fr/CR-BIO_2021.01_CDA-R2-Niveau-1/IHE_XDM.ZIP': { fields: ['format'], why: 'N1 biology labelled xd-lab' },
  'xdm/us/C32_Sample1_in_XDM.zip': american('document of the CCD model, described as another'),
  'xdm/us/C32_Sample2_in_XDM.zip': american('document of the CCD model, described as another'),
  'xdm/us/CCDA_Ambulatory_in_XDM.zip': american('document of the CCDA model, described as another'),
  'xdm/us/CCDA_Inpatient_in_XDM.zip': american('document of the CCDA model, described as another'),
}

/** In no table of the ANS: told, and held. */
const INCOMPLETE: Record<string, string> = {
  'cda/3-0/BIO-TROD_2024.01_Angine.xml': 'unknown-format',
  'cda/3-0/BIO-TROD_2024.01_COVID-19.xml': 'unknown-format',
  'cda/3-0/BIO-TROD_2024.01_COVID-19_Grippe-A_Grippe-B.xml': 'unknown-format',
  'cda/3-0/BIO-TROD_2024.01_Cystite.xml': 'unknown-format',
  'xdm/us/C32_Sample1_in_XDM.zip': 'no-ins',
  'xdm/us/C32_Sample2_in_XDM.zip': 'no-ins',
  'xdm/us/CCDA_Ambulatory_in_XDM.zip': 'no-ins',
  'xdm/us/CCDA_Inpatient_in_XDM.zip': 'no-ins',
  'xdm/us/nist_lynn-xdm.zip': 'no-ins',
}

describe.skipIf(!hasCorpus || !has('python3'))('pli dmp inspect over every file of the samples', () => {
  let files: OracleFile[]
  let inspections: Inspection[]
  let pairs: Pair[]

  beforeAll(async () => {
    files = askOracle(corpus())
    const { status, stdout } = await pli('dmp', 'inspect', '--json', ...files.map(({ file }) => corpus(file)))
    expect(status).toBe(0)
    inspections = JSON.parse(stdout) as Inspection[]
    expect(inspections).toHaveLength(files.length)
    pairs = files.flatMap(({ file, documents }, index) => documents.map(theirs => pairOf(file, theirs, inspections[index] as Inspection)))
  })

  test('recognises every CDA that the oracle finds, octet by octet, and no other', () => {
    const expected = files.map(({ file, documents }) => [file, documents.filter(each => each.header).map(each => each.sha256)])
    const recognised = files.map(({ file }, index) => [file, clinical(inspections[index]).map(each => each.sha256)])
    expect(recognised.map(sorted)).toEqual(expected.map(sorted))
    expect(pairs.filter(({ theirs }) => theirs.french)).toHaveLength(171) // 137 alone, 5 in archives, 29 in or beside HL7 messages
  })

  test('reads patient, type, class, format, authors and times as the oracle does', () => {
    for (const { file, theirs, ours } of pairs) {
      if (theirs.header) expect.soft(headerOf(ours as Report, theirs.header), `${file} ${theirs.name ?? ''}`).toEqual(theirs.header)
    }
  })

  test('would send metadata for every document whose codes and patient are known, and tells why not of the others', () => {
    const without = pairs.filter(({ theirs, ours }) => theirs.header && ours?.metadata === undefined)
    expect(without.map(({ file }) => file)).toEqual(Object.keys(INCOMPLETE))
    for (const { file, ours } of without)
      expect
        .soft(
          ours?.reasons.map(({ reason }) => reason),
          file,
        )
        .toContain(INCOMPLETE[file])
  })

  test('agrees with the METADATA.XML of the archives, but for the defects that are known', () => {
    const differing = pairs.flatMap(({ file, theirs, ours }) => {
      const fields = theirs.entry && ours ? differences(theirs.entry, ours) : []
      return fields.length > 0 ? [[file, fields] as const] : []
    })
    expect(Object.fromEntries(differing)).toEqual(
      Object.fromEntries(Object.entries(KNOWN_DEFECTS).map(([file, { fields }]) => [file, fields])),
    )
    const described = pairs.filter(({ theirs }) => theirs.entry && theirs.header)
    expect(described).toHaveLength(9)
    for (const { file, theirs, ours } of described) {
      const isWhole = theirs.entry?.hash?.toLowerCase() === theirs.sha1 && Number(theirs.entry.size) === theirs.bytes
      expect.soft({ isWhole, reasons: ours?.reasons.map(({ reason }) => reason) }, file).toEqual({
        isWhole: true,
        reasons: expect.not.arrayContaining(['hash-mismatch', 'size-mismatch', 'file-missing']),
      })
    }
  })

  // A placeholder in a message, a schema that speaks of ClinicalDocument: seen, and never filed.
  test('files nothing in which the oracle finds no CDA', () => {
    const others = inspections.flatMap(({ documents }) => documents.filter(each => !each.document))
    expect(others.length).toBeGreaterThan(10)
    expect(others.filter(({ decision }) => decision === 'file')).toEqual([])
    expect([...new Set(others.flatMap(({ reasons }) => reasons.map(({ reason }) => reason)))].sort()).toEqual([
      'duplicate',
      'hl7-no-document',
      'marked',
      'not-a-cda',
    ])
  })

  test('this is the table', () => {
    const table = tableOf(pairs)
    console.log(table)
    if (process.env.PLI_REPORT) writeFileSync(process.env.PLI_REPORT, `${table}\n\n${whys()}\n`)
  })
})

function pairOf(file: string, theirs: OracleDocument, { documents }: Inspection): Pair {
  const ours = documents.find(each => each.document && each.sha256 === theirs.sha256)
  return { file, folder: file.split('/').slice(0, 2).join('/'), theirs, ours }
}

function clinical(inspection: Inspection | undefined): Report[] {
  return inspection?.documents.filter(each => each.document) ?? []
}

function sorted<T>(row: T[]): unknown[] {
  return row.map(each => (Array.isArray(each) ? each.toSorted() : each))
}

/** What the command says, in the words of the oracle; where it has no metadata to send, what it read of the header all the same. */
function headerOf({ document: cda, metadata }: Report, theirs: OracleHeader): OracleHeader | undefined {
  if (!cda) return undefined
  const { ins } = cda.patient
  const read = {
    uniqueId: cda.idExtension === undefined ? cda.uniqueId : `${cda.uniqueId}^${cda.idExtension}`,
    patientId: ins ? formatCx(ins) : null,
    type: codeOf(cda.typeCode) ?? '',
    class: codeOf(shippedTables().classOf(cda.typeCode)),
    format: shippedTables().formatOf(cda)?.code ?? null,
    authors: authorsOf(cda.authors.map(authorMetadata)),
    replaces: cda.replaces ?? null,
  }
  return metadata ? { ...read, ...sentOf(metadata) } : { ...theirs, ...read }
}

function sentOf(metadata: EntryMetadata): Omit<OracleHeader, 'uniqueId' | 'replaces'> {
  return {
    patientId: metadata.patientId,
    sourcePatientInfo: metadata.sourcePatientInfo,
    type: codeOf(metadata.type) ?? '',
    class: codeOf(metadata.class),
    format: metadata.format.code,
    authors: authorsOf(metadata.authors),
    legalAuthenticator: metadata.legalAuthenticator ?? null,
    creationTime: metadata.creationTime,
    serviceStart: metadata.serviceStart,
    serviceStop: metadata.serviceStop ?? null,
    facility: codeOf(metadata.facility),
    practice: codeOf(metadata.practice),
    confidentiality: codeOf(metadata.confidentiality[0]),
    language: metadata.language,
  }
}

const ENTRY_FIELDS = [
  ...(['uniqueId', 'patientId', 'type', 'class', 'format', 'authors', 'legalAuthenticator', 'facility', 'practice'] as const),
  ...(['confidentiality', 'creationTime', 'serviceStart', 'serviceStop', 'language'] as const),
]

/** The fields of a METADATA.XML that say another thing; what the command does not say of a document that can't be sent is not compared. */
function differences(entry: OracleEntry, ours: Report): string[] {
  const said: Partial<OracleHeader> = headerOf(ours, {} as OracleHeader) ?? {}
  const saidOf = (field: keyof OracleHeader) => (field === 'confidentiality' ? [said.confidentiality] : said[field])
  return ENTRY_FIELDS.filter(field => field in said && !isDeepStrictEqual(entry[field] ?? null, saidOf(field)))
}

function american(why: string): { fields: (keyof OracleEntry)[]; why: string } {
  return { fields: ['uniqueId', 'patientId', 'type', 'class', 'format', 'authors'], why }
}

function codeOf(coded: { code: string; system: string } | undefined): string | null {
  return coded ? `${coded.code}^${coded.system}` : null
}

function authorsOf(authors: EntryMetadata['authors']): OracleHeader['authors'] {
  return authors.map(({ person, institutions, specialty, role }) => ({
    person,
    institutions,
    specialty: specialty ?? null,
    role: role ?? null,
  }))
}

function tableOf(pairs: readonly Pair[]): string {
  const rows = [...new Set(pairs.map(({ folder }) => folder))].map(folder => {
    const within = pairs.filter(each => each.folder === folder)
    const clinical = within.filter(({ theirs }) => theirs.header)
    const recognised = clinical.filter(({ ours }) => ours)
    const agreed = recognised.filter(({ theirs, ours }) => isDeepStrictEqual(headerOf(ours as Report, theirs.header!), theirs.header))
    return [
      folder,
      within.length,
      clinical.length,
      recognised.length,
      agreed.length,
      within.filter(({ file }) => KNOWN_DEFECTS[file]).length,
    ]
  })
  return [['folder', 'documents', 'CDA', 'recognised', 'agreed', 'defects of METADATA.XML'], ...rows].map(row => row.join('\t')).join('\n')
}

function whys(): string {
  return Object.entries(KNOWN_DEFECTS)
    .map(([file, { fields, why }]) => `${file}: ${fields.join(', ')}: ${why}`)
    .join('\n')
}
