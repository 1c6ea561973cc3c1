import { EXC_C14N } from './canonical.ts'
import type { Holder, Trust } from './certificates.ts'
import { invalidCertificate, SoapFault } from './refusals.ts'
import { DS, digestHolds, RSA_SHA256, references, SignatureFault, sameName, verifySigner } from './signature.ts'
import { at, attribute, below, elements, kids, textOf, type XmlElement } from './xml-tree.ts'

/** What the checked VIHF says (spec dmp §1.4). */
export interface Vihf {
  /** resource-id: the patient as CX. */
  patientId: string
  /** Identifiant_Structure. */
  structure: string
  homologation: string
  signer: Holder
}

export interface VihfContext {
  trust: Trust
  now: number
  /** Struct_IdNat of the TLS client certificate. */
  structure: string
  /** Geographic sites that a legal entity's certificate may speak for (spec dmp §1.3). */
  sites: readonly string[]
  requireHomologation: string | undefined
}

/** NTP-consistent clocks (spec dmp §1.4): five minutes either way. */
export const TOLERANCE = 5 * 60_000

const WSSE = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'
const SAML = 'urn:oasis:names:tc:SAML:2.0:assertion'
const HL7 = 'urn:hl7-org:v3'
const SUBJECT_NAME = 'urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName'
const UNSPECIFIED = 'urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified'
const PROFESSIONS = '1.2.250.1.71.1.2.7'
const SPECIALTIES = '1.2.250.1.71.4.2.5'

/** @returns what the VIHF in wsse:Security says @throws SoapFault Sender, with DMPInvalidCertificate when the certificate is the fault */
export function readVihf(header: XmlElement, context: VihfContext): Vihf {
  const security = at(header, WSSE, 'Security')
  const assertion = at(security, SAML, 'Assertion')
  if (!assertion || below(header, SAML, 'Assertion').length !== 1) throw refuse('there is not exactly one assertion in wsse:Security')
  const signer = checkSignature(assertion, context)
  checkStatements(assertion, signer, context.now)
  const values = attributesOf(assertion)
  const one = (name: string) => single(values, name)
  const version = one('VIHF_Version')
  const mode = one('Authentification_Mode')
  require(['3.0', '4.0'].includes(version), 'VIHF_Version')
  require(MODES[version]?.includes(mode) === true, 'Authentification_Mode')
  const structure = one('Identifiant_Structure')
  require([context.structure, ...context.sites].includes(structure), 'Identifiant_Structure is not the one of the TLS certificate')
  require(signer.structure === context.structure, 'the signer is not the structure of the TLS certificate')
  require(/^(SA\d{2}|SNR)\^1\.2\.250\.1\.71\.4\.2\.4$/.test(one('Secteur_Activite')), 'Secteur_Activite')
  const subject = one('urn:oasis:names:tc:xspa:1.0:subject:subject-id')
  const isAutomate = checkRole(values.get('urn:oasis:names:tc:xacml:2.0:subject:role') ?? [])
  if (version === '4.0') checkSubject(assertion, subject, isAutomate, mode)
  checkPurpose([...values].filter(([name]) => name.endsWith(':purposeofuse')).flatMap(([, found]) => found))
  require(one('Ressource_URN') === 'urn:dmp', 'Ressource_URN')
  for (const name of ['LPS_Nom', 'LPS_Version', 'LPS_ID']) one(name)
  const homologation = one('LPS_ID_HOMOLOGATION_DMP')
  require((context.requireHomologation ?? homologation) === homologation, 'LPS_ID_HOMOLOGATION_DMP is unknown')
  return { patientId: one('urn:oasis:names:tc:xacml:2.0:resource:resource-id'), structure, homologation, signer }
}

/** The reinforced mode came with 4.0: a professional has just signed in with Pro Santé Connect (spec dmp §1.2). */
const MODES: Readonly<Record<string, readonly string[]>> = { '3.0': ['INDIRECTE'], '4.0': ['INDIRECTE', 'INDIRECTE_RENFORCEE'] }

/** 4.0: whoever answers is named by his PS_IdNat, an automate by software, model and service, and an automate has not signed in. */
function checkSubject(assertion: XmlElement, subject: string, isAutomate: boolean, mode: string): void {
  const person = textOf(at(assertion, SAML, 'Subject', 'NameID'))
  require(/^[0-689]\S{8,}$/.test(person), 'NameID is no PS_IdNat (4.0)')
  require(!isAutomate || subject.split(',').length >= 3, 'subject-id of an automate is not software, model, service (4.0)')
  require(mode === 'INDIRECTE' ? isAutomate : !isAutomate, 'Authentification_Mode is not the one of the role (4.0)')
}

function refuse(rule: string): SoapFault {
  return new SoapFault('Sender', `VIHF: ${rule}`)
}

function require(holds: boolean, rule: string): void {
  if (!holds) throw refuse(rule)
}

function checkSignature(assertion: XmlElement, { trust, now }: VihfContext): Holder {
  const signature = at(assertion, DS, 'Signature')
  if (!signature) throw refuse('the assertion is not signed')
  try {
    const accepted = { canonicalization: [EXC_C14N], methods: [RSA_SHA256] }
    const signer = verifySigner(signature, accepted, trust, new Date(now))
    const [reference, ...others] = references(at(signature, DS, 'SignedInfo') as XmlElement)
    const id = attribute(assertion, 'ID')
    if (!reference || others.length > 0 || !id || reference.uri !== `#${id}`) throw new SignatureFault('Reference is not the assertion')
    const algorithms = reference.transforms.map(transform => attribute(transform, 'Algorithm'))
    if (algorithms.join(' ') !== `${DS}enveloped-signature ${EXC_C14N}`) throw new SignatureFault('Transforms')
    if (!digestHolds(reference, assertion, signature)) throw new SignatureFault('DigestValue')
    return signer
  } catch (error) {
    if (error instanceof SignatureFault) throw refuse(`signature: ${error.message}`)
    throw error
  }
}

function checkStatements(assertion: XmlElement, signer: Holder, now: number): void {
  require(attribute(assertion, 'Version') === '2.0', 'Version')
  require(Math.abs(now - instant(attribute(assertion, 'IssueInstant'))) <= TOLERANCE, 'IssueInstant is not now')
  const issuer = at(assertion, SAML, 'Issuer')
  require(attribute(issuer, 'Format') === SUBJECT_NAME, 'Issuer/@Format')
  if (!sameName(textOf(issuer), signer.subject)) throw invalidCertificate('VIHF: Issuer is not the subject of the signing certificate')
  require(textOf(at(assertion, SAML, 'Subject', 'NameID')) !== '', 'Subject/NameID')
  const authentication = at(assertion, SAML, 'AuthnStatement')
  require(instant(attribute(authentication, 'AuthnInstant')) <= now + TOLERANCE, 'AuthnInstant')
  require(textOf(at(authentication, SAML, 'AuthnContext', 'AuthnContextClassRef')) === UNSPECIFIED, 'AuthnContextClassRef')
  const conditions = at(assertion, SAML, 'Conditions')
  require(below(assertion, SAML, 'AudienceRestriction').length === 0, 'AudienceRestriction is not expected')
  const [from, until] = [attribute(conditions, 'NotBefore'), attribute(conditions, 'NotOnOrAfter')]
  require(from === undefined || instant(from) <= now + TOLERANCE, 'NotBefore')
  require(until === undefined || instant(until) > now - TOLERANCE, 'NotOnOrAfter')
}

/** @returns milliseconds of a UTC instant; all times of the VIHF are in UTC (spec dmp §1.4) */
function instant(text: string | undefined): number {
  require(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text ?? ''), 'an instant is missing or not in UTC')
  return Date.parse(text ?? '')
}

function attributesOf(assertion: XmlElement): Map<string, XmlElement[]> {
  const statement = at(assertion, SAML, 'AttributeStatement')
  if (!statement) throw refuse('AttributeStatement')
  const values = new Map<string, XmlElement[]>()
  for (const each of kids(statement, SAML, 'Attribute')) {
    const name = attribute(each, 'Name') ?? ''
    require(!values.has(name), 'an attribute is given twice')
    values.set(name, kids(each, SAML, 'AttributeValue'))
  }
  return values
}

function single(values: Map<string, XmlElement[]>, name: string): string {
  const [value, ...others] = values.get(name) ?? []
  require(value !== undefined && others.length === 0 && textOf(value) !== '', `${name} is missing, empty or repeated`)
  return textOf(value)
}

/** @returns whether it is an automate alone; else a profession with at most one specialty (JDV_J65) */
function checkRole(values: XmlElement[]): boolean {
  const roles = values.flatMap(elements).filter(each => each.uri === HL7 && each.local === 'Role')
  const keys = roles.map(role => `${attribute(role, 'codeSystem')}|${attribute(role, 'code')}`)
  const automate = keys.length === 1 && keys[0] === '1.2.250.1.213.1.1.4.6|AUTOMATE'
  const [profession, specialty, ...others] = keys
  const professional =
    /^1\.2\.250\.1\.71\.1\.2\.7\|\d\d$/.test(profession ?? '') &&
    (specialty === undefined || specialty.startsWith(`${SPECIALTIES}|`)) &&
    others.length === 0
  require(automate || professional, `role is neither the AUTOMATE nor a profession of ${PROFESSIONS}`)
  return automate
}

function checkPurpose(values: XmlElement[]): void {
  const purposes = values.flatMap(elements).filter(each => each.uri === HL7 && each.local === 'PurposeOfUse')
  const [purpose, ...others] = purposes
  const normal = attribute(purpose, 'code') === 'normal' && attribute(purpose, 'codeSystem') === '1.2.250.1.213.1.1.4.248'
  require(normal && others.length === 0, 'purposeofuse')
}
