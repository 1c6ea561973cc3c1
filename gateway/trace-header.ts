import { renderField } from './header.ts'

export interface Trace {
  /** HELO name as the client gave it, and its address; left out for submissions: where a doctor sits is nobody's business. */
  from?: { helo: string; address: string } | undefined
  /** RFC 3848: ESMTPS, ESMTPSA. */
  protocol: string
  tls: string
  hostname: string
  id: string
  at: Date
}

/** The Received field of this hop (RFC 5321 §4.4). */
export function traceField({ from, protocol, tls, hostname, id, at }: Trace): Buffer {
  const origin = from ? `from ${atom(from.helo)} ([${atom(from.address)}]) ` : ''
  return renderField('Received', `${origin}by ${hostname} (${atom(tls)}) with ${atom(protocol)} id ${id}; ${dateTime(at)}`)
}

/** RFC 5322 §3.3, UTC. */
export function dateTime(at: Date): string {
  return at.toUTCString().replace('GMT', '+0000')
}

/** What a client says of itself, without what could end the field or open a comment. */
function atom(text: string): string {
  return text.replace(/[^A-Za-z0-9.:_-]/g, '').slice(0, 255) || 'unknown'
}
