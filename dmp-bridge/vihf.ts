import type { Policy } from './decide.ts'
import type { Ins } from './facts.ts'
import { formatInstant } from './hl7-time.ts'
import { formatCx } from './ins.ts'
import { element, writeXml, type XmlContent, type XmlOut } from './xml-writer.ts'

const SAML = 'urn:oasis:names:tc:SAML:2.0:assertion'
const HL7 = 'urn:hl7-org:v3'
const XSI = 'http://www.w3.org/2001/XMLSchema-instance'

/** The product as the DMP knows it (EX_GEN-1180): the homologation number is a secret of each distributor. */
export interface Software {
  name: string
  version: string
  lpsId: string
  homologation: string
  /** device that does the processing, named in the VIHF as an automate */
  model: string
  service: string
}

/** Which of the two the DMP expects of an automate is not public: the CDA mapping of the ANS says 4.0, the published messages 3.0. */
export type VihfVersion = '3.0' | '4.0'

/**
 * The VIHF of an automated processing under indirect authentication (spec dmp §1.4), not signed yet. In both versions the subject is an
 * automate (JDV_J65) and the mode INDIRECTE: INDIRECTE_RENFORCEE is of a professional who has just signed in with Pro Santé Connect, and
 * nobody has when a document is filed.
 * @param options.issuer the DN of the signing certificate, as RFC 2253 text
 * @param options.id an XML id
 * @returns a SAML 2.0 assertion, as text
 */
export function buildVihf(options: {
  version: VihfVersion
  id: string
  issuer: string
  ins: Ins
  /** PS_IdNat of the author who sends, or of who answers for the automated processing */
  person: string
  /** Struct_IdNat: that of the certificate, or a site that it speaks for */
  structure: string
  policy: Policy
  software: Software
  now: Date
}): string {
  const { policy, software } = options
  const instant = formatInstant(options.now)
  const attributes: [string, XmlContent][] = [
    ['VIHF_Version', options.version],
    ['Authentification_Mode', 'INDIRECTE'],
    ['Identifiant_Structure', options.structure],
    ['Secteur_Activite', `${policy.sector}^1.2.250.1.71.4.2.4`],
    ['urn:oasis:names:tc:xspa:1.0:subject:subject-id', `${software.name}, ${software.model}, ${software.service}`],
    ['urn:oasis:names:tc:xacml:2.0:subject:role', AUTOMATE],
    ['urn:oasis:names:tc:xacml:2.0:resource:resource-id', formatCx(options.ins)],
    ['Ressource_URN', 'urn:dmp'],
    ['urn:oasis:names:tc:xspa:1.0:subject:purposeofuse', NORMAL_ACCESS],
    ['LPS_Nom', software.name],
    ['LPS_Version', software.version],
    ['LPS_ID', software.lpsId],
    ['LPS_ID_HOMOLOGATION_DMP', software.homologation],
  ]
  const assertion = element(
    'saml2:Assertion',
    { 'xmlns:saml2': SAML, ID: options.id, IssueInstant: instant, Version: '2.0' },
    element('saml2:Issuer', { Format: 'urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName' }, options.issuer),
    element('saml2:Subject', {}, element('saml2:NameID', {}, options.person)),
    element('saml2:AuthnStatement', { AuthnInstant: instant }, element('saml2:AuthnContext', {}, UNSPECIFIED)),
    element('saml2:AttributeStatement', {}, ...attributes.map(([name, value]) => attribute(name, value))),
  )
  return writeXml(assertion)
}

const UNSPECIFIED = element('saml2:AuthnContextClassRef', {}, 'urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified')

/** JDV_J65. */
const AUTOMATE = concept('Role', 'AUTOMATE', '1.2.250.1.213.1.1.4.6', 'Automate')
const NORMAL_ACCESS = concept('PurposeOfUse', 'normal', '1.2.250.1.213.1.1.4.248', 'Accès normal')

function concept(name: string, code: string, codeSystem: string, displayName: string): XmlOut {
  return element(name, { xmlns: HL7, 'xmlns:xsi': XSI, 'xsi:type': 'CE', code, codeSystem, displayName })
}

function attribute(name: string, value: XmlContent): XmlOut {
  return element('saml2:Attribute', { Name: name }, element('saml2:AttributeValue', {}, value))
}
