import type { Database, Statement } from '../../config/index.ts'
import { domainOf } from '../address.ts'
import { faultOf, isWithoutKey, localOf, PATIENT_MESSAGE_BYTES, withKey } from './address.ts'
import { closed, patientMigrations as conversationMigrations, isOpen, opened } from './conversations.ts'
import { formerRowsMigrations } from './former-rows.ts'
import type { PatientFields } from './header.ts'
import type { Hidden } from './hidden.ts'

export { PATIENT_ADDRESS_FAULTS } from './address.ts'
export { sealFormerRows } from './former-rows.ts'
export { MES_FIELD, type PatientFields, readPatientFields } from './header.ts'
export { type Hidden, openHidden } from './hidden.ts'

export const patientMigrations = [...conversationMigrations, ...formerRowsMigrations]

/** A submission that is being accepted, as far as patients are concerned. */
export interface PatientMail {
  id: string
  /** The author, whom the patient answers. */
  box: string
  /** Every recipient, in the order of the spool's rows. */
  recipients: readonly string[]
  closes: PatientFields['closes']
  /** A mailbox of the trust space beside the author's; what it is was checked. */
  replyTo?: string | undefined
}

export interface LedgerLine {
  position: number
  kind: string
  detail: Record<string, string>
}

export type Patients = ReturnType<typeof openPatients>

/**
 * Patients' addresses and conversations (Mon espace santé, spec MSSanté §1.6): a professional opens a conversation by writing, the patient may
 * then answer him and the mailbox of his Reply-To, nobody else, until the professional ends it.
 * @param options.domain of all patients
 */
export function openPatients(db: Database, { domain, hidden, now }: { domain: string; hidden: Hidden; now(): number }) {
  const isPatient = (address: string) => domainOf(address) === domain
  const patientsOf = (mail: PatientMail) =>
    mail.recipients.map((address, position) => ({ address, position })).filter(({ address }) => isPatient(address))

  return {
    messageBytes: PATIENT_MESSAGE_BYTES,

    /** @param address normalised (`parseAddress`) */
    isPatient,

    /** @returns what is wrong with a patient's address, without repeating it; undefined when nothing is */
    checkAddress: (address: string): string | undefined => faultOf(localOf(address)),

    /** @returns whether a box of ours has a conversation with the patient that nobody has ended */
    mayAnswer: (patient: string, box: string): Promise<boolean> => isOpen(db, hidden.hide(withKey(patient)), box),

    /** @returns what joins the transaction that accepts the message: conversations that it opens or ends */
    rowsFor(mail: PatientMail): Statement[] {
      const at = now()
      return patientsOf(mail).flatMap(({ address }) => {
        const patient = hidden.hide(withKey(address))
        if (mail.closes) return [closed(patient, mail.box, at)]
        const boxes = mail.replyTo === undefined ? [mail.box] : [mail.box, mail.replyTo]
        return opened({ patient, opener: mail.box, boxes, messageId: mail.id, at })
      })
    },

    /** @returns what the ledger of the message says of it, by recipient */
    linesFor(mail: PatientMail): LedgerLine[] {
      return patientsOf(mail).flatMap(({ address, position }) => [
        mail.closes
          ? { position, kind: 'conversation-closed', detail: { by: mail.closes } }
          : { position, kind: 'conversation-opened', detail: { answers: [mail.box, mail.replyTo ?? []].flat().join(' ') } },
        ...(isWithoutKey(address) ? [{ position, kind: 'patient-without-key', detail: {} }] : []),
      ])
    },
  }
}
