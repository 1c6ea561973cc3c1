import { spawnSync } from 'node:child_process'
import { constants, createCipheriv, createHash, createPrivateKey, publicEncrypt, randomBytes, sign, X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EncryptionProfile, encrypt, signOpaque } from '../../crypto/cms/index.ts'
import { createIdentity, createMasterKeyFile, loadAnchors, loadMasterKeys, openVault, protectMail } from '../../crypto/index.ts'
import { lines } from '../../crypto/smime-lines.ts'
import { createPki, type Issued } from '../world/pki.ts'
import { buildBody } from './letter.ts'

interface Ground {
  signer: Issued
  recipient: Issued
  message: Buffer
  profile: EncryptionProfile
}

/** Each contender's messages a second of CPU time; `raw` is what nothing can do without. */
type Rates<Name extends string> = Record<Name | 'raw', number>

const ONE_COLLECTOR = '--single-threaded-gc'
const TURN_MS = 300
const SLICE = 288 * 57
const HEADER = Buffer.from(
  'From: dr.a@a.mssante.test\r\nTo: dr.b@b.mssante.test\r\nSubject: Compte rendu\r\nDate: Sun, 22 Nov 2026 09:00:00 +0100\r\nMessage-ID: <1@a.mssante.test>\r\n' +
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="bench-0f1e2d3c4b5a"\r\n\r\n',
)

/**
 * Sign and encrypt one letter, again and again: the bare operations of OpenSSL that it contains, the CMS object around them, and the whole mail
 * (header, line ends, base64). A second yardstick has the base64 of what is encrypted too: it is a third of the time of a mail, and no operation of OpenSSL.
 * They take turns, so that a busy machine is busy for all of them; what counts is CPU time, the collector's included, in one thread: its helpers wait
 * for each other in a loop when others have the processor.
 */
export async function benchCrypto(options: { seconds: number; kilobytes: number; json?: string }): Promise<void> {
  if (!process.execArgv.includes(ONE_COLLECTOR)) return inProcessOfItsOwn()
  const folder = await mkdtemp(join(tmpdir(), 'pli-bench-crypto-'))
  try {
    const mail: Record<string, Rates<'cms' | 'raw + base64' | 'mail'>> = {}
    for (const profile of ['mail-client', 'gateway'] as const) mail[profile] = await measure(profile, folder, options)
    const rest: Record<string, Rates<'seal' | 'open'>> = {}
    for (const kilobytes of [10, options.kilobytes, 1000]) rest[`${kilobytes} KB`] = await measureSealing(folder, { ...options, kilobytes })
    console.log(table(`sign + encrypt, ${options.kilobytes} KB, a second of CPU`, mail))
    for (const [profile, rates] of Object.entries(mail))
      console.log(`${profile}: the whole mail at ${(rates.mail / rates['raw + base64']).toFixed(2)} of raw + base64`)
    console.log(table('sealing at rest, a second of CPU', rest))
    if (options.json) await writeFile(options.json, JSON.stringify({ mail, rest }, null, 2))
  } finally {
    await rm(folder, { recursive: true })
  }
}

function inProcessOfItsOwn(): void {
  const { status } = spawnSync(process.execPath, [ONE_COLLECTOR, ...process.argv.slice(1)], { stdio: 'inherit' })
  process.exitCode = status ?? 1
}

async function measure(
  profile: EncryptionProfile,
  folder: string,
  { seconds, kilobytes }: { seconds: number; kilobytes: number },
): Promise<Rates<'cms' | 'raw + base64' | 'mail'>> {
  const now = new Date()
  const pki = await createPki({ now })
  const request = { kind: 'mail', organization: 'HÔPITAL FICTIF', structure: '1130000001', commonName: 'mail.test' } as const
  const [signer, recipient] = await Promise.all([pki.issue(request), pki.issue(request)])
  const message = Buffer.concat([HEADER, buildBody(kilobytes * 1000 - HEADER.length)])
  const anchors = loadAnchors(await pki.write(folder))
  const identity = createIdentity({ certificatePem: `${signer.certificatePem}\n${pki.authorities[1]}`, keyPem: signer.keyPem }, now)
  const signing = { by: [{ identity }], at: now }
  const sealing = { to: [recipient.certificatePem], anchors, at: now, profile }
  const raw = rawOperations({ signer, recipient, message, profile })
  return inTurns(seconds, {
    raw,
    'raw + base64': () => inSlices(raw()),
    cms: () => drain(encrypt(signOpaque(message, signing), sealing)),
    mail: () => drain(protectMail(message, { sign: signing, encrypt: sealing })),
  })
}

/** The vault beside the bare cipher with a key that is at hand: no wrapped key, no format. */
async function measureSealing(
  folder: string,
  { seconds, kilobytes }: { seconds: number; kilobytes: number },
): Promise<Rates<'seal' | 'open'>> {
  const file = join(folder, `${kilobytes}.keys`)
  createMasterKeyFile(file)
  const vault = openVault(loadMasterKeys({ file }))
  const message = buildBody(kilobytes * 1000)
  const sealed = vault.seal('bench', message)
  const key = randomBytes(32)
  return inTurns(seconds, {
    raw: () => {
      const cipher = createCipheriv('aes-256-gcm', key, randomBytes(12))
      cipher.update(message)
      cipher.final()
      cipher.getAuthTag()
    },
    seal: () => vault.seal('bench', message),
    open: () => vault.open('bench', sealed),
  })
}

/** What nothing can do without: a digest and a signature, a content key for one recipient, a cipher over the content. */
function rawOperations({ signer, recipient, message, profile }: Ground): () => Buffer {
  const privateKey = createPrivateKey(signer.keyPem)
  const { publicKey } = new X509Certificate(recipient.certificatePem)
  const attributes = randomBytes(300)
  const transport =
    profile === 'gateway' ? { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } : { padding: constants.RSA_PKCS1_PADDING }
  return () => {
    createHash('sha256').update(message).digest()
    sign('sha256', attributes, privateKey)
    const key = randomBytes(32)
    publicEncrypt({ key: publicKey, ...transport }, key)
    const cipher =
      profile === 'gateway' ? createCipheriv('aes-256-gcm', key, randomBytes(12)) : createCipheriv('aes-256-cbc', key, randomBytes(16))
    const encrypted = cipher.update(message)
    cipher.final()
    return encrypted
  }
}

/** Base64 lines of all of it, as fast as we know: slices that fit the cache. */
function inSlices(octets: Buffer): void {
  for (let at = 0; at < octets.length; at += SLICE) lines(octets.subarray(at, at + SLICE))
}

async function drain(pieces: AsyncIterable<Buffer>): Promise<void> {
  for await (const piece of pieces) if (piece.length < 0) return
}

async function inTurns<Name extends string>(seconds: number, contenders: Record<Name | 'raw', () => unknown>): Promise<Rates<Name>> {
  const runners = Object.entries<() => unknown>(contenders).map(([name, work]) => ({ name, work, done: 0, spent: 0 }))
  for (const { work } of runners) for (let warm = 0; warm < 200; warm++) await work()
  const until = Date.now() + seconds * 1000
  while (Date.now() < until) {
    for (const runner of runners) {
      const before = process.cpuUsage()
      for (const end = Date.now() + TURN_MS; Date.now() < end; runner.done++) await runner.work()
      const { user, system } = process.cpuUsage(before)
      runner.spent += (user + system) / 1e6
    }
  }
  return Object.fromEntries(runners.map(({ name, done, spent }) => [name, done / spent])) as Rates<Name>
}

function table(title: string, results: Record<string, Record<string, number>>): string {
  const names = Object.keys(Object.values(results)[0] ?? {}).filter(name => name !== 'raw')
  const cell = (text: string) => text.padStart(16)
  const lines = Object.entries(results).map(([kind, rates]) => {
    const raw = rates.raw ?? 0
    return [
      kind.padEnd(12),
      cell(raw.toFixed(0)),
      ...names.map(name => cell(`${rates[name]?.toFixed(0)} (${((rates[name] ?? 0) / raw).toFixed(2)})`)),
    ]
  })
  return [title, ['of raw'.padEnd(12), ...['raw', ...names].map(cell)].join(''), ...lines.map(line => line.join(''))].join('\n')
}
