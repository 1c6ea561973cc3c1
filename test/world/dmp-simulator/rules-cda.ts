import { type Cda, readCda } from './cda.ts'
import type { Rules } from './refusals.ts'
import type { CheckedEntry } from './rules-entry.ts'
import { N1_FORMATS, N3_FORMATS } from './tables.ts'
import { readHl7Time } from './values.ts'
import { XmlFault } from './xml-tree.ts'

const CONTENT = 'XDSRepositoryMetadataError'

/** Compares a document with its metadata (spec dmp §2.1). @returns the CDA, undefined when it is none (noted) */
export function checkCda(entry: CheckedEntry, content: Buffer, rules: Rules): Cda | undefined {
  const cda = read(content)
  const { id } = entry.object
  if (!rules.check(cda !== undefined, CONTENT, `${id}: the document is not a CDA R2`) || !cda) return undefined
  const is = (holds: boolean, rule: string) => rules.check(holds, CONTENT, `${id}: ${rule}`)
  const named = cda.root === entry.uniqueId && cda.extension === undefined
  rules.check(named, 'XDSDocumentUniqueIdError', `${id}: ClinicalDocument/id must be the uniqueId, without extension`)
  const [target, ...others] = cda.recordTargets
  const same = others.length === 0 && target?.includes(entry.patientId)
  rules.check(same === true, 'XDSPatientIdDoesNotMatch', `${id}: the recordTarget of the CDA is not the patient of the metadata`)
  is(cda.typeCode === entry.typeCode, 'typeCode is not the code of the CDA')
  is(oneLine(cda.title) === oneLine(entry.object.title), 'title is not the one of the CDA')
  const effective = readHl7Time(cda.effectiveTime)
  is(effective === undefined || effective === entry.creationTime, 'creationTime is not the effectiveTime of the CDA')
  is(cda.languageCode === entry.languageCode, 'languageCode is not the one of the CDA')
  is(cda.confidentiality[0] === 'N', 'confidentialityCode is not the one of the CDA')
  is(
    (entry.object.mimeType === 'application/xslt+xml') === cda.selfPresentable,
    'mimeType does not tell whether the CDA is self-presentable',
  )
  is(cda.facility === entry.facility, 'healthcareFacilityTypeCode is not the one of the CDA')
  is(cda.practices.includes(entry.practice), 'practiceSettingCode is not the one of the CDA')
  is(cda.legalAuthenticator === entry.legalAuthenticator, 'legalAuthenticator is not the one of the CDA')
  checkAuthors(entry, cda, is)
  checkFormat(entry, cda, is)
  return cda
}

/** An XML attribute turns line ends into blanks, so a title of several lines cannot come back as it was. */
function oneLine(title: string): string {
  return title.replace(/\s+/g, ' ').trim()
}

function read(content: Buffer): Cda | undefined {
  try {
    return readCda(content)
  } catch (error) {
    if (error instanceof XmlFault) return undefined
    throw error
  }
}

/** The author of the CDA stays the author of the entry, with the structure under which he wrote (spec dmp §8, 2). */
function checkAuthors(entry: CheckedEntry, cda: Cda, is: (holds: boolean, rule: string) => void): void {
  is(cda.authors.length === entry.authors.length, 'there are not as many authors as in the CDA')
  for (const { person, institution } of cda.authors) {
    const match = entry.authors.some(
      each => (person === undefined || each.person === person) && (institution === undefined || each.institutions.includes(institution)),
    )
    is(match, 'an author of the CDA is not in the metadata')
  }
}

function checkFormat(entry: CheckedEntry, cda: Cda, is: (holds: boolean, rule: string) => void): void {
  is(cda.hasBody, 'the CDA has no body')
  if (cda.mediaType !== undefined) {
    is(N1_FORMATS[cda.mediaType] === entry.formatCode, 'formatCode is not the one of the media type')
    return
  }
  is(!Object.values(N1_FORMATS).includes(entry.formatCode), 'formatCode of level 1 on a structured CDA')
  const expected = cda.templates.map(template => N3_FORMATS[template]).filter(format => format !== undefined)
  is(expected.length === 0 || expected.includes(entry.formatCode), 'formatCode is not the one of the templates')
}
