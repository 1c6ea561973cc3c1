import { createHash } from 'node:crypto'
import type { Candidate, Coded } from '../facts.ts'
import type { Tables } from '../tables.ts'
import { uuidOid } from '../xds-types.ts'
import { element, writeXml, type XmlContent, type XmlOut } from '../xml-writer.ts'
import { type DescribedPatient, type Description, hl7Instant, hl7Time } from './description.ts'
import { typeLabel } from './type-labels.ts'

/** Registers of professionals (PS_IdNat) and of structures (Struct_IdNat), CI-SIS. */
const PERSONS = '1.2.250.1.71.4.2.1'
const STRUCTURES = '1.2.250.1.71.4.2.2'
const LOINC = '2.16.840.1.113883.6.1'
const OTHER_TYPES = '1.2.250.1.213.1.1.4.12'
const FACILITIES = '1.2.250.1.71.4.2.4'
const PRACTICES = '1.2.250.1.213.1.1.4.9'
const GENDERS = '2.16.840.1.113883.5.1'

/** What a file becomes a document of. The same values give the same bytes. */
export interface ToWrap {
  /** an OID without extension (EX_2.1-1130) */
  uniqueId: string
  content: Uint8Array
  mediaType: Candidate['mediaType']
  description: Description
  /** when the message was sent: the document is of that moment; milliseconds since epoch */
  writtenAt: number
  /** the sender: nobody else's file is wrapped */
  author: { idNatPs: string; family: string; given: string; specialty: Coded }
  structure: { id: string; name: string }
}

/**
 * @returns the identifier of a document that is yet to be built: one description of one file of one message has one, whoever asks and whenever.
 * It tells nothing: it is a digest of ids and a time.
 */
export function wrappedId(of: { messageId: string; place: number; sha256: string; describedAt: number }): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([of.messageId, of.place, of.sha256, of.describedAt]))
    .digest()
  digest[6] = (digest[6]! & 0x0f) | 0x80 // version 8 and the variant of RFC 9562, so that it is a UUID (X.667)
  digest[8] = (digest[8]! & 0x3f) | 0x80
  return uuidOid(digest.toString('hex', 0, 16))
}

/** @returns a CDA R2 of level 1 by the structuration minimale of the CI-SIS and IHE XDS-SD, UTF-8 */
export function buildCdaN1(asked: ToWrap, tables: Tables): Buffer {
  const { description, mediaType, uniqueId } = asked
  const type = typeOf(description.type, tables)
  const written = hl7Instant(asked.writtenAt)
  const root = element(
    'ClinicalDocument',
    { xmlns: 'urn:hl7-org:v3' },
    element('realmCode', { code: 'FR' }),
    element('typeId', { root: '2.16.840.1.113883.1.3', extension: 'POCD_HD000040' }),
    element('templateId', { root: '2.16.840.1.113883.2.8.2.1' }), // HL7 France
    element('templateId', { root: '1.2.250.1.213.1.1.1.1' }), // CI-SIS
    element('templateId', { root: '1.3.6.1.4.1.19376.1.2.20' }), // IHE XDS-SD
    element('id', { root: uniqueId }),
    coded('code', type),
    element('title', {}, description.title ?? type.label),
    element('effectiveTime', { value: written }),
    coded('confidentialityCode', { code: 'N', label: 'Normal', system: tables.confidentiality('N')?.system ?? '' }),
    element('languageCode', { code: 'fr-FR' }),
    element('setId', { root: uniqueId }),
    element('versionNumber', { value: '1' }),
    recordTarget(description.patient),
    author(asked, written),
    custodian(asked),
    legalAuthenticator(asked, written),
    documentationOf(asked, tables),
    componentOf(asked, tables),
    element(
      'component',
      {},
      element('nonXMLBody', {}, element('text', { mediaType, representation: 'B64' }, Buffer.from(asked.content).toString('base64'))),
    ),
  )
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n${writeXml(root)}\n`)
}

function recordTarget(patient: DescribedPatient): XmlOut {
  const address = element('addr', {}, element('county', {}, patient.birthPlaceCog))
  return element(
    'recordTarget',
    {},
    element(
      'patientRole',
      {},
      element('id', { root: patient.oid, extension: patient.ins }),
      unsaid('addr'),
      unsaid('telecom'),
      element(
        'patient',
        { classCode: 'PSN' },
        element(
          'name',
          {},
          element('family', { qualifier: 'BR' }, patient.birthName),
          element('given', {}, patient.firstNames ?? patient.firstName),
          element('given', { qualifier: 'BR' }, patient.firstName),
        ),
        coded('administrativeGenderCode', { code: patient.sex, label: patient.sex === 'F' ? 'Féminin' : 'Masculin', system: GENDERS }),
        element('birthTime', { value: patient.birthDate.replaceAll('-', '') }),
        element('birthplace', {}, element('place', {}, address)),
      ),
    ),
  )
}

function author(asked: ToWrap, written: string): XmlOut {
  return element(
    'author',
    {},
    element('time', { value: written }),
    element(
      'assignedAuthor',
      {},
      personId(asked),
      coded('code', asked.author.specialty),
      unsaid('addr'),
      unsaid('telecom'),
      person(asked),
      organisation('representedOrganization', asked, unsaid('telecom'), unsaid('addr')),
    ),
  )
}

function custodian(asked: ToWrap): XmlOut {
  const structure = organisation('representedCustodianOrganization', asked, unsaid('telecom'), unsaid('addr'))
  return element('custodian', {}, element('assignedCustodian', {}, structure))
}

function legalAuthenticator(asked: ToWrap, written: string): XmlOut {
  return element(
    'legalAuthenticator',
    {},
    element('time', { value: written }),
    element('signatureCode', { code: 'S' }),
    element('assignedEntity', {}, personId(asked), person(asked)),
  )
}

function documentationOf(asked: ToWrap, tables: Tables): XmlOut {
  const { performedAt } = asked.description
  const practice = codeOf(asked.description.practice, PRACTICES, each => tables.practice(each))
  const where = organisation('representedOrganization', asked, coded('standardIndustryClassCode', practice))
  return element(
    'documentationOf',
    {},
    element(
      'serviceEvent',
      {},
      element('effectiveTime', {}, element('low', { value: hl7Time(performedAt) })),
      element('performer', { typeCode: 'PRF' }, element('assignedEntity', {}, personId(asked), person(asked), where)),
    ),
  )
}

function componentOf(asked: ToWrap, tables: Tables): XmlOut {
  const facility = codeOf(asked.description.facility, FACILITIES, each => tables.facility(each))
  const place = element(
    'healthCareFacility',
    {},
    element('id', { root: STRUCTURES, extension: asked.structure.id }),
    coded('code', facility),
  )
  return element(
    'componentOf',
    {},
    element(
      'encompassingEncounter',
      {},
      element('effectiveTime', {}, element('low', { value: hl7Time(asked.description.performedAt) })),
      element('location', {}, place),
    ),
  )
}

function organisation(name: string, { structure }: ToWrap, ...more: XmlContent[]): XmlOut {
  return element(name, {}, element('id', { root: STRUCTURES, extension: structure.id }), element('name', {}, structure.name), ...more)
}

function personId({ author: { idNatPs } }: ToWrap): XmlOut {
  return element('id', { root: PERSONS, extension: idNatPs })
}

function person({ author: { given, family } }: ToWrap): XmlOut {
  return element('assignedPerson', {}, element('name', {}, element('given', {}, given), element('family', {}, family)))
}

function unsaid(name: string): XmlOut {
  return element(name, { nullFlavor: 'NASK' })
}

function coded(name: string, { code, label, system }: Coded): XmlOut {
  return element(name, { code, displayName: label, codeSystem: system })
}

/** Two systems have the types; a code that neither knows is held by `decide`. */
function typeOf(code: string, tables: Tables): Coded {
  const system = [LOINC, OTHER_TYPES].find(each => tables.hasType({ code, system: each, label: '' })) ?? LOINC
  return { code, system, label: typeLabel(code) ?? code }
}

function codeOf(code: string, system: string, find: (asked: Coded) => Coded | undefined): Coded {
  const asked = { code, system, label: code }
  return find(asked) ?? asked
}
