import type { Ins } from './facts.ts'

/** Authorities of a national identity (spec dmp §3). Which of them may be filed is policy. */
export const INS_OIDS = {
  nir: '1.2.250.1.213.1.4.8',
  nia: '1.2.250.1.213.1.4.9',
  test: '1.2.250.1.213.1.4.10',
  demo: '1.2.250.1.213.1.4.11',
} as const

const AUTHORITIES: readonly string[] = Object.values(INS_OIDS)

/** @returns whether an OID is one of the four INS authorities (.2, the old INS-C, and .13 are not) */
export function isInsOid(oid: string): boolean {
  return AUTHORITIES.includes(oid)
}

/**
 * The key of a matricule: 97 − (number mod 97), where 2A reads 19 and 2B reads 18 in the department (positions 6 and 7).
 * @param thirteen the 13 characters before the key
 * @returns two digits, or undefined when the text has not the shape of a matricule
 */
export function insKey(thirteen: string): string | undefined {
  const digits = /^\d{5}2[AB]\d{6}$/.test(thirteen) ? thirteen.replace('2A', '19').replace('2B', '18') : thirteen
  if (!/^\d{13}$/.test(digits)) return undefined
  return String(97 - Number(BigInt(digits) % 97n)).padStart(2, '0')
}

/** @returns whether 15 characters are a matricule with its right key */
export function hasValidKey(matricule: string): boolean {
  return matricule.length === 15 && insKey(matricule.slice(0, 13)) === matricule.slice(13)
}

/**
 * Reads a CX patient identifier (ITI TF-3 table 4.2.3.1.7-2), e.g. `<matricule>^^^&<oid>&ISO^NH`.
 * @returns undefined when the text is not of that form; the key and the authority are not judged here
 */
export function parseCx(cx: string): Ins | undefined {
  const [id, , , authority] = cx.trim().split('^')
  const [, oid, kind] = (authority ?? '').split('&')
  if (!id || !oid || kind !== 'ISO') return undefined
  return { matricule: id, oid }
}

/** @returns the CX form of an identity, type NH (identifiant national de santé) */
export function formatCx(ins: Ins): string {
  return `${ins.matricule}^^^&${ins.oid}&ISO^NH`
}

/** @returns whether two identities are one and the same, authority included */
export function sameIns(a: Ins, b: Ins): boolean {
  return a.matricule === b.matricule && a.oid === b.oid
}

/** For a page where a human must recognise a number without reading it; logs carry no form of it at all. */
export function maskIns(matricule: string): string {
  return `${'•'.repeat(Math.max(0, matricule.length - 3))}${matricule.slice(-3)}`
}
