import { randomBytes } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { WhiteListReason } from './white-list-fault.ts'

const schema = z.object({
  /** Milliseconds since epoch: the last time that the publisher was asked. */
  checkedAt: z.number(),
  /** Why the last attempt was refused; absent when it went well. */
  fault: z.string().optional(),
  /** Of the list that was accepted last: where it came from, what it was. */
  accepted: z
    .object({
      url: z.string(),
      sha256: z.string(),
      etag: z.string().optional(),
      lastModified: z.string().optional(),
      generatedAt: z.number(),
      entries: z.number(),
    })
    .optional(),
})

/** What is remembered of the downloads of a list, in a file beside it. Without it the next one is unconditional, nothing worse. */
export type UpdateState = z.output<typeof schema>

const stateFile = (list: string) => `${list}.state.json`

/** @returns undefined when the list was never downloaded, or the file cannot be read */
export async function readUpdateState(list: string): Promise<UpdateState | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(stateFile(list), 'utf8')))
  } catch {
    return undefined
  }
}

export async function writeUpdateState(list: string, state: UpdateState): Promise<void> {
  await putInPlace(stateFile(list), Buffer.from(`${JSON.stringify(state, null, 1)}\n`))
}

/**
 * Replaces a file in one step: a reader sees the former content or the new one, and so does whoever comes after a power cut.
 * @param check judges the bytes as they lie on the disk, before they take the place; what it throws leaves the former file there
 */
export async function putInPlace(file: string, bytes: Buffer, check: (aside: string) => Promise<void> = async () => {}): Promise<void> {
  const aside = `${file}.${randomBytes(6).toString('hex')}.new`
  try {
    const handle = await open(aside, 'wx', 0o644)
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await check(aside)
    await rename(aside, file)
  } catch (error) {
    await rm(aside, { force: true })
    throw error
  }
  const folder = await open(dirname(file), 'r')
  await folder.sync().finally(() => folder.close())
}

const HOUR = 3_600_000
/** No answer at all: asking again does not burden the publisher. */
const UNANSWERED: ReadonlySet<string> = new Set<WhiteListReason>(['unreachable', 'too-slow', 'unwritable'])

/**
 * @param refresh milliseconds between two attempts that the schedule makes
 * @returns when the next one is due; sooner, after an hour, when the last one got no answer
 */
export function nextUpdateAt(state: UpdateState | undefined, refresh: number, now: number): number {
  if (!state || state.checkedAt > now) return now
  return state.checkedAt + (UNANSWERED.has(state.fault ?? '') ? Math.min(HOUR, refresh) : refresh)
}
