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

/** The arithmetic is one for all rooms: an address of a patient is a matricule too. */
export { insKey, isMatricule as hasValidKey } from '../directory/identifiers.ts'

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
