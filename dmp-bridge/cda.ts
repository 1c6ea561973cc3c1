import { isActive, isForeignStylesheet, isScript, StyleText } from './active-content.ts'
import type { Limits } from './caps.ts'
import { PdfDigests } from './embedded-pdf.ts'
import type { CdaFacts, Coded, Ins, PartyFacts, PatientFacts } from './facts.ts'
import { judgeHeader } from './header-check.ts'
import { isInsOid, sameIns } from './ins.ts'
import type { Reason } from './reasons.ts'
import { VisibleContent } from './visible-content.ts'
import { attribute, children, find, findAll, readXml, textOf, type XmlElement, XmlFault } from './xml.ts'

const HL7 = 'urn:hl7-org:v3'
/** Extensions of IHE PaLM, used by the reports of laboratories. */
const LAB = 'urn:oid:1.3.6.1.4.1.19376.1.3.2'
const XSL = 'http://www.w3.org/1999/XSL/Transform'
/** Registers of professionals (PS_IdNat) and of structures (Struct_IdNat), CI-SIS. */
const PERSONS = '1.2.250.1.71.4.2.1'
const STRUCTURES = '1.2.250.1.71.4.2.2'

/** What reading one XML file as a CDA brought. `not-a-cda`: well-formed, but something else. */
export type CdaReading = { kind: 'cda'; cda: CdaFacts; faults: Reason[] } | { kind: 'not-a-cda' } | { kind: 'unreadable'; reason: Reason }

/**
 * Reads the header of a CDA R2, as root or inside the style sheet that presents it (CI-SIS structuration minimale).
 * @param bytes the file as it came; never altered
 */
export function readCda(bytes: Uint8Array, limits: Limits): CdaReading {
  let documents = 0
  let scripts = 0
  const pdfs = new PdfDigests()
  const content = new VisibleContent()
  const style = new StyleText()
  try {
    const { root, utf8 } = readXml(bytes, {
      maxBytes: limits.maxXmlBytes,
      maxDepth: limits.maxXmlDepth,
      maxElements: limits.maxXmlElements,
      onElement: (name, ns, tag) => {
        if (name === 'ClinicalDocument' && ns === HL7) documents += 1
        if (isActive(tag)) scripts += 1
        if (style.ends()) scripts += 1
        pdfs.open(tag)
        content.open(tag)
      },
      onClose: () => {
        if (style.ends()) scripts += 1
        content.close()
      },
      onText: text => {
        pdfs.text(text)
        content.text(text)
        style.text(text)
      },
      onInstruction: (target, body) => {
        if (isForeignStylesheet(target, body)) scripts += 1
      },
      keepInside: (element, parent) => element.name !== 'structuredBody' && parent?.name !== 'nonXMLBody',
    })
    const selfPresentable = root.ns === XSL
    const cda = selfPresentable ? findAll(root, 'ClinicalDocument', HL7)[0] : root
    if (cda?.name !== 'ClinicalDocument' || cda.ns !== HL7) return { kind: 'not-a-cda' }
    const faults: Reason[] = []
    if (!utf8) faults.push('xml-encoding')
    if (documents > 1) faults.push('several-documents')
    if (selfPresentable && findAll(root, 'attribute', XSL).some(each => isScript(allText(each)))) scripts += 1
    if (scripts > 0) faults.push('active-content') // EX_2.1-1115
    faults.push(...judgeHeader(cda))
    if (content.isEmpty && !faults.includes('body-missing')) faults.push('empty-document') // EX_GEN-1060
    const header = readHeader(cda, selfPresentable)
    const copies = pdfs.of(header.body)
    return { kind: 'cda', cda: copies.length === 0 ? header : { ...header, pdfs: copies }, faults }
  } catch (error) {
    if (error instanceof XmlFault) return { kind: 'unreadable', reason: error.reason }
    throw error
  }
}

/** `replaces` when the document says so plainly, of one parent with one id; else it stands in a relation that a human has to read. */
function relationOf(relations: readonly XmlElement[]): Pick<CdaFacts, 'replaces' | 'replacedVersion' | 'related'> {
  const [relation, ...others] = relations
  if (!relation) return {}
  const parents = children(relation, 'parentDocument')
  const [id, ...ids] = parents.flatMap(parent => children(parent, 'id')).map(identifier)
  const isPlain = attribute(relation, 'typeCode') === 'RPLC' && others.length === 0 && parents.length === 1 && ids.length === 0
  if (!isPlain || id === undefined) return { related: true }
  return { replaces: id, ...optional('replacedVersion', integer(attribute(find(parents[0], 'versionNumber'), 'value'))) }
}

function readHeader(cda: XmlElement, selfPresentable: boolean): CdaFacts {
  const id = find(cda, 'id')
  const legal = find(cda, 'legalAuthenticator', 'assignedEntity')
  const relations = children(cda, 'relatedDocument').filter(each => attribute(each, 'typeCode') !== 'XFRM')
  const acts = children(cda, 'documentationOf').map(each => find(each, 'serviceEvent'))
  // The main act is the one whose performer states the setting of practice (structuration minimale).
  const act = acts.find(each => practiceOf(each)) ?? acts[0]
  const encounter = find(cda, 'componentOf', 'encompassingEncounter')
  const templates = children(cda, 'templateId')
  const nonXml = find(cda, 'component', 'nonXMLBody', 'text')
  return {
    uniqueId: attribute(id, 'root') ?? '',
    ...optional('idExtension', attribute(id, 'extension')),
    ...optional('setId', identifier(find(cda, 'setId'))),
    ...optional('version', integer(attribute(find(cda, 'versionNumber'), 'value'))),
    ...relationOf(relations),
    patient: readPatient(find(cda, 'recordTarget', 'patientRole')),
    recordTargets: children(cda, 'recordTarget').length,
    typeCode: coded(find(cda, 'code')) ?? { code: '', system: '', label: '' },
    authors: children(cda, 'author').map(readAuthor),
    ...optional('legalAuthenticator', legal && readParty(legal, 'representedOrganization')),
    ...optional('custodian', textOf(find(cda, 'custodian', 'assignedCustodian', 'representedCustodianOrganization', 'name'))),
    confidentiality: attribute(find(cda, 'confidentialityCode'), 'code') ?? '',
    confidentialitySystem: attribute(find(cda, 'confidentialityCode'), 'codeSystem') ?? '',
    title: allText(find(cda, 'title')),
    language: attribute(find(cda, 'languageCode'), 'code') ?? '',
    effectiveTime: attribute(find(cda, 'effectiveTime'), 'value') ?? '',
    service: readInterval(find(act, 'effectiveTime')),
    events: acts.map(each => coded(find(each, 'code'))).filter(each => each !== undefined),
    ...optional('labStatus', labStatusOf(acts)),
    ...optional('encounter', attribute(find(encounter, 'code'), 'code')),
    ...optional('facility', coded(find(encounter, 'location', 'healthCareFacility', 'code'))),
    ...optional('practice', coded(practiceOf(act))),
    templateIds: templates.flatMap(each => attribute(each, 'root') ?? []),
    templateVersions: Object.fromEntries(templates.map(each => [attribute(each, 'root') ?? '', attribute(each, 'extension') ?? ''])),
    body: find(cda, 'component', 'nonXMLBody') ? 'N1' : 'N3',
    ...optional('mediaType', attribute(nonXml, 'mediaType')),
    selfPresentable,
  }
}

function readPatient(role: XmlElement | undefined): PatientFacts {
  const identities: Ins[] = []
  let localId: PatientFacts['localId']
  for (const id of children(role, 'id')) {
    const [root, extension] = [attribute(id, 'root'), attribute(id, 'extension')]
    if (!root || !extension) continue
    const ins = { matricule: extension, oid: root }
    if (!isInsOid(root)) localId ??= { extension, root }
    else if (!identities.some(each => sameIns(each, ins))) identities.push(ins)
  }
  const person = find(role, 'patient')
  const names = children(person, 'name')
  return {
    ...optional('ins', identities[0]),
    identities: identities.length,
    ...optional('localId', localId),
    families: textsOf(names, 'family'),
    givens: textsOf(names, 'given'),
    ...optional('birthName', birthPart(names, 'family')),
    ...optional('firstName', birthPart(names, 'given')),
    ...optional('birthDate', /^\d{8}/.exec(attribute(find(person, 'birthTime'), 'value') ?? '')?.[0]),
    ...optional('sex', attribute(find(person, 'administrativeGenderCode'), 'code')),
    ...optional('birthPlace', textOf(find(person, 'birthplace', 'place', 'addr', 'county'))),
  }
}

/** Only the parts of the birth certificate count (qualifier BR): the others are used names. */
function birthPart(names: XmlElement[], part: 'family' | 'given'): string | undefined {
  const parts = names.flatMap(each => children(each, part))
  return textOf(parts.find(each => (attribute(each, 'qualifier') ?? '').split(/\s+/).includes('BR')))
}

function textsOf(names: XmlElement[], part: 'family' | 'given'): string[] {
  return names
    .flatMap(each => children(each, part))
    .map(textOf)
    .filter(each => each !== undefined)
}

function readAuthor(author: XmlElement): PartyFacts {
  const assigned = find(author, 'assignedAuthor')
  const party = readParty(assigned, 'representedOrganization')
  const role = find(author, 'functionCode')
  return { ...party, ...optional('role', attribute(role, 'displayName') ?? textOf(find(role, 'originalText'))) }
}

function readParty(assigned: XmlElement | undefined, organisationName: string): PartyFacts {
  const ids = children(assigned, 'id').filter(each => attribute(each, 'extension'))
  const national = ids.find(each => attribute(each, 'root') === PERSONS)
  const any = national ?? ids[0]
  const device = find(assigned, 'assignedAuthoringDevice')
  const name = find(assigned, 'assignedPerson', 'name')
  const organisations = children(assigned, organisationName)
  return {
    ...optional('idNatPs', attribute(national, 'extension')),
    ...optional('id', any && { extension: attribute(any, 'extension') ?? '', root: attribute(any, 'root') ?? '' }),
    family: textOf(name ? find(name, 'family') : find(device, 'manufacturerModelName')) ?? '',
    given: textOf(name ? find(name, 'given') : find(device, 'softwareName')) ?? '',
    device: device !== undefined && !name,
    structures: organisations
      .flatMap(each => children(each, 'id'))
      .filter(each => attribute(each, 'root') === STRUCTURES)
      .map(each => attribute(each, 'extension'))
      .filter(each => each !== undefined),
    ...optional('organisation', textOf(find(organisations[0], 'name'))),
    ...optional('specialty', coded(find(assigned, 'code'))),
  }
}

function practiceOf(act: XmlElement | undefined): XmlElement | undefined {
  return children(act, 'performer')
    .map(each => find(each, 'assignedEntity', 'representedOrganization', 'standardIndustryClassCode'))
    .find(each => attribute(each, 'code'))
}

/** One act that is not completed is enough: the report is partial. */
function labStatusOf(acts: (XmlElement | undefined)[]): string | undefined {
  const statuses = acts.flatMap(act => children(act, 'statusCode', LAB)).map(each => attribute(each, 'code') ?? '')
  return statuses.find(each => each !== 'completed') ?? statuses[0]
}

function readInterval(time: XmlElement | undefined): { start?: string; stop?: string } {
  const point = attribute(time, 'value')
  return {
    ...optional('start', attribute(find(time, 'low'), 'value') ?? point),
    ...optional('stop', attribute(find(time, 'high'), 'value') ?? point),
  }
}

/** A concept without a code (nullFlavor) is no concept. */
function coded(element: XmlElement | undefined): Coded | undefined {
  const code = attribute(element, 'code')
  if (!code) return undefined
  return {
    code,
    system: attribute(element, 'codeSystem') ?? '',
    label: attribute(element, 'displayName') ?? textOf(find(element, 'originalText')) ?? '',
  }
}

function identifier(element: XmlElement | undefined): string | undefined {
  const root = attribute(element, 'root')
  const extension = attribute(element, 'extension')
  return root && extension ? `${root}^${extension}` : root
}

function integer(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : undefined
}

/** A title may hold mark-up (ED): its text and that of what it contains, blanks reduced. */
function allText(element: XmlElement | undefined): string {
  if (!element) return ''
  return [element.text, ...element.children.map(allText)].join(' ').replace(/\s+/g, ' ').trim()
}

/** `exactOptionalPropertyTypes`: a field that is unknown is absent. */
function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V })
}
