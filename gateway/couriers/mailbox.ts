import { mkdir, open, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { MailboxPublicKey } from '../../crypto/index.ts'
import type { Leg, Outcome } from '../spool/index.ts'
import type { Courier } from './courier.ts'

export interface MailboxOptions {
  /** Holds one Maildir for each box: `<domain>/<local part>`. */
  folder: string
  /** Letters are sealed for it. */
  key: MailboxPublicKey
  hostname: string
  /** Room in the boxes; rejects when it can't be known. */
  quota: { take(address: string, size: number): Promise<boolean> }
}

/**
 * Delivers to the Maildir of a box: written to tmp, synced, renamed into new (https://cr.yp.to/proto/maildir.html).
 * Sealed as Dovecot's mail_crypt plugin keeps letters, so that the IMAP server shows them and neither we nor a copy of the folder can.
 * The file's name is the recipient's own, so a delivery that is repeated after a crash replaces itself.
 * A box that is full defers: its owner may make room in the time of the retries.
 */
export function mailboxCourier({ folder, key, hostname, quota }: MailboxOptions): Courier {
  return {
    async deliver(leg, content): Promise<Outcome> {
      try {
        const path = await maildir(folder, leg.address)
        const name = nameOf(leg, hostname)
        const letter = [returnPath(leg), content]
        if (leg.attempts > 0 && (await isThere(path, name))) {
          await syncFolder(join(path, 'new')) // what came before may have ended between the name and the sync
          return STORED
        }
        const sealed = await key.seal(...letter)
        if (!(await quota.take(leg.address, sealed.length))) return FULL
        await store(path, name, withSizes(name, letter), sealed)
        return STORED
      } catch (error) {
        return { kind: 'deferred', status: '4.2.0', diagnostic: `mailbox: ${(error as NodeJS.ErrnoException).code ?? 'unwritable'}` }
      }
    },
    close: async () => {},
  }
}

const STORED: Outcome = { kind: 'final', reply: '2.1.5 Stored in the mailbox' }
/** RFC 3463 §3.3: X.2.2 mailbox full, and here it may have room later. */
const FULL: Outcome = { kind: 'deferred', status: '4.2.2', diagnostic: 'mailbox: over its quota' }

/** @returns the Maildir of a box, made when it is missing */
export async function maildir(folder: string, address: string): Promise<string> {
  const path = maildirPath(folder, address)
  await Promise.all(['tmp', 'new', 'cur'].map(part => mkdir(join(path, part), { recursive: true, mode: 0o700 })))
  return path
}

/** Addresses were parsed strictly, yet a path is checked where it is made. */
export function maildirPath(folder: string, address: string): string {
  const [local, domain] = address.split('@')
  if (!local || !domain || /[/\\\0]|^\.+$/.test(local) || /[^a-z0-9.-]|^\./.test(domain)) throw new Error('not a mailbox')
  return join(folder, domain, local)
}

/** RFC 5321 §4.4: final delivery adds the reverse-path. */
function returnPath(leg: Leg): Buffer {
  return Buffer.from(`Return-Path: <${leg.sender}>\r\nDelivered-To: ${leg.address}\r\n`)
}

function nameOf(leg: Leg, hostname: string): string {
  return `${Math.floor(leg.accepted_at / 1000)}.${leg.message_id}.${leg.position}.${hostname}`
}

/** Maildir++: the octets of the letter itself, which a reader can't tell from those of a sealed file; as all its lines end with CRLF, W is S. */
function withSizes(name: string, parts: readonly Buffer[]): string {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return `${name},S=${length},W=${length}`
}

async function store(path: string, name: string, finalName: string, bytes: Buffer): Promise<void> {
  const file = await open(join(path, 'tmp', name), 'w', 0o600)
  try {
    await file.writeFile(bytes)
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(join(path, 'tmp', name), join(path, 'new', finalName))
  await syncFolder(join(path, 'new'))
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Its sizes follow its name; a reader may have moved it to cur and given it flags. */
async function isThere(path: string, name: string): Promise<boolean> {
  const names = await Promise.all(['new', 'cur'].map(part => readdir(join(path, part))))
  return names.flat().some(file => file.startsWith(`${name},`))
}
