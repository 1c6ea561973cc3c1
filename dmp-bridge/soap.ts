import type { DmpAnswer } from './dmp.ts'
import { attribute, children, find, findAll, readXml, type XmlElement } from './xml.ts'

const SOAP12 = 'http://www.w3.org/2003/05/soap-envelope'
const RS = 'urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0'
const STATUS = 'urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:'
const MAX_ANSWER_ELEMENTS = 5_000
/** More `=` than this are no answer: each attribute has one, and the parser's time grows with the attributes of one element. */
const MAX_ATTRIBUTES = 5_000
const MAX_PARTS = 10

/** What a SOAP 1.2 answer holds: the child of its Body, or a Fault. */
export type SoapAnswer = { kind: 'body'; content: XmlElement } | Extract<DmpAnswer, { kind: 'fault' | 'contradictory' | 'unreadable' }>

/**
 * Reads an answer, plain (`application/soap+xml`) or MTOM (`multipart/related`, whose root part is the SOAP message).
 * Nothing of its text leaves this file but codes.
 */
export function readSoap(contentType: string, bytes: Buffer): SoapAnswer {
  const message = /^\s*multipart\/related/i.test(contentType) ? rootPart(contentType, bytes) : bytes
  if (!message || !isModest(message)) return { kind: 'unreadable' }
  try {
    const { root } = readXml(message, {
      maxBytes: message.length,
      maxDepth: 100,
      maxElements: MAX_ANSWER_ELEMENTS,
      skipLeadingBlanks: true,
    })
    if (root.name !== 'Envelope' || root.ns !== SOAP12) return { kind: 'unreadable' }
    const bodies = children(root, 'Body')
    const [content, ...others] = bodies[0]?.children ?? []
    // SOAP 1.2 part 1 §5.4: a Fault is the only child; an answer with something beside it says two things.
    if (others.length > 0 || bodies.length > 1) return { kind: 'contradictory' }
    if (!content) return { kind: 'unreadable' }
    return content.name === 'Fault' && content.ns === SOAP12 ? faultOf(content) : { kind: 'body', content }
  } catch {
    return { kind: 'unreadable' } // XmlFault: the answer of a peer is its affair, ours is that it can't be read
  }
}

/** @returns whether the bytes hold no more attributes than an answer can need */
function isModest(message: Buffer): boolean {
  let count = 0
  for (let at = message.indexOf('='); at >= 0; at = message.indexOf('=', at + 1)) {
    count += 1
    if (count > MAX_ATTRIBUTES) return false
  }
  return true
}

/**
 * ebRS 3.0 RegistryResponse: Success, or the codes of its errors. A warning (urgency) is not an error; an error within a success
 * contradicts it: whether the document is filed can't be told.
 */
export function registryAnswer(content: XmlElement): DmpAnswer {
  const response = content.name === 'RegistryResponse' && content.ns === RS ? content : undefined
  const status = attribute(response, 'status')
  if (!response || !status) return { kind: 'unreadable' }
  const errors = findAll(response, 'RegistryError', RS).filter(error => !attribute(error, 'severity')?.endsWith(':Warning'))
  if (status === `${STATUS}Success`) return errors.length === 0 ? { kind: 'accepted' } : { kind: 'contradictory' }
  return { kind: 'errors', codes: errors.map(error => attribute(error, 'errorCode') ?? 'unnamed-code') }
}

/** The role says who must act, the subcode why (`DMPInvalidCertificate`, …): SOAP 1.2 part 1 §5.4.1. */
function faultOf(fault: XmlElement): Extract<DmpAnswer, { kind: 'fault' }> {
  const role = ROLES[localName(find(fault, 'Code', 'Value')?.text)] ?? 'sender' // unknown means no: not retried
  const code = localName(find(fault, 'Code', 'Subcode', 'Value')?.text)
  return code ? { kind: 'fault', role, code } : { kind: 'fault', role }
}

const ROLES: Record<string, Extract<DmpAnswer, { kind: 'fault' }>['role']> = {
  Sender: 'sender',
  Receiver: 'receiver',
  VersionMismatch: 'version-mismatch',
  MustUnderstand: 'must-understand',
  DataEncodingUnknown: 'sender',
}

function localName(qname: string | undefined): string {
  return qname?.trim().split(':').at(-1) ?? ''
}

/** @returns the part that `start` names, else the first one (RFC 2387 §3.2) */
function rootPart(contentType: string, bytes: Buffer): Buffer | undefined {
  const boundary = parameter(contentType, 'boundary')
  if (!boundary) return undefined
  const parts = partsOf(bytes, boundary)
  const start = parameter(contentType, 'start')
  const root = start === undefined ? parts[0] : parts.find(part => /^content-id:\s*(\S+)/im.exec(part.head)?.[1] === start)
  return root?.body
}

function partsOf(bytes: Buffer, boundary: string): { head: string; body: Buffer }[] {
  const parts: { head: string; body: Buffer }[] = []
  const delimiter = Buffer.from(`--${boundary}`)
  let from = bytes.indexOf(delimiter)
  while (from >= 0 && parts.length < MAX_PARTS) {
    const next = bytes.indexOf(delimiter, from + delimiter.length)
    if (next < 0) break
    const part = bytes.subarray(from + delimiter.length, next)
    const blank = part.indexOf('\r\n\r\n')
    if (blank >= 0) parts.push({ head: part.subarray(0, blank).toString('latin1'), body: part.subarray(blank + 4, part.length - 2) })
    from = next
  }
  return parts
}

function parameter(contentType: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^;\\s]+))`, 'i').exec(contentType)
  return match?.[1] ?? match?.[2]
}
