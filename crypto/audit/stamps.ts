import { createHash } from 'node:crypto'
import type { Database } from '../../config/index.ts'
import type { Anchors } from '../anchors.ts'
import { signatureValueOf } from '../attest.ts'
import { CmsFault } from '../cms/index.ts'
import { openTimeStamp, TimeStampFault } from '../timestamp.ts'
import { build } from './rows.ts'

/** Time stamps of checkpoints: one a day, of the signature, kept beside it. */
export interface CheckpointStamps {
  /** @returns the last checkpoint and the SHA-256 of its signature, when no other of its day (UTC) has a stamp; `isTimely`: whether one would be believed */
  due(): Promise<{ number: number; digest: Buffer; isTimely(stampedAt: Date): boolean } | undefined>
  /** Keeps a stamp that was verified, and is timely; the file gets the checkpoint once more, with it. */
  keep(number: number, token: Buffer): Promise<void>
  /** @returns when the first checkpoint was made that should have had the next stamp, milliseconds; undefined when none is missing or none was ever had */
  missingSince(): Promise<number | undefined>
}

const DAY = 86_400_000

export function openCheckpointStamps(db: Database): CheckpointStamps {
  const checkpoints = build.selectFrom('audit_checkpoint').select(['number', 'at', 'cms', 'stamp']).orderBy('number', 'desc').limit(1)

  return {
    async due() {
      const [last] = await db.run(checkpoints)
      const [stamped] = await db.run(checkpoints.where('stamp', 'is not', null))
      if (!last || (stamped && dayOf(Number(stamped.at)) === dayOf(Number(last.at)))) return undefined
      return {
        number: Number(last.number),
        digest: stampedDigest(Buffer.from(last.cms, 'base64')),
        isTimely: stampedAt => isTimely(stampedAt, Number(last.at)),
      }
    },
    async keep(number, token) {
      const row = build.updateTable('audit_checkpoint').set({ stamp: token.toString('base64'), filed: 0 })
      await db.run(row.where('number', '=', number).where('stamp', 'is', null))
    },
    async missingSince() {
      const [stamped] = await db.run(checkpoints.where('stamp', 'is not', null))
      if (!stamped) return undefined
      const later = build.selectFrom('audit_checkpoint').select('at').where('number', '>', stamped.number)
      const [row] = await db.run(
        later
          .where('at', '>=', (dayOf(Number(stamped.at)) + 1) * DAY)
          .orderBy('number')
          .limit(1),
      )
      return row && Number(row.at)
    },
  }
}

/** What a stamp says of a checkpoint: when it was there, or why that is not believed; `wrong` when somebody made it so. */
export type Dated = { at: number; authority: string } | { unknown: string } | { wrong: string }

/** Our stamps are asked for at once. One that came later dates what was written anew. */
const MOST_APART = 10 * 60_000

function isTimely(stampedAt: Date, signedAt: number): boolean {
  return Math.abs(stampedAt.getTime() - signedAt) <= MOST_APART
}

/**
 * @param checkpoint verified already
 * @param stamp base64 of a time stamp
 * @param trust.at now: what has been revoked by then counts
 */
export async function judgeStamp(
  { cms, at: signedAt }: { cms: Buffer; at: number },
  stamp: string,
  { anchors, at }: { anchors: Anchors; at: Date },
): Promise<Dated> {
  const token = Buffer.from(stamp, 'base64')
  if (token.toString('base64') !== stamp) return { wrong: 'its time stamp cannot be read' }
  try {
    const digest = digestIn(cms)
    if (!digest) return { wrong: 'it is not in the encoding that is stamped' }
    const { at: stampedAt, authority, revokedSince } = await openTimeStamp(token, { digest, anchors, at })
    if (!isTimely(stampedAt, signedAt))
      return { wrong: `it says ${new Date(signedAt).toISOString()}, its time stamp ${stampedAt.toISOString()}` }
    if (revokedSince !== undefined) return { unknown: `the authority's ${revokedSince}: nobody says whether its key was stolen before` }
    return { at: stampedAt.getTime(), authority }
  } catch (error) {
    if (!(error instanceof TimeStampFault)) throw error
    const { cause } = error
    const isUnknown = cause instanceof CmsFault && cause.verdict === 'revocation-unknown'
    return isUnknown ? { unknown: error.message } : { wrong: `its time stamp is not right: ${error.message}` }
  }
}

/** SHA-256 of what a stamp of a checkpoint is about (RFC 3161 appendix A). */
function stampedDigest(cms: Buffer): Buffer {
  return createHash('sha256').update(signatureValueOf(cms)).digest()
}

/** @returns undefined when it was put into another encoding, which we do not write */
function digestIn(cms: Buffer): Buffer | undefined {
  try {
    return stampedDigest(cms)
  } catch {
    return undefined
  }
}

/** What verified checkpoints say of stamps. */
export interface StampedMark {
  number: number
  line: number
  at: number
  dated?: Dated
}

/** The period that stamps cover: every line up to `line` was there at `last`, and as it is now. */
export interface StampedPeriod {
  count: number
  /** milliseconds, as the first and the last stamp say */
  first: number
  last: number
  /** The one that the last stamp dates. */
  checkpoint: number
  line: number
  authorities: string[]
}

export function stampedPeriod(marks: readonly StampedMark[]): StampedPeriod | undefined {
  const stamped = marks.flatMap(({ number, line, dated }) => (dated && 'at' in dated ? [{ ...dated, number, line }] : []))
  const [first, last] = [stamped[0], stamped.at(-1)]
  if (!first || !last) return undefined
  const authorities = [...new Set(stamped.map(({ authority }) => authority))]
  return { count: stamped.length, first: first.at, last: last.at, checkpoint: last.number, line: last.line, authorities }
}

/** @returns sentences about the days, since the first stamp, whose checkpoints have none; or that there is no stamp at all */
export function unstampedDays(marks: readonly (StampedMark & { stampDigest?: string })[]): string[] {
  if (marks.length > 0 && marks.every(({ stampDigest }) => stampDigest === undefined))
    return ['no checkpoint has a time stamp, though the configuration names an authority']
  const days = new Map<number, boolean>()
  for (const { at, dated } of marks) days.set(dayOf(at), (days.get(dayOf(at)) ?? false) || (dated !== undefined && 'at' in dated))
  const gaps: number[][] = [[]]
  let begun = false
  for (const [day, isStamped] of days) {
    begun ||= isStamped
    if (isStamped && gaps.at(-1)!.length > 0) gaps.push([])
    else if (begun && !isStamped) gaps.at(-1)!.push(day)
  }
  return gaps.flatMap((gap, index) => {
    const [from, to] = [gap[0], gap.at(-1)]
    if (from === undefined || to === undefined) return []
    if (index === gaps.length - 1) return [`no time stamp since ${dateOf(from)}`]
    return [from === to ? `no time stamp on ${dateOf(from)}` : `no time stamp from ${dateOf(from)} to ${dateOf(to)}`]
  })
}

function dayOf(at: number): number {
  return Math.floor(at / DAY)
}

function dateOf(day: number): string {
  return new Date(day * DAY).toISOString().slice(0, 10)
}
