import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
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
