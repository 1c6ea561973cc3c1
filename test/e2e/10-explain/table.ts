import { PATIENT_DOMAIN } from '../../world/mon-espace-sante.ts'

/** One pair, and how it comes to us. Names in braces are those of the story. */
export interface Pair {
  case: string
  from: string
  to: string
  /** The box that signs in; the sender itself by default. */
  by?: string
  /** Another operator hands it in: its domain. */
  peer?: string
}

const OURS = 'alpha.mssante.example'
const THEIRS = 'beta.mssante.example'

/** A doctor of ours writes to every kind of recipient. */
const recipients: [string, string][] = [
  ['a person of ours', '{colleague}'],
  ['a service of ours', `service.explique@${OURS}`],
  ['a practice of ours', `cabinet.explique@${OURS}`],
  ['software of ours', `logiciel.explique@${OURS}`],
  ['the red list', `rouge.explique@${OURS}`],
  ['a suspended box', `suspendue.explique@${OURS}`],
  ['a closed box', `fermee.explique@${OURS}`],
  ['a full box', `pleine.explique@${OURS}`],
  ['nobody of ours', `personne.explique@${OURS}`],
  ['the postmaster', 'postmaster'],
  ['a listed person', '{specialist}'],
  ['a listed service', '{theirService}'],
  ['nobody of theirs', `personne.explique@${THEIRS}`],
  ['a listed person, mistyped', '{mistyped}'],
  ['a box of the red list, mistyped', `rouge.expliqe@${OURS}`],
  ['upper case', '{SPECIALIST}'],
  ['a trailing dot', '{specialist}.'],
  ['a sub-domain', `dr@sub.${THEIRS}`],
  ['a Cyrillic letter in the domain', 'dr@bet\u0430.mssante.example'],
  ['the same domain as A-label', 'dr@xn--bet-5cd.mssante.example'],
  ['a Cyrillic letter in the local part', `dr.m\u0430rtin@${THEIRS}`],
  ['a full-width letter', `dr.m\uff41rtin@${THEIRS}`],
  ['a domain with no box in the directory', 'dr@gamma.mssante.example'],
  ['a domain outside the space', 'dr.martin@mail.example'],
  ['a look-alike outside the space', `dr@${THEIRS}.example`],
  ['no domain', 'dr.martin'],
  ['a patient', '{patient}'],
  ['a patient with a wrong key', '{wrongKey}'],
  ['a patient in 13 digits', '{thirteen}'],
  ['a patient in 12 digits', `123456789012@${PATIENT_DOMAIN}`],
  ['a patient at a sub-domain', `{ins}@x.${PATIENT_DOMAIN}`],
]

const senders: [string, string, string?][] = [
  ['a service, by its delegate', `service.explique@${OURS}`, '{doctor}'],
  ['a practice, by its holder', `cabinet.explique@${OURS}`, '{doctor}'],
  ['a service, by somebody else', `service.explique@${OURS}`, '{colleague}'],
  ['a suspended service, by its delegate', `suspendue.explique@${OURS}`, '{doctor}'],
  ['software, by a doctor', `logiciel.explique@${OURS}`, '{doctor}'],
  ['a colleague, by a doctor', '{colleague}', '{doctor}'],
  ['a stranger, by a doctor', '{specialist}', '{doctor}'],
  ['a doctor, by the service that he writes for', '{doctor}', `service.explique@${OURS}`],
  ['a doctor in upper case', '{DOCTOR}', '{doctor}'],
  ['a doctor with a trailing dot', '{doctor}.', '{doctor}'],
  ['a doctor with a Cyrillic letter', `dr.m\u0430rtin@${OURS}`, '{doctor}'],
  ['nobody, by a doctor: a report', '', '{doctor}'],
  ['a service itself', `service.explique@${OURS}`],
  ['a practice itself', `cabinet.explique@${OURS}`],
  ['software itself', `logiciel.explique@${OURS}`],
  ['the red list itself', `rouge.explique@${OURS}`],
  ['a suspended box itself', `suspendue.explique@${OURS}`],
  ['a closed box itself', `fermee.explique@${OURS}`],
  ['nobody of ours', `personne.explique@${OURS}`],
]

const receptions: Pair[] = [
  ['a person of ours', '{doctor}'],
  ['the red list', `rouge.explique@${OURS}`],
  ['a suspended box', `suspendue.explique@${OURS}`],
  ['a closed box', `fermee.explique@${OURS}`],
  ['a full box', `pleine.explique@${OURS}`],
  ['nobody of ours', `personne.explique@${OURS}`],
  ['a person of ours, mistyped', '{mistypedDoctor}'],
  ['a person of its own', '{specialist}'],
  ['a domain outside the space', 'dr.martin@mail.example'],
  ['a patient', '{patient}'],
].map(([name, to]) => ({ case: `another operator to ${name}`, from: '{specialist}', to: to!, peer: THEIRS }))

export const TABLE: readonly Pair[] = [
  ...recipients.map(([name, to]) => ({ case: `a doctor to ${name}`, from: '{doctor}', to })),
  ...senders.map(([name, from, by]) => ({ case: `as ${name}`, from, to: '{specialist}', ...(by ? { by } : {}) })),
  ...receptions,
  { case: 'another operator as a domain outside the space', from: 'dr.martin@mail.example', to: '{doctor}', peer: THEIRS },
  { case: "another operator as a third one's domain", from: 'dr@gamma.mssante.example', to: '{doctor}', peer: THEIRS },
  { case: 'another operator as our domain', from: '{colleague}', to: '{doctor}', peer: THEIRS },
  { case: 'another operator as a sub-domain of its own', from: `dr@sub.${THEIRS}`, to: '{doctor}', peer: THEIRS },
  { case: 'another operator with a report', from: '', to: '{doctor}', peer: THEIRS },
  { case: 'another operator with no address', from: '{specialist}.', to: '{doctor}', peer: THEIRS },
  { case: 'a patient who was written to', from: '{patient}', to: '{doctor}', peer: PATIENT_DOMAIN },
  { case: 'a patient to somebody who has not written', from: '{patient}', to: '{colleague}', peer: PATIENT_DOMAIN },
  { case: 'a patient whom nobody has written to', from: '{other}', to: '{doctor}', peer: PATIENT_DOMAIN },
  { case: 'a patient to nobody of ours', from: '{other}', to: `personne.explique@${OURS}`, peer: PATIENT_DOMAIN },
]
