import { createHash } from 'node:crypto'
import type { Rules } from './refusals.ts'
import type { RegistryObject } from './registry-objects.ts'
import { type Author, authors, codes, external, METADATA, oneValue, onlyKnown, slot, uniqueId } from './rules-common.ts'
import { CLASS_OF, CLASSES, CONFIDENTIALITY, ENTRY, FACILITIES, FRENCH_TYPES, LOINC, MARKS, PRACTICE_CODES, PRACTICES } from './tables.ts'
import { readPerson, readTime } from './values.ts'
import { TOLERANCE } from './vihf.ts'

/** The metadata of one document, checked against the rules that need no content. */
export interface CheckedEntry {
  object: RegistryObject
  uniqueId: string
  patientId: string
  typeCode: string
  typeSystem: string
  classCode: string
  formatCode: string
  creationTime: number | undefined
  authors: Author[]
  legalAuthenticator: string | undefined
  facility: string
  practice: string
  marks: string[]
  languageCode: string
}

/** Checks what every entry has, the signature's too (spec dmp §1.5, §2.1). */
export function checkEntry(object: RegistryObject, content: Buffer | undefined, now: number, rules: Rules): CheckedEntry {
  rules.check(object.objectType === ENTRY.stable, METADATA, `${object.id}: objectType must be a stable document`)
  rules.check(object.title !== '', METADATA, `${object.id}: the title (Name) is missing`)
  const creationTime = readTime(oneValue(object, 'creationTime', rules))
  const past = creationTime !== undefined && creationTime <= now + TOLERANCE
  rules.check(past, METADATA, `${object.id}: creationTime must be 14 digits, UTC, not to come`)
  checkBytes(object, content, rules)
  onlyKnown(object, Object.values(ENTRY), rules)
  const [type] = codes(object, 'typeCode', ENTRY.type, [1, 1], rules)
  const [kind] = codes(object, 'classCode', ENTRY.class, [1, 1], rules)
  const [format] = codes(object, 'formatCode', ENTRY.format, [1, 1], rules)
  const persons = authors(object, ENTRY.author, rules)
  rules.check(persons.length >= 1, METADATA, `${object.id}: there must be an author`)
  return {
    object,
    uniqueId: uniqueId(object, ENTRY.uniqueId, 'XDSDocumentEntry.uniqueId', rules),
    patientId: external(object, ENTRY.patientId, 'XDSDocumentEntry.patientId', rules),
    typeCode: type?.code ?? '',
    typeSystem: type?.system ?? '',
    classCode: kind?.code ?? '',
    formatCode: format?.code ?? '',
    creationTime,
    authors: persons,
    legalAuthenticator: slot(object, 'legalAuthenticator').map(readPerson)[0],
    ...checkPlaces(object, rules),
    marks: checkConfidentiality(object, rules),
    languageCode: oneValue(object, 'languageCode', rules),
  }
}

/** Checks what a health document has more than the signature. @param filer Struct_IdNat of the VIHF */
export function checkDocument(entry: CheckedEntry, filer: string, rules: Rules): void {
  const { object, marks } = entry
  rules.check(['text/xml', 'application/xslt+xml'].includes(object.mimeType), METADATA, `${object.id}: mimeType must be text/xml`)
  rules.check(entry.languageCode === 'fr-FR', METADATA, `${object.id}: languageCode must be fr-FR`)
  rules.check(CLASS_OF.has(entry.typeCode), METADATA, `${object.id}: typeCode is not in the table`)
  const system = /^\d+-\d$/.test(entry.typeCode) ? LOINC : FRENCH_TYPES
  rules.check(entry.typeSystem === system, METADATA, `${object.id}: codingScheme of typeCode`)
  rules.check(CLASS_OF.get(entry.typeCode) === entry.classCode, METADATA, `${object.id}: classCode is not the one of the typeCode`)
  const [kind] = codes(object, 'classCode', ENTRY.class, [1, 1], rules)
  rules.check(kind?.system === CLASSES, METADATA, `${object.id}: codingScheme of classCode`)
  // EX_2.1-1050: the cumulation parameter of the DMP is false
  const both = marks.includes('INVISIBLE_PATIENT') && marks.includes('MASQUE_PS')
  rules.check(!both, METADATA, `${object.id}: INVISIBLE_PATIENT with MASQUE_PS is forbidden`)
  rules.check(entry.legalAuthenticator !== undefined, METADATA, `${object.id}: legalAuthenticator must be one XCN with its PS_IdNat`)
  const filed = entry.authors.some(({ institutions }) => institutions.includes(filer))
  rules.check(filed, METADATA, `${object.id}: Aucun AuthorInstitution ne correspond à l'utilisateur du VIHF`)
  checkService(object, rules)
  checkSourcePatient(object, rules)
}

/** ITI TF-2 §3.41.4.1.3: size and hash are optional, and right when given. */
function checkBytes(object: RegistryObject, content: Buffer | undefined, rules: Rules): void {
  if (!rules.check(content !== undefined, 'XDSMissingDocument', `${object.id}: no Document has this id`) || !content) return
  const [size, hash] = [slot(object, 'size')[0], slot(object, 'hash')[0]]
  const sha1 = createHash('sha1').update(content).digest('hex')
  const sized = size === undefined || size === String(content.length)
  rules.check(sized, 'XDSRepositoryMetadataError', `${object.id}: size is not the one of the document`)
  const hashed = hash === undefined || hash.toLowerCase() === sha1
  rules.check(hashed, 'XDSRepositoryMetadataError', `${object.id}: hash is not the SHA-1 of the document`)
}

function checkPlaces(object: RegistryObject, rules: Rules): { facility: string; practice: string } {
  const [facility] = codes(object, 'healthcareFacilityTypeCode', ENTRY.facility, [1, 1], rules)
  const [practice] = codes(object, 'practiceSettingCode', ENTRY.practice, [1, 1], rules)
  codes(object, 'eventCode', ENTRY.event, [0, 100], rules)
  const j02 = facility?.system === FACILITIES && /^(SA\d{2}|EXP_PATIENT|SNR)$/.test(facility.code)
  rules.check(j02, METADATA, `${object.id}: healthcareFacilityTypeCode must be of JDV_J02`)
  const j04 = practice?.system === PRACTICES && PRACTICE_CODES.has(practice.code)
  rules.check(j04, METADATA, `${object.id}: practiceSettingCode must be of JDV_J04`)
  return { facility: facility?.code ?? '', practice: practice?.code ?? '' }
}

/** @returns the marks beside N */
function checkConfidentiality(object: RegistryObject, rules: Rules): string[] {
  const found = codes(object, 'confidentialityCode', ENTRY.confidentiality, [1, 4], rules)
  const levels = found.filter(({ system }) => system === CONFIDENTIALITY)
  rules.check(levels.length === 1 && levels[0]?.code === 'N', METADATA, `${object.id}: confidentialityCode must be N once`)
  const marks = found.filter(each => !levels.includes(each))
  const known = ['MASQUE_PS', 'INVISIBLE_PATIENT', 'INVISIBLE_REPRESENTANTS_LEGAUX']
  const right = marks.every(({ code, system }) => system === MARKS && known.includes(code))
  rules.check(
    right && new Set(marks.map(({ code }) => code)).size === marks.length,
    METADATA,
    `${object.id}: a mark is unknown or repeated`,
  )
  return marks.map(({ code }) => code)
}

function checkService(object: RegistryObject, rules: Rules): void {
  const start = readTime(oneValue(object, 'serviceStartTime', rules))
  const stops = slot(object, 'serviceStopTime')
  const stop = stops.length === 0 ? start : readTime(stops[0])
  const right = start !== undefined && stop !== undefined && stops.length <= 1 && stop >= start
  rules.check(right, METADATA, `${object.id}: service times must be 14 digits, UTC, the stop not before the start`)
}

/** PID-5 name, PID-7 birth date, PID-8 sex (spec dmp §2.1). */
function checkSourcePatient(object: RegistryObject, rules: Rules): void {
  const id = oneValue(object, 'sourcePatientId', rules)
  rules.check(/^[^^]+\^\^\^&[\d.]+&ISO\^(PI|NH)$/.test(id), METADATA, `${object.id}: sourcePatientId must be a CX with PI or NH`)
  const info = slot(object, 'sourcePatientInfo')
  const patterns = [/^PID-5\|[^^|]+\^[^^|]+\^{5}[LD]$/, /^PID-7\|\d{8}$/, /^PID-8\|[MFUO]$/]
  const whole = patterns.every(pattern => info.some(value => pattern.test(value)))
  rules.check(whole, METADATA, `${object.id}: sourcePatientInfo must give PID-5, PID-7 and PID-8`)
}
