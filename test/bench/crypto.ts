import { constants, createCipheriv, createHash, createPrivateKey, publicEncrypt, randomBytes, sign, X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EncryptionProfile, encrypt, signOpaque } from '../../crypto/cms/index.ts'
import { createIdentity, loadAnchors, protectMail } from '../../crypto/index.ts'
import { createPki, type Issued } from '../world/pki.ts'
import { buildBody } from './letter.ts'

interface Ground {
  signer: Issued
  recipient: Issued
  message: Buffer
  profile: EncryptionProfile
}

/** Messages a second of CPU time. */
interface Rates {
  raw: number
  cms: number
  mail: number
}

const TURN_MS = 300
const HEADER = Buffer.from(
  'From: dr.a@a.mssante.test\r\nTo: dr.b@b.mssante.test\r\nSubject: Compte rendu\r\nDate: Sun, 22 Nov 2026 09:00:00 +0100\r\nMessage-ID: <1@a.mssante.test>\r\n' +
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="bench-0f1e2d3c4b5a"\r\n\r\n',
)

/**
 * Sign and encrypt one letter, again and again: the bare operations of OpenSSL that it contains, the CMS object around them, and the whole mail
 * (header, line ends, base64). They take turns, so that a busy machine is busy for all of them; what counts is CPU time.
 */
export async function benchCrypto(options: { seconds: number; kilobytes: number; json?: string }): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'pli-bench-crypto-'))
  try {
    const results: Record<string, Rates> = {}
    for (const profile of ['mail-client', 'gateway'] as const) results[profile] = await measure(profile, folder, options)
    console.log(table(results, options.kilobytes))
    if (options.json) await writeFile(options.json, JSON.stringify(results, null, 2))
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function measure(
  profile: EncryptionProfile,
  folder: string,
  { seconds, kilobytes }: { seconds: number; kilobytes: number },
): Promise<Rates> {
  const now = new Date()
  const pki = await createPki({ now })
  const request = { kind: 'mail', organization: 'HÔPITAL FICTIF', structure: '1130000001', commonName: 'mail.test' } as const
  const [signer, recipient] = await Promise.all([pki.issue(request), pki.issue(request)])
  const message = Buffer.concat([HEADER, buildBody(kilobytes * 1000 - HEADER.length)])
  const anchors = loadAnchors(await pki.write(folder))
  const identity = createIdentity({ certificatePem: `${signer.certificatePem}\n${pki.authorities[1]}`, keyPem: signer.keyPem }, now)
  const signing = { by: [{ identity }], at: now }
  const sealing = { to: [recipient.certificatePem], anchors, at: now, profile }
  return inTurns(seconds, {
    raw: rawOperations({ signer, recipient, message, profile }),
    cms: () => drain(encrypt(signOpaque(message, signing), sealing)),
    mail: () => drain(protectMail(message, { sign: signing, encrypt: sealing })),
  })
}

/** What nothing can do without: a digest and a signature, a content key for one recipient, a cipher over the content. */
function rawOperations({ signer, recipient, message, profile }: Ground): () => void {
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
    cipher.update(message)
    cipher.final()
  }
}

async function drain(pieces: AsyncIterable<Buffer>): Promise<void> {
  for await (const piece of pieces) if (piece.length < 0) return
}

async function inTurns(seconds: number, contenders: Record<keyof Rates, () => unknown>): Promise<Rates> {
  const names = ['raw', 'cms', 'mail'] as const
  const done = { raw: 0, cms: 0, mail: 0 }
  const spent = { raw: 0, cms: 0, mail: 0 }
  for (const name of names) for (let warm = 0; warm < 200; warm++) await contenders[name]()
  const until = Date.now() + seconds * 1000
  while (Date.now() < until) {
    for (const name of names) {
      const before = process.cpuUsage()
      for (const end = Date.now() + TURN_MS; Date.now() < end; done[name]++) await contenders[name]()
      const { user, system } = process.cpuUsage(before)
      spent[name] += (user + system) / 1e6
    }
  }
  return { raw: done.raw / spent.raw, cms: done.cms / spent.cms, mail: done.mail / spent.mail }
}

function table(results: Record<string, Rates>, kilobytes: number): string {
  const lines = Object.entries(results).map(([profile, { raw, cms, mail }]) => {
    const ratio = (rate: number) => `${rate.toFixed(0).padStart(6)} (${(rate / raw).toFixed(2)})`
    return `${profile.padEnd(12)} ${raw.toFixed(0).padStart(6)} ${ratio(cms).padStart(14)} ${ratio(mail).padStart(14)}`
  })
  return [`sign + encrypt, ${kilobytes} KB, a second of CPU`, 'profile         raw  CMS  (of raw)  mail (of raw)', ...lines].join('\n')
}
