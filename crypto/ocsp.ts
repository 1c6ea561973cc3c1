import { type Anchors, type OcspAccess, type Trust, trustOf } from './anchors.ts'
import type { OcspAnswer } from './answers.ts'
import { authorityOf } from './certificate.ts'
import { pairsOf, soundPath } from './chain.ts'
import { commonName } from './names.ts'
import { askAbout, type CertIdHash } from './ocsp-request.ts'
import { OcspFault, readAnswer } from './ocsp-response.ts'
import { faultOfShown, PeerRefused } from './peer.ts'
import { hasFreshLists, hasLists } from './status.ts'

type Pair = ReturnType<typeof pairsOf>[number]

/** A responder that failed is left alone for that long. */
const PAUSE = 30_000

/**
 * Asks the configured OCSP responders what must be known of a certificate and of the authorities above it, where their revocation lists are missing,
 * outdated or late. Awaited before a certificate is judged: the judgement itself waits for nobody, and takes what is known by then.
 * No responder is asked about a certificate that would be refused anyway. Never rejects: what stays unknown means no.
 * @param der the certificate, or undefined when none was shown
 */
export async function prepared(anchors: Anchors, der: Buffer | undefined, at: Date = new Date()): Promise<void> {
  const trust = trustOf(anchors)
  const { ocsp, responders } = trust
  if (!der || !ocsp || responders.size === 0) return
  const path = soundPath(der, trust, at) ?? []
  await Promise.all(pairsOf(path).map(pair => settle(pair, trust, ocsp, at)))
}

/**
 * Asks what a connection has failed for: nobody here knew whether the server's certificate is revoked.
 * @returns whether it is known by now that it is not, so that the connection is worth another try
 */
export async function answeredSince(error: unknown): Promise<boolean> {
  const refused = refusalIn(error)
  if (refused?.verdict.why !== 'revocation-unknown') return false
  const { certificate, anchors } = refused.shown
  await prepared(anchors, certificate)
  return faultOfShown(certificate, anchors) === undefined
}

function refusalIn(error: unknown): PeerRefused | undefined {
  if (error instanceof PeerRefused) return error
  const { cause } = error as { cause?: unknown }
  return cause ? refusalIn(cause) : undefined
}

const underWay = new WeakMap<Trust['answers'], Map<string, Promise<void>>>()

/** One question at a time about one certificate, however many wait for it. */
async function settle(pair: Pair, trust: Trust, ocsp: OcspAccess, at: Date): Promise<void> {
  const url = trust.responders.get(authorityOf(pair.issuer))
  if (url === undefined || !isNeeded(pair, trust, at)) return
  const asked = underWay.get(trust.answers) ?? new Map<string, Promise<void>>()
  underWay.set(trust.answers, asked)
  const key = `${authorityOf(pair.issuer)} ${pair.certificate.facts.serial}`
  const question = asked.get(key) ?? ask(pair, trust, { ...ocsp, url }, at).finally(() => asked.delete(key))
  asked.set(key, question)
  await question
}

function isNeeded({ certificate, issuer }: Pair, trust: Trust, at: Date): boolean {
  const now = at.getTime()
  const answer = trust.answers.find(certificate, issuer)
  if (answer && answer.from <= now && now <= answer.until) return false
  const failure = trust.answers.failure(certificate, issuer)
  if (failure && Math.abs(now - failure.at) < PAUSE) return false
  const silentSince = trust.answers.silentSince(issuer)
  // Nobody waits for a responder that is away, one certificate after the other, while a list says what must be known.
  if (silentSince !== undefined && Math.abs(now - silentSince) < PAUSE && hasLists(issuer, trust, at)) return false
  return answer?.status === 'revoked' || !hasFreshLists(issuer, trust, at) // one who was revoked may be so no longer
}

async function ask(pair: Pair, trust: Trust, ocsp: OcspAccess & { url: string }, at: Date): Promise<void> {
  const { certificate, issuer } = pair
  try {
    const answer = await answerTo(pair, trust, ocsp, at)
    checkIsNoReplay(answer, trust.answers.find(certificate, issuer))
    trust.answers.keep(certificate, issuer, answer)
  } catch (error) {
    trust.answers.fail(certificate, issuer, at.getTime(), (error as Error).message)
    ocsp.failed?.(commonName(issuer.facts.subject) ?? '?', error instanceof OcspFault ? error.reason : 'unreachable')
  }
}

/** An answer of before the revocation is within its own dates still, and made beforehand it has no nonce. */
function checkIsNoReplay(answer: OcspAnswer, known: OcspAnswer | undefined): void {
  if (known?.status === 'revoked' && answer.status !== 'revoked' && answer.from < known.from)
    throw new OcspFault('older', 'it is older than the one that said that the certificate is revoked')
}

/** Every responder knows a CertID with SHA-1 (RFC 6960 §4.3); some that are made today, SHA-256 alone. */
async function answerTo(pair: Pair, trust: Trust, ocsp: OcspAccess & { url: string }, at: Date): Promise<OcspAnswer> {
  try {
    const answer = await answerBy('sha1', pair, trust, ocsp, at)
    if (answer.status !== 'unknown') return answer
  } catch (error) {
    const isAboutQuestion = error instanceof OcspFault && ['malformedRequest', 'unauthorized'].includes(error.status ?? '')
    if (!isAboutQuestion) throw error
  }
  return answerBy('sha256', pair, trust, ocsp, at)
}

async function answerBy(
  hash: CertIdHash,
  { certificate, issuer }: Pair,
  trust: Trust,
  ocsp: OcspAccess & { url: string },
  at: Date,
): Promise<OcspAnswer> {
  const question = askAbout(certificate, issuer, hash)
  return readAnswer(await ocsp.ask(ocsp.url, question.request), question, trust, at)
}
