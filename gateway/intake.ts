import type { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { Compilable, Statement } from '../config/index.ts'
import type { ContentLimits, ContentSummary } from './content-guard.ts'
import type { HeaderFacts } from './header-policy.ts'
import { type LearntCertificate, learntFrom, type Opening, protectionOf, refusalOfClosed, type Verdict } from './opening/index.ts'
import type { PatientMail, Patients } from './patients/index.ts'
import type { Origin } from './policy.ts'
import { openReceiver, type Received, stored } from './received.ts'
import { Refusal } from './refusals.ts'
import { acceptedDetail } from './rules/decisions.ts'
import type { OwnBox, Policy } from './session.ts'
import type { Draft, Envelope, Leg, Prepared, Spool } from './spool/index.ts'
import { headerMessageId } from './submitted-header.ts'
import type { Transaction } from './transaction.ts'

export interface IntakeOptions<Box extends OwnBox> {
  spool: Spool
  limits: Readonly<Record<Origin, ContentLimits>>
  checkHeader: Policy<Box>['checkHeader']
  hostname: string
  now(): number
  /** Rows of the filing side for a message that may carry documents; written with the message, or not at all. */
  filingRows(message: { id: string; boxes: readonly [Box, ...Box[]]; received: boolean; acceptedAt: number }): readonly Compilable[]
  /** Of what another operator hands in: our boxes that may file it. Absent, nothing of it is looked into. */
  receivers?: ((addresses: readonly string[]) => Promise<readonly Box[]>) | undefined
  /** Opens and verifies what another operator hands in. */
  opening: Pick<Opening, 'within'>
  /** What the signature of a mail that was accepted has taught. Never throws: the mail is ours by then. */
  learn(certificates: readonly LearntCertificate[]): Promise<void>
  patients: Pick<Patients, 'isPatient' | 'rowsFor' | 'linesFor' | 'messageBytes'>
  /** Whether a patient may be asked to answer there: a box of ours, or a listed one. @throws Refusal when that can't be known now */
  mayBeAnswered(box: Box, address: string): Promise<boolean>
  /** Whether the dispatcher starts on the message at once. */
  hasRoom(domains: readonly string[]): boolean
  onAccepted(message: { id: string; legs: readonly Leg[]; by: string | undefined; toFile: boolean; toCarry: boolean }): void
}

/** Takes the content of a message, from DATA to 250. */
export function openIntake<Box extends OwnBox>(options: IntakeOptions<Box>) {
  const { spool, now, patients } = options
  const isToPatient = ({ box, recipients }: Transaction<Box>) =>
    box !== undefined && recipients.some(({ address }) => patients.isPatient(address))
  const receive = openReceiver<Box>({ ...options, isToPatient })

  /**
   * @returns the id of the message: we are responsible for it (decision 3)
   * @throws Refusal or ContentFault; the content was read to its end, nothing of it is kept
   */
  return async (asked: Transaction<Box>, content: Readable): Promise<string> => {
    const drafts: Draft[] = []
    const newDraft = () => {
      const draft = spool.newDraft()
      drafts.push(draft)
      return draft
    }
    let prepared: Prepared | undefined
    let accepted: Parameters<typeof options.onAccepted>[0]
    let learnt: readonly LearntCertificate[]
    try {
      const first = await receive(asked, content as AsyncIterable<Buffer>, newDraft())
      const { draft, verdict, summary, facts, box, sha256 } = await lookedInto(asked, first, newDraft)
      const transaction = { ...asked, box } // From says as which box it is written
      const [filer, ...others] = summary.mayCarryDocuments && !facts.report ? await filersOf(transaction) : []
      const toFile = filer !== undefined
      const toCarry = options.hasRoom(transaction.recipients.map(({ domain }) => domain))
      const told = await patientRows(draft.id, transaction, facts)
      await Promise.all(drafts.filter(each => each !== draft).map(each => each.discard()))
      prepared = await stored(
        spool.prepare(draft, envelopeOf(transaction, { ...summary, sha256: first.summary.sha256 }, facts, draft), toCarry, toFile),
      )
      const received = transaction.box === undefined
      const filing = filer ? options.filingRows({ id: draft.id, boxes: [filer, ...others], received, acceptedAt: now() }) : []
      const line = spool.event(draft.id, null, 'accepted', { ...acceptedDetail(transaction), ...protectionDetail(verdict, facts), sha256 })
      await stored(spool.accept(prepared, [line, ...filing, ...told]))
      accepted = { id: draft.id, legs: prepared.legs, by: transaction.signedIn?.address, toFile, toCarry }
      learnt = verdict ? taughtBy(verdict, facts) : []
    } catch (error) {
      // Once the rows were on their way, only they know whether they were written: bytes without rows are swept later.
      if (!prepared) await Promise.all(drafts.map(each => each.discard()))
      throw error
    }
    if (learnt.length > 0) await options.learn(learnt) // first: the acknowledgement is encrypted to it
    options.onAccepted(accepted)
    return accepted.id
  }

  /** A machine's report may come from outside the trusted space: it teaches nothing. The address of a patient names him: it is kept nowhere in clear. */
  function taughtBy(verdict: Verdict, { report, from }: HeaderFacts): LearntCertificate[] {
    if (report === 'delivery-status') return []
    return learntFrom(verdict, from).filter(({ subject }) => !(subject === from && patients.isPatient(from)))
  }

  /** What the ledger says of the protection that a message came with; a certificate may name a patient as well. */
  function protectionDetail(verdict: Verdict | undefined, { from }: HeaderFacts): Record<string, string> {
    if (!verdict) return {}
    const { result, opened, signers } = verdict
    const isTold = signers.length > 0 && !patients.isPatient(from)
    return {
      ...(opened ? { opened: opened.join(', ') } : {}),
      ...(isTold ? { signedBy: signers.map(({ name }) => name).join('; ') } : {}),
      smime: result,
    }
  }

  /** A protected mail of another operator is opened or verified; what comes out goes the same way as any other content, into a draft of its own. */
  async function lookedInto(transaction: Transaction<Box>, first: Received<Box>, newDraft: () => Draft): Promise<Received<Box>> {
    const protection = transaction.box ? undefined : protectionOf(first.summary.fields)
    if (!protection) return first
    let mail: Promise<Buffer> | undefined
    const read = () => {
      mail ??= stored(first.draft.whole()).then(octets => octets.subarray(first.above))
      return mail
    }
    return options.opening.within(protection, read, async seen => {
      if (seen.kind === 'closed') throw refusalOfClosed(seen.fault)
      if (seen.kind === 'left') return first
      // What said that it was encrypted, and is only signed, shows what it is.
      if (seen.kind !== 'opened' && transaction.sender === '' && !first.facts.report) throw new Refusal('nullSenderNotReport')
      return receive(transaction, inPieces(seen.kind === 'opened' ? seen.message : await read()), newDraft(), seen)
    })
  }

  /** @returns the boxes for which the documents of a message may be filed: the one that writes; of those that receive, only where they may */
  async function filersOf({ box, recipients }: Transaction<Box>): Promise<readonly Box[]> {
    if (box) return [box]
    return options.receivers ? options.receivers(recipients.map(({ address }) => address)) : []
  }

  /** @returns the mailbox that Reply-To names beside the author's, when a patient is asked to answer there and may be */
  async function answeredToo(box: Box, { from, replyTo }: HeaderFacts): Promise<string | undefined> {
    if (replyTo === undefined || replyTo === from || patients.isPatient(replyTo)) return undefined
    return (await options.mayBeAnswered(box, replyTo)) ? replyTo : undefined
  }

  /** Conversations that a submission opens or ends, and its ledger lines; a receipt (MDN) does neither. */
  async function patientRows(id: string, transaction: Transaction<Box>, facts: HeaderFacts): Promise<Statement[]> {
    const { box, recipients } = transaction
    if (!box || facts.report || !isToPatient(transaction)) return []
    const { from, closes } = facts
    const replyTo = closes ? undefined : await answeredToo(box, facts)
    const mail: PatientMail = { id, box: from, recipients: recipients.map(({ address }) => address), closes, replyTo }
    const lines = patients.linesFor(mail).map(({ position, kind, detail }) => spool.event(id, position, kind, detail))
    return [...patients.rowsFor(mail), ...lines]
  }

  function envelopeOf(transaction: Transaction<Box>, summary: ContentSummary, facts: HeaderFacts, draft: Draft): Envelope {
    const { sender, peer, envid, ret, utf8, recipients } = transaction
    return {
      origin: transaction.box ? 'submission' : 'reception',
      sender,
      peer,
      box: transaction.box?.address,
      envid,
      ret,
      recipients,
      utf8,
      eightBit: summary.eightBit,
      headerMessageId: headerMessageId(facts, draft.id, options.hostname),
      report: facts.report,
      size: draft.size,
      sha256: summary.sha256,
    }
  }
}

const PIECE = 256 * 1024

/** As it would come from the network: between two pieces the dialogues of others go on. */
async function* inPieces({ buffer, byteOffset, byteLength }: Uint8Array): AsyncGenerator<Buffer> {
  const octets = Buffer.from(buffer, byteOffset, byteLength)
  for (let at = 0; at < octets.length; at += PIECE) {
    if (at > 0) await setImmediate()
    yield octets.subarray(at, at + PIECE)
  }
}
