import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createMailboxKeys, loadMailboxKey, loadMailboxReader, SealFault } from '../../../crypto/index.ts'

const LETTER = Buffer.from('Subject: Compte rendu\r\n\r\nCher confrère,\r\n')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pli-mailbox-'))
  createMailboxKeys(join(folder, 'own'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** A pair of another kind, as files. */
function pair(name: string, namedCurve: string): string {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
  writeFileSync(join(folder, name), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  writeFileSync(join(folder, `${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }))
  return join(folder, name)
}

test.each(['prime256v1', 'secp384r1', 'secp521r1'])('what is sealed opens again, on %s', async curve => {
  const key = pair(curve, curve)
  for (const letter of [LETTER, Buffer.alloc(0), Buffer.alloc(300_000, 'é')]) {
    const sealed = await loadMailboxKey(`${key}.pub`).seal(letter)
    expect(sealed.subarray(0, 10).equals(Buffer.from('CRYPTED\x03\x07\x02'))).toBe(true)
    expect(sealed.readUInt32BE(10)).toBe(2)
    expect(loadMailboxReader(key)(sealed).equals(letter)).toBe(true)
  }
})

test('a large letter comes in parts, and is sealed piece by piece', async () => {
  const body = randomBytes(1_300_000)
  const sealed = await loadMailboxKey(join(folder, 'own.pub')).seal(LETTER, body)
  expect(loadMailboxReader(join(folder, 'own'))(sealed).equals(Buffer.concat([LETTER, body]))).toBe(true)
})

test('the same letter is sealed otherwise each time', async () => {
  const key = loadMailboxKey(join(folder, 'own.pub'))
  const [one, two] = await Promise.all([key.seal(LETTER), key.seal(LETTER)])
  expect(one.equals(two)).toBe(false)
  expect(one.length).toBe(two.length)
})

test('an octet that was altered anywhere, or one that is missing: it does not open', async () => {
  const sealed = await loadMailboxKey(join(folder, 'own.pub')).seal(LETTER)
  const open = loadMailboxReader(join(folder, 'own'))
  for (let at = 0; at < sealed.length; at++) {
    const other = Buffer.from(sealed)
    other[at]! ^= 1
    expect(() => open(other), `octet ${at}`).toThrow(SealFault)
  }
  expect(() => open(sealed.subarray(0, -1))).toThrow('a letter was altered, or is cut off')
  expect(() => open(sealed.subarray(0, 100))).toThrow('a letter was altered, or is cut off')
  expect(() => open(LETTER)).toThrow('these octets are no sealed letter')
})

test('another key opens nothing', async () => {
  const sealed = await loadMailboxKey(join(folder, 'own.pub')).seal(LETTER)
  expect(() => loadMailboxReader(pair('other', 'prime256v1'))(sealed)).toThrow('a letter is sealed for another key')
})

test('the pair is made once, the private key for its owner alone', () => {
  expect(statSync(join(folder, 'own')).mode & 0o777).toBe(0o600)
  const before = readFileSync(join(folder, 'own'))
  expect(() => createMailboxKeys(join(folder, 'own'))).toThrow('are left as they are')
  expect(readFileSync(join(folder, 'own')).equals(before)).toBe(true)
  writeFileSync(join(folder, 'half.pub'), 'the one that the gateway uses')
  expect(() => createMailboxKeys(join(folder, 'half'))).toThrow('are left as they are')
  expect(existsSync(join(folder, 'half'))).toBe(false) // it would open nothing of what is sealed for the public key that is there
  chmodSync(pair('open', 'prime256v1'), 0o644)
  expect(() => loadMailboxReader(join(folder, 'open'))).toThrow('chmod 600')
})

test.each([
  ['a private key', () => join(folder, 'own'), /holds the private key, .* \(\.pub\) belongs here/],
  ['a certificate or nothing', () => nothing(), /is no public key/],
  ['a weak curve', () => `${pair('weak', 'secp192k1')}.pub`, /P-256, P-384 or P-521/],
  ['an RSA key', () => rsa(), /P-256, P-384 or P-521/],
  ['what is damaged', () => damaged(), /cannot be read/],
])('%s is no key for mailboxes', (_, file, sentence) => {
  expect(() => loadMailboxKey(file())).toThrow(sentence)
})

function rsa(): string {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeFileSync(join(folder, 'rsa.pub'), publicKey.export({ type: 'spki', format: 'pem' }))
  return join(folder, 'rsa.pub')
}

function nothing(): string {
  writeFileSync(join(folder, 'nothing'), '-----BEGIN CERTIFICATE-----')
  return join(folder, 'nothing')
}

function damaged(): string {
  writeFileSync(join(folder, 'damaged.pub'), readFileSync(join(folder, 'own.pub'), 'latin1').replace(/\n.{8}/, '\nAAAAAAAA'))
  return join(folder, 'damaged.pub')
}
