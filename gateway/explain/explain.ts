import type { Bal } from '../../directory/index.ts'
import { domainOf, maskPatient } from '../address.ts'
import { ContentFault } from '../content-guard.ts'
import { Refusal } from '../refusals.ts'
import type { Basis } from '../rules/rule.ts'
import type { Handed, Speaker } from '../session.ts'
import { documentLines } from './documents.ts'
import { type Judged, type Line, linesOf, type Step } from './line.ts'
import { mailLines } from './mail.ts'
import { encryptionLine } from './relay.ts'
import { type ExplainParts, type ExplainRequest, isMail, readable } from './request.ts'

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

function answerOf(step: Step, refusal: Refusal | ContentFault): Answer {
  const code = refusal instanceof ContentFault ? refusal.reply : refusal.code
  return { step, code, status: refusal.status, text: refusal.message, reason: refusal.reason }
}

function acceptance({ file }: ExplainRequest): Answer {
  return { step: 'accepted', code: 250, status: isMail(file) ? '2.0.0' : '2.1.5', text: 'Accepted' }
}
