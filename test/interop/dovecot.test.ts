import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MailboxPublicKey } from '../../crypto/index.ts'
import { sealFormerLetters } from '../../gateway/couriers/former-letters.ts'
import { mailboxCourier, maildirPath } from '../../gateway/couriers/mailbox.ts'
import type { Leg } from '../../gateway/spool/index.ts'
import { folderForDovecot, startDovecot } from '../support/dovecot.ts'
import { readMaildir } from '../support/maildir.ts'
import { has } from '../support/tools.ts'
import { until } from '../support/until.ts'
import { newMailboxKeys } from '../support/vault.ts'

const ADDRESS = 'secretariat@alpha.mssante.example'
const LETTER = `From: <a@beta.mssante.example>\r\nSubject: Compte rendu\r\nTo: <${ADDRESS}>\r\n\r\n${'Cher confrère,\r\n'.repeat(9_000)}`

let folder: string
let maildir: string
let keys: ReturnType<typeof newMailboxKeys>
beforeEach(() => {
  folder = folderForDovecot()
  maildir = maildirPath(folder, ADDRESS)
  keys = newMailboxKeys()
})
afterEach(() => rmSync(folder, { recursive: true }))

/** As our courier delivers it. @returns what a reader should see */
async function deliver(position = 0): Promise<string> {
  const courier = mailboxCourier({ folder, key: keys.publicKey, hostname: 'smtp.alpha.mssante.example', quota: { take: async () => true } })
  const accepted_at = Date.parse('2026-11-20T08:00:00Z')
  const leg = { message_id: '0123', position, address: ADDRESS, sender: 'a@beta.mssante.example', accepted_at, attempts: 1 } as Leg
  expect(await courier.deliver(leg, Buffer.from(LETTER))).toMatchObject({ kind: 'final' })
  return `Return-Path: <a@beta.mssante.example>\r\nDelivered-To: ${ADDRESS}\r\n${LETTER}`
}

describe.skipIf(!has('dovecot') || !has('curl'))('Dovecot with its mail_crypt plugin', () => {
  test('shows the letters that we deliver, and what it keeps we can open', async () => {
    const letter = await deliver()
    await using dovecot = await startDovecot({ mail: folder, maildir, publicKey: `${keys.file}.pub`, privateKey: keys.file })
    expect(await dovecot.ask('INBOX;UID=1')).toMatchObject({ status: 0, stdout: letter })
    expect((await dovecot.ask('INBOX?SUBJECT%20rendu')).stdout).toBe('* SEARCH 1\r\n')
    expect((await dovecot.ask('INBOX?SUBJECT%20absent')).stdout).toBe('* SEARCH\r\n')
    expect((await dovecot.ask('INBOX', 'FETCH 1 (RFC822.SIZE)')).stdout).toBe(`* 1 FETCH (RFC822.SIZE ${Buffer.byteLength(letter)})\r\n`)
    expect(await dovecot.append('Subject: Brouillon\r\n\r\nÀ finir\r\n')).toMatchObject({ status: 0 })
    expect(dovecot.log()).not.toMatch(/Error|Corrupt|wrong/)
    expect((await readMaildir(maildir, keys.file)).map(String)).toEqual([letter, 'Subject: Brouillon\n\nÀ finir\n']) // its own way with line ends
    // Read, moved to cur by Dovecot and given flags: a delivery that is repeated knows it.
    expect(readdirSync(join(maildir, 'cur')).some(name => /,S=\d+,W=\d+:2,S$/.test(name))).toBe(true)
    await deliver()
    expect(readdirSync(join(maildir, 'new'))).toEqual([])
  })

  test('shows letters that lay in clear as before once they are sealed, though it gives a flag meanwhile', async () => {
    for (const part of ['new', 'cur', 'tmp']) mkdirSync(join(maildir, part), { recursive: true })
    // As a former version named its letters, and one that Dovecot keeps with LF alone.
    writeFileSync(join(maildir, 'new', '1700000000.0001.0.smtp.alpha.mssante.example'), LETTER)
    writeFileSync(join(maildir, 'new', '1700000001.0002.0.smtp.alpha.mssante.example'), LETTER.replaceAll('\r', ''))
    await using dovecot = await startDovecot({ mail: folder, maildir, publicKey: `${keys.file}.pub`, privateKey: keys.file })
    const facts = async () => (await dovecot.ask('INBOX', 'FETCH 1:2 (UID FLAGS INTERNALDATE RFC822.SIZE)')).stdout
    expect((await dovecot.ask('INBOX', 'STORE 2 +FLAGS (\\Flagged)')).status).toBe(0)
    const before = await facts()
    let flagged: ReturnType<typeof dovecot.ask> | undefined
    const key: MailboxPublicKey = {
      async seal(...parts) {
        const sealed = await keys.publicKey.seal(...parts)
        flagged ??= dovecot.ask('INBOX', 'STORE 1:2 +FLAGS (\\Answered)')
        await flagged // both letters have another name now
        return sealed
      },
    }
    expect(await sealFormerLetters({ folder, key })).toEqual({ maildirs: 1, already: 0, sealed: 2, clear: 0, faults: [] })
    const files = readdirSync(join(maildir, 'cur'))
    expect(files.sort()).toEqual([
      expect.stringMatching(/^1700000000\.0001\.[^,]*:2,R$/),
      expect.stringMatching(/^1700000001\.0002\.[^,]*:2,FR$/),
    ])
    for (const file of files) expect(readFileSync(join(maildir, 'cur', file), 'latin1')).not.toContain('Compte rendu')
    expect(await facts()).toBe(before.replaceAll('FLAGS (', 'FLAGS (\\Answered ').replaceAll('Answered )', 'Answered)'))
    for (const uid of [1, 2]) expect(await dovecot.ask(`INBOX;UID=${uid}`)).toMatchObject({ status: 0, stdout: LETTER })
    expect((await dovecot.ask('INBOX?SUBJECT%20rendu')).stdout).toBe('* SEARCH 1 2\r\n')
    expect(dovecot.log()).not.toMatch(/Error|Corrupt|wrong/)
  })

  test('without the private key it has nothing to show', async () => {
    await deliver()
    await using dovecot = await startDovecot({ mail: folder, maildir, publicKey: `${keys.file}.pub` })
    const shown = await dovecot.ask('INBOX;UID=1')
    expect(shown.status).not.toBe(0)
    expect(shown.stdout).toBe('')
    expect((await dovecot.ask('INBOX?SUBJECT%20rendu')).stdout).not.toContain('1')
    await until('Dovecot says why', () => /private key/i.test(dovecot.log())) // by a process of its own
  })
})
