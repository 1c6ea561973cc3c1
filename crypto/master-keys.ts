import { createHash, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { writeFresh } from '../config/index.ts'
import { isSealedForToken, openWithToken, sealForToken, type TokenKey } from './pkcs11.ts'
import { readCapped } from './secret-file.ts'

/**
 * Where the master keys are: a file that only its owner can use, outside the data folder, sealed for a token or not; or a variable of the
 * environment with the same text.
 */
export type MasterKeySource = MasterKeyFile | { environment: string }

export interface MasterKeyFile {
  file: string
  /** what the file is sealed for */
  pkcs11?: TokenKey | undefined
}

/** The keys under which everything at rest is sealed. The first seals, all of them open. */
export interface MasterKeys {
  /** id of the key that seals: 8 hexadecimal digits of its SHA-256 */
  readonly current: string
  readonly ids: readonly string[]
  /** Reads the source again. @returns whether anything changed; @throws as {@link loadMasterKeys}, and the keys stay as they were */
  reload(): boolean
}

interface MasterKey {
  id: string
  key: KeyObject
  /** the line that holds it */
  line: string
}

const KEY_BYTES = 32
const MOST_OCTETS = 64 * 1024
const ABOUT = '# Master keys of Pli, one a line: the first one seals, the others only open. Keep a copy apart from that of the data.'

const finders = new WeakMap<MasterKeys, (id: string) => KeyObject | undefined>()

/**
 * Reads the master keys.
 * @throws Error with one sentence, never holding a key: no such file, others than its owner can use it, a line that is no key
 */
export function loadMasterKeys(source: MasterKeySource): MasterKeys {
  let keys = read(source)
  const masters: MasterKeys = {
    get current() {
      return keys[0]!.id
    },
    get ids() {
      return keys.map(({ id }) => id)
    },
    reload() {
      const before = keys
      keys = read(source)
      return keys.map(({ id }) => id).join() !== before.map(({ id }) => id).join()
    },
  }
  finders.set(masters, id => keys.find(key => key.id === id)?.key)
  return Object.freeze(masters)
}

/** One key of those; for this room only. @throws Error that names the id when it is not there */
export function masterKeyOf(masters: MasterKeys, id: string): KeyObject {
  const key = finders.get(masters)?.(id)
  if (!key) throw new Error(`master key ${id} is not among those configured: put it back, or nothing that it sealed can be read`)
  return key
}

/**
 * Writes a new key file, with its folder; an existing one is never overwritten.
 * @param from a key file whose keys are taken over, in place of a new one
 * @returns the id of the key that seals
 */
export function createMasterKeyFile(
  file: string,
  { pkcs11, from }: { pkcs11?: TokenKey | undefined; from?: MasterKeyFile | undefined } = {},
): string {
  const keys = from ? read(from) : [newKey()]
  const text = textOf(keys, pkcs11)
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  try {
    writeFresh(file, text)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    throw new Error(`${file} is there already, and may be all that opens what is kept: it is left as it is`, { cause })
  }
  syncFolder(file)
  return keys[0]!.id
}

/** Adds a key that seals from now on; the others stay, to open. @returns its id */
export function addMasterKey(source: MasterKeyFile): string {
  const key = newKey()
  replace(source, keys => [key, ...keys])
  return key.id
}

/** Removes a key under which nothing is sealed any more. @throws Error for the current one, or one that is not there */
export function removeMasterKey(source: MasterKeyFile, id: string): void {
  replace(source, keys => {
    if (keys[0]?.id === id) throw new Error(`${id} is the key that seals: rotate first`)
    if (!keys.some(key => key.id === id)) throw new Error(`${source.file} has no key ${id}`)
    return keys.filter(key => key.id !== id)
  })
}

function read(source: MasterKeySource): MasterKey[] {
  const where = 'file' in source ? `the master key file ${source.file}` : `the environment variable ${source.environment}`
  const lines = textFrom(source, where)
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
  if (lines.length === 0) throw new Error(`${where} holds no key`)
  const keys = lines.map((line, index) => keyFrom(line, `${where}, key ${index + 1}`))
  if (new Set(keys.map(({ id }) => id)).size < keys.length) throw new Error(`${where} holds a key twice`)
  return keys
}

function textFrom(source: MasterKeySource, where: string): string {
  if ('environment' in source) {
    const text = process.env[source.environment]
    if (text === undefined) throw new Error(`${where} is not set`)
    return text
  }
  try {
    const text = readCapped(source.file, MOST_OCTETS, ({ mode }) => {
      if (mode & 0o077) throw new Error(`${where} can be used by others than its owner: chmod 600 it`)
    }).toString('latin1')
    const isSealed = isSealedForToken(text)
    if (isSealed && !source.pkcs11) throw new Error(`${where} is sealed for a token: name it (pkcs11)`)
    if (!isSealed && source.pkcs11)
      throw new Error(`${where} is not sealed for the token: make one with \`pli keys create --pkcs11 … --from\``)
    return source.pkcs11 ? openWithToken(source.pkcs11, text) : text
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw new Error(`${where} is missing: put it back, or make one with \`pli keys create\` if nothing was sealed yet`, { cause })
  }
}

/** `id base64`: the id shows a key that was damaged. */
function keyFrom(line: string, where: string): MasterKey {
  const [id = '', text = ''] = line.split(/\s+/)
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== KEY_BYTES || bytes.toString('base64') !== text)
    throw new Error(`${where} is no key of ${KEY_BYTES} octets in base64`)
  if (idOf(bytes) !== id) throw new Error(`${where} is damaged: it is not the key ${id.replace(/[^0-9a-f]/g, '?').slice(0, 8)}`)
  return { id, key: createSecretKey(bytes), line }
}

function newKey(): MasterKey {
  const bytes = randomBytes(KEY_BYTES)
  return { id: idOf(bytes), key: createSecretKey(bytes), line: `${idOf(bytes)} ${bytes.toString('base64')}` }
}

function idOf(bytes: Buffer): string {
  return createHash('sha256').update('pli master key ').update(bytes).digest('hex').slice(0, 8)
}

function textOf(keys: readonly MasterKey[], pkcs11: TokenKey | undefined): string {
  const text = `${[ABOUT, ...keys.map(({ line }) => line)].join('\n')}\n`
  return pkcs11 ? sealForToken(pkcs11, text) : text
}

/**
 * Whole or not at all: a torn key file would lose everything. The keys are read when nobody else can be changing them: a key that another
 * rotation has just added may have sealed already.
 */
function replace({ file, pkcs11 }: MasterKeyFile, change: (keys: readonly MasterKey[]) => readonly MasterKey[]): void {
  const aside = `${file}.new`
  const handle = openAside(aside)
  try {
    try {
      writeFileSync(handle, textOf(change(read({ file, pkcs11 })), pkcs11), { flush: true })
    } finally {
      closeSync(handle)
    }
    renameSync(aside, file)
  } catch (error) {
    rmSync(aside, { force: true })
    throw error
  }
  syncFolder(file)
}

function openAside(aside: string): number {
  try {
    return openSync(aside, 'wx', 0o600)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    throw new Error(`${aside} exists: another rotation is under way, or one was cut off; look at it and remove it`, { cause })
  }
}

/** What a key seals must not outlive the key's own name on the disk. */
function syncFolder(file: string): void {
  const folder = openSync(dirname(file), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
