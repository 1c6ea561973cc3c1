import { isAscii } from 'node:buffer'
import { createHash } from 'node:crypto'
import { domainOf } from './address.ts'
import { removeFields } from './header.ts'
import { wasOpened } from './opening/index.ts'
import {
  buildCertificateMail,
  buildDsn,
  buildFilingMail,
  buildRevokedMail,
  type CertificateNews,
  type DsnKind,
  type FilingNews,
} from './receipts/index.ts'
import type { EnhancedStatus } from './refusals.ts'
import type { Leg, MessageRow, OutcomeReason, Prepared, Spool } from './spool/index.ts'

/** What there is to tell a sender about one recipient. */
export interface Report {
  kind: DsnKind
  status: EnhancedStatus
  diagnostic?: string
  /** One of ours, where the status alone does not say enough. */
  reason?: OutcomeReason | undefined
  remoteMta?: string
  /** Milliseconds: until when we go on trying. */
  until?: number
  /** What became of the message's documents, when the sender has not heard of it yet. */
  filing?: FilingNews
}

export type ReportWriter = ReturnType<typeof openReportWriter>

/** Writes the reports that we owe to senders, and puts them in the spool like any other message. */
export function openReportWriter(options: { spool: Spool; hostname: string; postmaster: string; now(): number; newId(): string }) {
  const { spool, hostname, postmaster, now, newId } = options
  return {
    /** @returns the report on the disk; its rows go into the transaction of what it reports */
    async about(leg: Leg, report: Report): Promise<Prepared> {
      const original = await spool.read(leg.message_id).catch(() => Buffer.alloc(0)) // bytes gone: the report is still owed
      const { message_id: about, sender: to, utf8 } = leg
      return stored(write(leg, report, original), { about, to, utf8: utf8 === 1, report: 'delivery-status' })
    },

    /** @returns a mail of its own about the filing of a message's documents; its rows go into the transaction that says it is told */
    async aboutFiling(message: MessageRow, news: FilingNews): Promise<Prepared> {
      const { id: about, sender: to, utf8, accepted_at } = message
      const answered = message.header_message_id ?? undefined
      const bytes = buildFilingMail({ news, from: postmaster, to, arrival: new Date(accepted_at), answered, now: new Date(now()), newId })
      return stored(bytes, { about, to, utf8: utf8 === 1 })
    },

    /** @returns a mail to the postmaster about certificates that end; its rows go into the transaction that says it is told */
    async aboutCertificates(ending: readonly CertificateNews[]): Promise<Prepared> {
      const bytes = buildCertificateMail({ ending, from: postmaster, to: postmaster, now: new Date(now()), newId })
      return stored(bytes, { to: postmaster, utf8: false })
    },

    /** @returns as {@link aboutCertificates}, of those of ours that were revoked */
    async aboutRevoked(revoked: readonly CertificateNews[]): Promise<Prepared> {
      const bytes = buildRevokedMail({ revoked, from: postmaster, to: postmaster, now: new Date(now()), newId })
      return stored(bytes, { to: postmaster, utf8: false })
    },
  }

  async function stored(bytes: Buffer, of: { about?: string; to: string; utf8: boolean; report?: 'delivery-status' }): Promise<Prepared> {
    const { about, to, utf8, report } = of
    const draft = spool.newDraft()
    await draft.write(bytes)
    return spool.prepare(
      draft,
      {
        origin: 'report',
        sender: '', // nobody answers it (RFC 3461 §6.1)
        eightBit: !isAscii(bytes),
        ...{ utf8, report: report ?? null, about },
        size: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        recipients: [{ address: to, domain: domainOf(to), notify: 'NEVER' }],
      },
      true,
    )
  }

  function write(leg: Leg, report: Report, original: Buffer): Buffer {
    // It came encrypted, and what we write back may go over mutual TLS alone.
    const isSecret = wasOpened(original)
    const action = report.kind === 'overdue' ? 'delayed' : report.kind
    return buildDsn({
      kind: report.kind,
      reportingMta: hostname,
      from: postmaster,
      to: leg.sender,
      envid: leg.envid,
      arrival: new Date(leg.accepted_at),
      recipients: [
        {
          final: leg.address,
          action,
          status: report.status,
          lastAttempt: new Date(now()),
          ...(leg.orcpt ? { original: leg.orcpt } : {}),
          ...(report.reason ? { reason: report.reason } : {}),
          ...(report.diagnostic ? { diagnostic: report.diagnostic } : {}),
          ...(report.remoteMta ? { remoteMta: report.remoteMta } : {}),
          ...(report.until ? { willRetryUntil: new Date(report.until) } : {}),
        },
      ],
      originalHeader: isSecret ? removeFields(headerOf(original), ({ name }) => !IDENTIFYING.test(name)) : headerOf(original),
      // RFC 3461 §4.3: RET concerns failures; everything else returns headers only.
      ...(leg.ret === 'FULL' && report.kind === 'failed' && !isSecret ? { original } : {}),
      now: new Date(now()),
      newId,
      ...(report.filing ? { filing: report.filing } : {}),
    })
  }
}

/** What tells a message from others, and nothing else of it. */
const IDENTIFYING = /^(?:date|message-id)$/i

function headerOf(message: Buffer): Buffer {
  const end = message.indexOf('\r\n\r\n')
  return message.subarray(0, end < 0 ? message.length : end + 2)
}
