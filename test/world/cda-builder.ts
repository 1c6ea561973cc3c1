import { type FictionalAuthor, type FictionalPatient, type FictionalStructure, utcStamp, xml } from './letter-people.ts'

/** What a fictional level-1 CDA says. Every departure from an ordinary letter is one optional field, so that a test names its case. */
export interface CdaOptions {
  /** ClinicalDocument/id root: an OID, the XDS uniqueId. */
  uniqueId: string
  setId?: string
  version?: number
  /** Root of the document that this one replaces (relatedDocument RPLC). */
  replaces?: string
  /** Makes the id `root^extension`, which the DMP does not take (spec dmp §1.9). */
  idExtension?: string
  patient: FictionalPatient
  /** A second recordTarget: two patients in one document. */
  secondPatient?: FictionalPatient
  author: FictionalAuthor
  now: Date
  type?: { code: string; label: string }
  title?: string
  confidentiality?: 'N' | 'R' | 'V'
  body: { mediaType: 'application/pdf' | 'text/plain' | 'text/rtf'; content: Buffer }
  recipient?: { lastName: string; firstName: string; rpps?: string }
}

/** JDV_J07 (spec dmp §2.2): not 57133-1. */
export const REFERRAL = { code: '96349-6', label: "Lettre d'adressage" }

const PERSON = '1.2.250.1.71.4.2.1'
const STRUCTURE = '1.2.250.1.71.4.2.2'
const CONFIDENTIALITY = { N: 'Normal', R: 'Restreint', V: 'Très restreint' }

/** @returns a CDA R2 of level 1 (nonXMLBody) with the French legal header of the CI-SIS "structuration minimale", UTF-8. */
export function buildCda(options: CdaOptions): Buffer {
  const type = options.type ?? REFERRAL
  const confidentiality = options.confidentiality ?? 'N'
  const extension = options.idExtension ? ` extension="${xml(options.idExtension)}"` : ''
  return Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <realmCode code="FR"/>
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <templateId root="2.16.840.1.113883.2.8.2.1"/>
  <templateId root="1.2.250.1.213.1.1.1.1"/>
  <templateId root="1.3.6.1.4.1.19376.1.2.20"/>
  <id root="${options.uniqueId}"${extension}/>
  <code code="${type.code}" displayName="${xml(type.label)}" codeSystem="2.16.840.1.113883.6.1" codeSystemName="LOINC"/>
  <title>${xml(options.title ?? type.label)}</title>
  <effectiveTime value="${utcStamp(options.now)}+0000"/>
  <confidentialityCode code="${confidentiality}" displayName="${CONFIDENTIALITY[confidentiality]}" codeSystem="2.16.840.1.113883.5.25"/>
  <languageCode code="fr-FR"/>
  <setId root="${options.setId ?? options.uniqueId}"/>
  <versionNumber value="${options.version ?? (options.replaces ? 2 : 1)}"/>
${[options.patient, ...(options.secondPatient ? [options.secondPatient] : [])].map(recordTarget).join('')}${author(options)}${custodian(
  options.author.structure,
)}${recipient(options)}${legalAuthenticator(options)}${documentationOf(options)}${relatedDocument(options)}${componentOf(
  options,
)}  <component>
    <nonXMLBody>
      <text mediaType="${options.body.mediaType}" representation="B64">${options.body.content.toString('base64')}</text>
    </nonXMLBody>
  </component>
</ClinicalDocument>
`,
  )
}

function recordTarget(patient: FictionalPatient): string {
  const ins = patient.ins ? `\n      <id root="${patient.insOid}" extension="${patient.ins}"/>` : ''
  const used = patient.usedName ? `\n          <family qualifier="CL">${xml(patient.usedName)}</family>` : ''
  return `  <recordTarget>
    <patientRole>${ins}
      <id root="1.2.250.1.999.1.1" extension="D-0001"/>
      <addr><houseNumber>1</houseNumber><streetName>rue des Exemples</streetName><postalCode>75014</postalCode><city>PARIS</city></addr>
      <telecom nullFlavor="NASK"/>
      <patient classCode="PSN">
        <name>
          <family qualifier="BR">${xml(patient.birthName)}</family>${used}
          <given>${xml(patient.firstNames)}</given>
          <given qualifier="BR">${xml(patient.firstName)}</given>
        </name>
        <administrativeGenderCode code="${patient.sex}" codeSystem="2.16.840.1.113883.5.1"/>
        <birthTime value="${patient.birthDate.replaceAll('-', '')}"/>
        <birthplace><place><addr><county>${patient.birthPlace}</county><city>${xml(patient.birthCity)}</city></addr></place></birthplace>
      </patient>
    </patientRole>
  </recordTarget>
`
}

function author({ author: person, now }: CdaOptions): string {
  return `  <author>
    <time value="${utcStamp(now)}+0000"/>
    <assignedAuthor>
      <id root="${PERSON}" extension="8${person.rpps}"/>
      <code code="${person.specialty.code}" displayName="${xml(person.specialty.label)}" codeSystem="1.2.250.1.213.1.1.4.5"/>
      <addr nullFlavor="NASK"/>
      <telecom nullFlavor="NASK"/>
      ${assignedPerson(person)}
      <representedOrganization>
        <id root="${STRUCTURE}" extension="${person.structure.id}"/>
        <name>${xml(person.structure.name)}</name>
        <telecom nullFlavor="NASK"/>
        <addr nullFlavor="NASK"/>
      </representedOrganization>
    </assignedAuthor>
  </author>
`
}

function assignedPerson(person: { firstName: string; lastName: string }): string {
  const name = `<given>${xml(person.firstName)}</given><family>${xml(person.lastName)}</family><suffix>DR</suffix>`
  return `<assignedPerson><name>${name}</name></assignedPerson>`
}

function custodian(structure: FictionalStructure): string {
  return `  <custodian>
    <assignedCustodian>
      <representedCustodianOrganization>
        <id root="${STRUCTURE}" extension="${structure.id}"/>
        <name>${xml(structure.name)}</name>
        <telecom nullFlavor="NASK"/>
        <addr nullFlavor="NASK"/>
      </representedCustodianOrganization>
    </assignedCustodian>
  </custodian>
`
}

function recipient({ recipient: person }: CdaOptions): string {
  if (!person) return ''
  const id = person.rpps ? `<id root="${PERSON}" extension="8${person.rpps}"/>` : '<id nullFlavor="UNK"/>'
  const name = `<given>${xml(person.firstName)}</given><family>${xml(person.lastName)}</family>`
  return `  <informationRecipient>
    <intendedRecipient>${id}<informationRecipient><name>${name}</name></informationRecipient></intendedRecipient>
  </informationRecipient>
`
}

function legalAuthenticator({ author: person, now }: CdaOptions): string {
  return `  <legalAuthenticator>
    <time value="${utcStamp(now)}+0000"/>
    <signatureCode code="S"/>
    <assignedEntity>
      <id root="${PERSON}" extension="8${person.rpps}"/>
      ${assignedPerson(person)}
    </assignedEntity>
  </legalAuthenticator>
`
}

function documentationOf({ author: person, now }: CdaOptions): string {
  const { structure } = person
  return `  <documentationOf>
    <serviceEvent>
      <effectiveTime><low value="${utcStamp(now)}+0000"/></effectiveTime>
      <performer typeCode="PRF">
        <assignedEntity>
          <id root="${PERSON}" extension="8${person.rpps}"/>
          ${assignedPerson(person)}
          <representedOrganization>
            <id root="${STRUCTURE}" extension="${structure.id}"/>
            <name>${xml(structure.name)}</name>
            <standardIndustryClassCode code="${structure.practice.code}" displayName="${xml(structure.practice.label)}"
              codeSystem="1.2.250.1.213.1.1.4.9"/>
          </representedOrganization>
        </assignedEntity>
      </performer>
    </serviceEvent>
  </documentationOf>
`
}

function relatedDocument({ replaces }: CdaOptions): string {
  if (!replaces) return ''
  return `  <relatedDocument typeCode="RPLC"><parentDocument><id root="${replaces}"/></parentDocument></relatedDocument>\n`
}

function componentOf({ author: { structure }, now }: CdaOptions): string {
  return `  <componentOf>
    <encompassingEncounter>
      <effectiveTime><low value="${utcStamp(now)}+0000"/></effectiveTime>
      <location>
        <healthCareFacility>
          <id root="${STRUCTURE}" extension="${structure.id}"/>
          <code code="${structure.facility.code}" displayName="${xml(structure.facility.label)}" codeSystem="1.2.250.1.71.4.2.4"/>
        </healthCareFacility>
      </location>
    </encompassingEncounter>
  </componentOf>
`
}
