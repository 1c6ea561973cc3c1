import { randomBytes } from 'node:crypto'
import { copyFile, type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type NewFile, sharedOctets } from '../../config/index.ts'
import { SEAL_HEADER_BYTES, SealFault, type Vault } from '../../crypto/index.ts'

const KEEP_IN_MEMORY = 256 * 1024
/** What was just written is read soon, to be carried and looked into: so much of it stays in memory. */
const RECENT_BYTES = 64 * 1024 * 1024
/** Opened by a gateway that died before the rows were written: nobody was told 250 (S1, S2). */
const ORPHAN_AGE = 36 * 3_600_000

/** Files of message bytes, one for each message, named by its id, each sealed under that name. */
export interface Bytes {
  /** Starts a file. @throws when the disk says no */
  create(id: string): Draft
  /** @returns the message in clear, a large one in memory that threads share; @throws SealFault when the file is not what was written */
  read(id: string): Promise<Buffer>
  /** The message is done, or was never accepted. A file that is gone already is no fault. */
  remove(id: string): Promise<void>
  /** @returns ids of files so old that, without rows, nobody can have been promised anything */
  stale(now: number): Promise<string[]>
  /** Puts every message under the present master key. @returns how many were under another; and how many still are: being written, or damaged */
  rewrap(): Promise<{ done: number; left: number }>
}

/** A message being written. */
export interface Draft {
  readonly id: string
  /** Octets written so far. */
  readonly size: number
  write(chunk: Buffer): Promise<void>
  /** What was written, in clear. Nothing can be written afterwards. */
  whole(): Promise<Buffer>
  /** Ends it. @returns what is still to be written, with the rows; everything else is on the disk, its name too */
  seal(): Promise<NewFile[]>
  /** Before `seal`; afterwards see `Bytes.remove`. */
  discard(): Promise<void>
}

/** Opens the folder, making it when it is missing. */
export async function openBytes(folder: string, vault: Vault): Promise<Bytes> {
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
  /** while messages are rewrapped: those that were done in the meantime must not come back */
  let removed: Set<string> | undefined

  async function rewrapOne(id: string): Promise<'done' | 'left' | 'gone'> {
    const aside = `${path(id)}.${randomBytes(4).toString('hex')}${ASIDE}` // another process may be at the same one
    try {
      const header = await rewrappedHeader(id, path(id), vault)
      if (!header) return 'left'
      await copyFile(path(id), aside)
      await overwriteStart(aside, header)
      if (removed?.has(id)) return 'done'
      await rename(aside, path(id))
      if (removed?.has(id)) await rm(path(id), { force: true })
      return 'done'
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'gone'
      throw error
    } finally {
      await rm(aside, { force: true })
    }
  }

  return {
    create: id => draft(id, path(id), vault, syncFolder, recent.add),
    read: async id => recent.find(id) ?? clearOf(id, path(id), vault),
    remove: id => {
      recent.drop(id)
      removed?.add(id)
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
    async rewrap() {
      const counts = { done: 0, left: 0, gone: 0 }
      removed = new Set()
      for (const id of await readdir(folder)) {
        if (!id.endsWith(ASIDE) && (await isUnderAnother(path(id), vault))) counts[await rewrapOne(id)]++
      }
      removed = undefined
      if (counts.done > 0) await syncFolder()
      return { done: counts.done, left: counts.left }
    },
  }
}

const ASIDE = '.rewrapped'

/** @returns what a file holds. The records of a large one are opened one by one: between them others have their turn. */
async function clearOf(id: string, path: string, vault: Vault): Promise<Buffer> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    if (size <= KEEP_IN_MEMORY) return vault.open(id, await handle.readFile())
    const clear = sharedOctets(size)
    let end = 0
    for await (const record of recordsOf(id, handle, vault)) {
      if (end + record.length > size) throw new SealFault('a sealed object grew while it was read') // what finds no room would be cut off
      end += record.copy(clear, end)
    }
    return clear.subarray(0, end)
  } finally {
    await handle.close()
  }
}

function recordsOf(id: string, handle: FileHandle, vault: Vault): AsyncGenerator<Buffer> {
  let at = 0
  return vault.records(id, async count => {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(count), 0, count, at)
    at += bytesRead
    return buffer.subarray(0, bytesRead)
  })
}

/**
 * Of a message that is still being written only the beginning is there, and its writer has the file open: what another file in its place would not get.
 * @returns undefined for such a one, and for one that can't be opened
 */
async function rewrappedHeader(id: string, path: string, vault: Vault): Promise<Buffer | undefined> {
  const handle = await open(path, 'r')
  try {
    for await (const record of recordsOf(id, handle, vault)) record.fill(0) // that it is whole is all there is to know
    const { buffer } = await handle.read(Buffer.alloc(SEAL_HEADER_BYTES), 0, SEAL_HEADER_BYTES, 0)
    return vault.rewrapped(id, buffer)
  } catch (error) {
    if (error instanceof SealFault) return undefined
    throw error
  } finally {
    await handle.close()
  }
}

async function overwriteStart(path: string, octets: Buffer): Promise<void> {
  const handle = await open(path, 'r+')
  try {
    await handle.write(octets, 0, octets.length, 0)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function isUnderAnother(path: string, vault: Vault): Promise<boolean> {
  const handle = await open(path, 'r').catch(() => undefined) // removed since
  if (!handle) return false
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(SEAL_HEADER_BYTES), 0, SEAL_HEADER_BYTES, 0)
    return vault.isUnderAnother(buffer.subarray(0, bytesRead))
  } finally {
    await handle.close()
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
function draft(
  id: string,
  path: string,
  vault: Vault,
  syncFolder: () => Promise<void>,
  written: (id: string, bytes: Buffer) => void,
): Draft {
  let handle: FileHandle | undefined
  let chunks: Buffer[] = []
  let size = 0
  let waiting = 0
  let isWhole = false
  const sealer = vault.sealer(id)

  const take = (): Buffer => {
    const bytes = Buffer.concat(chunks)
    chunks = []
    waiting = 0
    return bytes
  }
  const flush = async (isLast = false) => {
    handle ??= await open(path, 'wx', 0o600)
    await handle.writeFile(sealer.seal(take(), isLast))
  }
  const end = async () => {
    if (!isWhole) await flush(true)
    isWhole = true
  }
  return {
    id,
    get size() {
      return size
    },
    async write(chunk) {
      // Never chunk by chunk: a body of dots comes three octets at a time. A large one is sealed in pieces, since others wait while one is.
      for (let at = 0; at < chunk.length; at += KEEP_IN_MEMORY) {
        const piece = chunk.subarray(at, at + KEEP_IN_MEMORY)
        chunks.push(piece)
        size += piece.length
        waiting += piece.length
        if (waiting > KEEP_IN_MEMORY) await flush()
      }
    },
    async whole() {
      if (!handle) return Buffer.concat(chunks)
      await end()
      return clearOf(id, path, vault)
    },
    async seal() {
      if (!handle) {
        const bytes = take()
        written(id, bytes)
        return [{ path, bytes: sealer.seal(bytes, true) }]
      }
      await end()
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
