import { randomUUID } from 'node:crypto'
import { type BigIntStats, constants, lstatSync, renameSync } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isSealedLetter, type MailboxPublicKey, SEALED_MARK_BYTES } from '../../crypto/index.ts'
import { syncFolder } from './mailbox.ts'
import { withMaildirLock } from './maildir-lock.ts'

/** A letter in a Maildir. */
export interface Place {
  maildir: string
  part: string
  name: string
}

/** `moved`: it is no longer there under this name; `locked`: somebody held the Maildir all the time; `no-file`: a pipe, a folder, … */
export type Fate = 'already' | 'sealed' | 'clear' | 'moved' | 'locked' | 'no-file'

/**
 * Seals a letter that lies in clear, in place. It is replaced whole, under Dovecot's lock, and only while it is the very file that was read: so
 * it is neither lost nor there twice, whoever gives it a flag or removes it meanwhile, and whenever we are cut off.
 * @param options.isDry only looks: `clear`
 * @param options.patience milliseconds to wait for the lock
 * @throws the system's error; the letter is as it was
 */
export async function fateOf(
  place: Place,
  { key, isDry, patience }: { key: MailboxPublicKey; isDry?: boolean; patience: number },
): Promise<Fate> {
  const handle = await openLetter(join(place.maildir, place.part, place.name))
  if (!handle) return 'moved'
  try {
    const facts = await handle.stat({ bigint: true })
    if (!facts.isFile()) return 'no-file'
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(SEALED_MARK_BYTES), 0, SEALED_MARK_BYTES, 0)
    if (isSealedLetter(buffer.subarray(0, bytesRead))) return 'already'
    if (isDry) return 'clear'
    return await replace(place, facts, await key.seal(await handle.readFile()), patience)
  } finally {
    await handle.close()
  }
}

/** @returns the code of the system's error: its sentence names the box */
export function reasonOf({ code, cause }: NodeJS.ErrnoException): string {
  return code ?? (cause as NodeJS.ErrnoException | undefined)?.code ?? 'unknown'
}

async function openLetter(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK) // opening a pipe would wait for its other end
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * IMAP knows a letter by its name, which so stays as it is; its date is that of the file. Sizes in a name (S=, W=) are those of the letter
 * itself, so they stay right, and where there are none Dovecot takes them from the opened letter.
 */
async function replace({ maildir, part, name }: Place, facts: BigIntStats, sealed: Buffer, patience: number): Promise<Fate> {
  const aside = join(maildir, 'tmp', `${facts.mtimeMs / 1000n}.${randomUUID()}.sealing`) // when we are cut off, the IMAP server clears tmp
  const file = join(maildir, part, name)
  try {
    await writeLike(aside, facts, sealed)
    const fate = await withMaildirLock<Fate>(maildir, patience, () => {
      if (!isStill(file, facts)) return 'moved'
      renameSync(aside, file)
      return 'sealed'
    })
    if (fate === 'sealed') await syncFolder(join(maildir, part))
    return fate ?? 'locked'
  } finally {
    await rm(aside, { force: true })
  }
}

async function writeLike(aside: string, { uid, gid, mode, atime, mtime }: BigIntStats, sealed: Buffer): Promise<void> {
  const handle = await open(aside, 'wx', 0o600)
  try {
    await handle.writeFile(sealed)
    const made = await handle.stat({ bigint: true })
    // Refused to us, and the letter stays as it is: its reader could not open another's.
    if (made.uid !== uid || made.gid !== gid) await handle.chown(Number(uid), Number(gid))
    await handle.chmod(Number(mode & 0o777n))
    await handle.utimes(atime, mtime)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A flag gives a letter another name; then it is found under that. */
function isStill(file: string, { dev, ino, size, mtimeNs }: BigIntStats): boolean {
  const now = lstatSync(file, { bigint: true, throwIfNoEntry: false })
  return now !== undefined && now.dev === dev && now.ino === ino && now.size === size && now.mtimeNs === mtimeNs
}
