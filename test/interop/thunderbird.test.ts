import { writeFile } from 'node:fs/promises'
import { simpleParser } from 'mailparser'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { collect } from '../../crypto/cms/source.ts'
import { type MailProtection, openMail, protectMail } from '../../crypto/index.ts'
import { type Outgoing, openProtection } from '../../gateway/protection/index.ts'
import { openStage } from '../support/stage.ts'
import { startThunderbird, type Thunderbird } from '../support/thunderbird.ts'
import { has } from '../support/tools.ts'
import { type CmsWorld, createCmsWorld, type KeyName, type Person } from '../unit/crypto/cms-people.ts'
import { enterCertificate } from '../world/index.ts'
import { type Letter, sampleLetter } from '../world/letter.ts'
import { type IdentityPaths, type Pki, writeIdentity } from '../world/pki.ts'

const now = new Date()
const KEYS: KeyName[] = ['rsa', 'ec', 'ec384']
const FORMS = ['detached', 'opaque'] as const
const HOUR = 3_600_000
const MOST = 1024 * 1024
const isThere = ['thunderbird', 'Xvfb', 'certutil', 'pk12util', 'openssl'].every(has)

/** `nsICMSMessageErrors` of Thunderbird. */
const [GOOD, NONE, OF_ANOTHER_ADDRESS] = [0, -1, 1038]

let world: CmsWorld
let domain: Person
let thunderbird: Thunderbird
let delivered: Delivered

beforeAll(async () => {
  if (!isThere) return
  world = await createCmsWorld(now)
  domain = await world.person('domain', { key: 'ec', emails: ['domain-signing-authority@a.mssante.test'] })
  delivered = await carried()
  thunderbird = await startThunderbird({
    authorities: [...world.pki.authorities, ...delivered.authorities],
    owners: { ...Object.fromEntries(KEYS.map(key => [key, world.people[key].paths])), reader: delivered.reader },
    mails: [...(await Promise.all(CASES.map(written))), delivered.mail],
  })
})
afterAll(async () => {
  await thunderbird?.[Symbol.asyncDispose]()
  await world?.[Symbol.asyncDispose]()
})

/** What we sign and encrypt, for whom and how. */
interface Case {
  id: string
  to: KeyName
  signer: KeyName | 'domain'
  form: 'detached' | 'opaque'
  profile: 'mail-client' | 'gateway'
  /** Hours ago. */
  written?: number
  html?: boolean
}

const READ: Case[] = KEYS.flatMap(to =>
  FORMS.flatMap(form =>
    (['rsa', 'ec'] as const).map(signer => ({ id: `${signer} ${form} to ${to}`, to, signer, form, profile: 'mail-client' as const })),
  ),
)
const BY_THE_GATEWAY = (['rsa', 'ec'] as const).map(
  (to): Case => ({ id: `by the gateway to ${to}`, to, signer: 'domain', form: 'detached', profile: 'mail-client' }),
)
const WAITED: Case = { id: 'waited', to: 'ec', signer: 'rsa', form: 'detached', profile: 'mail-client', written: 3 }
const BETWEEN_GATEWAYS: Case = { id: 'between gateways', to: 'rsa', signer: 'rsa', form: 'detached', profile: 'gateway' }
const IN_HTML: Case = { id: 'in HTML', to: 'ec', signer: 'ec', form: 'detached', profile: 'mail-client', html: true }
const CASES = [...READ, ...BY_THE_GATEWAY, WAITED, BETWEEN_GATEWAYS, IN_HTML]

/** Legacy Display (RFC 9788 §5.2): Thunderbird does not read the subject that is under the protection. */
const SHOWN_SUBJECT = 'Subject: Un objet <b>caché'

const messageId = ({ id }: Case) => `${id.replaceAll(' ', '.')}@a.mssante.test`

/** As the gateway sends it to a box: planned, signed by what signs for it, encrypted, in its thread. */
async function sentByTheGateway(content: Buffer, to: Person): Promise<Buffer> {
  const certificate = { pem: to.issued.certificatePem, fingerprint: to.identity.facts.fingerprint256 }
  const protection = openProtection({
    policies: { default: 'required', domains: {} },
    certificates: { of: async () => ({ box: [certificate], domain: [] }) },
    anchors: world.anchors,
    now: () => now.getTime(),
    signature: () => domain.identity,
  })
  try {
    const leg = { message_id: '1', address: 'box@a.mssante.test', sender: 'a@a.mssante.test', size: content.length, eight_bit: 1, utf8: 0 }
    const choice = await protection.plan(leg, content)
    if (choice.kind !== 'encrypt') throw new Error(choice.kind)
    const { content: sent }: Outgoing = await protection.apply(choice, leg, content, async outgoing => outgoing)
    return sent
  } finally {
    await protection.close()
  }
}

/** A letter that was carried from one operator to a box of the other, and who can read it. */
interface Delivered {
  letter: Letter
  mail: Buffer
  reader: IdentityPaths
  authorities: readonly string[]
}

/** The whole way over SMTP: the sender's operator knows the certificate of the box. */
async function carried(): Promise<Delivered> {
  let pki!: Pki
  await using stage = await openStage({
    prepare: async made => {
      pki = made
      return []
    },
  })
  const { accounts, operators } = stage.world
  const { sender, recipient } = accounts
  const issued = await pki.issue({
    ...{ kind: 'mail', organization: 'HÔPITAL FICTIF', structure: '1130000001', key: 'ec' },
    ...{ commonName: recipient.address, emails: [recipient.address] },
  })
  const reader = await writeIdentity(world.folder, 'reader', issued, pki)
  await enterCertificate(operators.alpha.data, recipient.address, reader)
  const letter = await sampleLetter({ sender, recipient })
  await stage.settled('alpha', await stage.submit(sender, recipient.address, letter.eml))
  const [mail] = await stage.mailbox(recipient.address)
  return { letter, mail: mail!, reader, authorities: pki.authorities }
}

function written({ to, signer, form, profile, written = 0, html = false, ...rest }: Case): Promise<Buffer> {
  const author = signer === 'domain' ? 'rsa' : signer
  const mail = [
    `From: Docteur Fictif <${author}@a.mssante.test>`,
    `To: ${to}@a.mssante.test`,
    'Subject: =?utf-8?Q?Un_objet_<b>cach=C3=A9?=',
    `Date: ${new Date(now.getTime() - written * HOUR).toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${messageId({ to, signer, form, profile, ...rest })}>`,
    `MIME-Version: 1.0\r\nContent-Type: text/${html ? 'html' : 'plain'}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit`,
    `\r\n${html ? '<html><body>' : ''}Une lettre déchiffrée pour ${to}.\r\n`,
  ].join('\r\n')
  if (signer === 'domain') return sentByTheGateway(Buffer.from(mail), world.people[to])
  const { identity } = world.people[signer]
  const protection: MailProtection = {
    sign: { by: [{ identity }], at: now, form },
    encrypt: { to: [world.people[to].issued.certificatePem], anchors: world.anchors, at: now, profile },
  }
  return collect(protectMail(Buffer.from(mail), protection), MOST)
}

const show = (mail: Case) => thunderbird.show(messageId(mail))

describe.skipIf(!isThere)('Thunderbird reads what we sign and encrypt to a box', () => {
  test.each(READ)('$id', async mail => {
    expect(await show(mail)).toMatchObject({
      encryption: GOOD,
      signature: GOOD,
      encryptionIcon: 'ok',
      signatureIcon: 'ok',
      signer: expect.stringContaining(`CN=${mail.signer}@a.mssante.test`),
      body: expect.stringMatching(new RegExp(`${SHOWN_SUBJECT}\\s+Une lettre déchiffrée pour ${mail.to}\\.`)),
    })
  })

  test('a mail in HTML: its subject is shown in the text as well', async () => {
    const { body } = await show(IN_HTML)
    expect(body).toMatch(new RegExp(`${SHOWN_SUBJECT}\\s+Une lettre déchiffrée pour ec\\.`))
  })

  test('a mail that waited for hours before it was signed', async () => {
    expect(await show(WAITED)).toMatchObject({ encryption: GOOD, signature: GOOD })
  })

  test.each(BY_THE_GATEWAY)('$id: it says too that the domain has signed, and not the author', async mail => {
    const shown = await show(mail)
    expect(shown).toMatchObject({ encryption: GOOD, signature: OF_ANOTHER_ADDRESS, encryptionIcon: 'ok', signatureIcon: 'mismatch' })
    expect(shown.signer).toContain('CN=domain@a.mssante.test')
    expect(shown.body).toContain(`Une lettre déchiffrée pour ${mail.to}.`)
    expect(shown.body).toContain(SHOWN_SUBJECT)
  })

  test('that was handed in at one operator and delivered by another, documents and all', async () => {
    const { mail, letter } = delivered
    const [, id = ''] = /^Message-ID: <(.*)>/im.exec(mail.toString('latin1')) ?? []
    const shown = await thunderbird.show(id)
    expect(shown).toMatchObject({ encryption: GOOD, encryptionIcon: 'ok' })
    const { subject, text, attachments } = await simpleParser(letter.eml)
    expect(shown.body).toContain(`Subject: ${subject}`)
    expect(shown.body).toContain(text!.trim())
    expect(shown.attachments).toEqual(attachments.map(({ filename }) => filename))
  })

  test('in CBC only: of AuthEnvelopedData it shows nothing, which is why boxes get the other profile', async () => {
    const shown = await show(BETWEEN_GATEWAYS)
    expect(shown).toMatchObject({ encryption: NONE, signature: NONE })
    expect(shown.body).not.toContain('Une lettre')
  })
})

describe.skipIf(!isThere)('we read what Thunderbird signs and encrypts', () => {
  test.each(KEYS)('to and by %s', async key => {
    const address = `${key}@a.mssante.test`
    const mail = await thunderbird.compose({ from: address, to: address, subject: 'Un objet', body: 'Merci de la lettre.\r\n' })
    const { identity } = world.people[key]
    const opened = await openMail(mail, { identities: [identity], anchors: world.anchors, at: new Date() })
    expect(opened).toMatchObject({
      isAuthenticated: true,
      layers: [{ kind: 'encrypted' }, { kind: 'signed', signers: [{ emails: [address] }] }],
    })
    expect(opened.message.toString()).toContain('Merci de la lettre.')
  })
})

test.runIf(isThere && process.env.PLI_REPORT)('what the window looks like', async () => {
  await show(READ[0]!)
  await writeFile(`${process.env.PLI_REPORT}.png`, await thunderbird.screenshot())
})
