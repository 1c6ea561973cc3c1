import { type Identity, signOpaque } from '../crypto/index.ts'
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
    /** of the octets below our own Received field: the sender's, and the recipient's without the trace fields above */
    sha256: string | undefined
    octets: number
  }
  recipients: { address: string; relay: string; receipt: string; relayed?: ProofLine; receipts: ProofLine[] }[]
  filings: { uniqueId: string | undefined; state: string; settledAt: string | undefined }[]
}

interface ProofLine {
  at: string
  what: string
  detail: Record<string, string>
}

const RECEIPTS = ['delivered', 'displayed', 'processed', 'rejected', 'failed', 'overdue']

/** @returns what the ledger says of a message, for somebody who does not know us */
export function proofOf(timeline: Timeline, operator: { name: string; hostname: string }, at: Date): Proof {
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
      sha256: accepted.sha256,
      octets: message.size,
    },
    recipients: recipients.map(({ address, relay, receipt }) => {
      const about = lines.filter(({ to }) => to === address)
      const relayed = about.find(({ what }) => what === 'relayed')
      return {
        address,
        relay,
        receipt,
        ...(relayed ? { relayed: lineOf(relayed) } : {}),
        receipts: about.filter(({ what }) => RECEIPTS.includes(what)).map(lineOf),
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

/** @returns the proof as a CMS SignedData that carries it along (RFC 5652 §5): `openssl cms -verify` shows it */
export async function signProof(proof: Proof, identity: Identity, at: Date): Promise<Buffer> {
  const pieces: Buffer[] = []
  const text = Buffer.from(`${JSON.stringify(proof, null, 2)}\n`)
  for await (const piece of signOpaque(text, { by: [{ identity }], at })) pieces.push(piece)
  return Buffer.concat(pieces)
}
