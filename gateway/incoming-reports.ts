import type { Log } from '../config/index.ts'
import { AddressFault, domainOf, maskPatient, parseMailboxList } from './address.ts'
import { HeaderFault, only, readHeader } from './header.ts'
import { type Candidate, matchReport, type Report, type ReportReader } from './receipts/index.ts'
import type { Leg, Receipt, Spool } from './spool/index.ts'

export type IncomingReports = ReturnType<typeof openIncomingReports>

/** Reports that come back (DSN, MDN): they move the receipt of the message they answer. */
export function openIncomingReports(options: {
  spool: Spool
  reader: ReportReader
  /** Whether the operator of that name may write for a domain (white list). */
  mayWriteAs(name: string, domain: string): boolean
  /** Whether the white list has a domain. */
  isListed(domain: string): boolean
  log: Log
}) {
  const { spool, reader, log } = options

  /**
   * Nobody speaks for another's users: an operator for its domains, a box for itself. An MDN is written by its recipient, whose operator has
   * checked the From field (RFC 8098 §2.1): a colleague's is not his.
   */
  const speaker = (leg: Leg, report: Report, content: Buffer) => {
    const author = report.kind === 'mdn' && leg.handed_in_by ? authorOf(content) : undefined
    return (domain: string, address: string) => {
      if (!leg.handed_in_by) return leg.box === address
      return options.mayWriteAs(leg.handed_in_by, domain) && (report.kind === 'dsn' || author === address)
    }
  }

  return {
    /**
     * Reads a report on its way to a box of ours.
     * @returns the message it is about, and whether its sender asked to see this kind of report; undefined when it answers none of ours; `stray`
     * when nobody of the trusted space answers for it either: a report is let in from any machine, and may hold any text
     */
    async absorb(leg: Leg, content: Buffer): Promise<{ about: string; wanted: boolean } | 'stray' | undefined> {
      const matched = await match(leg, content)
      if (matched || !leg.handed_in_by) return matched
      const author = authorOf(content)
      return author !== undefined && options.isListed(domainOf(author)) ? undefined : 'stray'
    },
  }

  async function match(leg: Leg, content: Buffer): Promise<{ about: string; wanted: boolean } | undefined> {
    const report = await reader.read(content)
    if (!report) return undefined
    const candidates = await candidatesFor(leg.address, report)
    const { moves, dropped } = matchReport(report, candidates, speaker(leg, report, content))
    for (const { reason } of dropped) log.info('report-unmatched', { id: leg.message_id, reason })
    for (const { messageId, position, receipt, status, detail } of moves) {
      const column = COLUMN[receipt]
      const line = { by: report.kind, said: receipt, status, detail, report: leg.message_id }
      const moved = column !== undefined && (await spool.moveReceipt(messageId, position, column, line))
      // What says more than its column (not processed, deleted) is told even when the column stays.
      if (!moved && receipt !== column) await spool.note(messageId, receipt, { ...line, to: addressOf(candidates, messageId, position) })
    }
    const [first] = moves
    if (!first) return undefined
    const asked = candidates.find(({ messageId, position }) => messageId === first.messageId && position === first.position)?.notify ?? null
    return { about: first.messageId, wanted: isWanted(asked, first.receipt) }
  }

  async function candidatesFor(box: string, report: Report): Promise<(Candidate & { notify: string | null })[]> {
    const envids = report.kind === 'dsn' && report.envid ? [report.envid] : []
    const ids = [report.headerMessageId, report.kind === 'mdn' ? report.originalMessageId : undefined].filter(id => id !== undefined)
    const rows = await spool.candidates(box, { envids, headerMessageIds: ids })
    return rows.map(row => ({
      messageId: row.messageId,
      position: row.position,
      address: row.address,
      envid: row.envid,
      headerMessageId: row.header_message_id ?? '',
      notify: row.notify,
      ...(row.orcpt ? { orcpt: row.orcpt } : {}),
    }))
  }
}

/** @returns whose message it is; undefined when its header cannot be read without doubt */
function authorOf(content: Buffer): string | undefined {
  const end = content.indexOf('\r\n\r\n')
  try {
    const [author, ...others] = parseMailboxList(only(readHeader(content.subarray(0, end + 2)), 'From'))
    return others.length === 0 ? author?.address : undefined
  } catch (error) {
    if (error instanceof HeaderFault || error instanceof AddressFault) return undefined
    throw error
  }
}

function addressOf(candidates: readonly Candidate[], messageId: string, position: number): string {
  return maskPatient(candidates.find(each => each.messageId === messageId && each.position === position)?.address ?? '')
}

/** What a report says, in the words of our column; the rest is only noted. */
const COLUMN: Record<string, Receipt | undefined> = {
  delivered: 'delivered',
  deleted: 'delivered',
  rejected: 'delivered', // it arrived; the recipient's software could not process it, the line says why
  displayed: 'displayed',
  processed: 'displayed',
  failed: 'failed',
}

/** A sender who named what he wants (RFC 3461 §4.1) gets only that; MDNs he asked for himself. */
function isWanted(notify: string | null, receipt: string): boolean {
  if (notify === null || !['delivered', 'relayed', 'failed', 'delayed'].includes(receipt)) return true
  const needed = receipt === 'failed' ? 'FAILURE' : receipt === 'delayed' ? 'DELAY' : 'SUCCESS'
  return notify.split(',').includes(needed)
}
