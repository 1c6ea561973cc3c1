import type { Configuration, Log } from '../config/index.ts'
import { type Anchors, loadMailboxKey } from '../crypto/index.ts'
import { openOrders } from '../dmp-bridge/index.ts'
import type { Identities } from './certificates/identities.ts'
import { mailboxCourier } from './couriers/mailbox.ts'
import { nextHops } from './couriers/next-hop.ts'
import { relayCourier } from './couriers/relay.ts'
import { layout } from './data.ts'
import { openDispatcher } from './dispatcher.ts'
import { filingLinks } from './filing/index.ts'
import { openFilingNotices } from './filing-notices.ts'
import { openIncomingReports } from './incoming-reports.ts'
import { newMessageId } from './message-id.ts'
import { openProtection } from './protection/index.ts'
import { openReportReader } from './receipts/index.ts'
import { openReportWriter } from './report-writer.ts'
import { openSettlement } from './settlement.ts'
import type { Leg } from './spool/index.ts'
import type { Stores } from './stores.ts'
import type { Trust } from './trust.ts'

/** How accepted mail goes on, as this operator is configured: carried to boxes and other operators, settled, reported to who sent it. */
export type Delivery = ReturnType<typeof openDelivery>

export function openDelivery(options: {
  configuration: Configuration
  stores: Stores
  trust: Trust
  identities: Pick<Identities, 'signature'>
  /** The authorities of other operators. */
  anchors: Anchors
  now(): number
  log: Log
}) {
  const { configuration, stores, trust, identities, anchors, now, log } = options
  const { hostname, domains, postmaster, retry, data } = configuration
  const { db, spool, boxes, vault, quota, recipientCertificates } = stores
  /** A report of ours is a message like any other. */
  const onReport = (legs: readonly Leg[]) => dispatcher.take(legs)
  const reports = openReportWriter({ spool, hostname, postmaster, now, newId: newMessageId })
  const notices = openFilingNotices({
    ...{ db, spool, reports, now, log, onReport },
    orders: openOrders(db, { now }),
    findBox: boxes.find,
    ...filingLinks(configuration, vault, now),
  })
  const settlement = openSettlement({ spool, reports, notices, retry, now, random: Math.random, log, onReport })
  const protection = openProtection({
    policies: configuration.smime.policy,
    certificates: recipientCertificates,
    ...{ anchors, signature: identities.signature, now },
  })
  const reader = openReportReader({ threads: 1 })
  const dispatcher = openDispatcher({
    ...{ spool, settlement, postmaster, domains, now, log },
    reports: openIncomingReports({ spool, reader, mayWriteAs: trust.mayWriteAs, isListed: trust.isListed, log }),
    relay: relayCourier({ trust, anchors, hops: nextHops(configuration.routes), hostname, protection }),
    mailbox: mailboxCourier({ folder: layout(data).mailboxes, key: loadMailboxKey(configuration.mailboxes.publicKey), hostname, quota }),
  })
  return { reports, notices, settlement, dispatcher, onReport, close: () => reader.close() }
}
