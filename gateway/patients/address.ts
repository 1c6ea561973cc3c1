import { insKey } from '../../directory/identifiers.ts'
import { domainOf } from '../address.ts'

/** Of the whole message, as the client sent it: what Mon espace santé takes (spec MSSanté §1.3). */
export const PATIENT_MESSAGE_BYTES = 25 * 1024 * 1024

/** The national service answers at this address, which is nobody's: for operators who try their path (spec MSSanté §1.6). */
const TEST_BOX = 'reponse.automatique-test'

/** Why an address of the patients' domain is none; the sentences never repeat it, since it may be a number of somebody. */
export const PATIENT_ADDRESS_FAULTS = {
  shape: 'The address of a patient is his matricule INS: 15 characters, key included',
  key: 'The two last digits are not the key of this matricule INS: one character is wrong',
} as const

/**
 * ECO.2.2.6: the address of a patient is built from his INS. Thirteen characters are seen in the field: nothing proves them, so they are taken
 * with a warning (`isWithoutKey`).
 * @param local of the address, in any case
 * @returns what is wrong with it, or undefined
 */
export function faultOf(local: string): string | undefined {
  if (local === TEST_BOX) return undefined
  const matricule = local.toUpperCase()
  const key = insKey(matricule.slice(0, 13))
  if (key === undefined || !/^(?:\d{2})?$/.test(matricule.slice(13))) return PATIENT_ADDRESS_FAULTS.shape
  return matricule.length === 15 && matricule.slice(13) !== key ? PATIENT_ADDRESS_FAULTS.key : undefined
}

/** @param address of a patient, without fault */
export function isWithoutKey(address: string): boolean {
  return localOf(address).length === 13
}

/** @returns the one address under which a patient's conversations are kept, whether his was written with its key or without */
export function withKey(address: string): string {
  const local = localOf(address)
  return local.length === 13 ? `${local}${insKey(local.toUpperCase()) ?? ''}@${domainOf(address)}` : address
}

export function localOf(address: string): string {
  return address.slice(0, address.lastIndexOf('@'))
}
