import { openBlob, sealBlob } from '../crypto/index.ts'
import type { Ins } from './facts.ts'
import { formatCx, parseCx } from './ins.ts'

/**
 * The patient of a document that is to be deleted, on his way from the human who names him to the worker that asks the DMP: sealed under a key
 * that lies outside the database, bound to the filing. No other row here has a patient's number, and this one only until the deletion has ended.
 * @param secret `patientKey`
 */
export function sealPatient(ins: Ins, filingId: string, secret: Buffer): string {
  return sealBlob(secret, placeOf(filingId), Buffer.from(formatCx(ins))).toString('base64url')
}

/** @returns the patient, or undefined for what was sealed under another key, for another filing, or by nobody here */
export function openPatient(sealed: string, filingId: string, secret: Buffer): Ins | undefined {
  const opened = openBlob(secret, placeOf(filingId), Buffer.from(sealed, 'base64url'))
  return opened && parseCx(opened.toString())
}

const placeOf = (filingId: string) => ({ purpose: 'dmp deletion', context: filingId })
