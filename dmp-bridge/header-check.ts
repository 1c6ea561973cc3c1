import { isInsOid } from './ins.ts'
import type { Reason } from './reasons.ts'
import { attribute, children, type XmlElement } from './xml.ts'

/** What CDA R2 allows once. Readers would disagree on which of two is meant, so a second one waits for a human. */
const ONCE: readonly [path: string, names: string[]][] = [
  [
    '',
    [
      ...['id', 'code', 'title', 'effectiveTime', 'confidentialityCode', 'languageCode', 'setId', 'versionNumber'],
      ...['custodian', 'legalAuthenticator', 'componentOf', 'component'],
    ],
  ],
  ['recordTarget/patientRole/patient', ['administrativeGenderCode', 'birthTime', 'birthplace']],
  ['author', ['assignedAuthor', 'functionCode']],
  ['author/assignedAuthor', ['assignedPerson', 'assignedAuthoringDevice', 'representedOrganization', 'code']],
  ['legalAuthenticator', ['assignedEntity']],
  ['legalAuthenticator/assignedEntity', ['assignedPerson', 'representedOrganization']],
  ['documentationOf', ['serviceEvent']],
  ['documentationOf/serviceEvent', ['effectiveTime', 'code']],
  ['componentOf', ['encompassingEncounter']],
  ['componentOf/encompassingEncounter', ['location', 'code']],
  ['componentOf/encompassingEncounter/location', ['healthCareFacility']],
  ['componentOf/encompassingEncounter/location/healthCareFacility', ['code']],
  ['component', ['nonXMLBody', 'structuredBody']],
]

/** Register of professionals (PS_IdNat). */
const PERSONS = '1.2.250.1.71.4.2.1'

/**
 * Judges what facts can't tell, since they keep one value of each: elements that occur twice, and a confidentiality that says more
 * than its code.
 * @param cda a ClinicalDocument
 */
export function judgeHeader(cda: XmlElement): Reason[] {
  const reasons: Reason[] = []
  if (ONCE.some(([path, names]) => all(cda, path).some(parent => names.some(name => children(parent, name).length > 1)))) {
    reasons.push('header-repeated')
  }
  const [roles, patients] = [all(cda, 'recordTarget/patientRole'), all(cda, 'recordTarget/patientRole/patient')]
  if (roles.length > 1 || patients.length > 1) reasons.push('several-record-targets')
  const parties = [...all(cda, 'author/assignedAuthor'), ...all(cda, 'legalAuthenticator/assignedEntity')]
  if (parties.some(hasTwoNumbers)) reasons.push('header-repeated')
  if (all(cda, 'confidentialityCode').some(each => each.children.length > 0 || attribute(each, 'nullFlavor'))) reasons.push('not-normal')
  if (isIdentityUnclear(cda)) reasons.push('identity-unclear')
  if (children(cda, 'id').some(each => isPadded(each) || (attribute(each, 'root') && attribute(each, 'nullFlavor'))))
    reasons.push('id-not-oid')
  if (children(cda, 'id').some(each => each.attributes.get('extension')?.trim() === '')) reasons.push('id-extension') // readers differ on an empty one
  if (!hasBody(cda)) reasons.push('body-missing')
  return [...new Set(reasons)]
}

/** An INS is there to the character, and nothing around it says that it is unknown. */
function isIdentityUnclear(cda: XmlElement): boolean {
  const ids = all(cda, 'recordTarget/patientRole/id').filter(each => isInsOid(attribute(each, 'root') ?? ''))
  const around = ['recordTarget', 'recordTarget/patientRole', 'recordTarget/patientRole/patient'].flatMap(path => all(cda, path))
  return ids.some(isPadded) || [...ids, ...around].some(each => each.attributes.has('nullFlavor'))
}

/** Blanks of any kind are trimmed where facts are read; whoever compares the bytes would see another number. */
function isPadded(id: XmlElement): boolean {
  return ['root', 'extension'].some(name => /\s/.test(id.attributes.get(name) ?? ''))
}

/** What is filed is the document itself: an embedded file, not where it is to be found, or sections. */
function hasBody(cda: XmlElement): boolean {
  const [nonXml, structured] = [all(cda, 'component/nonXMLBody'), all(cda, 'component/structuredBody')]
  const texts = nonXml.flatMap(each => children(each, 'text'))
  const isEmbedded = texts.length === 1 && isFilled(texts[0])
  const isStructured = (structured[0]?.hidden?.elements ?? 0) > 0
  return nonXml.length + structured.length === 1 && (isEmbedded || isStructured)
}

function isFilled(text: XmlElement | undefined): boolean {
  return text?.hidden !== undefined && text.hidden.elements === 0 && text.hidden.characters > 0
}

function hasTwoNumbers(party: XmlElement): boolean {
  const numbers = children(party, 'id').filter(each => attribute(each, 'root') === PERSONS)
  return new Set(numbers.map(each => attribute(each, 'extension'))).size > 1
}

/** @returns every element at the end of a path of names, `/` between them; the start itself for an empty path */
function all(start: XmlElement, path: string): XmlElement[] {
  let current = [start]
  for (const name of path === '' ? [] : path.split('/')) current = current.flatMap(each => children(each, name))
  return current
}
