import type { CheckedRecipient, OwnBox } from './session.ts'
import type { Trace } from './trace-header.ts'

/** The envelope of one transaction, every part of it checked. */
export interface Transaction<Box extends OwnBox> {
  /** The box written as; undefined when another operator hands the message in. */
  box?: Box | undefined
  /** The box that has signed in: another one where an ORG or CAB box has delegated to it. */
  signedIn?: Box | undefined
  peer?: string | undefined
  sender: string
  envid?: string | undefined
  ret?: 'FULL' | 'HDRS' | undefined
  utf8: boolean
  recipients: readonly CheckedRecipient[]
  trace: Omit<Trace, 'id' | 'at' | 'hostname'>
}
