import { trustOf } from '../anchors.ts'
import { revokedSince } from '../chain.ts'
import { CmsFault } from '../cms/index.ts'
import type { AuditFault, Mark } from './chain.ts'
import { type CheckpointTrust, digestOf, NO_CHECKPOINT, type OpenedCheckpoint, openCheckpoint, readCheckpointLine } from './checkpoint.ts'
import { type Dated, judgeStamp, unstampedDays } from './stamps.ts'

/** A checkpoint as it is kept in rows or in a file. */
export interface KeptCheckpoint {
  number: number
  line: number
  cms: string
  /** Not in files. */
  at?: number
  /** base64 of a time stamp */
  stamp?: string | undefined
}

/** Checkpoints that were kept elsewhere: the lines of a file. */
export interface CheckpointCopies {
  /** Its name, for sentences. */
  file: string
  lines: AsyncIterable<string>
}

/** A checkpoint that was verified, without what made it so. */
export interface VerifiedMark extends Mark {
  at: number
  digest: string
  dated?: Dated
  /** SHA-256, hexadecimal, of its time stamp. */
  stampDigest?: string
}

export interface Marks {
  marks: VerifiedMark[]
  /** Subjects of the certificates that signed. */
  signers: string[]
  notes: string[]
  fault?: AuditFault
}

/** Clocks of two machines differ. */
const SKEW = 10 * 60_000

/** Verifies checkpoints in the order of their numbers: each signature, and that each names the one before it. */
export async function verifyCheckpoints(kept: AsyncIterable<KeptCheckpoint>, trust: CheckpointTrust): Promise<Marks> {
  const marks: VerifiedMark[] = []
  const signers = new Map<string, string>()
  const notes: string[] = []
  const end = (fault?: AuditFault): Marks => ({
    marks,
    signers: [...signers.values()],
    notes: [...notes, ...stampNotes(marks, trust)],
    ...(fault && { fault }),
  })
  for await (const stored of kept) {
    const opened = await open(stored, trust)
    if ('why' in opened) return end(opened)
    const last = marks.at(-1)
    const fault = outOfOrder(opened, last)
    if (fault) return end(fault)
    if (last && opened.at < last.at) notes.push(`the clock was set back before checkpoint ${opened.number}`)
    noteSigner(opened, trust, signers, notes)
    const { number, line, hash, at, digest, dated } = opened
    marks.push({
      ...{ number, line, hash, at, digest },
      ...(dated && { dated }),
      ...(stored.stamp && { stampDigest: stampDigest(stored.stamp) }),
    })
  }
  return end()
}

async function open(stored: KeptCheckpoint, trust: CheckpointTrust): Promise<(OpenedCheckpoint & { dated?: Dated }) | AuditFault> {
  const fault = (why: string) => ({ checkpoint: stored.number, why })
  const cms = Buffer.from(stored.cms, 'base64')
  if (cms.toString('base64') !== stored.cms) return fault('it cannot be read')
  try {
    const opened = await openCheckpoint(cms, trust)
    const isItself = opened.number === stored.number && opened.line === stored.line && (stored.at === undefined || stored.at === opened.at)
    if (!isItself) return fault('it is another one than its number, its line and its time say')
    if (opened.at > trust.at.getTime() + SKEW) return fault('it is dated in the future')
    if (stored.stamp === undefined || !trust.stampAnchors) return opened
    const dated = await judgeStamp({ cms, at: opened.at }, stored.stamp, { anchors: trust.stampAnchors, at: trust.at })
    return 'wrong' in dated ? fault(dated.wrong) : { ...opened, dated }
  } catch (error) {
    if (error instanceof CmsFault) return fault(error.reason === 'signer' ? error.message : `it is not as it was signed: ${error.message}`)
    throw error
  }
}

function stampDigest(stamp: string): string {
  return digestOf(Buffer.from(stamp, 'base64'))
}

/** What is to be known of stamps: those that nobody could check, and days without one. */
function stampNotes(marks: readonly VerifiedMark[], { stampAnchors }: CheckpointTrust): string[] {
  const unchecked = marks.filter(({ stampDigest, dated }) => stampDigest && !dated).length
  const unknown = marks.flatMap(({ dated }) => (dated && 'unknown' in dated ? [dated.unknown] : []))
  return [
    ...(unchecked > 0 ? [`${unchecked} time stamps are not checked: the configuration names no authority for them`] : []),
    ...(unknown.length > 0 ? [`${unknown.length} time stamps cannot be judged now: ${[...new Set(unknown)].join('; ')}`] : []),
    ...(stampAnchors ? unstampedDays(marks) : []),
  ]
}

function outOfOrder({ number, line, previous }: OpenedCheckpoint, last: VerifiedMark | undefined): AuditFault | undefined {
  if (!last) return number === 1 && previous !== NO_CHECKPOINT ? { checkpoint: 1, why: 'it is not the first one' } : undefined
  if (number !== last.number + 1) return { checkpoint: last.number + 1, why: 'it is missing' }
  if (previous !== last.digest) return { checkpoint: number, why: `it does not follow checkpoint ${last.number}, as that is kept here` }
  return line > last.line ? undefined : { checkpoint: number, why: `it does not lie behind checkpoint ${last.number}` }
}

/** A key that was stolen can sign with any date: whoever revoked it should know which copies to rely on. */
function noteSigner(
  { certificate, signer }: OpenedCheckpoint,
  { anchors, at }: CheckpointTrust,
  signers: Map<string, string>,
  notes: string[],
) {
  const digest = digestOf(certificate)
  if (signers.has(digest)) return
  signers.set(digest, signer)
  const revoked = revokedSince(certificate, trustOf(anchors), 'signature', at)
  if (revoked !== undefined)
    notes.push(`a ${revoked}: if its key was stolen, rely on checkpoints of which a copy was kept elsewhere before`)
}

/**
 * Compares checkpoints with copies that were kept elsewhere. A copy that is the same, octet by octet, proves what it proves here; any other is verified by itself.
 * @param marks what the log holds, verified
 */
export async function compareCopies(
  copies: CheckpointCopies,
  marks: readonly VerifiedMark[],
  trust: CheckpointTrust,
): Promise<AuditFault | undefined> {
  const here = new Map(marks.map(mark => [mark.number, mark]))
  const [first, last] = [marks[0]?.number ?? 1, marks.at(-1)?.number ?? 0]
  let place = 0
  for await (const text of copies.lines) {
    place++
    const copy = readCheckpointLine(text)
    if (!copy) return { why: `line ${place} of ${copies.file} is no checkpoint` }
    const mark = here.get(copy.number)
    if (mark?.digest === digestOf(Buffer.from(copy.cms, 'base64'))) {
      // The first copy is made before the stamp is there.
      if (copy.stamp === undefined || mark.stampDigest === stampDigest(copy.stamp)) continue
      return { checkpoint: copy.number, why: `its time stamp is ${mark.stampDigest ? 'another one' : 'missing'}, ${copies.file} has it` }
    }
    const opened = await open(copy, trust)
    if ('why' in opened) return { ...opened, why: `its copy on line ${place} of ${copies.file} is wrong: ${opened.why}` }
    const { number, line } = copy
    if (number > last) return { checkpoint: number, why: `it is missing, ${copies.file} has it: there were ${line} lines` }
    if (number >= first)
      return { checkpoint: number, why: `it is not the one that ${copies.file} has: all from there on may have been written anew` }
  }
  return undefined
}
