import { mkdir, open, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Leg, Outcome } from '../spool/index.ts'
import type { Courier } from './courier.ts'

/**
 * Delivers to the Maildir of a box: written to tmp, synced, renamed into new (https://cr.yp.to/proto/maildir.html).
 * The file's name is the recipient's own, so a delivery that is repeated after a crash replaces itself.
 * @param folder holds one Maildir for each box: `<domain>/<local part>`
 */
export function mailboxCourier({ folder, hostname }: { folder: string; hostname: string }): Courier {
  return {
    async deliver(leg, content): Promise<Outcome> {
      try {
        await store(await maildir(folder, leg.address), nameOf(leg, hostname), Buffer.concat([returnPath(leg), content]), leg.attempts > 0)
        return { kind: 'final', reply: '2.1.5 Stored in the mailbox' }
      } catch (error) {
        return { kind: 'deferred', status: '4.2.0', diagnostic: `mailbox: ${(error as NodeJS.ErrnoException).code ?? 'unwritable'}` }
      }
    },
    close: async () => {},
  }
}

/** @returns the Maildir of a box, made when it is missing. Addresses were parsed strictly, yet a path is checked where it is made. */
export async function maildir(folder: string, address: string): Promise<string> {
  const [local, domain] = address.split('@')
  if (!local || !domain || /[/\\\0]|^\.+$/.test(local) || /[^a-z0-9.-]|^\./.test(domain)) throw new Error('not a mailbox')
  const path = join(folder, domain, local)
  await Promise.all(['tmp', 'new', 'cur'].map(part => mkdir(join(path, part), { recursive: true, mode: 0o700 })))
  return path
}

/** RFC 5321 §4.4: final delivery adds the reverse-path. */
function returnPath(leg: Leg): Buffer {
  return Buffer.from(`Return-Path: <${leg.sender}>\r\nDelivered-To: ${leg.address}\r\n`)
}

function nameOf(leg: Leg, hostname: string): string {
  return `${Math.floor(leg.accepted_at / 1000)}.${leg.message_id}.${leg.position}.${hostname}`
}

async function store(path: string, name: string, bytes: Buffer, repeated: boolean): Promise<void> {
  if (repeated && (await isThere(path, name))) return
  const file = await open(join(path, 'tmp', name), 'w', 0o600)
  try {
    await file.writeFile(bytes)
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(join(path, 'tmp', name), join(path, 'new', name))
  const folder = await open(join(path, 'new'), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** A reader may have moved it to cur and given it flags. */
async function isThere(path: string, name: string): Promise<boolean> {
  const names = await Promise.all(['new', 'cur'].map(part => readdir(join(path, part))))
  return names.flat().some(file => file === name || file.startsWith(`${name}:`))
}
