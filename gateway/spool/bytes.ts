import { type FileHandle, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { NewFile } from '../../config/index.ts'

const KEEP_IN_MEMORY = 256 * 1024
/** What was just written is read soon, to be carried and looked into: so much of it stays in memory. */
const RECENT_BYTES = 64 * 1024 * 1024
/** Opened by a gateway that died before the rows were written: nobody was told 250 (S1, S2). */
const ORPHAN_AGE = 36 * 3_600_000

/** Files of message bytes, one for each message, named by its id. */
export interface Bytes {
  /** Starts a file. @throws when the disk says no */
  create(id: string): Draft
  read(id: string): Promise<Buffer>
  /** The message is done, or was never accepted. A file that is gone already is no fault. */
  remove(id: string): Promise<void>
  /** @returns ids of files so old that, without rows, nobody can have been promised anything */
  stale(now: number): Promise<string[]>
}

/** A message being written. */
export interface Draft {
  readonly id: string
  /** Octets written so far. */
  readonly size: number
  write(chunk: Buffer): Promise<void>
  /** Ends it. @returns what is still to be written, with the rows; everything else is on the disk, its name too */
  seal(): Promise<NewFile[]>
  /** Before `seal`; afterwards see `Bytes.remove`. */
  discard(): Promise<void>
}

/** Opens the folder, making it when it is missing. */
export async function openBytes(folder: string): Promise<Bytes> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const syncFolder = coalesced(async () => {
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  })
  const path = (id: string) => join(folder, id)
  const recent = recentBytes()
  return {
    create: id => draft(id, path(id), syncFolder, recent.add),
    read: async id => recent.find(id) ?? readFile(path(id)),
    remove: id => {
      recent.drop(id)
      return rm(path(id), { force: true })
    },
    stale: async now => {
      const old: string[] = []
      for (const name of await readdir(folder)) {
        const { mtimeMs } = await stat(path(name)).catch(() => ({ mtimeMs: now })) // one after the other: many letters may wait here
        if (now - mtimeMs > ORPHAN_AGE) old.push(name)
      }
      return old
    },
  }
}

/** Messages never change once they are on the disk, so the latest ones can be had without it. */
function recentBytes() {
  const kept = new Map<string, Buffer>()
  let size = 0
  const drop = (id: string) => {
    size -= kept.get(id)?.length ?? 0
    kept.delete(id)
  }
  return {
    drop,
    find: (id: string) => kept.get(id),
    add(id: string, bytes: Buffer): void {
      kept.set(id, bytes)
      size += bytes.length
      for (const oldest of kept.keys()) {
        if (size <= RECENT_BYTES) break
        drop(oldest)
      }
    },
  }
}

/**
 * Small messages stay in memory until they are whole, and go to the disk together with their rows; larger ones are written as
 * they come.
 */
function draft(id: string, path: string, syncFolder: () => Promise<void>, written: (id: string, bytes: Buffer) => void): Draft {
  let handle: FileHandle | undefined
  let chunks: Buffer[] = []
  let size = 0
  let waiting = 0

  const take = (): Buffer => {
    const bytes = Buffer.concat(chunks)
    chunks = []
    waiting = 0
    return bytes
  }
  const flush = async () => {
    handle ??= await open(path, 'wx', 0o600)
    await handle.writeFile(take())
  }
  return {
    id,
    get size() {
      return size
    },
    async write(chunk) {
      chunks.push(chunk)
      size += chunk.length
      waiting += chunk.length
      // Never chunk by chunk: a body of dots comes three octets at a time.
      if (waiting > KEEP_IN_MEMORY) await flush()
    },
    async seal() {
      if (!handle) {
        const bytes = take()
        written(id, bytes)
        return [{ path, bytes }]
      }
      if (waiting > 0) await flush()
      await handle.datasync()
      await handle.close()
      handle = undefined
      await syncFolder()
      return []
    },
    async discard() {
      chunks = []
      await handle?.close()
      await rm(path, { force: true })
    },
  }
}

/** Callers that come while a run is under way share the next one: what they wrote before the call is covered by it. */
function coalesced(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  const start = () => {
    running = work().finally(() => {
      running = undefined
    })
    return running
  }
  return () => {
    if (!running) return start()
    next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined
        return start()
      })
    return next
  }
}
