import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Vault } from '../crypto/index.ts'

/** Keys that lie beside the database, not in it: of what is kept of patients, and of the pages for people. */
export const DATA_KEYS = ['patients', 'console'] as const
export type DataKey = (typeof DATA_KEYS)[number]

const KEY_BYTES = 32

/** Where a key lies, and the name under which it is sealed. */
export const dataKeyFile = (data: string, name: DataKey) => ({ file: join(data, `${name}.key`), sealedAs: `${name}.key` })

/**
 * One of those keys, made and sealed when it is asked for first.
 * @throws one sentence when its file holds something else
 */
export function dataKey(data: string, name: DataKey, vault: Vault): Buffer {
  const { file, sealedAs } = dataKeyFile(data, name)
  try {
    writeFileSync(file, vault.seal(sealedAs, randomBytes(KEY_BYTES)), { flag: 'wx', mode: 0o600, flush: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return opened(file, sealedAs, vault)
}

/**
 * Tries such a key where it was made, and makes none.
 * @throws as {@link dataKey}
 */
export function checkDataKey(data: string, name: DataKey, vault: Vault): void {
  const { file, sealedAs } = dataKeyFile(data, name)
  if (existsSync(file)) opened(file, sealedAs, vault)
}

function opened(file: string, sealedAs: string, vault: Vault): Buffer {
  const key = unsealed(file, sealedAs, vault)
  // Left behind by a crash or a full disk: under an empty key a patient's number could be found by trying them all.
  if (key.length !== KEY_BYTES) throw new Error(`${file} does not hold a key of ${KEY_BYTES} octets: put the right one back`)
  return key
}

function unsealed(file: string, sealedAs: string, vault: Vault): Buffer {
  try {
    return vault.open(sealedAs, readFileSync(file))
  } catch (cause) {
    throw new Error(`${file} does not hold the key that was put there (${(cause as Error).message}): put the right one back`, { cause })
  }
}
