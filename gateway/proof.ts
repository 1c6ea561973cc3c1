import { createHash } from 'node:crypto'
import type { Database } from '../config/index.ts'
import { type Identity, signatureValueOf, signText, withTimeStamp } from '../crypto/index.ts'
import { maskPatient } from './address.ts'
import { type MessageRow, spool as sql } from './spool/index.ts'
import type { Timeline, TimelineLine } from './timeline.ts'

/** What an operator attests of one message. Times are ISO 8601, UTC; addresses of patients are masked. */
export interface Proof {
  about: 'message accepted by an MSSanté operator'
  version: 1
  operator: { name: string; hostname: string }
  attestedAt: string
  message: {
    id: string
    /** the Message-ID field, without angle brackets */
    messageId: string | undefined
    acceptedAt: string
    from: string
    signedInAs: string | undefined
    /** DN of the certificate of the operator that handed it in, when it is not one of ours */
    handedInBy: string | undefined
    /** of the octets that were handed in, as they came (SMTP's doubled dots taken out); from another operator, the `sha256Sent` of his proof */
    sha256Received: string
    /** of the octets below our own Received field: the sender's, and the recipient's without the trace fields above; of what was opened, inside */
    sha256: string | undefined
    octets: number
  }
  /** `relayed.detail.sha256Sent`: of the octets that the other operator took, protection and our trace field included; `sha256Received` of his proof */
  recipients: { address: string; relay: string; receipt: string; relayed?: ProofLine; receipts: (ProofLine & { report?: ProofReport })[] }[]
  filings: { uniqueId: string | undefined; state: string; settledAt: string | undefined }[]
}

interface ProofLine {
  at: string
  what: string
  detail: Record<string, string>
}

/** A receipt as it was received: a message too. */
interface ProofReport {
  id: string
  messageId: string | undefined
  acceptedAt: string
  handedInBy: string | undefined
  box: string | undefined
  /** of the octets that were handed in */
  sha256: string
}

const RECEIPTS = ['delivered', 'displayed', 'processed', 'rejected', 'failed', 'overdue']

/** @returns the receipts that a timeline names, by their ids */
export async function reportsOf(db: Database, { lines }: Timeline): Promise<ReadonlyMap<string, MessageRow>> {
  const ids = [...new Set(lines.map(({ detail }) => detail.report).filter(id => id !== undefined))]
  const rows = ids.length > 0 ? await db.run(sql.selectFrom('message').selectAll().where('id', 'in', ids)) : []
  return new Map(rows.map(row => [row.id, row]))
}

/**
 * @param reports what {@link reportsOf} found
 * @returns what the ledger says of a message, for somebody who does not know us
 */
export function proofOf(
  timeline: Timeline,
  operator: { name: string; hostname: string },
  at: Date,
  reports: ReadonlyMap<string, MessageRow> = new Map(),
): Proof {
  const { message, recipients, filings, lines } = timeline
  const accepted = lines[0]?.detail ?? {}
  return {
    about: 'message accepted by an MSSanté operator',
    version: 1,
    operator: { name: operator.name, hostname: operator.hostname },
    attestedAt: at.toISOString(),
    message: {
      id: message.id,
      messageId: message.header_message_id?.replace(/^<|>$/g, ''),
      acceptedAt: new Date(message.accepted_at).toISOString(),
      from: accepted.from ?? '',
      signedInAs: accepted.by,
      handedInBy: message.peer ?? undefined,
      sha256Received: message.sha256,
      sha256: accepted.sha256,
      octets: message.size,
    },
    recipients: recipients.map(({ address, relay, receipt }, index) => {
      const about = lines.filter(({ position }) => position === index)
      const relayed = about.find(({ what }) => what === 'relayed')
      return {
        address,
        relay,
        receipt,
        ...(relayed ? { relayed: lineOf(relayed) } : {}),
        receipts: about.filter(({ what }) => RECEIPTS.includes(what)).map(line => ({ ...lineOf(line), ...reportOf(reports, line) })),
      }
    }),
    filings: filings.map(({ uniqueId, state, settledAt }) => ({
      uniqueId,
      state,
      settledAt: settledAt === undefined ? undefined : new Date(settledAt).toISOString(),
    })),
  }
}

function lineOf({ at, what, detail }: TimelineLine): ProofLine {
  return { at: new Date(at).toISOString(), what, detail }
}

function reportOf(reports: ReadonlyMap<string, MessageRow>, { detail }: TimelineLine): { report?: ProofReport } {
  const row = reports.get(detail.report ?? '')
  if (!row) return {}
  const { id, header_message_id, accepted_at, peer, box, sha256 } = row
  return {
    report: {
      id,
      messageId: header_message_id?.replace(/^<|>$/g, ''),
      acceptedAt: new Date(accepted_at).toISOString(),
      handedInBy: peer ?? undefined,
      box: box === null ? undefined : maskPatient(box),
      sha256,
    },
  }
}

/**
 * Signs a proof: a CMS SignedData that carries it along (RFC 5652 §5), which `openssl cms -verify` shows.
 * @param stamp asks a time-stamp authority; the stamp of the signature value goes into the document, which no other than it can be stamped for
 * @returns the document, and the authority's answer as it came
 */
export async function signProof(
  proof: Proof,
  identity: Identity,
  at: Date,
  stamp?: (digest: Buffer) => Promise<{ token: Buffer; response: Buffer }>,
): Promise<{ document: Buffer; digest: Buffer; response?: Buffer }> {
  const document = signText(`${JSON.stringify(proof, null, 2)}\n`, { identity, at })
  const digest = createHash('sha256').update(signatureValueOf(document)).digest()
  if (!stamp) return { document, digest }
  const { token, response } = await stamp(digest)
  return { document: withTimeStamp(document, token), digest, response }
}
