import type { Configuration } from '../../config/index.ts'
import type { Bal, Bals, Directory } from '../../directory/index.ts'
import { AddressFault, parseAddress } from '../address.ts'
import type { Seen } from '../opening/index.ts'
import type { Planner } from '../protection/index.ts'
import type { Policy } from '../session.ts'
import type { TrustedSpace } from '../trust.ts'

export interface ExplainRequest {
  /** MAIL FROM; empty for a report. */
  sender: string
  recipient: string
  /** The box that signs in; the sender itself when absent. */
  by?: string | undefined
  /** Certificate's name, or a domain whose operator hands the message in; by default the one that the white list gives for the sender's domain. */
  peer?: string | undefined
  file?: { name: string; bytes: Buffer } | undefined
}

/** What the gateway reads, to answer with. */
export interface ExplainParts {
  configuration: Configuration
  policy: Policy<Bal>
  boxes: Pick<Bals, 'find'>
  space: Pick<TrustedSpace, 'namesOf'>
  now(): number
  /** Opens and verifies what another operator would hand in, as the gateway does in a thread. */
  look(mail: Buffer): Promise<Seen>
  /** who holds a box of a person: his files without identity are told of too */
  directory: Pick<Directory, 'holder'>
  /** how it would leave */
  planner: Planner
}

/** A message, not a document by itself. */
export function isMail(file: ExplainRequest['file']): boolean {
  return file !== undefined && !/\.(?:xml|zip)$/i.test(file.name)
}

/** @returns an address as it is compared; undefined when it is none */
export function readable(text: string): string | undefined {
  try {
    return parseAddress(text)
  } catch (error) {
    if (error instanceof AddressFault) return undefined
    throw error
  }
}
