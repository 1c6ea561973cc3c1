import { spawnSync } from 'node:child_process'
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { MailboxPublicKey } from '../../../crypto/index.ts'
import { type FormerLettersOptions, sealFormerLetters } from '../../../gateway/couriers/former-letters.ts'
import { withMaildirLock } from '../../../gateway/couriers/maildir-lock.ts'
import { newMailboxKeys } from '../../support/vault.ts'

const BOX = 'a.test/secretariat'
const SENT = 'a.test/secretariat/.Sent'
/** As a former version named what it delivered. */
const NAME = '1700000000.0001.0.smtp.a.test'
const LETTER = 'Return-Path: <b@b.test>\r\nSubject: Fictif\r\n\r\nBonjour\r\n'

const keys = newMailboxKeys()
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pli-former-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const path = (...names: string[]) => join(folder, ...names)
const seal = (options: Partial<FormerLettersOptions> = {}) => sealFormerLetters({ folder, key: keys.publicKey, ...options })
const names = (maildir: string) => ['new', 'cur', 'tmp'].map(part => readdirSync(path(maildir, part)).sort())
const opened = (...file: string[]) => keys.open(readFileSync(path(...file))).toString()

function put(maildir: string, part: 'new' | 'cur', name: string, letter: string | Buffer = LETTER): string {
  for (const each of ['new', 'cur', 'tmp']) mkdirSync(path(maildir, each), { recursive: true })
  writeFileSync(path(maildir, part, name), letter, { mode: 0o640 })
  utimesSync(path(maildir, part, name), 1_700_000_000, 1_700_000_000)
  return path(maildir, part, name)
}

/** Somebody else does something between the moment when the first letter was read and that when it is replaced. */
function meanwhile(happens: () => void): MailboxPublicKey {
  let isDone = false
  return {
    async seal(...parts) {
      const sealed = await keys.publicKey.seal(...parts)
      if (!isDone) happens()
      isDone = true
      return sealed
    },
  }
}

test('each letter in clear is sealed under its own name, with its date and its rights', async () => {
  const flagged = `${NAME.replace('0001', '0002')},S=53,W=57:2,FSa`
  const files = [put(BOX, 'new', NAME), put(BOX, 'cur', flagged, LETTER.replaceAll('\r', '')), put(SENT, 'cur', `${NAME}:2,S`)]
  const before = files.map(file => readFileSync(file, 'utf8'))
  expect(await seal()).toEqual({ maildirs: 2, already: 0, sealed: 3, clear: 0, faults: [] })
  expect(names(BOX)).toEqual([[NAME], [flagged], []])
  expect(names(SENT)).toEqual([[], [`${NAME}:2,S`], []])
  expect(files.map(file => keys.open(readFileSync(file)).toString())).toEqual(before)
  for (const file of files) {
    const { mode, mtimeMs } = statSync(file)
    expect([mode & 0o777, mtimeMs]).toEqual([0o640, 1_700_000_000_000])
    expect(readFileSync(file, 'latin1')).not.toContain('Fictif')
  }
})

test('what is sealed stays as it is, so that it may be repeated', async () => {
  const file = put(BOX, 'new', NAME)
  await seal()
  const sealed = readFileSync(file)
  expect(await seal()).toEqual({ maildirs: 1, already: 1, sealed: 0, clear: 0, faults: [] })
  expect(readFileSync(file)).toEqual(sealed)
})

test('a dry run counts, and changes nothing', async () => {
  const file = put(BOX, 'new', NAME)
  put(BOX, 'cur', 'sealed:2,S', await keys.publicKey.seal(Buffer.from(LETTER)))
  expect(await seal({ isDry: true })).toEqual({ maildirs: 1, already: 1, sealed: 0, clear: 1, faults: [] })
  expect(readFileSync(file, 'utf8')).toBe(LETTER)
  expect(names(BOX)).toEqual([[NAME], ['sealed:2,S'], []])
})

test('a letter that is given a flag meanwhile is there once, sealed, with its flag', async () => {
  const file = put(BOX, 'cur', `${NAME}:2,`)
  const key = meanwhile(() => renameSync(file, `${file}S`))
  expect(await seal({ key })).toMatchObject({ sealed: 1, clear: 0, faults: [] })
  expect(names(BOX)).toEqual([[], [`${NAME}:2,S`], []])
  expect(opened(BOX, 'cur', `${NAME}:2,S`)).toBe(LETTER)
})

test('a letter that is read meanwhile moves from new to cur, and is sealed there', async () => {
  const file = put(BOX, 'new', NAME)
  const key = meanwhile(() => renameSync(file, path(BOX, 'cur', `${NAME}:2,S`)))
  expect(await seal({ key })).toMatchObject({ sealed: 1, clear: 0, faults: [] })
  expect(names(BOX)).toEqual([[], [`${NAME}:2,S`], []])
  expect(opened(BOX, 'cur', `${NAME}:2,S`)).toBe(LETTER)
})

test('a letter that is removed meanwhile stays removed', async () => {
  const file = put(BOX, 'cur', `${NAME}:2,S`)
  expect(await seal({ key: meanwhile(() => rmSync(file)) })).toMatchObject({ sealed: 0, clear: 0, faults: [] })
  expect(names(BOX)).toEqual([[], [], []])
})

test('another letter that takes its name meanwhile is not written over', async () => {
  const file = put(BOX, 'cur', `${NAME}:2,S`)
  const other = LETTER.replace('Bonjour', 'Bonsoir')
  const key = meanwhile(() => {
    rmSync(file)
    writeFileSync(file, other)
  })
  expect(await seal({ key })).toMatchObject({ sealed: 1, clear: 0, faults: [] })
  expect(opened(BOX, 'cur', `${NAME}:2,S`)).toBe(other)
})

test('a letter that its reader puts where we have been is found on the next round', async () => {
  put(BOX, 'new', 'first')
  await seal()
  const file = put(SENT, 'cur', `${NAME}:2,S`)
  const key = meanwhile(() => renameSync(file, path(BOX, 'cur', `${NAME}:2,S`)))
  expect(await seal({ key })).toMatchObject({ already: 1, sealed: 1, clear: 0, faults: [] })
  expect(opened(BOX, 'cur', `${NAME}:2,S`)).toBe(LETTER)
})

test('while somebody holds the Maildir its letters stay as they are, and are counted', async () => {
  const file = put(BOX, 'new', NAME)
  const lock = path(BOX, 'dovecot-uidlist.lock')
  writeFileSync(lock, `${process.pid}:${hostname()}`)
  const faults = [{ box: 'secretariat@a.test', reason: 'locked', letters: 1 }]
  expect(await seal({ patience: 0 })).toEqual({ maildirs: 1, already: 0, sealed: 0, clear: 1, faults })
  expect(readFileSync(file, 'utf8')).toBe(LETTER)
  expect(names(BOX)).toEqual([[NAME], [], []])
  rmSync(lock)
  expect(await seal({ patience: 0 })).toMatchObject({ sealed: 1, faults: [] })
  expect(readdirSync(path(BOX)).sort()).toEqual(['cur', 'new', 'tmp'])
})

test('a lock that an ended process has left behind holds nobody up', async () => {
  put(BOX, 'new', NAME)
  const { pid } = spawnSync('true')
  writeFileSync(path(BOX, 'dovecot-uidlist.lock'), `${pid}:${hostname()}`)
  expect(await seal({ patience: 0 })).toMatchObject({ sealed: 1, faults: [] })
})

test('it ends after the letter in hand when it is told to, and goes on the next time', async () => {
  for (const name of ['1', '2', '3']) put(BOX, 'new', name)
  const stop = new AbortController()
  const cut = await seal({ signal: stop.signal, onProgress: letters => letters === 2 && stop.abort() })
  expect(cut).toMatchObject({ maildirs: 1, sealed: 2 })
  expect(await seal()).toMatchObject({ already: 2, sealed: 1, clear: 0 })
})

test('a box that cannot be sealed holds up no other; a patient is named nowhere', async () => {
  const hindered = put('patient.mssante.fr/299019912345603', 'new', NAME)
  const tmp = join(dirname(dirname(hindered)), 'tmp')
  rmSync(tmp, { recursive: true })
  writeFileSync(tmp, '')
  put(BOX, 'new', NAME)
  const faults = [{ box: '***@patient.mssante.fr', reason: 'ENOTDIR', letters: 1 }]
  expect(await seal()).toEqual({ maildirs: 2, already: 0, sealed: 1, clear: 1, faults })
  expect(readFileSync(hindered, 'utf8')).toBe(LETTER)
})

test('what cannot be looked at, or has a name that we cannot use, is counted, and the others go on', async () => {
  symlinkSync('loop.test', path('loop.test')) // root may look at everything else
  put(BOX, 'new', NAME)
  symlinkSync('.Loop', path(BOX, '.Loop'))
  mkdirSync(Buffer.concat([Buffer.from(`${path(BOX)}/.`), Buffer.from([0xe9])]))
  put(SENT, 'cur', NAME)
  spawnSync('mkfifo', [path(SENT, 'cur', 'pipe')])
  const box = 'secretariat@a.test'
  const faults = [
    { box: 'loop.test', reason: 'ELOOP', letters: 0 },
    { box, reason: 'name', letters: 0 },
    { box, reason: 'link', letters: 0 },
    { box, reason: 'no-file', letters: 1 },
  ]
  const done = await seal()
  expect(done).toMatchObject({ maildirs: 2, already: 0, sealed: 2 })
  expect(done.faults).toEqual(expect.arrayContaining(faults))
  expect(done.faults).toHaveLength(faults.length)
})

test.each(['new', 'cur', 'tmp'])('a link in place of %s leads nowhere', async part => {
  put('a.test/other', 'new', NAME)
  const elsewhere = mkdtempSync(join(tmpdir(), 'pli-elsewhere-'))
  try {
    writeFileSync(join(elsewhere, 'secret'), 'not a letter')
    put(BOX, 'cur', NAME)
    rmSync(path(BOX, part), { recursive: true })
    symlinkSync(elsewhere, path(BOX, part))
    expect(await seal()).toMatchObject({ sealed: 1, faults: [{ box: 'secretariat@a.test', reason: 'link', letters: 0 }] })
    expect(readdirSync(elsewhere)).toEqual(['secret'])
    expect(readFileSync(join(elsewhere, 'secret'), 'utf8')).toBe('not a letter')
  } finally {
    rmSync(elsewhere, { recursive: true })
  }
})

test('the lock appears whole, since Dovecot may read it at once, and one that was taken from us is left to its owner', async () => {
  put(BOX, 'new', NAME)
  const uid = process.geteuid?.() === 0 ? 65_534 : statSync(path(BOX)).uid
  chownSync(path(BOX), uid, -1)
  const lock = path(BOX, 'dovecot-uidlist.lock')
  await withMaildirLock(path(BOX), 0, () => {
    expect(readFileSync(lock, 'utf8')).toBe(`${process.pid}:${hostname()}`)
    expect(statSync(lock)).toMatchObject({ uid, nlink: 2 }) // made aside
    rmSync(lock)
    writeFileSync(lock, '1:elsewhere')
  })
  expect(readFileSync(lock, 'utf8')).toBe('1:elsewhere')
  expect(names(BOX)).toEqual([[NAME], [], []])
})

test('an operator without letters yet has none to seal', async () => {
  expect(await seal({ folder: path('nowhere') })).toEqual({ maildirs: 0, already: 0, sealed: 0, clear: 0, faults: [] })
})
