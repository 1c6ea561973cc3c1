import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { freshFile } from '../config/index.ts'
import { type MailboxPublicKey, mailboxPublicKey, openLetter } from './mail-crypt.ts'
import { readCapped } from './secret-file.ts'

const MOST_OCTETS = 16 * 1024

/**
 * Reads the public key for which letters are sealed in the mailboxes (PEM).
 * @throws Error with one sentence: no public key, or one that Dovecot's mail_crypt plugin can't use; a private key is none to lie here
 */
export function loadMailboxKey(file: string): MailboxPublicKey {
  const pem = readCapped(file, MOST_OCTETS).toString('latin1')
  if (/PRIVATE KEY/.test(pem))
    throw new Error(`${file} holds the private key, which is for the IMAP server alone: its public key (.pub) belongs here`)
  if (!/-----BEGIN PUBLIC KEY-----/.test(pem)) throw new Error(`${file} is no public key (PEM)`)
  let key: ReturnType<typeof createPublicKey>
  try {
    key = createPublicKey(pem)
  } catch (cause) {
    throw new Error(`the public key ${file} cannot be read`, { cause })
  }
  return mailboxPublicKey(key)
}

/**
 * What the IMAP server does: opens the letters of the mailboxes. The gateway never has the key for it.
 * @param file the private key (PEM), readable by its owner only
 * @returns opens one letter; it throws SealFault
 */
export function loadMailboxReader(file: string): (sealed: Buffer) => Buffer {
  const pem = readCapped(file, MOST_OCTETS, ({ mode }) => {
    if (mode & 0o077) throw new Error(`the private key ${file} can be used by others than its owner: chmod 600 it`)
  })
  const key = createPrivateKey(pem)
  return sealed => openLetter(key, sealed)
}

/**
 * Makes the pair of the mailboxes: the private key for the IMAP server, and beside it the public one (`.pub`) for the gateway.
 * @throws Error when one of them exists: an existing key may be all that opens the mailboxes
 */
export function createMailboxKeys(file: string): void {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  try {
    // Both or none: beside another's public key a private one would pass for that which opens the mailboxes.
    using mine = freshFile(file)
    using shown = freshFile(`${file}.pub`, 0o644)
    mine.write(privateKey.export({ type: 'pkcs8', format: 'pem' }))
    shown.write(publicKey.export({ type: 'spki', format: 'pem' }))
    for (const made of [mine, shown]) made.sync()
    for (const made of [mine, shown]) made.keep()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    throw new Error(`${file} or ${file}.pub is there already, and may be all that opens the mailboxes: both are left as they are`, {
      cause,
    })
  }
}
