import type { NodemailerError } from 'nodemailer/lib/errors'
import type { SMTPEnvelope } from 'nodemailer/lib/smtp-connection'
import { type Anchors, answeredSince, CmsFault, peerFaultOf } from '../../crypto/index.ts'
import type { Outgoing, Protection, Sendable, Unsendable } from '../protection/index.ts'
import { hush } from '../receipts/index.ts'
import type { EnhancedStatus } from '../refusals.ts'
import type { Leg, Outcome } from '../spool/index.ts'
import { reasonOf, type Trust, WrongPeer } from '../trust.ts'
import { type Connection, connect } from './connection.ts'
import type { Courier } from './courier.ts'
import { type NextHops, NoNextHop } from './next-hop.ts'
import { Pool } from './pool.ts'

/**
 * Hands messages to other operators: SMTP over mutual TLS, kept connections, one recipient a transaction (so each recipient
 * has its own DSN parameters and its own answer, and no recipient learns of another).
 */
export function relayCourier(options: {
  trust: Trust
  anchors: Anchors
  hops: NextHops
  hostname: string
  protection: Protection
}): Courier {
  const { protection } = options
  const pool = new Pool(async domain => {
    let last: unknown = new NoNextHop('the domain has no mail exchanger', true)
    for (const host of await options.hops(domain)) {
      try {
        return await connect(host, domain, options).catch(async error => {
          if (await answeredSince(error)) return connect(host, domain, options)
          throw error
        })
      } catch (error) {
        last = error
      }
    }
    throw last
  })

  return {
    async deliver(leg, content): Promise<Outcome> {
      if (!options.trust.isListed(leg.domain)) {
        return { kind: 'failed', status: '5.7.1', diagnostic: 'the domain has left the white list' }
      }
      const choice = await protection.plan(leg, content)
      if (choice.kind === 'wait' || choice.kind === 'refuse') return unprotected(choice)
      let connection: Connection
      try {
        connection = await pool.take(leg.domain)
      } catch (error) {
        return connectionFailure(error, options.anchors)
      }
      try {
        return await protectedly(choice, leg, content, outgoing => transmit(connection, leg, outgoing))
      } finally {
        pool.give(leg.domain, connection)
      }
    },
    async close() {
      pool.close()
      await protection.close()
    },
  }

  async function protectedly(
    choice: Sendable,
    leg: Leg,
    content: Buffer,
    send: (outgoing: Outgoing) => Promise<Outcome>,
  ): Promise<Outcome> {
    try {
      return await protection.apply(choice, leg, content, send)
    } catch (error) {
      if (!(error instanceof CmsFault)) throw error
      if (error.reason === 'recipient') return unprotected({ kind: 'wait', because: error.message })
      return { kind: 'failed', status: '5.6.0', diagnostic: `cannot be signed and encrypted: ${error.message}` }
    }
  }
}

async function transmit(connection: Connection, leg: Leg, outgoing: Outgoing): Promise<Outcome> {
  const unable = lacks(connection, outgoing)
  if (unable) return unable
  try {
    const { response, sha256 } = await connection.send(envelopeOf(leg, outgoing), outgoing.content)
    const { peer, host, tls, reports } = connection
    return { kind: 'relayed', peer, host, tls, reports, reply: printable(response), sha256, protection: outgoing.ledger }
  } catch (error) {
    return transactionFailure(error as NodemailerError, connection)
  }
}

/** RFC 3463 §3.8: X.7.3, a security conversion that is required and not possible; X.7.5, what is needed for the cryptography is not known. */
function unprotected({ kind, because }: Unsendable): Outcome {
  if (kind === 'refuse') {
    const diagnostic = printable(`must be encrypted, and cannot be: ${because}`)
    return { kind: 'failed', status: '5.7.3', reason: 'encryptionImpossible', diagnostic }
  }
  return {
    kind: 'deferred',
    status: '4.7.5',
    reason: 'encryptionUncheckable',
    diagnostic: printable(`not sent before it is known: ${because}`),
  }
}

/** RFC 3461 §5.2.1: what the sender asked goes on. We ask for success too, so that our ledger knows; never against NEVER. */
function envelopeOf(leg: Leg, { size, eightBit }: Outgoing): SMTPEnvelope {
  const notify = leg.notify === 'NEVER' || leg.sender === '' ? 'NEVER' : withSuccess(leg.notify)
  return {
    from: leg.sender || false,
    to: [leg.address],
    size,
    use8BitMime: eightBit,
    dsn: { envid: leg.envid, ret: leg.ret, notify, orcpt: leg.orcpt ?? `rfc822;${leg.address}` },
  }
}

function withSuccess(notify: string | null): string {
  return [...new Set(['SUCCESS', 'FAILURE', ...(notify ?? 'DELAY').split(',')])].join(',')
}

/** RFC 6152 §3, RFC 6531 §3.2: what can't be said to this peer goes back to the sender, unaltered. */
function lacks(connection: Connection, { utf8, eightBit }: Outgoing): Outcome | undefined {
  const { peer } = connection
  if (utf8 && !connection.takesUtf8) return { kind: 'failed', status: '5.6.7', diagnostic: 'the peer does not take SMTPUTF8', peer }
  if (eightBit && !connection.takes8Bit) return { kind: 'failed', status: '5.6.3', diagnostic: 'the peer does not take 8BITMIME', peer }
  return undefined
}

/** Nothing was said yet about this recipient: the whole domain waits. A certificate can be repaired, so it waits as well. */
function connectionFailure(error: unknown, anchors: Anchors): Outcome {
  if (error instanceof NoNextHop) {
    return error.permanent
      ? { kind: 'failed', status: '5.1.2', diagnostic: error.message }
      : { kind: 'deferred', status: '4.4.3', diagnostic: error.message, everyone: true }
  }
  const wrongPeer =
    error instanceof WrongPeer ? error : (error as Error).cause instanceof WrongPeer ? ((error as Error).cause as WrongPeer) : undefined
  if (wrongPeer) return { kind: 'deferred', status: '4.7.1', reason: wrongPeer.reason, diagnostic: wrongPeer.message, everyone: true }
  const fault = peerFaultOf({ code: (error as { originalCode?: string }).originalCode, cause: error }, anchors)
  if (fault) {
    const diagnostic = `their certificate: ${fault.why}, ${fault.detail}`
    return { kind: 'deferred', status: '4.7.5', reason: reasonOf(fault.why), diagnostic, everyone: true }
  }
  const { code, command, message } = error as NodemailerError
  if (command === 'STARTTLS') {
    const diagnostic = printable(`they offer no TLS, and nothing is sent in clear text: ${message}`)
    return { kind: 'deferred', status: '4.7.0', reason: 'tlsRequired', diagnostic, everyone: true }
  }
  return { kind: 'deferred', status: code === 'ETLS' ? '4.7.0' : '4.4.1', diagnostic: printable(message), everyone: true }
}

/** The peer's own words: its status when it gave one (RFC 2034), else the class of its reply. */
function transactionFailure(error: NodemailerError, { peer }: Connection): Outcome {
  // Nothing was said to the peer yet: no later attempt can differ (RFC 1870 §6.1).
  if (error.code === 'EMESSAGE') return { kind: 'failed', status: '5.3.4', diagnostic: 'larger than the peer takes', peer }
  if (error.code === 'EENVELOPE' && !error.response && !error.rejectedErrors?.length) {
    return { kind: 'failed', status: '5.1.3', diagnostic: 'the envelope cannot be said to the peer', peer }
  }
  const reply = error.response ?? error.rejectedErrors?.[0]?.response ?? ''
  const code = error.responseCode ?? error.rejectedErrors?.[0]?.responseCode ?? 0
  if (!reply) return { kind: 'deferred', status: '4.4.2', diagnostic: printable(error.code ?? error.message), peer }
  const permanent = code >= 500
  const [, said] = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(reply) ?? []
  const status = (said?.startsWith(permanent ? '5' : '4') ? said : permanent ? '5.0.0' : '4.0.0') as EnhancedStatus
  return { kind: permanent ? 'failed' : 'deferred', status, diagnostic: printable(reply), peer }
}

/** Other people's text, for our ledger and reports: one line of ASCII, no longer than a reply, what may be an INS hidden. */
function printable(text: string): string {
  return hush(text.replace(/[^\x20-\x7e]+/g, ' '))
}
