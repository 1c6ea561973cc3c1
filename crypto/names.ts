import type { Name } from '@peculiar/asn1-x509'

/** One attribute of a distinguished name: `type` as RFC 4514 §3 abbreviates it, else its dotted OID. The value is left as it was written. */
export type Rdn = { type: string; value: string }

/** RFC 4514 §3: the nine short names every implementation knows. */
const SHORT_NAMES: Record<string, string> = {
  '2.5.4.3': 'CN',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.6': 'C',
  '2.5.4.9': 'STREET',
  '0.9.2342.19200300.100.1.25': 'DC',
  '0.9.2342.19200300.100.1.1': 'UID',
}

/** @returns the attributes of an ASN.1 name in the certificate's own order; a multi-valued RDN gives several entries. */
export function rdnsOf(name: Name): Rdn[] {
  return [...name].flatMap(rdn => [...rdn].map(({ type, value }) => ({ type: SHORT_NAMES[type] ?? type, value: value.toString() })))
}

/** @returns the dotted OID of a type as {@link rdnsOf} names it */
export function oidOf(type: string): string {
  return Object.entries(SHORT_NAMES).find(([, short]) => short === type)?.[0] ?? type
}

/**
 * A distinguished name as RFC 4514 §2 writes it (last attribute first), for messages and for the Issuer of a VIHF.
 * Comparing is done on parsed sets, never on this text.
 */
export function formatName(rdns: readonly Rdn[]): string {
  return rdns
    .map(({ type, value }) => `${type}=${escapeValue(value)}`)
    .reverse()
    .join(',')
}

function escapeValue(value: string): string {
  return value
    .replace(/[\\",+<>;]/g, '\\$&')
    .replace(/^[ #]/, '\\$&')
    .replace(/ $/, '\\ ')
    .replaceAll('\0', '\\00')
}

/** @returns the first CN of a name */
export function commonName(rdns: readonly Rdn[]): string | undefined {
  return rdns.find(({ type }) => type === 'CN')?.value
}
