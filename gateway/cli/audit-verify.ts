import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type Configuration, type Database, loadConfiguration } from '../../config/index.ts'
import {
  type AuditCheck,
  type AuditHead,
  type AuditVerdict,
  type CheckpointTrust,
  formatName,
  loadAnchors,
  loadIdentity,
  openAudit,
  type Rdn,
  readCertificate,
  type StampedPeriod,
  verifyExport,
  wordsOf,
} from '../../crypto/index.ts'
import { layout } from '../data.ts'
import { openAnchors } from '../revocation/index.ts'
import { withDataToRead } from './data.ts'
import { amount, clock } from './output.ts'

export interface VerifyOptions {
  config: string
  json?: boolean
  noted?: AuditHead
  /** Files of checkpoints that were kept elsewhere. */
  checkpoints?: string[]
  /** An export, in place of the log. */
  export?: string
  /** Certificates of ours that signed before. */
  signer?: string[]
}

/** Verifies the log, or an export of it. Nothing is written, and no private key is needed. */
export function verifyAudit(options: VerifyOptions): Promise<AuditVerdict> {
  const { config, noted, signer = [], checkpoints = [] } = options
  const check = (configuration: Configuration, files: readonly string[]): AuditCheck => ({
    noted,
    keepFor: configuration.audit.keepFor,
    trust: trustIn(configuration, signer),
    copies: files.map(file => ({ file, lines: linesOf(file) })),
  })
  const { export: file } = options
  const filesAside = true // whoever looks after us needs no key
  if (file !== undefined) return verifyExport(() => linesOf(file), check(loadConfiguration(config, { filesAside }), checkpoints))
  const look = (db: Database, configuration: Configuration) => {
    const own = layout(configuration.data).checkpoints
    return openAudit(db, { now: Date.now }).verify(check(configuration, [...(existsSync(own) ? [own] : []), ...checkpoints]))
  }
  return withDataToRead(config, look, { filesAside })
}

/** @returns the verdict for a person; @throws one sentence when something is wrong */
export function verdictText({ lines, from, head, checkpoints, notes, fault }: AuditVerdict): string {
  if (fault) throw new Error(wordsOf(fault))
  const begins = from.line > 0 ? ` from line ${from.line + 1} on` : ''
  return [
    `${amount(lines, 'line')}${begins}, whole; head ${head.line}:${head.hash}`,
    ...signedText(checkpoints),
    ...notes.map(note => `note: ${note}`),
  ].join('\n')
}

function signedText(checkpoints: AuditVerdict['checkpoints']): string[] {
  if (!checkpoints?.last) return ['no checkpoint yet: nothing is signed']
  const { count, last, unsigned, signers, stamps } = checkpoints
  return [
    `${amount(count, 'checkpoint')}, the last one (${last.number}) at line ${last.line}, ${clock(last.at)}; ${amount(unsigned, 'line')} behind it`,
    ...signers.map(signer => `signed by ${signer}`),
    ...stampedText(stamps),
  ]
}

function stampedText(stamps: StampedPeriod | undefined): string[] {
  if (!stamps) return []
  const { count, first, last, checkpoint, line, authorities } = stamps
  return [
    `dated by ${amount(count, 'time stamp')}, from ${clock(first)} to ${clock(last)}: the lines up to ${line} (checkpoint ${checkpoint}) were there by then`,
    ...authorities.map(authority => `stamped by ${authority}`),
  ]
}

function trustIn({ signature, tls, timeStamp, data }: Configuration, former: readonly string[]): CheckpointTrust {
  const subjects = [...ownSubject(signature, former.length > 0), ...former.map(subjectIn)]
  const stampAnchors = timeStamp && loadAnchors({ anchors: timeStamp.anchors, crls: timeStamp.crls })
  return { anchors: openAnchors(tls, { data }), stampAnchors, signers: subjects.map(formatName), at: new Date() }
}

/** Of a .p12 file the certificate can't be read without its passphrase: who has none names the certificate. */
function ownSubject(signature: Configuration['signature'], isNamed: boolean): Rdn[][] {
  if (!('pkcs12' in signature)) return [subjectIn(signature.certificate)]
  try {
    return [loadIdentity(signature).facts.subject]
  } catch (cause) {
    if (isNamed) return []
    throw new Error('the certificate that signs lies in a .p12 file, which cannot be opened: name it with --signer', { cause })
  }
}

function subjectIn(file: string): Rdn[] {
  return readCertificate(readFileSync(file, 'utf8')).subject
}

async function* linesOf(file: string): AsyncGenerator<string> {
  yield* createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })
}
