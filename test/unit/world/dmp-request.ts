import { createHash, sign, X509Certificate } from 'node:crypto'
import { C14N_COMMENTS, canonicalize, EXC_C14N } from '../../world/dmp-simulator/canonical.ts'
import { parseXml } from '../../world/dmp-simulator/xml-tree.ts'
import { xml } from '../../world/letter.ts'

/** Everything of a TD2.1 request that a test may bend, each as the text it is before it is signed or packed. */
export interface Draft {
  url: string
  now: Date
  signer: { certificatePem: string; keyPem: string }
  structure: string
  structureName: string
  patientId: string
  uniqueId: string
  submissionSetUniqueId: string
  signatureUniqueId: string
  cda: Buffer
  person: string
  replaces?: string
  bend?: {
    metadata?: (text: string) => string
    vihf?: (text: string) => string
    /** After signing. */
    signedVihf?: (text: string) => string
    /** Before signing. */
    manifest?: (text: string) => string
    xades?: (text: string) => string
    envelope?: (text: string) => string
    content?: (cda: Buffer) => Buffer
    package?: (text: string) => string
  }
}

const DS = 'http://www.w3.org/2000/09/xmldsig#'
const XADES = 'http://uri.etsi.org/01903/v1.1.1#'
const SHA256 = 'http://www.w3.org/2001/04/xmlenc#sha256'
const RSA = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256'
const SYMBOLS = 'urn:oasis:names:tc:SAML'
export const same = (text: string) => text
export const MESSAGE_ID = 'urn:uuid:00000000-0000-4000-8000-0000000000aa'

const hash = (data: Buffer | string) => createHash('sha256').update(data).digest('base64')
const inclusive = (text: string) => canonicalize(parseXml(Buffer.from(text)), { exclusive: false, comments: true })
const exclusive = (text: string) => canonicalize(parseXml(Buffer.from(text)), { exclusive: true, comments: false })
const digested = (value: string) => `<DigestMethod Algorithm="${SHA256}"/><DigestValue>${value}</DigestValue>`
const bare = (pem: string) => new X509Certificate(pem).raw.toString('base64')
const stamp = (date: Date) => date.toISOString().replace(/[-:T]/g, '').slice(0, 14)

/** RFC 4514 of what OpenSSL writes on lines. */
export function dn(lines: string): string {
  const value = (text: string) => text.replace(/[\\,+"<>;]/g, '\\$&')
  return lines
    .split('\n')
    .reverse()
    .map(line => line.replace(/=(.*)$/, (_, text: string) => `=${value(text)}`))
    .join(',')
}

/** @returns the signed VIHF */
export function vihf(draft: Draft): string {
  const { signer, now } = draft
  const simple = (name: string, value: string) =>
    `<saml2:Attribute Name="${name}"><saml2:AttributeValue>${xml(value)}</saml2:AttributeValue></saml2:Attribute>`
  const coded = (name: string, element: string, code: string, system: string) =>
    `<saml2:Attribute Name="${name}"><saml2:AttributeValue><${element} xmlns="urn:hl7-org:v3" code="${code}" codeSystem="${system}"/>` +
    '</saml2:AttributeValue></saml2:Attribute>'
  const instant = now.toISOString()
  const text = `<saml2:Assertion xmlns:saml2="${SYMBOLS}:2.0:assertion" ID="_vihf1" IssueInstant="${instant}" Version="2.0">\
<saml2:Issuer Format="${SYMBOLS}:1.1:nameid-format:X509SubjectName">${xml(dn(new X509Certificate(signer.certificatePem).subject))}</saml2:Issuer>\
<!--signature--><saml2:Subject><saml2:NameID>Responsable</saml2:NameID></saml2:Subject>\
<saml2:AuthnStatement AuthnInstant="${instant}"><saml2:AuthnContext>\
<saml2:AuthnContextClassRef>${SYMBOLS}:2.0:ac:classes:unspecified</saml2:AuthnContextClassRef></saml2:AuthnContext></saml2:AuthnStatement>\
<saml2:AttributeStatement>${[
    simple('VIHF_Version', '3.0'),
    simple('Authentification_Mode', 'INDIRECTE'),
    simple('Identifiant_Structure', draft.structure),
    simple('Secteur_Activite', 'SA07^1.2.250.1.71.4.2.4'),
    simple('urn:oasis:names:tc:xspa:1.0:subject:subject-id', 'Essai, modèle, service'),
    coded('urn:oasis:names:tc:xacml:2.0:subject:role', 'Role', 'AUTOMATE', '1.2.250.1.213.1.1.4.6'),
    simple('urn:oasis:names:tc:xacml:2.0:resource:resource-id', draft.patientId),
    simple('Ressource_URN', 'urn:dmp'),
    coded('urn:oasis:names:tc:xspa:1.0:subject:purposeofuse', 'PurposeOfUse', 'normal', '1.2.250.1.213.1.1.4.248'),
    simple('LPS_Nom', 'Essai'),
    simple('LPS_Version', '1.0'),
    simple('LPS_ID', '0001'),
    simple('LPS_ID_HOMOLOGATION_DMP', 'ESSAI-0001'),
  ].join('')}</saml2:AttributeStatement></saml2:Assertion>`
  const bent = (draft.bend?.vihf ?? same)(text)
  const info = `<SignedInfo xmlns="${DS}"><CanonicalizationMethod Algorithm="${EXC_C14N}"/><SignatureMethod Algorithm="${RSA}"/>\
<Reference URI="#_vihf1"><Transforms><Transform Algorithm="${DS}enveloped-signature"/><Transform Algorithm="${EXC_C14N}"/></Transforms>\
${digested(hash(exclusive(bent)))}</Reference></SignedInfo>`
  return (draft.bend?.signedVihf ?? same)(bent.replace('<!--signature-->', signatureOf(info, exclusive(info), signer, '')))
}

function signatureOf(info: string, octets: Buffer, signer: Draft['signer'], rest: string, id = ''): string {
  const value = sign('sha256', octets, signer.keyPem).toString('base64')
  return `<Signature xmlns="${DS}"${id}>${info.replace(` xmlns="${DS}"`, '')}<SignatureValue>${value}</SignatureValue>\
<KeyInfo><X509Data><X509Certificate>${bare(signer.certificatePem)}</X509Certificate></X509Data></KeyInfo>${rest}</Signature>`
}

/** @returns the signature of the submission set */
export function xades(draft: Draft): string {
  const { signer, now } = draft
  const certificate = new X509Certificate(signer.certificatePem)
  const reference = (uri: string, digest: string, transforms = '') =>
    `<Reference URI="urn:oid:${uri}">${transforms}${digested(digest)}</Reference>`
  const c14n = `<Transforms><Transform Algorithm="${C14N_COMMENTS}"/></Transforms>`
  const document = hash(inclusive(draft.cda.toString()))
  const manifest = (
    draft.bend?.manifest ?? same
  )(`<Manifest xmlns="${DS}" Id="IHEManifest">${reference(draft.submissionSetUniqueId, 'AA==')}\
${reference(draft.uniqueId, document, c14n)}</Manifest>`)
  const properties = `<SignedProperties xmlns="${XADES}" Id="properties"><SignedSignatureProperties><SigningTime>${now.toISOString()}</SigningTime>\
<SigningCertificate><Cert><CertDigest><DigestMethod xmlns="${DS}" Algorithm="${SHA256}"></DigestMethod><DigestValue xmlns="${DS}">\
${hash(certificate.raw)}</DigestValue></CertDigest><IssuerSerial><X509IssuerName xmlns="${DS}">${xml(dn(certificate.issuer))}</X509IssuerName>\
<X509SerialNumber xmlns="${DS}">${BigInt(`0x${certificate.serialNumber}`)}</X509SerialNumber></IssuerSerial></Cert></SigningCertificate>\
<SignaturePolicyIdentifier><SignaturePolicyImplied></SignaturePolicyImplied></SignaturePolicyIdentifier></SignedSignatureProperties></SignedProperties>`
  const info = `<SignedInfo xmlns="${DS}"><CanonicalizationMethod Algorithm="${C14N_COMMENTS}"/><SignatureMethod Algorithm="${RSA}"/>\
<Reference Type="${DS}Manifest" URI="#IHEManifest">${digested(hash(inclusive(manifest)))}</Reference>\
<Reference Type="${XADES}SignedProperties" URI="#properties">${digested(hash(inclusive(properties)))}</Reference></SignedInfo>`
  const rest = `<Object><SignatureProperties><SignatureProperty Id="purposeOfSignature" Target="#sig">1.2.840.10065.1.12.1.14\
</SignatureProperty></SignatureProperties></Object><Object>${manifest.replace(` xmlns="${DS}"`, '')}</Object>\
<Object><QualifyingProperties xmlns="${XADES}" Target="#sig">${properties.replace(` xmlns="${XADES}"`, '')}</QualifyingProperties></Object>`
  return (draft.bend?.xades ?? same)(signatureOf(info, inclusive(info), signer, rest, ' Id="sig"'))
}

/** @returns the ebRIM metadata */
export function metadata(draft: Draft): string {
  const time = stamp(draft.now)
  const slot = (name: string, ...values: string[]) =>
    `<Slot name="${name}"><ValueList>${values.map(value => `<Value>${xml(value)}</Value>`).join('')}</ValueList></Slot>`
  const name = (value: string) => `<Name><LocalizedString value="${xml(value)}"/></Name>`
  let n = 0
  const code = (object: string, scheme: string, value: string, system: string) =>
    `<Classification id="c${++n}" classificationScheme="urn:uuid:${scheme}" classifiedObject="${object}" nodeRepresentation="${value}">` +
    `${slot('codingScheme', system)}${name('libellé')}</Classification>`
  const author = (object: string, scheme: string) =>
    `<Classification id="c${++n}" classificationScheme="urn:uuid:${scheme}" classifiedObject="${object}" nodeRepresentation="">${slot(
      'authorInstitution',
      `${draft.structureName}^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^${draft.structure}`,
    )}${slot('authorPerson', person)}</Classification>`
  const external = (object: string, scheme: string, label: string, value: string) =>
    `<ExternalIdentifier id="c${++n}" registryObject="${object}" identificationScheme="urn:uuid:${scheme}" value="${xml(value)}">${name(label)}</ExternalIdentifier>`
  const person = `${draft.person}^FICTIF^Éloi^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS`
  const entry = (id: string, title: string, language: string, uniqueId: string, codes: string) =>
    `<ExtrinsicObject id="${id}" mimeType="text/xml" objectType="urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1">${slot('creationTime', time)}` +
    `${slot('languageCode', language)}${slot('legalAuthenticator', person)}${slot('serviceStartTime', time)}${slot('sourcePatientId', draft.patientId)}` +
    `${slot('sourcePatientInfo', 'PID-5|TESTOU^HÉLOÏSE^^^^^L', 'PID-7|19840309', 'PID-8|F')}${name(title)}` +
    `${author(id, '93606bcf-9494-43ec-9b4e-a7748d1a838d')}${codes}${code(id, 'f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1', 'SA07', '1.2.250.1.71.4.2.4')}` +
    `${code(id, 'cccf5598-8b07-4b77-a05e-ae952c785ead', 'AMBULATOIRE', '1.2.250.1.213.1.1.4.9')}` +
    `${code(id, 'f4f85eac-e6cb-4883-b524-f2705394840f', 'N', '2.16.840.1.113883.5.25')}` +
    `${external(id, '58a6f841-87b3-4a3e-92fd-a8ffeff98427', 'XDSDocumentEntry.patientId', draft.patientId)}` +
    `${external(id, '2e82c1f6-a085-4c72-9da3-8640a32e42ab', 'XDSDocumentEntry.uniqueId', uniqueId)}</ExtrinsicObject>`
  const three = (id: string, kind: [string, string], type: [string, string], format: [string, string]) =>
    code(id, '41a5887f-8865-4c09-adf7-e362475b143a', ...kind) +
    code(id, 'f0306f51-975f-434e-a61c-c59651d33983', ...type) +
    code(id, 'a09d5840-386c-46f2-b5ad-9c3699a4309d', ...format)
  const mark = (id: string, value: string) => code(id, 'f4f85eac-e6cb-4883-b524-f2705394840f', value, '1.2.250.1.213.1.1.4.13')
  const member = (id: string) =>
    `<Association id="c${++n}" associationType="urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember" sourceObject="Set" targetObject="${id}">` +
    `${slot('SubmissionSetStatus', 'Original')}</Association>`
  const link = (type: string, source: string, target: string) =>
    `<Association id="c${++n}" associationType="urn:ihe:iti:2007:AssociationType:${type}" sourceObject="${source}" targetObject="${target}"/>`
  const set = `<RegistryPackage id="Set">${slot('submissionTime', time)}${name('Lot')}\
<Classification id="c0" classifiedObject="Set" classificationNode="urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"/>\
${author('Set', 'a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d')}${code('Set', 'aa543740-bdda-424e-8c96-df4873be8500', '07', '1.2.250.1.213.2.2')}\
${external('Set', '6b5aea1a-874d-4603-a4bc-96a0a7b38446', 'XDSSubmissionSet.patientId', draft.patientId)}\
${external('Set', '554ac39e-e3fe-47fe-b233-965d2a147832', 'XDSSubmissionSet.sourceId', '1.2.250.1.999.1')}\
${external('Set', '96fdda7c-d067-4183-912e-bf5ee74998a8', 'XDSSubmissionSet.uniqueId', draft.submissionSetUniqueId)}</RegistryPackage>`
  const text = `<RegistryObjectList xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">${set}${entry(
    'Doc',
    "Lettre d'adressage",
    'fr-FR',
    draft.uniqueId,
    three(
      'Doc',
      ['10', '1.2.250.1.213.1.1.4.1'],
      ['96349-6', '2.16.840.1.113883.6.1'],
      ['urn:ihe:iti:xds-sd:pdf:2008', '1.3.6.1.4.1.19376.1.2.3'],
    ),
  )}${entry(
    'Sig',
    'Source',
    'art',
    draft.signatureUniqueId,
    three('Sig', ['urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1', 'URN'], ['E1762', 'ASTM'], [DS, 'URN']) +
      code('Sig', '2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4', '1.2.840.10065.1.12.1.14', '1.2.840.10065.1.12') +
      mark('Sig', 'MASQUE_PS') +
      mark('Sig', 'INVISIBLE_PATIENT'),
  )}${member('Doc')}${member('Sig')}${link('signs', 'Sig', 'Set')}${draft.replaces ? link('RPLC', 'Doc', draft.replaces) : ''}</RegistryObjectList>`
  return (draft.bend?.metadata ?? same)(text)
}

/** @returns a whole SOAP envelope around a body */
export function envelope(draft: Draft, path: string, action: string, body: string): string {
  const wsse = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'
  const text = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing"><s:Header>\
<a:Action>${action}</a:Action><a:MessageID>${MESSAGE_ID}</a:MessageID>\
<a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo><a:To>${draft.url}${path}</a:To>\
<w:Security xmlns:w="${wsse}">${vihf(draft)}</w:Security></s:Header><s:Body>${body}</s:Body></s:Envelope>`
  return (draft.bend?.envelope ?? same)(text)
}

/** @returns the MTOM request: content type and bytes */
export function request(draft: Draft): { type: string; body: Buffer } {
  const document = (id: string) =>
    `<d:Document id="${id}"><x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:${id}@essai"/></d:Document>`
  const body = `<d:ProvideAndRegisterDocumentSetRequest xmlns:d="urn:ihe:iti:xds-b:2007"><l:SubmitObjectsRequest \
xmlns:l="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0">${metadata(draft)}</l:SubmitObjectsRequest>${document('Doc')}${document('Sig')}\
</d:ProvideAndRegisterDocumentSetRequest>`
  const root = envelope(draft, '/repository', 'urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b', body)
  const part = (id: string, type: string, content: Buffer | string) =>
    `--cut\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <${id}@essai>\r\n\r\n${Buffer.from(content).toString('latin1')}\r\n`
  const text = [
    part('root', 'application/xop+xml; charset=UTF-8; type="application/soap+xml"', root),
    part('Doc', 'text/xml', (draft.bend?.content ?? (cda => cda))(draft.cda)),
    part('Sig', 'text/xml', xades(draft)),
    '--cut--\r\n',
  ].join('')
  const type = 'multipart/related; boundary="cut"; type="application/xop+xml"; start="<root@essai>"; start-info="application/soap+xml"'
  return { type, body: Buffer.from((draft.bend?.package ?? same)(text), 'latin1') }
}
