import type { Log } from '../config/index.ts'
import { maskPatient } from './address.ts'
import type { FilingNotices } from './filing-notices.ts'
import type { EnhancedStatus } from './refusals.ts'
import type { Report, ReportWriter } from './report-writer.ts'
import {
  type Leg,
  nextAttempt,
  type Outcome,
  type OutcomeReason,
  type Prepared,
  type RecipientRow,
  type Retry,
  type Spool,
} from './spool/index.ts'

export interface SettlementOptions {
  spool: Spool
  reports: ReportWriter
  retry: Retry
  now(): number
  random(): number
  log: Log
  /** What there is to tell of the message's documents goes with a report when one goes. */
  notices?: Pick<FilingNotices, 'newsOf' | 'attempted'>
  /** A report was accepted: somebody has to carry it. */
  onReport(legs: readonly Leg[]): void
}

export type Settlement = ReturnType<typeof openSettlement>

/** What follows from an attempt: columns, ledger line and report to the sender move in one transaction. */
export function openSettlement(options: SettlementOptions) {
  const { spool, reports, retry, now, log } = options

  /** RFC 3461 §4.1: without NOTIFY a sender wants failures and delays; ours want to know of success as well (préconisation 9). */
  const wants = (leg: Leg, what: 'SUCCESS' | 'FAILURE' | 'DELAY') => {
    if (leg.sender === '') return false
    if (leg.notify === null) return what !== 'SUCCESS' || leg.origin === 'submission'
    return leg.notify.split(',').includes(what)
  }

  async function end(
    leg: Leg,
    change: Partial<RecipientRow>,
    kind: string,
    detail: Record<string, string>,
    report?: Report,
    mayCarry = true,
  ): Promise<void> {
    const carried = report && mayCarry ? await options.notices?.newsOf(leg.message_id) : undefined
    const prepared = report ? await reports.about(leg, carried ? { ...report, filing: carried.news } : report) : undefined
    const line = spool.event(leg.message_id, leg.position, kind, detail)
    const done = await spool.settle(leg, change, [line, ...(await told(leg, kind)), ...(carried?.rows ?? [])], prepared)
    if (!done) {
      if (prepared) await spool.discard(prepared)
      if (carried) await end(leg, change, kind, detail, report, false) // the news is told already, or the claim is lost
      return
    }
    const { status, reason, peer, host, tls, protection } = detail // not what the peer said: that may name a patient
    log.info(kind, { id: leg.message_id, to: maskPatient(leg.address), status, reason, peer, host, tls, protection })
    announce(prepared)
    if (!carried) await options.notices?.attempted(leg.message_id)
  }

  /** A report in its reader's mailbox: the timeline of the message that it is about says so, and whether it was good news. */
  async function told(leg: Leg, kind: string) {
    if (kind !== 'delivered' || !leg.about || !leg.report) return []
    const arrived = await spool.hasArrived(leg.about)
    return [spool.event(leg.about, null, arrived ? 'acknowledged' : 'reported', { to: maskPatient(leg.address) })]
  }

  function announce(prepared: Prepared | undefined): void {
    if (prepared) options.onReport(prepared.legs)
  }

  function relayed(leg: Leg, outcome: Extract<Outcome, { kind: 'relayed' }>): Promise<void> {
    const { peer, host, tls, reply, sha256, protection } = outcome
    const change: Partial<RecipientRow> = {
      relay: 'sent',
      settled_at: now(),
      peer,
      status: statusIn(reply),
      diagnostic: reply.slice(0, 400),
    }
    const awaited = outcome.reports && leg.receipt === 'awaited'
    // RFC 3461 §6.2.7.3: a peer without DSN will never tell, so the sender learns that our part ended here.
    const report = !outcome.reports && wants(leg, 'SUCCESS') ? ({ kind: 'relayed', status: '2.0.0', remoteMta: host } as const) : undefined
    return end(
      leg,
      { ...change, ...(awaited ? { receipt_due_at: now() + retry.overdueAfter } : { receipt: 'none' }) },
      'relayed',
      { peer, host, tls, ...protection, sha256Sent: sha256, reply: reply.slice(0, 200) },
      report,
    )
  }

  function final(leg: Leg, reply: string): Promise<void> {
    const report = wants(leg, 'SUCCESS') ? ({ kind: 'delivered', status: '2.1.5' } as const) : undefined
    const change: Partial<RecipientRow> = { relay: 'sent', receipt: 'delivered', settled_at: now(), status: '2.1.5', diagnostic: reply }
    return end(leg, change, 'delivered', { by: 'mailbox' }, report)
  }

  function failed(leg: Leg, outcome: Refused): Promise<void> {
    const { status, diagnostic } = outcome
    const report = wants(leg, 'FAILURE') ? ({ kind: 'failed', status, diagnostic, reason: outcome.reason } as const) : undefined
    const change: Partial<RecipientRow> = {
      relay: 'failed',
      receipt: 'none',
      settled_at: now(),
      status,
      diagnostic,
      attempts: leg.attempts + 1,
    }
    return end(leg, change, 'failed', { status, ...because(outcome), diagnostic }, report)
  }

  function deferred(leg: Leg, outcome: Extract<Outcome, { kind: 'deferred' }>): Promise<void> {
    const { status, diagnostic } = outcome
    const attempts = leg.attempts + 1
    const at = nextAttempt(retry, { acceptedAt: leg.accepted_at, attempts }, now(), options.random())
    if (at === undefined) return failed(leg, { ...outcome, status: '5.4.7', diagnostic: `given up: ${diagnostic}` })
    const warn = leg.warned_at === null && now() - leg.accepted_at >= retry.warnAfter
    const report =
      warn && wants(leg, 'DELAY')
        ? ({ kind: 'delayed', status, diagnostic, reason: outcome.reason, until: leg.accepted_at + retry.giveUpAfter } as const)
        : undefined
    const change: Partial<RecipientRow> = {
      relay: 'queued',
      attempts,
      due_at: at,
      status,
      diagnostic,
      ...(warn ? { warned_at: now() } : {}),
    }
    return end(leg, change, 'deferred', { status, ...because(outcome), diagnostic, next: new Date(at).toISOString() }, report)
  }

  return {
    async settle(leg: Leg, outcome: Outcome): Promise<void> {
      if (outcome.kind === 'relayed') return relayed(leg, outcome)
      if (outcome.kind === 'final') return final(leg, outcome.reply)
      return outcome.kind === 'failed' ? failed(leg, outcome) : deferred(leg, outcome)
    },

    /** A report from elsewhere that the reader did not ask for: it has moved our ledger, and ends here. */
    consumed: (leg: Leg) => end(leg, { relay: 'sent', settled_at: now(), status: '2.0.0' }, 'consumed', {}),

    /** The receipt has not come: the sender is told, once. */
    async overdue(leg: Leg): Promise<void> {
      const prepared = leg.sender ? await reports.about(leg, { kind: 'overdue', status: '4.4.7' }) : undefined
      const moved = await spool.moveReceipt(leg.message_id, leg.position, 'overdue', { status: '4.4.7' }, prepared)
      if (moved) announce(prepared)
      else if (prepared) await spool.discard(prepared)
    },
  }
}

interface Refused {
  status: EnhancedStatus
  diagnostic: string
  peer?: string | undefined
  reason?: OutcomeReason | undefined
}

function because({ reason }: Pick<Refused, 'reason'>): Record<string, string> {
  return reason ? { reason } : {}
}

function statusIn(reply: string): string {
  return /\b(2\.\d{1,3}\.\d{1,3})\b/.exec(reply)?.[1] ?? '2.0.0'
}
