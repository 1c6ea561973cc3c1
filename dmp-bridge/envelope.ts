import type { Policy, Sender } from './decide.ts'
import type { Ins } from './facts.ts'
import { buildVihf, type Software, type VihfVersion } from './vihf.ts'
import { element, raw, writeXml, type XmlOut } from './xml-writer.ts'

const SOAP = 'http://www.w3.org/2003/05/soap-envelope'
const WSA = 'http://www.w3.org/2005/08/addressing'
const WSSE = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'

/** The two signatures of a request, made by the room that holds the key. */
export interface Signers {
  /** subject DN of the signing certificate, as text */
  readonly issuerDn: string
  /** @param xml a SAML 2.0 assertion. @returns it with its enveloped signature after the Issuer */
  signVihf(xml: string): string
  /** @returns the XAdES document of a submission set (spec dmp §1.6) */
  signSubmissionSet(input: {
    submissionSetUniqueId: string
    documents: { uniqueId: string; content: Buffer }[]
    now: Date
    /** XML id of the signature */
    signatureId: string
  }): string
}

/** What every request to the DMP needs to know. */
export interface RequestContext {
  sender: Sender
  policy: Policy
  software: Software
  /** address of the service, as it goes in wsa:To */
  endpoint: string
  signers: Signers
  /** '3.0' when absent */
  vihf?: VihfVersion
  now: Date
  /** @returns a new UUID */
  newId: () => string
  /** entryUUID of the document that this one replaces (TD2.1b) */
  replaces?: string
}

/** A SOAP request without attachments. */
export interface SoapRequest {
  action: string
  envelope: string
}

/**
 * @param depositor for whom the VIHF speaks; without one, the box's professional and the structure of the certificate
 * @returns a SOAP 1.2 envelope for a patient: addressing, the signed VIHF, the body (spec dmp §1.5)
 */
export function soapEnvelope(
  action: string,
  ins: Ins,
  body: XmlOut,
  context: RequestContext,
  depositor?: { idNatPs: string; structure: string },
): string {
  const { sender, policy, software, now, newId, signers } = context
  const person = depositor?.idNatPs ?? sender.idNatPs ?? policy.responsible.idNatPs
  const structure = depositor?.structure ?? policy.structure
  const version = context.vihf ?? '3.0'
  const assertion = buildVihf({ version, id: `_${newId()}`, issuer: signers.issuerDn, ins, person, structure, policy, software, now })
  const envelope = element(
    'env:Envelope',
    { 'xmlns:env': SOAP, 'xmlns:wsa': WSA },
    element(
      'env:Header',
      {},
      element('wsa:Action', { 'env:mustUnderstand': 'true' }, action),
      element('wsa:MessageID', {}, `urn:uuid:${newId()}`),
      element('wsa:ReplyTo', {}, element('wsa:Address', {}, 'http://www.w3.org/2005/08/addressing/anonymous')),
      element('wsa:To', {}, context.endpoint),
      element('wsse:Security', { 'xmlns:wsse': WSSE }, raw(signers.signVihf(assertion))),
    ),
    element('env:Body', {}, body),
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n${writeXml(envelope)}`
}
