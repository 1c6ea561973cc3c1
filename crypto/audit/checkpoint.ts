import { createHash } from 'node:crypto'
import type { Anchors } from '../anchors.ts'
import { signText } from '../attest.ts'
import { CmsFault, unverifiedContent, verifyOpaque } from '../cms/index.ts'
import type { Identity } from '../identity.ts'
import { formatName } from '../names.ts'
import { GENESIS } from './rows.ts'

/** What is signed: that the log was so up to this line, at this time. */
export interface Checkpoint {
  /** From 1, without a gap. */
  number: number
  line: number
  /** of that line, SHA-256, hexadecimal */
  hash: string
  /** milliseconds since epoch */
  at: number
  /** host name of the operator */
  operator: string
  /** SHA-256, hexadecimal, of the signed checkpoint before this one */
  previous: string
}

/** Whose checkpoints are believed. */
export interface CheckpointTrust {
  anchors: Anchors
  /** Subjects of our certificates that sign, present and former, as `formatName` writes them. */
  signers: readonly string[]
  /** The instant of verifying: what has been revoked by then counts. */
  at: Date
  /** Authorities of time stamps; without them stamps are not checked, and prove nothing. */
  stampAnchors?: Anchors | undefined
}

/** A checkpoint whose signature is right. */
export interface OpenedCheckpoint extends Checkpoint {
  /** Subject of the certificate. */
  signer: string
  certificate: Buffer
  /** SHA-256, hexadecimal, of the whole signed checkpoint. */
  digest: string
}

const MOST_OCTETS = 1024

/** What the first checkpoint says of the one before it. */
export const NO_CHECKPOINT = GENESIS

interface CheckpointLine {
  number: number
  line: number
  /** base64 */
  cms: string
  /** base64 */
  stamp?: string | undefined
}

/** A checkpoint in the file beside the database, and in an export: one line, without its end. */
export function checkpointLine({ number, line, cms, stamp }: CheckpointLine): string {
  return JSON.stringify({ checkpoint: number, line, cms, ...(stamp !== undefined && { stamp }) })
}

const LINE = /^\{"checkpoint":(\d{1,15}),"line":(\d{1,15}),"cms":"([A-Za-z0-9+/]+={0,2})"(?:,"stamp":"([A-Za-z0-9+/]+={0,2})")?\}$/

/** @returns undefined when it is no checkpoint in the one form that {@link checkpointLine} writes */
export function readCheckpointLine(text: string): CheckpointLine | undefined {
  const [, number, line, cms, stamp] = LINE.exec(text) ?? []
  return number && line && cms ? { number: Number(number), line: Number(line), cms, stamp } : undefined
}

/** @returns SHA-256, hexadecimal, of a signed checkpoint */
export function digestOf(cms: Buffer): string {
  return createHash('sha256').update(cms).digest('hex')
}

/** @returns the text that is signed: six lines that a person can read */
function textOf({ operator, number, line, hash, at, previous }: Checkpoint): string {
  const fields = { operator, checkpoint: number, line, hash, at: new Date(at).toISOString(), previous }
  return ['Pli audit checkpoint', ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`), ''].join('\n')
}

const TEXT =
  /^Pli audit checkpoint\noperator: ([a-z0-9.-]+)\ncheckpoint: (\d{1,15})\nline: (\d{1,15})\nhash: ([0-9a-f]{64})\nat: (\S{24})\nprevious: ([0-9a-f]{64})\n$/

/** @throws CmsFault for anything else than what {@link textOf} writes */
function readText(content: Buffer | undefined): Checkpoint {
  const text = content?.toString('latin1') ?? ''
  const [, operator = '', number, line, hash = '', at = '', previous = ''] = TEXT.exec(text) ?? []
  const checkpoint = { operator, number: Number(number), line: Number(line), hash, at: Date.parse(at), previous }
  if (Number.isNaN(checkpoint.at) || textOf(checkpoint) !== text) throw new CmsFault('malformed', 'it is not the text of a checkpoint')
  return checkpoint
}

/**
 * @returns a SignedData around the text, DER: `openssl cms -verify -inform DER` shows it
 * @throws Error when the certificate of the identity is not valid at that time: nobody would believe the checkpoint
 */
export function signCheckpoint(checkpoint: Checkpoint, identity: Identity): Buffer {
  return signText(textOf(checkpoint), { identity, at: new Date(checkpoint.at) })
}

/**
 * Verifies a checkpoint: its signature, the signer's chain at the time that the text says, and that the signer is one of ours.
 * @throws CmsFault
 */
export async function openCheckpoint(cms: Buffer, { anchors, signers, at }: CheckpointTrust): Promise<OpenedCheckpoint> {
  const said = readText(await unverifiedContent(cms, MOST_OCTETS))
  const verified = await verifyOpaque(cms, { anchors, at: new Date(said.at), revokedBy: at, most: MOST_OCTETS })
  const [one, ...others] = verified.signers
  if (!one || others.length > 0) throw new CmsFault('malformed', 'it has more than one signer')
  const signer = formatName(one.facts.subject)
  if (!signers.includes(signer)) throw new CmsFault('signer', `it was signed by ${signer}, who is not this operator`)
  return { ...readText(verified.content), signer, certificate: one.certificate, digest: digestOf(cms) }
}
