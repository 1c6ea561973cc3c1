import { xml } from '../letter-people.ts'
import { RegistryRefusal, SoapFault } from './refusals.ts'
import { below, elements, kids, parseXml, textOf, type XmlElement, XmlFault } from './xml-tree.ts'

export const SOAP = 'http://www.w3.org/2003/05/soap-envelope'
export const WSA = 'http://www.w3.org/2005/08/addressing'
const SOAP11 = 'http://schemas.xmlsoap.org/soap/envelope/'
const RS = 'urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0'
const ANONYMOUS = 'http://www.w3.org/2005/08/addressing/anonymous'

/** A SOAP 1.2 request whose addressing was checked. */
export interface Envelope {
  root: XmlElement
  header: XmlElement
  /** The single element of the body. */
  payload: XmlElement
  action: string
  messageId: string
}

/**
 * @param bytes the envelope, UTF-8
 * @param expected the Actions and the addresses that this end point takes
 * @throws SoapFault
 */
export function readEnvelope(bytes: Buffer, expected: { actions: readonly string[]; to: readonly string[] }): Envelope {
  const root = parse(bytes)
  if (root.uri === SOAP11) throw new SoapFault('VersionMismatch', 'SOAP 1.1 envelope, SOAP 1.2 is expected')
  require(root.uri === SOAP && root.local === 'Envelope', 'the root is not a SOAP 1.2 Envelope')
  const header = kids(root, SOAP, 'Header')
  const body = kids(root, SOAP, 'Body')
  require(header.length === 1 && body.length === 1 && elements(root).length === 2, 'the envelope is not one Header and one Body')
  const [head, [payload, ...others]] = [header[0] as XmlElement, elements(body[0] as XmlElement)]
  require(payload !== undefined && others.length === 0, 'the body does not hold one element')
  const action = addressing(head, 'Action')
  require(expected.actions.includes(action), 'wsa:Action is not the one of this service', 'wsa:ActionNotSupported')
  const messageId = addressing(head, 'MessageID')
  require(/^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(messageId), 'wsa:MessageID is not a urn:uuid', INVALID)
  require(expected.to.includes(addressing(head, 'To')), 'wsa:To is not the address of this service', INVALID)
  for (const reply of below(head, WSA, 'ReplyTo'))
    require(textOf(kids(reply, WSA, 'Address')[0]) === ANONYMOUS, 'wsa:ReplyTo is not anonymous', INVALID)
  return { root, header: head, payload: payload as XmlElement, action, messageId }
}

const INVALID = 'wsa:InvalidAddressingHeader'

function parse(bytes: Buffer): XmlElement {
  try {
    return parseXml(bytes).root
  } catch (error) {
    if (error instanceof XmlFault) throw new SoapFault('Sender', `the envelope cannot be read: ${error.message}`)
    throw error
  }
}

function addressing(header: XmlElement, name: string): string {
  const found = kids(header, WSA, name)
  require(found.length === 1, `there is not exactly one wsa:${name}`, found.length ? INVALID : 'wsa:MessageAddressingHeaderRequired')
  return textOf(found[0])
}

function require(holds: boolean, reason: string, subcode?: string): void {
  if (!holds) throw new SoapFault('Sender', reason, subcode)
}

/** @returns a whole response envelope; `relatesTo` is the MessageID of the request (WS-Addressing §3.4) */
export function respond(action: string, relatesTo: string | undefined, messageId: string, payload: string): string {
  const relates = relatesTo ? `<wsa:RelatesTo>${xml(relatesTo)}</wsa:RelatesTo>` : ''
  return `<?xml version="1.0" encoding="UTF-8"?>\n<env:Envelope xmlns:env="${SOAP}" xmlns:wsa="${WSA}"><env:Header>\
<wsa:Action>${xml(action)}</wsa:Action><wsa:MessageID>urn:uuid:${messageId}</wsa:MessageID>${relates}</env:Header>\
<env:Body>${payload}</env:Body></env:Envelope>`
}

/** @returns the body of a SOAP 1.2 fault */
export function faultBody({ code, subcode, message }: SoapFault): string {
  const prefixed = subcode?.startsWith('wsa:') ? subcode : `dmp:${subcode}`
  const sub = subcode ? `<env:Subcode><env:Value xmlns:dmp="urn:dmp">${prefixed}</env:Value></env:Subcode>` : ''
  return `<env:Fault><env:Code><env:Value>env:${code}</env:Value>${sub}</env:Code>\
<env:Reason><env:Text xml:lang="en">${xml(message)}</env:Text></env:Reason></env:Fault>`
}

/** @returns an ebXML RegistryResponse: empty on success, with its error list on failure (ebRS 3.0 §2.1) */
export function registryResponse(refusal?: RegistryRefusal): string {
  const status = `urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:${refusal ? 'Failure' : 'Success'}`
  return `<rs:RegistryResponse xmlns:rs="${RS}" status="${status}">${refusal ? errorList(refusal) : ''}</rs:RegistryResponse>`
}

/** @returns a success that holds an error: what a registry must never say (fault menu) */
export function contradiction(): string {
  const errors = errorList(new RegistryRefusal([{ code: 'XDSRegistryError', context: 'asked by the fault menu' }]))
  return registryResponse().replace('></rs:RegistryResponse>', `>${errors}</rs:RegistryResponse>`)
}

/** @returns the rs:RegistryErrorList of a refusal */
export function errorList({ problems }: RegistryRefusal): string {
  const severity = 'urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error'
  const errors = problems.map(
    ({ code, context }) => `<rs:RegistryError errorCode="${code}" codeContext="${xml(context)}" severity="${severity}"/>`,
  )
  return `<rs:RegistryErrorList xmlns:rs="${RS}" highestSeverity="${severity}">${errors.join('')}</rs:RegistryErrorList>`
}
