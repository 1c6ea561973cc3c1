import { Refusal } from '../refusals.ts'

/** Pure: what clients send in the AUTH exchanges. Each throws Refusal authenticationMalformed for what could be read in two ways. */

/** @returns UTF-8 text without control characters */
export function decodeText(octets: Buffer): string {
  const text = utf8(octets)
  if (/\p{Cc}/u.test(text)) throw malformed()
  return text
}

/**
 * RFC 4616 §2: `authzid NUL authcid NUL passwd`. Many programs write the name in the first place, or in both; two different names would be
 * acting for somebody else, which goes by delegation here, not by a password.
 */
export function parsePlain(octets: Buffer): { address: string; password: string } {
  const parts = utf8(octets).split('\0')
  const [authzid = '', authcid = '', password = ''] = parts
  const differs = authzid !== '' && authcid !== '' && authzid.toLowerCase() !== authcid.toLowerCase()
  const address = authcid || authzid
  if (parts.length !== 3 || address === '' || password === '' || differs) throw malformed()
  return { address, password }
}

/** `user=ADDRESS ^A auth=Bearer TOKEN ^A ^A`. */
export function parseXoauth2(octets: Buffer): { address: string; token: string } {
  const fields = fieldsOf(utf8(octets))
  return { address: present(fields.get('user')), token: bearer(fields.get('auth')) }
}

/** RFC 7628 §3.1: a GS2 header (RFC 5801 §4) with perhaps the box, then fields of which we need one. No channel binding is offered. */
export function parseOauthBearer(octets: Buffer): { address: string; token: string } {
  const [, authzid = '', rest] = /^[ny],(?:a=((?:[^,=\x00\x01]|=2C|=3D)+))?,\x01([\s\S]*)$/.exec(utf8(octets)) ?? []
  if (rest === undefined) throw malformed()
  return { address: authzid.replaceAll('=2C', ',').replaceAll('=3D', '='), token: bearer(fieldsOf(rest).get('auth')) }
}

/** Every field ends with ^A, and so does the whole. */
function fieldsOf(text: string): Map<string, string> {
  const [, body] = /^([^\x00\x02-\x08\x0b\x0c\x0e-\x1f]+\x01)\x01$/.exec(text) ?? []
  if (body === undefined) throw malformed()
  const fields = new Map<string, string>()
  for (const field of body.slice(0, -1).split('\x01')) {
    const [, key, value = ''] = /^([A-Za-z]+)=([\s\S]*)$/.exec(field) ?? []
    if (key === undefined || fields.has(key.toLowerCase())) throw malformed()
    fields.set(key.toLowerCase(), value)
  }
  return fields
}

/** RFC 6750 §2.1; the scheme's name in any case. */
function bearer(value: string | undefined): string {
  const [, token] = /^bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(value ?? '') ?? []
  return present(token)
}

function present(text: string | undefined): string {
  if (text === undefined || text === '') throw malformed()
  return text
}

function utf8(octets: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets)
  } catch {
    throw malformed()
  }
}

function malformed(): Refusal {
  return new Refusal('authenticationMalformed')
}
