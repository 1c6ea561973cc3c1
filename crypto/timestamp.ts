import { randomBytes } from 'node:crypto'
import { Fault } from '../config/index.ts'
import { type Anchors, trustOf } from './anchors.ts'
import { revokedSince } from './chain.ts'
import { HASH_OIDS } from './cms/algorithms.ts'
import { CmsFault, unverifiedContent, verifyOpaque } from './cms/index.ts'
import { readAlgorithm, readOid } from './cms/read.ts'
import { algorithm, inContext, integer, NULL, octetString, sequence, TAG, value } from './cms/write.ts'
import { type Element, elements, onlyElement } from './der.ts'
import { formatName } from './names.ts'

/**
 * Why a time stamp was not accepted:
 *   malformed  not the structure of RFC 3161
 *   refused    the authority said no
 *   other      a stamp of something else: another digest, another question
 *   signer     the signature or the certificate of the authority
 *   time       a time that can't be
 */
export type TimeStampFaultReason = 'malformed' | 'refused' | 'other' | 'signer' | 'time'

/** The message is a sentence; it quotes nothing that came from outside. */
export class TimeStampFault extends Fault<TimeStampFaultReason> {
  override readonly name = 'TimeStampFault'
}

export interface TimeStamp {
  /** A SignedData, DER. */
  token: Buffer
  /** What the authority says, to the second at least. */
  at: Date
  /** Subject of its certificate. */
  authority: string
}

/** A stamp that was kept, and what has become of its authority. */
export interface KeptTimeStamp extends Omit<TimeStamp, 'token'> {
  /** One sentence, when its certificate was revoked after it stamped: whose key was stolen stamps with any date (RFC 3161 §4). */
  revokedSince: string | undefined
}

/** A question, which an answer must fit. */
export interface TimeStampQuestion {
  /** SHA-256 of what is to be stamped. */
  digest: Buffer
  nonce: Buffer
  askedAt: Date
}

const ID_TST_INFO = '1.2.840.113549.1.9.16.1.4'
const BOOLEAN_TRUE = Buffer.from([0x01, 0x01, 0xff])
const MOST_OCTETS = 64 * 1024
/** Clocks differ; more than this is a fault of one of them, and a stamp with it would prove something wrong. */
const SKEW = 5 * 60_000
const REFUSALS = ['', '', 'rejection', 'waiting', 'revocation warning', 'revocation notification']

/** @param digest SHA-256 @returns a question with a nonce of its own, and its octets (TimeStampReq, RFC 3161 §2.4.1) */
export function askTimeStamp(digest: Buffer, askedAt: Date): { question: TimeStampQuestion; query: Buffer } {
  const nonce = randomBytes(16)
  nonce[0] = (nonce[0]! & 0x3f) | 0x40 // positive, and always of 16 octets
  const imprint = sequence(algorithm(HASH_OIDS.sha256, NULL), octetString(digest))
  return { question: { digest, nonce, askedAt }, query: sequence(integer(1), imprint, value(TAG.integer, nonce), BOOLEAN_TRUE) }
}

/**
 * Verifies an answer (TimeStampResp, RFC 3161 §2.4.2): granted, of our digest and our nonce, signed by a certificate that the signature names, which is for
 * time stamps alone and chains to the anchors, at a time that can be.
 * @param options.at now
 * @throws TimeStampFault
 */
export async function readTimeStamp(
  response: Buffer,
  { digest, nonce, askedAt }: TimeStampQuestion,
  { anchors, at }: { anchors: Anchors; at: Date },
): Promise<TimeStamp> {
  const token = tokenOf(response)
  const { content, authority } = await verified(token, anchors, at)
  const info = parsing(() => readInfo(content))
  if (info.hash !== HASH_OIDS.sha256 || !info.digest.equals(digest))
    throw new TimeStampFault('other', 'the time stamp is of something else')
  if (!info.nonce?.equals(nonce)) throw new TimeStampFault('other', 'the time stamp answers another question')
  if (info.at.getTime() < askedAt.getTime() - SKEW || info.at.getTime() > at.getTime() + SKEW)
    throw new TimeStampFault('time', `the time stamp says ${info.at.toISOString()}: the clock of the authority or ours is wrong`)
  return { token, at: info.at, authority }
}

/**
 * Verifies a stamp that was kept: of this digest, signed by a certificate that was for time stamps, and accepted, at the time that it says.
 * @param options.at now: what has been revoked by then counts
 * @throws TimeStampFault
 */
export async function openTimeStamp(
  token: Buffer,
  { digest, anchors, at }: { digest: Buffer; anchors: Anchors; at: Date },
): Promise<KeptTimeStamp> {
  const said = await accepted(() => unverifiedContent(token, MOST_OCTETS))
  const saidAt = parsing(() => readInfo(said ?? Buffer.alloc(0))).at
  const { content, authority, certificate } = await verified(token, anchors, saidAt, at)
  const info = parsing(() => readInfo(content))
  if (info.hash !== HASH_OIDS.sha256 || !info.digest.equals(digest))
    throw new TimeStampFault('other', 'the time stamp is of something else')
  return { at: info.at, authority, revokedSince: revokedSince(certificate, trustOf(anchors), 'timeStamp', at) }
}

/** The token of an answer that grants one. */
function tokenOf(response: Buffer): Buffer {
  const { status, token } = parsing(() => {
    if (response.length > MOST_OCTETS) throw new RangeError('too large')
    const [info, token, ...more] = [...elements(expected(onlyElement(response), TAG.sequence))]
    const [status] = [...elements(expected(info, TAG.sequence))]
    if (more.length > 0) throw new RangeError('more than an answer')
    return { status: small(expected(status, TAG.integer)), token: token?.whole }
  })
  if (status > 1) throw new TimeStampFault('refused', `the authority gives no time stamp (${REFUSALS[status] ?? 'unknown status'})`)
  if (!token) throw new TimeStampFault('malformed', 'the answer of the authority has no time stamp')
  return token
}

interface Verified {
  content: Buffer
  authority: string
  certificate: Buffer
}

function verified(token: Buffer, anchors: Anchors, at: Date, revokedBy = at): Promise<Verified> {
  return accepted(async () => {
    const trust = { anchors, at, revokedBy, usage: 'timeStamp', most: MOST_OCTETS } as const
    const { content, contentType, signers } = await verifyOpaque(token, trust)
    const [signer, ...others] = signers
    if (contentType !== ID_TST_INFO) throw new TimeStampFault('malformed', 'what the authority signed is no time stamp')
    if (!signer || others.length > 0 || !signer.isNamed)
      throw new TimeStampFault('signer', 'the signature of the time stamp does not name one certificate')
    return { content, authority: formatName(signer.facts.subject), certificate: signer.certificate }
  })
}

async function accepted<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (!(cause instanceof CmsFault)) throw cause
    const reason = cause.reason === 'malformed' || cause.reason === 'unsigned' ? 'malformed' : 'signer'
    throw new TimeStampFault(reason, `the time stamp is not accepted: ${cause.message}`, { cause })
  }
}

/** TSTInfo (RFC 3161 §2.4.2). */
function readInfo(der: Buffer): { hash: string; digest: Buffer; nonce: Buffer | undefined; at: Date } {
  const [version, policy, imprint, serial, time, ...rest] = [...elements(expected(onlyElement(der), TAG.sequence))]
  if (small(expected(version, TAG.integer)) !== 1) throw new RangeError('another version')
  readOid(whole(policy, TAG.oid))
  expected(serial, TAG.integer)
  const [hash, digest, ...more] = [...elements(expected(imprint, TAG.sequence))]
  if (!hash || more.length > 0) throw new RangeError('no imprint')
  // Extensions are not understood here; the only one that is known (qcStatements) is never critical.
  const extensions = rest.find(({ tag }) => tag === inContext(1))
  if (extensions?.inside.includes(BOOLEAN_TRUE)) throw new RangeError('a critical extension')
  return {
    hash: readAlgorithm(hash.whole).algorithm,
    digest: expected(digest, TAG.octetString),
    nonce: rest.find(({ tag }) => tag === TAG.integer)?.inside,
    at: timeIn(expected(time, TAG.generalizedTime).toString('latin1')),
  }
}

/** GeneralizedTime, Zulu, with or without a fraction of a second (RFC 3161 §2.4.2). */
function timeIn(text: string): Date {
  const [, date, time, fraction = ''] = /^(\d{8})(\d{6})(\.\d{1,9})?Z$/.exec(text) ?? []
  const iso = `${date?.replace(/(\d{4})(\d\d)/, '$1-$2-')}T${time?.replace(/(\d\d)(\d\d)/, '$1:$2:')}${fraction.slice(0, 4)}Z`
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) throw new RangeError('not a time')
  return at
}

function expected(element: Element | undefined, tag: number): Buffer {
  if (element?.tag !== tag) throw new RangeError('another element was expected')
  return element.inside
}

function whole(element: Element | undefined, tag: number): Buffer {
  expected(element, tag)
  return element!.whole
}

function small(octets: Buffer): number {
  if (octets.length !== 1) throw new RangeError('not a small number')
  return octets[0]!
}

function parsing<T>(parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    throw new TimeStampFault('malformed', 'the answer of the authority cannot be read', { cause })
  }
}
