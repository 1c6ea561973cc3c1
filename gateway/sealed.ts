import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../config/index.ts'
import { type MasterKeys, SEAL_HEADER_BYTES, type Vault } from '../crypto/index.ts'
import { layout } from './data.ts'
import { DATA_KEYS, dataKeyFile } from './data-key.ts'
import { follow } from './follow.ts'
import type { Bytes } from './spool/index.ts'

/** Puts the keys that lie beside the database under the present master key, each whole or not at all. @returns how many were under another */
export async function rewrapDataKeys(data: string, vault: Vault): Promise<number> {
  let count = 0
  for (const name of DATA_KEYS) {
    const { file, sealedAs } = dataKeyFile(data, name)
    const sealed = await readFile(file).catch(() => undefined) // not made yet
    const rewrapped = sealed && vault.rewrapped(sealedAs, sealed)
    if (!rewrapped) continue
    const aside = `${file}.${randomBytes(4).toString('hex')}.rewrapped` // another process may be at the same one
    await writeFile(aside, rewrapped, { mode: 0o600, flush: true })
    await rename(aside, file)
    count++
  }
  return count
}

/** @returns how many sealed files of an operator are under each master key, by its id */
export async function countByKey(data: string, vault: Vault): Promise<Map<string, number>> {
  const { messages } = layout(data)
  const names = await readdir(messages).catch(unlessMissing([]))
  const counts = new Map<string, number>()
  for (const file of [...DATA_KEYS.map(name => dataKeyFile(data, name).file), ...names.map(name => join(messages, name))]) {
    const id = await keyIdOf(file, vault)
    if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}

/**
 * Before a key is removed: what cannot be counted may be everything.
 * @param sealing how many gateways that run seal under it
 * @throws one sentence when one does, when something is still under it, or the data are not where they should be
 */
export async function checkUnused(data: string, vault: Vault, id: string, sealing: number): Promise<void> {
  if (sealing > 0) throw new Error(`${sealing} gateways still seal under ${id}: they take up the present key within a minute`)
  const { messages } = layout(data)
  if (!existsSync(messages)) throw new Error(`${messages} is not there: what is under ${id} cannot be counted`)
  const left = (await countByKey(data, vault)).get(id) ?? 0
  if (left > 0) throw new Error(`${left} files are still under ${id}: they are put under the present key while the gateway runs`)
}

function unlessMissing<T>(otherwise: T): (error: NodeJS.ErrnoException) => T {
  return error => {
    if (error.code === 'ENOENT') return otherwise
    throw error
  }
}

async function keyIdOf(file: string, vault: Vault): Promise<string | undefined> {
  const handle = await open(file, 'r').catch(unlessMissing(undefined)) // done in the meantime, or not made yet
  if (!handle) return undefined
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(SEAL_HEADER_BYTES), 0, SEAL_HEADER_BYTES, 0)
    return vault.keyIdOf(buffer.subarray(0, bytesRead))
  } finally {
    await handle.close()
  }
}

/**
 * Follows the file of the master keys: a new key seals from then on, and what older ones sealed is put under it while mail flows.
 * @returns to be called now and then; a fault is logged, and the keys stay as they were
 */
export function openRotation(options: {
  masters: MasterKeys
  vault: Vault
  bytes: Bytes
  data: string
  file: string | undefined
  log: Log
}) {
  const { masters, vault, bytes, data, file, log } = options
  let isDue = true // a rotation may have been cut off
  let leftBefore = 0
  const look = follow(file ? [file] : [], () => {
    isDue = masters.reload() || isDue
  })
  return async (): Promise<void> => {
    look()
    if (!isDue) return
    const { done: messages, left } = await bytes.rewrap()
    const keys = await rewrapDataKeys(data, vault)
    // Until a turn finds nothing: what was sealed before the rotation may reach the disk after it.
    isDue = messages + keys + left > 0
    if (messages + keys > 0) log.info('rewrapped', { key: masters.current, messages, keys })
    if (left > 0 && left !== leftBefore) log.warn('not-rewrapped', { messages: left })
    leftBefore = left
  }
}
