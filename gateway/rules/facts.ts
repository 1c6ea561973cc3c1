import type { Peer, Trust } from '../trust.ts'
import type { Awaitable, Basis } from './rule.ts'

/** A box of ours, as far as the SMTP edge is concerned. */
export interface OwnBox {
  readonly address: string
  /** PER, ORG, APP or CAB; only ORG and CAB may be written as by others. */
  readonly type?: string | undefined
  /** Who writes: a letter of a delegate is the delegate's, whatever box it is written as. */
  readonly idNatPs?: string | undefined
  /** Receives and sends like any other; is never named to whom has not its address. */
  readonly redListed?: boolean | undefined
  readonly quotaBytes?: number | undefined
  /** One more with each change, of its password and certificates too. */
  readonly revision?: number | undefined
  readonly suspendedAt?: number | undefined
  readonly closedAt?: number | undefined
}

export interface Boxes<Box extends OwnBox = OwnBox> {
  find(address: string): Promise<Box | undefined>
  /** @returns the box itself, and the ORG and CAB boxes that have delegated to it */
  writableBy(address: string): Promise<readonly string[]>
}

/** Who is listed. Someone in the national extract is found at once: the answer is then a value, no promise. */
export interface Annuaire {
  /** @throws (or rejects) when it cannot be known */
  find(address: string): Awaitable<{ readonly source: 'extract' | 'fhir'; readonly version: string } | undefined>
  readonly version: string
  nearest(address: string): { readonly address: string } | undefined
}

/** The rules of patients' addresses (spec MSSanté §1.6). */
export interface Patients {
  isPatient(address: string): boolean
  /** @returns what is wrong with the address, in words that do not repeat it */
  checkAddress(address: string): string | undefined
  /** Whether the box has opened a conversation with the patient and has not ended it. */
  mayAnswer(patient: string, box: string): Promise<boolean>
  /** Octets of the largest message that a patient is sent. */
  readonly messageBytes: number
}

/** Who speaks on a connection. */
export type Speaker<Box extends OwnBox> = { kind: 'box'; box: Box } | { kind: 'operator'; peer: Peer }

export interface AskedRecipient {
  address: string
  orcpt?: string | undefined
  notify?: readonly string[] | undefined
}

/** The envelope so far, when a recipient is asked for. */
export interface SoFar {
  /** Reverse-path as `checkSender` returned it. */
  sender: string
  /** Octets of the message, as MAIL declared them (RFC 1870); undefined when it did not. */
  size?: number | undefined
}

/** Where a recipient was found; of whom a patient's address is made nobody needs to ask. */
export type Source = 'own' | 'extract' | 'fhir' | 'patient'

/** Why a recipient was taken: kept in the trace. */
export interface Decision extends Basis {
  source: Source
}

/** All that the rules ask of others. */
export interface Surroundings<Box extends OwnBox> {
  domains: readonly string[]
  postmaster: string
  boxes: Boxes<Box>
  annuaire: Annuaire
  trust: Pick<Trust, 'checkPeer' | 'checkDomain' | 'mayWriteAs' | 'isListed'>
  patients: Patients
  /** Asked for boxes with a quota only. */
  quota: { hasRoom(address: string, size: number): Promise<boolean> }
  /** When the white list in use was generated, as text for traces. */
  whiteListDate(): string
  /** Received fields at most (RFC 5321 §6.3). */
  mostHops: number
  /** milliseconds since epoch */
  now(): number
}

/** ORG and CAB: a service and a practice have several people who write for them. The others are one person's or one machine's. */
export function mayBeWrittenAs({ type }: OwnBox): boolean {
  return type === 'ORG' || type === 'CAB'
}
