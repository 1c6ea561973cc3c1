import type { Coded } from './facts.ts'
import type { Rules } from './rules.ts'

/** The holder of a box, as the annuaire knows him. Names are empty when it does not. */
export interface SenderPerson {
  family: string
  given: string
  /** profession and specialty (JDV_J01) */
  specialty?: Coded
  /** where he works, as the annuaire names it */
  structure?: { id: string; name: string }
}

/** The box for which documents are filed: who sends the message, as the session knew it (never as a header says it), or who received it. */
export interface Sender {
  /** of the box */
  address: string
  /** PS_IdNat of the professional, e.g. `8` + RPPS; a box of an organisation has none */
  idNatPs?: string
  /** Struct_IdNat of his structures, e.g. `1` + FINESS */
  structures: string[]
  /** of the box of a person (PER), and of no other: under whose name a file of his is wrapped */
  person?: SenderPerson
  /** the box declared that it informs its patients and records oppositions (decision 7) */
  declared: boolean
  /** the box did not send the message but received it from another operator: it files for an author of its own structure, and nobody else's */
  mode?: 'reception'
  /** at reception: our other boxes that received it, any of which may file */
  others?: Sender[]
}

/** What this operator files, and as whom. */
export interface Policy {
  /** INS authorities that may be filed: .8 and .9 in production, .10 only where tests are (`INS_OIDS`) */
  insOids: readonly string[]
  maxDocumentBytes: number
  /** Struct_IdNat of our certificate */
  structure: string
  /** geographic structures that it speaks for, when it is one of a legal entity (spec dmp §1.3) */
  sites?: readonly string[]
  structureName: string
  /** SAxx^1.2.250.1.71.4.2.4 (JDV_J61) goes in the VIHF: the code alone here */
  sector: string
  /** who answers for the automated processing: the VIHF names him when the box has no professional */
  responsible: { idNatPs: string; name: string }
  /** the rule table in effect; the one that comes with the program when absent */
  rules?: Rules
  /** folder of the files of the ANS that the operator installed */
  ansFiles?: string
}
