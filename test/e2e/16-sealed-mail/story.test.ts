import { createHash, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadAnchors, openAudit, protectMail, readCertificate } from '../../../crypto/index.ts'
import { openRecipientCertificates } from '../../../directory/index.ts'
import { explainedBy } from '../../../gateway/cli/explain.ts'
import { proofOf } from '../../../gateway/proof.ts'
import type { Timeline } from '../../../gateway/timeline.ts'
import { reportsIn } from '../../support/mail.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { until } from '../../support/until.ts'
import type { Issued, Pki } from '../../world/pki.ts'
import { boxAt, DOMAINS, type Gamma, opened, startGamma } from './gamma.ts'

const HOUR = 3_600_000
/** Nothing of it may be seen on the wire, nor by who carries it. */
const SECRET = 'Paulette SECRET-FICTIVE'

let stage: Stage
let gamma: Gamma
let pki: Pki

beforeAll(async () => {
  const smime = { policy: { default: 'whenPossible', domains: { [DOMAINS.required]: 'required' } } }
  stage = await openStage({
    extra: { alpha: { smime, retry: { schedule: ['1s'] } } },
    prepare: async made => {
      pki = made
      gamma = await startGamma(made)
      return gamma.listed
    },
  })
  const audit = openAudit(await stage.rows('alpha'), { now: Date.now })
  const known = openRecipientCertificates(await stage.rows('alpha'), { now: Date.now, audit })
  const enter = (subject: string, { certificatePem: pem }: Issued) => known.add({ subject, pem, source: 'operator', by: 'test' })
  await enter(DOMAINS.whole, gamma.certificates.whole)
  await enter(boxAt(DOMAINS.boxes), gamma.certificates.box)
  await enter(boxAt(DOMAINS.revoked), gamma.certificates.revoked)
})
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]()
  await gamma?.[Symbol.asyncDispose]()
})

function letter(to: string): Buffer {
  const { address } = stage.world.accounts.sender
  return Buffer.from(
    [
      ...[`From: "Dr Fictif" <${address}>`, `To: "Suites pour ${SECRET}" <${to}>`, `Subject: Lettre de ${SECRET}`],
      ...[`Message-ID: <${randomUUID()}@essai.example>`, 'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8'],
      ...['Content-Transfer-Encoding: 8bit', '', `Chère consœur, voici ${SECRET}, opérée hier.`, '.point', ''],
    ].join('\r\n'),
  )
}

async function send(...to: string[]): Promise<string> {
  return stage.submit(stage.world.accounts.sender, to, letter(to[0]!), { use8BitMime: true })
}

const relayed = (id: string) => stage.when('alpha', id, ({ recipients }) => recipients.every(({ relay }) => relay === 'sent'))
const linesOf = ({ lines }: Timeline, kind: string) => lines.filter(({ what }) => what === kind)
const print = ({ certificatePem }: Issued) => readCertificate(certificatePem).fingerprint256
const sender = () => stage.world.accounts.sender.address

async function only(recipient: string) {
  const taken = gamma.taken(recipient)
  expect(taken).toHaveLength(1)
  return taken[0]!
}

describe('a letter to a domain whose certificate is known', () => {
  let id: string
  beforeAll(async () => {
    id = await send(boxAt(DOMAINS.whole), boxAt(DOMAINS.whole, 'chirurgie'))
    await relayed(id)
  })

  test('shows nothing of its patient on the wire, neither in its body nor in its header', async () => {
    const { content } = await only(boxAt(DOMAINS.whole))
    expect(content).not.toContain('SECRET')
    expect(content).toMatch(/^Subject: \[\.\.\.\]\r\n/m)
    expect(content).toContain(`From: ${sender()}\r\n`)
    expect(content).toMatch(/^Content-Type: application\/pkcs7-mime; smime-type=authEnveloped-data;/m)
  })

  test('is opened by the key of the domain, and its signature is that of our operator (openssl cms)', async () => {
    const letterOf = await opened(stage.world.folder, await only(boxAt(DOMAINS.whole)), gamma.certificates.whole, pki.authorities)
    expect(letterOf).toContain(`Subject: Lettre de ${SECRET}`)
    expect(letterOf).not.toContain('hp-legacy-display')
    expect(letterOf).toContain(`Chère consœur, voici ${SECRET}, opérée hier.\n.point`.replaceAll('\n', '\r\n'))
    const [signer = ''] = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/.exec(letterOf) ?? []
    expect(readCertificate(signer).subject).toContainEqual({ type: 'O', value: 'OPERATEUR ALPHA' })
  })

  test('is announced with the size of what is sent, as seven bits: it was eight', async () => {
    const { mail, content } = await only(boxAt(DOMAINS.whole))
    expect(mail).toContain(` SIZE=${content.length}`)
    expect(mail).not.toContain('8BITMIME')
    expect(mail).not.toContain('SMTPUTF8')
  })

  test('goes to each of its recipients alone, and to both encrypted', async () => {
    const other = await only(boxAt(DOMAINS.whole, 'chirurgie'))
    expect(await opened(stage.world.folder, other, gamma.certificates.whole, pki.authorities)).toContain(SECRET)
  })

  test('the ledger and the proof say how it was protected, and to whom', async () => {
    const timeline = await relayed(id)
    const how = {
      protection: 'signed-encrypted',
      encryptedTo: 'domain',
      certificate: print(gamma.certificates.whole),
      cipher: 'aes-256-gcm',
    }
    expect(linesOf(timeline, 'relayed').map(({ detail }) => detail)).toMatchObject([how, how])
    const { recipients } = proofOf(timeline, { name: 'Alpha', hostname: 'alpha' }, new Date())
    expect(recipients[0]?.relayed?.detail).toMatchObject(how)
  })
})

test('a letter to a box whose certificate is known is encrypted to that box, as mail clients read it; its neighbour’s is not', async () => {
  const timeline = await relayed(await send(boxAt(DOMAINS.boxes), boxAt(DOMAINS.boxes, 'chirurgie')))
  expect(
    linesOf(timeline, 'relayed').map(({ to, detail }) => [to, detail.protection, detail.encryptedTo, detail.cipher, detail.because]),
  ).toEqual(
    expect.arrayContaining([
      [boxAt(DOMAINS.boxes), 'signed-encrypted', 'box', 'aes-256-cbc', undefined],
      [boxAt(DOMAINS.boxes, 'chirurgie'), 'none', undefined, undefined, 'no certificate is known'],
    ]),
  )
  const taken = await only(boxAt(DOMAINS.boxes))
  expect(taken.content).not.toContain('SECRET')
  const shown = await opened(stage.world.folder, taken, gamma.certificates.box, pki.authorities)
  expect(shown).toContain(`\r\n\r\nSubject: Lettre de ${SECRET}\r\n\r\nChère consœur`) // which a mail client does not show otherwise
  const plain = await only(boxAt(DOMAINS.boxes, 'chirurgie'))
  expect(plain.content).toContain(SECRET) // over mutual TLS
  const hash = createHash('sha256').update(plain.content, 'latin1').digest('hex')
  expect(linesOf(timeline, 'relayed').find(({ detail }) => detail.protection === 'none')?.detail.sha256Sent).toBe(hash)
})

test('what must be encrypted and can’t be is not sent: its author is told what to do, in French', async () => {
  const id = await send(boxAt(DOMAINS.required))
  const timeline = await stage.when('alpha', id, ({ lines }) => lines.some(({ what }) => what === 'reported'))
  expect(linesOf(timeline, 'failed')).toMatchObject([
    {
      detail: { status: '5.7.3', reason: 'encryptionImpossible', diagnostic: 'must be encrypted, and cannot be: no certificate is known' },
    },
  ])
  const reports = await reportsIn(await stage.mailbox(sender()))
  const report = reports.find(({ machine }) => machine.includes(boxAt(DOMAINS.required)))
  expect(report?.machine).toMatch(/^Status: 5\.7\.3\r?$/m)
  expect(report?.text.replace(/\s+/g, ' ')).toContain(
    'Un message pour ce destinataire doit être chiffré, et aucun certificat qui le permette n’est connu ici : rien ne lui a été envoyé.',
  )
  expect(gamma.taken(boxAt(DOMAINS.required))).toEqual([])
})

test('a revoked certificate is used no more: over mutual TLS alone, and the ledger says why', async () => {
  const timeline = await relayed(await send(boxAt(DOMAINS.revoked)))
  expect(linesOf(timeline, 'relayed')).toMatchObject([
    { detail: { protection: 'none', because: expect.stringMatching(/^box certificate: revoked, certificate was revoked on \d{4}-/) } },
  ])
})

test('what its author encrypted goes on as it is, even where it must be encrypted', async () => {
  const anchors = loadAnchors(stage.world.shared)
  const [at, to] = [new Date(), boxAt(DOMAINS.required, 'chirurgie')]
  const pieces: Buffer[] = []
  const encrypt = { to: [gamma.certificates.box.certificatePem], anchors, at, profile: 'mail-client' } as const
  for await (const piece of protectMail(letter(to), { encrypt })) pieces.push(piece)
  const written = Buffer.concat(pieces).toString('latin1')
  const id = await stage.submit(stage.world.accounts.sender, to, Buffer.from(written, 'latin1'))
  expect(linesOf(await relayed(id), 'relayed')).toMatchObject([{ detail: { protection: 'by-author' } }])
  expect((await only(to)).content.endsWith(written)).toBe(true)
})

test('while nobody knows whether it was revoked, the letter waits; nothing is sent in clear meanwhile', async () => {
  const { folder, operators } = stage.world
  // Each is newer than the one before: no list gives way to an older one.
  const renewed = async (since: number, left: number) => {
    const list = { thisUpdate: new Date(Date.now() - since), nextUpdate: new Date(Date.now() + left) }
    const before = (await stage.logged('alpha', 'authorities-renewed')).length
    await pki.write(join(folder, 'pki'), list)
    process.kill(operators.alpha.process.pid, 'SIGHUP')
    await until('alpha has read the lists', async () => (await stage.logged('alpha', 'authorities-renewed')).length > before)
  }
  const count = gamma.taken(boxAt(DOMAINS.whole)).length
  await renewed(HOUR / 2, -HOUR / 60)
  const id = await send(boxAt(DOMAINS.whole))
  const waiting = await stage.when('alpha', id, timeline => linesOf(timeline, 'deferred').length > 0)
  expect(linesOf(waiting, 'deferred')[0]?.detail).toMatchObject({
    status: '4.7.5',
    reason: 'encryptionUncheckable',
    diagnostic: expect.stringMatching(/^not sent before it is known: domain certificate: revocation-unknown, /),
  })
  expect(gamma.taken(boxAt(DOMAINS.whole))).toHaveLength(count)
  await renewed(HOUR / 60, 24 * HOUR)
  const timeline = await relayed(id)
  expect(linesOf(timeline, 'relayed')).toMatchObject([{ detail: { protection: 'signed-encrypted' } }])
})

test.each<[string, string, string, string]>([
  ['to a domain', boxAt(DOMAINS.whole), 'pass', 'policy whenPossible: signed and encrypted to the domain, certificate [0-9a-f]{64}'],
  ['to a box', boxAt(DOMAINS.boxes), 'pass', 'policy whenPossible: signed and encrypted to the box, certificate [0-9a-f]{64}'],
  ['to nobody', boxAt(DOMAINS.none), 'skip', 'policy whenPossible: over mutual TLS alone: no certificate is known'],
  ['required', boxAt(DOMAINS.required), 'refuse', 'policy required: accepted, and given back with a report, .*: no certificate is known'],
])('pli explain tells beforehand: %s', async (_, recipient, outcome, words) => {
  const { rules, accepted } = await explainedBy(stage.world.operators.alpha.configuration, { sender: sender(), recipient })
  expect(accepted).toBe(true)
  expect(rules.filter(({ rule }) => rule === 'encryption')).toMatchObject([
    { outcome, because: expect.stringMatching(new RegExp(`^${words}$`)) },
  ])
})
