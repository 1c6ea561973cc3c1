import type { Configuration } from '../config/index.ts'
import { outermostLayer } from '../crypto/index.ts'
import type { Bal, Bals, Directory } from '../directory/index.ts'
import { DEFAULT_LIMITS, type Inspection, inspectFile } from '../dmp-bridge/index.ts'
import { AddressFault, domainOf, maskPatient, parseAddress } from './address.ts'
import { ContentFault, ContentGuard } from './content-guard.ts'
import { policyOf, senderOf } from './filing.ts'
import { protectionOf, refusalOfClosed, type Seen, verdictOf } from './opening/index.ts'
import { contentLimits } from './policy.ts'
import type { Choice, Planner } from './protection/index.ts'
import { Refusal } from './refusals.ts'
import type { Basis, Outcome } from './rules/rule.ts'
import type { Handed, Policy, Speaker } from './session.ts'
import type { TrustedSpace } from './trust.ts'

export interface ExplainRequest {
  /** MAIL FROM; empty for a report. */
  sender: string
  recipient: string
  /** The box that signs in; the sender itself when absent. */
  by?: string | undefined
  /** Certificate's name, or a domain whose operator hands the message in; by default the one that the white list gives for the sender's domain. */
  peer?: string | undefined
  file?: { name: string; bytes: Buffer } | undefined
}

export type Step = 'sign-in' | 'sender' | 'recipient' | 'content' | 'header' | 'relay' | 'document'

/** What one rule says. */
export interface Line {
  step: Step
  rule: string
  outcome: Outcome['outcome']
  reason?: string
  detail?: string
  because?: string
}

export interface Answer {
  step: Step | 'accepted'
  code: number
  status: string
  text: string
  reason?: string
}

export interface Explanation extends Basis {
  sender: string
  recipient: string
  direction: 'submission' | 'reception'
  rules: Line[]
  /** What the SMTP client would read: the first refusal, or the acceptance. */
  answer: Answer
  accepted: boolean
}

export interface ExplainParts {
  configuration: Configuration
  policy: Policy<Bal>
  boxes: Pick<Bals, 'find'>
  space: Pick<TrustedSpace, 'namesOf'>
  now(): number
  /** Opens and verifies what another operator would hand in, as the gateway does in a thread. */
  look(mail: Buffer): Promise<Seen>
  /** who holds a box of a person: his files without identity are told of too */
  directory: Pick<Directory, 'holder'>
  /** how it would leave */
  planner: Planner
}

/** A line with the refusal that it means, for the answer. */
type Judged = Line & { refusal?: Refusal | ContentFault }

/** A dry run of every rule at the edge, by the same lists as the gateway's. Nothing is sent, nothing is written. */
export async function explain(parts: ExplainParts, request: ExplainRequest): Promise<Explanation> {
  const isSubmission = submits(parts, request)
  const lines = isSubmission ? await submission(parts, request) : await reception(parts, request)
  const refused = lines.find(({ refusal }) => refusal)
  if (!refused) lines.push(...(await encryptionLine(parts, request)))
  return {
    sender: maskPatient(request.sender),
    recipient: maskPatient(request.recipient),
    direction: isSubmission ? 'submission' : 'reception',
    rules: lines.map(({ refusal: _, ...line }) => line),
    answer: refused?.refusal ? answerOf(refused.step, refused.refusal) : acceptance(request),
    accepted: !refused,
    ...parts.policy.basis(),
  }
}

/** Whoever signs in, or has an address of ours, submits; anybody else comes through another operator. */
function submits({ policy }: ExplainParts, { sender, by, peer }: ExplainRequest): boolean {
  if (peer !== undefined && by !== undefined)
    throw new Error('either a box signs in (--by) or another operator hands the message in (--peer)')
  if (by !== undefined) return true
  if (peer !== undefined) return false
  if (sender === '') throw new Error('an empty sender (a report): say who hands it in, with --by or --peer')
  const address = readable(sender)
  return address !== undefined && policy.isOurs(domainOf(address))
}

async function submission(parts: ExplainParts, request: ExplainRequest): Promise<Judged[]> {
  const login = readable(request.by ?? request.sender)
  const box = login === undefined ? undefined : await parts.boxes.find(login)
  const signIn = signInLine(box)
  if (!box) return [signIn]
  const judged = await envelope(parts, request, { kind: 'box', box })
  return [signIn, ...judged.lines, ...(await content(parts, request, judged.handed))]
}

/** The words of a refused sign-in never say which: unknown, suspended, closed, wrong password. The operator is told. */
function signInLine(box: Bal | undefined): Judged {
  const fault = !box
    ? 'there is no such box'
    : box.closedAt !== undefined
      ? 'the box is closed'
      : box.suspendedAt !== undefined
        ? 'the box is suspended'
        : undefined
  if (!fault) return { step: 'sign-in', rule: 'sign-in', outcome: 'pass', because: 'password, token or certificate taken for right' }
  const refusal = new Refusal('authenticationFailed')
  return { step: 'sign-in', rule: 'sign-in', outcome: 'refuse', reason: refusal.reason, because: fault, refusal }
}

async function reception(parts: ExplainParts, request: ExplainRequest): Promise<Judged[]> {
  const { name, because } = peerOf(parts, request)
  const shown: Judged = { step: 'sign-in', rule: 'certificate', outcome: 'skip', because }
  const judged = await envelope(parts, request, { kind: 'operator', peer: { name } })
  return [shown, ...judged.lines, ...(await content(parts, request, judged.handed))]
}

/** No connection, no certificate: one is taken for shown. */
function peerOf({ space }: ExplainParts, { sender, peer }: ExplainRequest): { name: string; because: string } {
  if (peer?.includes('=')) return { name: peer, because: `taken for shown and valid: ${peer}` }
  const address = readable(sender)
  const domain = peer?.toLowerCase() ?? (address === undefined ? '' : domainOf(address))
  const [name] = space.namesOf(domain)
  return name === undefined
    ? { name: '', because: `the white list gives no certificate for ${domain || 'the sender'}` }
    : { name, because: `taken for shown and valid: ${name}` }
}

async function envelope(
  { policy }: ExplainParts,
  { sender, recipient, file }: ExplainRequest,
  speaker: Speaker<Bal>,
): Promise<{ lines: Judged[]; handed: Handed<Bal> | undefined }> {
  const from = await policy.explainSender(speaker, sender)
  const soFar = { sender: from.value?.sender ?? readable(sender) ?? '', size: isMail(file) ? file?.bytes.length : undefined }
  const to = await policy.explainRecipient(speaker, { address: recipient }, soFar)
  return { lines: [...linesOf('sender', from.outcomes), ...linesOf('recipient', to.outcomes)], handed: from.value }
}

/** @param handed undefined when the sender was refused: then the header has nobody to be compared with */
async function content(parts: ExplainParts, request: ExplainRequest, handed: Handed<Bal> | undefined): Promise<Judged[]> {
  const { file } = request
  if (!file) return []
  const mail = isMail(file) ? await mailLines(parts, file.bytes, handed) : { lines: [], box: handed?.box }
  return [...mail.lines, ...(await documentLines(parts, file, mail.box))]
}

async function mailLines(
  parts: ExplainParts,
  bytes: Buffer,
  handed: Handed<Bal> | undefined,
): Promise<{ lines: Judged[]; box: Bal | undefined }> {
  const sent = asSent(bytes)
  const outside = await messageLines(parts, sent, handed)
  if (!handed || handed.signedIn || !outside.protected || outside.lines.some(({ refusal }) => refusal)) return outside
  const seen = await parts.look(sent)
  if (seen.kind !== 'opened') return { ...outside, lines: [...outside.lines, protectionLine(seen, outside.from)] }
  const { buffer, byteOffset, byteLength } = seen.message
  const inside = await messageLines(parts, Buffer.from(buffer, byteOffset, byteLength), handed)
  return { ...inside, lines: [...outside.lines, protectionLine(seen, inside.from || outside.from), ...inside.lines] }
}

function protectionLine(seen: Seen, from: string): Judged {
  const line = { step: 'content', rule: 's-mime' } as const
  if (seen.kind === 'closed') {
    const refusal = refusalOfClosed(seen.fault)
    const { reason, detail } = refusal
    return { ...line, outcome: 'refuse', reason, ...(detail === undefined ? {} : { detail }), refusal }
  }
  const verdict = verdictOf(seen, from)
  if (!verdict) return { ...line, outcome: 'skip', because: 'encrypted to others: it stays as it is' }
  const { opened, result, reason, signers } = verdict
  const how = opened ? `opened (${opened.join(', ')}), ` : ''
  const who = signers.map(({ name }) => ` by ${name}`).join()
  return { ...line, outcome: 'pass', because: `${how}smime=${result}${who}${reason ? `: ${reason}` : ''}` }
}

/** One message, as it comes or as it is when it was opened. */
async function messageLines(
  { configuration, policy }: ExplainParts,
  bytes: Buffer,
  handed: Handed<Bal> | undefined,
): Promise<{ lines: Judged[]; box: Bal | undefined; from: string; protected: boolean }> {
  const guard = new ContentGuard(contentLimits(configuration))
  guard.write(bytes)
  const fault = contentFault(guard)
  const lines: Judged[] = [
    fault
      ? { step: 'content', rule: 'content-guard', outcome: 'refuse', reason: fault.reason, refusal: fault }
      : { step: 'content', rule: 'content-guard', outcome: 'pass', because: `${bytes.length} octets` },
  ]
  const isProtected = protectionOf(guard.fields) !== undefined
  if (!handed || guard.header === undefined) return { lines, box: handed?.box, from: '', protected: isProtected }
  const { outcomes, value } = await policy.explainHeader(handed, guard.fields)
  const box = value?.box ?? handed.box
  return { lines: [...lines, ...linesOf('header', outcomes)], box, from: value?.facts.from ?? '', protected: isProtected }
}

/** A file saved on a desk often ends its lines with LF alone; a mail client sends CR LF. A mixture stays as it is, and is refused. */
function asSent(bytes: Buffer): Buffer {
  return bytes.includes('\r\n') ? bytes : Buffer.from(bytes.toString('latin1').replaceAll('\n', '\r\n'), 'latin1')
}

function contentFault(guard: ContentGuard): ContentFault | undefined {
  try {
    guard.end()
    return undefined
  } catch (error) {
    if (error instanceof ContentFault) return error
    throw error
  }
}

/** What is refused here was accepted before: the sender gets a report. */
async function encryptionLine({ policy, planner }: ExplainParts, { sender, recipient, file }: ExplainRequest): Promise<Judged[]> {
  const address = readable(recipient)
  if (address === undefined || policy.isOurs(domainOf(address))) return []
  const isEncrypted = file !== undefined && isMail(file) && (await outermostLayer(file.bytes)) === 'encrypted'
  const choice = await planner.plan(address, { isReport: sender === '', isEncrypted })
  const said = `policy ${planner.policyOf(domainOf(address))}: ${wordsOf(choice)}`
  const line = { step: 'relay', rule: 'encryption', because: said } as const
  if (choice.kind === 'refuse') return [{ ...line, outcome: 'refuse', reason: 'encryptionImpossible' }]
  if (choice.kind === 'wait') return [{ ...line, outcome: 'refuse', reason: 'encryptionUncheckable' }]
  return [{ ...line, outcome: choice.kind === 'plain' ? 'skip' : 'pass' }]
}

function wordsOf(choice: Choice): string {
  switch (choice.kind) {
    case 'encrypt':
      return `signed and encrypted to the ${choice.to}, certificate ${choice.certificate.fingerprint}`
    case 'as-is':
      return 'its author has encrypted it'
    case 'plain':
      return `over mutual TLS alone: ${choice.because}`
    case 'wait':
      return `accepted, and not sent before it is known: ${choice.because}`
    case 'refuse':
      return `accepted, and given back with a report, since it must be encrypted: ${choice.because}`
  }
}

/** What the bridge would do never refuses the mail: it files, holds for a human, or leaves. */
async function documentLines(
  { configuration, now, directory }: ExplainParts,
  { name, bytes }: NonNullable<ExplainRequest['file']>,
  box: Bal | undefined,
): Promise<Judged[]> {
  if (!box) return [{ step: 'document', rule: 'filing', outcome: 'skip', because: 'only what our boxes send is filed' }]
  const policy = policyOf(configuration.dmp)
  const seen = await inspectFile(name, bytes, { sender: senderOf(box, directory), policy, limits: DEFAULT_LIMITS, now: new Date(now()) })
  const lines = filingLines(seen)
  return lines.length > 0 ? lines : [{ step: 'document', rule: 'filing', outcome: 'skip', because: 'no document was recognised' }]
}

function filingLines({ documents, faults }: Inspection): Judged[] {
  const whole = faults.map(({ reason, en }): Judged => ({ step: 'document', rule: 'filing', outcome: 'skip', because: `${reason}: ${en}` }))
  const each = documents.map(({ decision, reasons }): Judged => {
    const why = reasons.map(({ reason, en }) => `${reason}: ${en}`).join('; ')
    const because = why === '' ? decision : `${decision}, ${why}`
    return { step: 'document', rule: 'filing', outcome: decision === 'file' ? 'pass' : 'skip', because }
  })
  return [...whole, ...each]
}

function linesOf(step: Step, outcomes: readonly Outcome[]): Judged[] {
  return outcomes.map(outcome => {
    const { rule, because } = outcome
    const line: Judged = { step, rule, outcome: outcome.outcome, ...(because === undefined ? {} : { because }) }
    if (outcome.outcome !== 'refuse') return line
    const { reason, detail } = outcome
    return { ...line, reason, ...(detail === undefined ? {} : { detail }), refusal: new Refusal(reason, detail) }
  })
}

function answerOf(step: Step, refusal: Refusal | ContentFault): Answer {
  const code = refusal instanceof ContentFault ? refusal.reply : refusal.code
  return { step, code, status: refusal.status, text: refusal.message, reason: refusal.reason }
}

function acceptance({ file }: ExplainRequest): Answer {
  return { step: 'accepted', code: 250, status: isMail(file) ? '2.0.0' : '2.1.5', text: 'Accepted' }
}

function isMail(file: ExplainRequest['file']): boolean {
  return file !== undefined && !/\.(?:xml|zip)$/i.test(file.name)
}

function readable(text: string): string | undefined {
  try {
    return parseAddress(text)
  } catch (error) {
    if (error instanceof AddressFault) return undefined
    throw error
  }
}
