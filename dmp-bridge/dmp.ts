import type { Policy, Sender } from './decide.ts'
import type { FoundDocument, Ins } from './facts.ts'
import type { SubmissionRequest, Unfit } from './submission.ts'
import type { Traits } from './traits.ts'

/** What the DMP said, as it was received: codes only, never a text of the answer (a text may name the patient). */
export type DmpAnswer =
  | { kind: 'accepted' }
  /** the codes of a RegistryResponse that is not a success */
  | { kind: 'errors'; codes: string[] }
  | { kind: 'fault'; role: 'sender' | 'receiver' | 'version-mismatch' | 'must-understand'; code?: string }
  | { kind: 'http'; status: number }
  /** nothing came back: connection, TLS or time */
  | { kind: 'unreachable'; code: string }
  /** a success that holds an error: the document may be filed or not */
  | { kind: 'contradictory' }
  /** something came back that can't be read: the document may be filed or not */
  | { kind: 'unreadable' }

/** Why a refusal is a human's business. */
export type RefusalKind = 'human-content' | 'human-patient' | 'defect' | 'unknown'

/** An attempt that brought no result, in the words of the error table. */
export type DmpFailure =
  /** later, with the same document uniqueId; `misconfigured` when waiting alone won't help: a human must repair our set-up */
  | { kind: 'retry'; code: string; misconfigured: boolean }
  | { kind: 'refused'; code: string; why: RefusalKind }
  /** can't be told from the answer: look the document up, retry once, then a human */
  | { kind: 'ambiguous'; code: string }

/** `code` is present when the document was in the DMP already. */
export type DmpOutcome = { kind: 'filed'; code?: string } | DmpFailure

/** A DMP is fed only when it is active (TD0.2). */
export type DmpStatus = 'active' | 'closed' | 'absent'

/** What TD0.2 says of a patient; the traits are for comparing, never for keeping. */
export interface DmpPatient {
  kind: 'status'
  status: DmpStatus
  traits: Traits
}

/** What TD3.1b says of one document of one patient. */
export type DmpEntry =
  | { kind: 'found'; entryUuid: string }
  /** `deleted` when the DMP still says that it was there */
  | { kind: 'absent'; deleted?: true }
  /** the answer is about another patient, or about nobody: nothing may be built on it */
  | { kind: 'of-another-patient' }

/** What every request needs beside its subject: for whom it is made, when, and where new ids come from. */
export interface DmpContext {
  sender: Sender
  policy: Policy
  now: Date
  newId: () => string
  /** entryUUID of the document that a submission replaces (TD2.1b), as TD3.1b tells it */
  replaces?: string
}

/**
 * The patient's DMP, as the bridge needs it. XDS.b is the only implementation today (decision 8); an adapter for MHD would
 * build other requests behind the same questions.
 */
export interface Dmp {
  /**
   * Builds the whole request of one document, or of several of one patient and depositor; a new submission set each time, the documents'
   * uniqueIds unchanged.
   * @throws AbortError when that takes longer than any document should
   */
  prepare(documents: readonly FoundDocument[], context: DmpContext): SubmissionRequest | Unfit | Promise<SubmissionRequest | Unfit>
  file(request: SubmissionRequest): Promise<DmpOutcome>
  /** TD0.2: is there a DMP to feed? */
  exists(ins: Ins, context: DmpContext): Promise<DmpPatient | DmpFailure>
  /** TD3.1b: what a replacement needs, and a repair tool after an ambiguous answer; never a step of each filing (EX_3.1-2030). */
  findByUniqueId(uniqueId: string, ins: Ins, context: DmpContext): Promise<DmpEntry | DmpFailure>
  /** TD3.3c: takes a document of ours out. @param structure Struct_IdNat that deposited it */
  delete(target: { entryUuid: string; ins: Ins; structure: string }, context: DmpContext): Promise<{ kind: 'deleted' } | DmpFailure>
  close(): Promise<void>
}
