import { at, attribute, below, elements, kids, parseXml, textOf, type XmlElement } from './xml-tree.ts'

/** What the simulator reads in a CDA to compare it with the metadata. */
export interface Cda {
  /** The ClinicalDocument stands inside a style sheet: self-presentable. */
  selfPresentable: boolean
  root: string | undefined
  extension: string | undefined
  typeCode: string | undefined
  title: string
  effectiveTime: string | undefined
  confidentiality: (string | undefined)[]
  languageCode: string | undefined
  /** The identifiers of each recordTarget as `matricule^^^&OID&ISO^NH`. */
  recordTargets: string[][]
  authors: { person: string | undefined; institution: string | undefined }[]
  legalAuthenticator: string | undefined
  facility: string | undefined
  practices: (string | undefined)[]
  replaces: (string | undefined)[]
  templates: string[]
  /** Media type of a level 1 body; undefined for a structured one. */
  mediaType: string | undefined
  hasBody: boolean
}

const V3 = 'urn:hl7-org:v3'
const XSL = 'http://www.w3.org/1999/XSL/Transform'
const PERSONS = '1.2.250.1.71.4.2.1'
const STRUCTURES = '1.2.250.1.71.4.2.2'

/** @returns the header of a CDA R2, or undefined when the document is none @throws XmlFault */
export function readCda(content: Buffer): Cda | undefined {
  const { root } = parseXml(content)
  const selfPresentable = root.uri === XSL && root.local === 'stylesheet'
  const documents = selfPresentable
    ? below(root, V3, 'ClinicalDocument')
    : root.local === 'ClinicalDocument' && root.uri === V3
      ? [root]
      : []
  const [document, ...others] = documents
  if (!document || others.length > 0) return undefined
  const id = at(document, V3, 'id')
  const value = (...path: string[]) => attribute(at(document, V3, ...path.slice(0, -1)), path.at(-1) ?? '')
  const body = at(document, V3, 'component')
  return {
    selfPresentable,
    root: attribute(id, 'root'),
    extension: attribute(id, 'extension'),
    typeCode: value('code', 'code'),
    title: textOf(at(document, V3, 'title')),
    effectiveTime: value('effectiveTime', 'value'),
    confidentiality: kids(document, V3, 'confidentialityCode').map(each => attribute(each, 'code')),
    languageCode: value('languageCode', 'code'),
    recordTargets: kids(document, V3, 'recordTarget').map(identifiers),
    authors: kids(document, V3, 'author').map(author),
    legalAuthenticator: extensionOf(at(document, V3, 'legalAuthenticator', 'assignedEntity'), PERSONS),
    facility: value('componentOf', 'encompassingEncounter', 'location', 'healthCareFacility', 'code', 'code'),
    practices: below(document, V3, 'standardIndustryClassCode').map(each => attribute(each, 'code')),
    replaces: kids(document, V3, 'relatedDocument')
      .filter(each => attribute(each, 'typeCode') === 'RPLC')
      .map(each => attribute(at(each, V3, 'parentDocument', 'id'), 'root')),
    templates: kids(document, V3, 'templateId').map(each => attribute(each, 'root') ?? ''),
    mediaType: attribute(at(body, V3, 'nonXMLBody', 'text'), 'mediaType'),
    hasBody: body !== undefined && elements(body).some(each => ['nonXMLBody', 'structuredBody'].includes(each.local)),
  }
}

function identifiers(recordTarget: XmlElement): string[] {
  const role = at(recordTarget, V3, 'patientRole')
  return (role ? kids(role, V3, 'id') : []).map(id => `${attribute(id, 'extension') ?? ''}^^^&${attribute(id, 'root') ?? ''}&ISO^NH`)
}

function author(element: XmlElement): Cda['authors'][number] {
  const assigned = at(element, V3, 'assignedAuthor')
  return {
    person: extensionOf(assigned, PERSONS),
    institution: extensionOf(at(assigned, V3, 'representedOrganization'), STRUCTURES),
  }
}

function extensionOf(element: XmlElement | undefined, root: string): string | undefined {
  const id = element && kids(element, V3, 'id').find(each => attribute(each, 'root') === root)
  return id && attribute(id, 'extension')
}
