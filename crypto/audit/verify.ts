import { AUDIT_LEAST_KEPT, type Database } from '../../config/index.ts'
import { type AuditFault, type AuditHead, type Walk, walkChain } from './chain.ts'
import type { CheckpointTrust } from './checkpoint.ts'
import {
  type CheckpointCopies,
  compareCopies,
  type KeptCheckpoint,
  type Marks,
  type VerifiedMark,
  verifyCheckpoints,
} from './checkpoints.ts'
import { type AuditRow, build, rowOf } from './rows.ts'
import { type StampedPeriod, stampedPeriod } from './stamps.ts'

export interface AuditCheck {
  /** A head that was kept elsewhere: the chain must still hold it. */
  noted?: AuditHead | undefined
  /** Whose checkpoints are believed; without it the chain alone is checked. */
  trust?: CheckpointTrust | undefined
  /** Checkpoints that were kept elsewhere; they need the trust. */
  copies?: readonly CheckpointCopies[]
  /** How long the configuration keeps lines, milliseconds: what was removed before is told. */
  keepFor?: number
}

export interface AuditVerdict {
  /** How many there are. */
  lines: number
  /** What the first line is chained to: line 0, or the last one that retention removed. */
  from: AuditHead
  head: AuditHead
  checkpoints?: {
    count: number
    last?: { number: number; line: number; at: number }
    /** Lines behind the last one: the chain alone holds them. */
    unsigned: number
    signers: string[]
    /** What time stamps prove beside our own word; absent when there is none that was right. */
    stamps?: StampedPeriod
  }
  /** What is no fault, and should be known. */
  notes: string[]
  fault?: AuditFault
}

/** Where a log lies: its rows in ascending order, the one that it begins with first. */
export interface AuditSource {
  rows(): AsyncIterable<AuditRow>
  checkpoints(): AsyncGenerator<KeptCheckpoint>
  /** A part of a log, which may begin at any checkpoint. */
  isPart?: boolean
}

/** Verifies a log from its beginning to its end: the chain, every checkpoint, and that nothing was removed but what may be. */
export async function verifyLog(source: AuditSource, { noted, trust, copies = [], keepFor = 0 }: AuditCheck = {}): Promise<AuditVerdict> {
  const checked = trust && (await verifyCheckpoints(source.checkpoints(), trust))
  const marks = checked?.marks ?? []
  const walk = await walkChain(source.rows(), { marks, noted })
  const fault = checked?.fault ?? walk.fault ?? (checked && wrongBeginning(walk, marks, source.isPart === true))
  if (trust && !source.isPart) checked?.notes.push(...tooLongUnsigned(walk, marks, trust), ...removedEarly(walk, marks, keepFor))
  return verdictOf(walk, checked, fault ?? (trust && (await differing(copies, marks, trust))))
}

const DAY = 86_400_000
/** Twice the longest interval between two checkpoints: while a gateway runs, no line waits so long. */
const UNSIGNED_MOST = 2 * 3_600_000

/** Who takes checkpoints away, from the rows and from the file, leaves lines that were signed once. */
function tooLongUnsigned({ head, from, unsignedSince }: Walk, marks: readonly VerifiedMark[], { at }: CheckpointTrust): string[] {
  if (unsignedSince === undefined || at.getTime() - unsignedSince <= UNSIGNED_MOST) return []
  const [count, first] = [head.line - Math.max(marks.at(-1)?.line ?? 0, from.line), new Date(unsignedSince).toISOString()]
  return [`${count} lines are not signed, the first is of ${first}: because no gateway ran, or checkpoints were removed`]
}

async function differing(copies: readonly CheckpointCopies[], marks: readonly VerifiedMark[], trust: CheckpointTrust) {
  for (const each of copies) {
    const fault = await compareCopies(each, marks, trust)
    if (fault) return fault
  }
  return undefined
}

function verdictOf({ from, head }: Walk, checked: Marks | undefined, fault: AuditFault | undefined): AuditVerdict {
  const last = checked?.marks.at(-1)
  const stamps = checked && stampedPeriod(checked.marks)
  const checkpoints = checked && {
    count: checked.marks.length,
    ...(last && { last: { number: last.number, line: last.line, at: last.at } }),
    unsigned: Math.max(0, head.line - Math.max(last?.line ?? 0, from.line)),
    signers: [...new Set(checked.signers)],
    ...(stamps && { stamps }),
  }
  return {
    ...{ lines: Math.max(0, head.line - from.line), from, head },
    ...(checkpoints && { checkpoints }),
    notes: checked?.notes ?? [],
    ...(fault && { fault }),
  }
}

/**
 * A log that does not begin at its first line begins at a checkpoint; a line that a later checkpoint signs has announced it; and between the two lie the
 * months for which nothing may be removed, by the times that were signed.
 */
function wrongBeginning({ from, announcements }: Walk, marks: readonly VerifiedMark[], isPart: boolean): AuditFault | undefined {
  const [first] = marks
  if (isPart && !first) return { why: 'no checkpoint is in it: nothing of it is signed' }
  if (from.line === 0) return first && first.number > 1 ? { checkpoint: first.number - 1, why: 'it is missing' } : undefined
  if (first?.line !== from.line) return { line: from.line, why: 'the log begins here, where no checkpoint is' }
  if (isPart) return undefined
  const { line } = first
  const kept = keptFor(announcements, first, marks)
  if (kept === undefined) return { line, why: 'the log begins here, though no signed line says that what was before may be removed' }
  return kept >= AUDIT_LEAST_KEPT ? undefined : { line, why: 'the log begins here: what was before was removed too early' }
}

/** @returns milliseconds from the checkpoint at which the log begins to one that signs an announcement of it; undefined without one */
function keptFor(announcements: Walk['announcements'], { line, at }: VerifiedMark, marks: readonly VerifiedMark[]): number | undefined {
  const signed = announcements.filter(({ to }) => to >= line).flatMap(announced => marks.find(mark => mark.line >= announced.line) ?? [])
  return signed.length > 0 ? Math.max(...signed.map(mark => mark.at - at)) : undefined
}

/** Who may write rows can announce, and a gateway signs it: what the law lets go, and the configuration does not. */
function removedEarly({ from, announcements }: Walk, marks: readonly VerifiedMark[], keepFor: number): string[] {
  const [first] = marks
  const kept = from.line > 0 && first ? keptFor(announcements, first, marks) : undefined
  if (kept === undefined || kept >= keepFor) return []
  return [`lines were removed that the configuration of now keeps: the oldest are kept for ${Math.round(keepFor / DAY)} days`]
}

const PAGE = 1_000
const CHECKPOINTS_PAGE = 100

/** Verifies the log in the database, which others may be writing to. */
export async function verifyRows(db: Database, check?: AuditCheck): Promise<AuditVerdict> {
  const before = await beginning(db)
  const verdict = await verifyLog(rowsOf(db), check)
  // Retention may have removed lines meanwhile: then what was seen was half of before and half of after.
  return verdict.fault && (await beginning(db)) !== before ? verifyLog(rowsOf(db), check) : verdict
}

async function beginning(db: Database): Promise<number | undefined> {
  const [first] = await db.run(build.selectFrom('audit').select('line').orderBy('line').limit(1))
  return first && Number(first.line)
}

/** The log as it lies in the database, in pages. */
export function rowsOf(db: Database): AuditSource {
  return {
    async *rows() {
      for (let after: number | undefined, more = true; more; ) {
        const all = build.selectFrom('audit').selectAll().orderBy('line').limit(PAGE)
        const page = await db.run(after === undefined ? all : all.where('line', '>', after))
        for (const row of page) yield rowOf(row)
        after = Number(page.at(-1)?.line)
        more = page.length === PAGE
      }
    },
    async *checkpoints() {
      for (let after: number | undefined, more = true; more; ) {
        const all = build.selectFrom('audit_checkpoint').selectAll().orderBy('number').limit(CHECKPOINTS_PAGE)
        const page = await db.run(after === undefined ? all : all.where('number', '>', after))
        for (const { number, line, at, cms, stamp } of page)
          yield { number: Number(number), line: Number(line), at: Number(at), cms, stamp: stamp ?? undefined }
        after = Number(page.at(-1)?.number)
        more = page.length === CHECKPOINTS_PAGE
      }
    },
  }
}
