import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Anchors } from '../crypto/index.ts'
import { checkSuccession, type ListFacts, loadWhiteList, type WhiteListOptions } from './white-list.ts'
import { downloadList } from './white-list-download.ts'
import { WhiteListFault } from './white-list-fault.ts'
import { putInPlace, readUpdateState, type UpdateState, writeUpdateState } from './white-list-state.ts'

export interface UpdateOptions extends WhiteListOptions {
  url: string
  /** Where the list lies; what is asked of the publisher later is kept beside it. */
  file: string
  /** The only authorities that may have certified the publisher's server. */
  anchors: Anchors
  /** The list in use: the new one must follow it, and the one in place. */
  inUse?: ListFacts | undefined
  timeout?: number | undefined
  bytes?: number | undefined
  signal?: AbortSignal | undefined
}

export type UpdateResult = ({ kind: 'updated' } & ListFacts) | { kind: 'unchanged' }

/**
 * Fetches the list and puts it in the place of the last one, if it is another and everything about it is right: the server, the signature, the
 * schema, and that it follows the last one (later, not half as long).
 * @throws WhiteListFault with the reason; the file in place is then untouched
 */
export async function updateWhiteList(options: UpdateOptions): Promise<UpdateResult> {
  const { file, now = Date.now } = options
  const checkedAt = now()
  await mkdir(dirname(file), { recursive: true })
  const known = await readUpdateState(file)
  try {
    const { result, accepted } = await attempt(options, known)
    await writeUpdateState(file, { checkedAt, ...(accepted ? { accepted } : {}) })
    return result
  } catch (error) {
    const fault = error instanceof WhiteListFault ? error : unwritable(error)
    // The first fault is the one to tell; an attempt that we broke off ourselves does not count.
    if (!options.signal?.aborted) await writeUpdateState(file, { ...known, checkedAt, fault: fault.reason }).catch(() => {})
    throw fault
  }
}

type Accepted = UpdateState['accepted']

async function attempt(options: UpdateOptions, state: UpdateState | undefined): Promise<{ result: UpdateResult; accepted: Accepted }> {
  const { url, file } = options
  const inPlace = await digestOf(file)
  // A file that somebody else put there is not what the publisher's validators are about.
  const known = state?.accepted?.url === url && state.accepted.sha256 === inPlace ? state.accepted : undefined
  const answer = await downloadList(url, { ...options, ...(known ? { known } : {}) })
  if (answer.kind === 'unchanged') return { result: answer, accepted: known }
  const sha256 = digest(answer.bytes)
  const { etag, lastModified } = answer
  const facts = sha256 === inPlace ? undefined : await replace(options, answer.bytes, state)
  const { generatedAt, entries } = facts ?? (await factsOf(options, state)) ?? {}
  const isKnown = generatedAt !== undefined && entries !== undefined
  const accepted = isKnown ? { url, sha256, etag, lastModified, generatedAt: generatedAt.getTime(), entries } : undefined
  return { result: facts ? { kind: 'updated', ...facts } : { kind: 'unchanged' }, accepted }
}

async function replace(options: UpdateOptions, bytes: Buffer, state: UpdateState | undefined): Promise<ListFacts> {
  let facts: ListFacts | undefined
  await putInPlace(options.file, bytes, async aside => {
    const next = await loadWhiteList(aside, options)
    // The one in place may be younger than the one in use: another gateway, or a command, has just put it there.
    for (const last of [options.inUse, await factsOf(options, state)]) if (last) checkSuccession(last, next)
    facts = { generatedAt: next.generatedAt, entries: next.entries }
  })
  return facts as ListFacts
}

/** The list in place; when it can't be read any more, what was accepted last: an older one must not come back because a file was lost. */
async function factsOf(options: UpdateOptions, state: UpdateState | undefined): Promise<ListFacts | undefined> {
  try {
    const { generatedAt, entries } = await loadWhiteList(options.file, options)
    return { generatedAt, entries }
  } catch (error) {
    if (!(error instanceof WhiteListFault)) throw error
    const { accepted } = state ?? {}
    return accepted && { generatedAt: new Date(accepted.generatedAt), entries: accepted.entries }
  }
}

async function digestOf(file: string): Promise<string | undefined> {
  return readFile(file).then(digest, () => undefined)
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function unwritable(cause: unknown): WhiteListFault {
  const code = (cause as NodeJS.ErrnoException).code ?? 'failure'
  return new WhiteListFault('unwritable', `The white list cannot be written (${code})`, { cause })
}
