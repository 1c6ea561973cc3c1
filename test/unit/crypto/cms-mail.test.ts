import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encrypt } from '../../../crypto/cms/index.ts'
import { collect, type Source } from '../../../crypto/cms/source.ts'
import { type MailProtection, openMail, outermostLayer, protectMail } from '../../../crypto/index.ts'
import { cpuClock } from '../../support/cpu-time.ts'
import { type CmsWorld, createCmsWorld } from './cms-people.ts'

const now = new Date('2026-11-22T08:00:00Z')
const mail = Buffer.from(
  [
    'Received: from client.test by a.mssante.test; Sun, 22 Nov 2026 08:00:00 +0000',
    'From: "Dr DURAND (cardio)" <rsa@a.mssante.test>',
    'To: Dr MARTIN <ec@b.mssante.test>, "Secret Name" <other@b.mssante.test>',
    'Bcc: nobody@b.mssante.test',
    'Subject: XDM/1.0/DDM+Lettre SECRET Name',
    'Date: Sun, 22 Nov 2026 09:00:00 +0100',
    'Message-ID: <1@a.mssante.test>',
    'X-MSS-INS: secret',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed;',
    '  boundary="inside"',
    '',
    '--inside',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    '',
    'Un courrier confidentiel, é.',
    '--inside--',
    '',
  ].join('\r\n'),
)
/** Without what was written on the way, Bcc, and with MIME-Version last, as it comes out again. */
const written = mail
  .toString()
  .replace(/Bcc:.*\r\n/, '')
  .replace('MIME-Version: 1.0\r\n', '')
  .replace('"inside"\r\n', '"inside"\r\nMIME-Version: 1.0\r\n')

/** What was encrypted for a mail client shows its subject in the text too (RFC 9788 §5.2). */
const withLegacyDisplay = written
  .replace(' charset=utf-8\r\n', '\r\n charset="utf-8";\r\n hp-legacy-display="1"\r\n')
  .replace('Un courrier', 'Subject: XDM/1.0/DDM+Lettre SECRET Name\r\n\r\nUn courrier')

let world: CmsWorld
beforeAll(async () => {
  world = await createCmsWorld(now)
})
afterAll(() => world[Symbol.asyncDispose]())

const whole = (source: Source) => collect(source, 1e8)
const trust = () => ({ anchors: world.anchors, at: now })
const sign = (form: 'detached' | 'opaque' = 'detached') => ({ by: [{ identity: world.people.rsa.identity }], at: now, form })
const sealFor = (profile: 'mail-client' | 'gateway') => ({ to: [world.people.ec.issued.certificatePem], profile, ...trust() })
const open = (message: Source) => openMail(message, { identities: [world.people.ec.identity], ...trust() })
const protect = (protection: MailProtection, message: Source = mail) => whole(protectMail(message, protection))

describe('a mail that is protected and opened is the mail', () => {
  test.each<[string, () => MailProtection, object[], object]>([
    ['signed beside it', () => ({ sign: sign() }), [{ kind: 'signed', form: 'detached' }], { header: 'clear', isAuthenticated: true }],
    [
      'signed around it',
      () => ({ sign: sign('opaque') }),
      [{ kind: 'signed', form: 'opaque' }],
      { header: 'clear', isAuthenticated: true },
    ],
    [
      'signed and encrypted for a mail client',
      () => ({ sign: sign(), encrypt: sealFor('mail-client') }),
      [{ kind: 'encrypted', cipher: 'aes-256-cbc', isAuthenticated: false }, { kind: 'signed' }],
      { header: 'cipher', isAuthenticated: true },
    ],
    [
      'signed and encrypted for a gateway',
      () => ({ sign: sign('opaque'), encrypt: sealFor('gateway') }),
      [{ kind: 'encrypted', cipher: 'aes-256-gcm', isAuthenticated: true }, { kind: 'signed' }],
      { header: 'cipher', isAuthenticated: true },
    ],
    [
      'encrypted only, for a gateway',
      () => ({ encrypt: sealFor('gateway') }),
      [{ kind: 'encrypted', isAuthenticated: true }],
      { header: 'cipher', isAuthenticated: true },
    ],
    [
      'encrypted only, for a mail client: reported as not authenticated',
      () => ({ encrypt: sealFor('mail-client') }),
      [{ kind: 'encrypted', isAuthenticated: false }],
      { header: 'cipher', isAuthenticated: false },
    ],
  ])('%s', async (_, protection, layers, facts) => {
    const opened = await open(await protect(protection()))
    const isForClient = protection().encrypt?.profile === 'mail-client'
    expect(opened.message.toString()).toBe(isForClient ? withLegacyDisplay : written)
    expect(opened).toMatchObject({ layers, ...facts })
  })

  test('when it comes in pieces, through a stream', async () => {
    const pieces = Readable.from(Array.from({ length: mail.length }, (_, at) => mail.subarray(at, at + 1)))
    const opened = await open(await protect({ sign: sign(), encrypt: sealFor('gateway') }, pieces))
    expect(opened.message.toString()).toBe(written)
  })

  test('when its lines end in LF, or half of them', async () => {
    const loose = Buffer.from(mail.toString().replace(/\r\n/g, (end, at) => (at % 2 ? end : '\n')))
    expect((await open(await protect({ sign: sign() }, loose))).message.toString()).toBe(written)
  })

  test('when a server on the way turned its line ends into LF', async () => {
    const signed = (await protect({ sign: sign() })).toString().replaceAll('\r\n', '\n')
    expect((await open(Buffer.from(signed))).layers).toMatchObject([{ kind: 'signed', signers: [{ emails: ['rsa@a.mssante.test'] }] }])
  })

  test.each([
    ['Sun, 22 Nov 2026 08:30:00 +0100', now],
    ['Sun, 22 Nov 2026 06:59:00 +0000', undefined],
    ['on Sunday', undefined],
  ])('dated %s: the signature says when it was made if that is within the hour', async (date, signedAt) => {
    const dated = Buffer.from(mail.toString().replace(/(?<=^Date: ).*/m, date))
    expect(await open(await protect({ sign: sign() }, dated))).toMatchObject({ layers: [{ signers: [{ signedAt }] }] })
  })

  test('when it is signed twice over', async () => {
    const twice = await protect({ sign: sign() }, await protect({ sign: sign(), encrypt: sealFor('gateway') }))
    expect((await open(twice)).layers.map(({ kind }) => kind)).toEqual(['signed', 'encrypted', 'signed'])
  })

  test('when a gateway sealed what its author had sealed for a box: that stays sealed', async () => {
    const forBox = { to: [world.people.rsa.issued.certificatePem], profile: 'mail-client', ...trust() } as const
    const author = await protect({ encrypt: forBox })
    const opened = await open(await protect({ sign: sign(), encrypt: sealFor('gateway') }, author))
    expect(opened.layers.map(({ kind }) => kind)).toEqual(['encrypted', 'signed'])
    expect(opened.message.toString()).toMatch(/^Content-Type: application\/pkcs7-mime; smime-type=enveloped-data;/m)
    expect(await outermostLayer(opened.message)).toBe('encrypted')
    const box = await openMail(opened.message, { identities: [world.people.rsa.identity], ...trust() })
    expect(box.message.toString()).toBe(withLegacyDisplay)
  })

  test('when nothing protects it: it stays as it is', async () => {
    expect(await open(mail)).toEqual({ message: mail, layers: [], isAuthenticated: false, header: 'none' })
  })
})

describe('the outermost layer of a mail is told without opening it', () => {
  test.each<[string, MailProtection | undefined, string | undefined]>([
    ['a signature beside it', { sign: {} as never }, 'signed'],
    ['a signature around it', { sign: { form: 'opaque' } as never }, 'signed'],
    ['an envelope for a mail client', { encrypt: { profile: 'mail-client' } as never }, 'encrypted'],
    ['an envelope for a gateway', { encrypt: { profile: 'gateway' } as never }, 'encrypted'],
    ['nothing', undefined, undefined],
  ])('%s', async (_, wanted, layer) => {
    const protection = wanted && {
      ...(wanted.sign ? { sign: sign(wanted.sign.form) } : {}),
      ...(wanted.encrypt ? { encrypt: sealFor(wanted.encrypt.profile) } : {}),
    }
    expect(await outermostLayer(protection ? await protect(protection) : mail)).toBe(layer)
  })

  test('whatever its header says; and of what is no CMS object nothing', async () => {
    const opaque = (await protect({ sign: sign('opaque') })).toString()
    expect(await outermostLayer(Buffer.from(opaque.replace('signed-data', 'enveloped-data')))).toBe('signed')
    const [header] = opaque.split('\r\n\r\n')
    expect(await outermostLayer(Buffer.from(`${header}\r\n\r\n!!!!\r\n`))).toBeUndefined()
    expect(await outermostLayer(Buffer.from(`${header}\r\n\r\nQUJD\r\n`))).toBeUndefined()
    expect(await outermostLayer(Buffer.from('From: a@x.test\r\n'))).toBeUndefined()
  })
})

describe('an encrypted mail shows outside', () => {
  test('what transport needs, and nothing of the patient', async () => {
    const sealed = (await protect({ sign: sign(), encrypt: sealFor('gateway'), newId: () => 'b' })).toString()
    expect(sealed.slice(0, sealed.indexOf('\r\n\r\n'))).toBe(
      [
        'Received: from client.test by a.mssante.test; Sun, 22 Nov 2026 08:00:00 +0000',
        'From: rsa@a.mssante.test',
        'To: ec@b.mssante.test,\r\n other@b.mssante.test',
        'Subject: [...]',
        'Date: Sun, 22 Nov 2026 09:00:00 +0100',
        'Message-ID: <1@a.mssante.test>',
        'MIME-Version: 1.0',
        'Content-Type: application/pkcs7-mime; smime-type=authEnveloped-data;\r\n name=smime.p7m',
        'Content-Transfer-Encoding: base64',
        'Content-Disposition: attachment; filename=smime.p7m',
      ].join('\r\n'),
    )
    expect(sealed.split('\r\n').every(line => line.length <= 78)).toBe(true)
  })

  test('nothing of who sent it on', async () => {
    const again = [
      'Resent-From: "Dr DURAND" <rsa@a.mssante.test>',
      'Resent-To: "Secret Name" <ec@b.mssante.test>',
      'Resent-Bcc: x@x.test',
      '',
    ]
    const sent = Buffer.concat([Buffer.from(again.join('\r\n')), mail])
    const sealed = await protect({ encrypt: sealFor('gateway') }, sent)
    expect(sealed.toString()).not.toMatch(/resent/i)
    const { message } = await open(sealed)
    expect(message.toString()).toContain('Resent-To: "Secret Name" <ec@b.mssante.test>\r\n')
    expect(message.toString()).not.toMatch(/bcc/i)
  })

  test('only the addresses of a group, and none of what cannot be read', async () => {
    const odd = Buffer.from('From: a@x.test\r\nTo: Team "x" : (c, d) One <one@x.test>, two@x.test (Two);,\r\n Secret Name\r\n\r\nBody\r\n')
    const sealed = (await protect({ encrypt: sealFor('gateway') }, odd)).toString()
    expect(sealed).toContain('To: one@x.test,\r\n two@x.test\r\nMIME')
  })
})

test.each([
  ['brackets without an end', '<', 64_000],
  ['quoted pairs without an end', '"\\', 32_000],
  ['a quote without an end', '"\\"\\"', 16_000],
  ['comments without an end', '(', 64_000],
])('addresses that are hard to read take no time: %s', async (_, piece, times) => {
  const hard = mail.toString().replace(/^Bcc: .*$/m, `Cc: ${piece.repeat(times)}`)
  const spent = cpuClock()
  await protect({ encrypt: sealFor('mail-client') }, Buffer.from(hard))
  expect(spent()).toBeLessThan(1_000)
})

describe('the type of a mail keeps its form', () => {
  test.each([';', '; ', ';;\r\n '])('when it ends in %j: hp is one more parameter, and the subject is shown', async end => {
    const odd = Buffer.from(`From: rsa@a.mssante.test\r\nSubject: SECRET\r\nContent-Type: text/plain; charset=utf-8${end}\r\n\r\nx\r\n`)
    expect((await protect({ sign: sign() }, odd)).toString()).toContain('text/plain; charset=utf-8;\r\n hp="clear"\r\n')
    const { message } = await open(await protect({ sign: sign(), encrypt: sealFor('mail-client') }, odd))
    expect(message.toString()).toContain('\r\n\r\nSubject: SECRET\r\n\r\nx')
  })
})

describe('a mail is refused', () => {
  const refusal = (message: Source) =>
    open(message).then(
      () => 'opened',
      fault => `${fault.name}: ${fault.reason}`,
    )
  const edited = (message: Buffer, from: string, to: string) => {
    expect(message.toString('latin1')).toContain(from)
    return Buffer.from(message.toString('latin1').replace(from, to), 'latin1')
  }

  test.each<[string, string, string, string]>([
    ['when one word of it was changed', 'confidentiel', 'confidentieL', 'altered'],
    [
      'when a protected field was changed',
      'Subject: XDM/1.0/DDM+Lettre SECRET Name\r\nDate: Sun, 22 Nov 2026 09:00:00 +0100\r\nMessage-ID: <1@a.mssante.test>\r\nX-MSS-INS: secret\r\nContent',
      'Subject: other\r\nContent',
      'altered',
    ],
    ['when its sender outside was changed', 'From: "Dr DURAND (cardio)" <rsa@a.mssante.test>', 'From: <ec@a.mssante.test>', 'altered'],
    ['when it has no end', '--b--', '', 'malformed'],
    ['when it has a third part', '--b--', '--b\r\n\r\nmore\r\n--b--', 'malformed'],
    ['when it has two types', 'Content-Type: multipart/signed', 'Content-Type: text/plain\r\nContent-Type: multipart/signed', 'malformed'],
    ['when its signature is not base64', 'filename=smime.p7s\r\n\r\n', 'filename=smime.p7s\r\n\r\n<!>', 'malformed'],
    [
      'when its signature is something else',
      'Content-Type: application/pkcs7-signature; name',
      'Content-Type: text/plain; name',
      'malformed',
    ],
  ])('%s', async (_, from, to, reason) => {
    const signed = await protect({ sign: sign(), newId: () => 'b' })
    expect(await refusal(edited(signed, from, to))).toBe(`CmsFault: ${reason}`)
  })

  test('when it names another sender inside than outside', async () => {
    const sealed = await protect({ encrypt: sealFor('gateway') })
    expect(await refusal(edited(sealed, 'From: rsa@a', 'From: ec@a'))).toBe('CmsFault: altered')
  })

  test('when one octet of its ciphertext was changed, with one fault whatever is inside', async () => {
    for (const inside of [mail, await protect({ sign: sign() })]) {
      const cms = await whole(encrypt(inside, sealFor('mail-client')))
      const faults = new Set<string>()
      for (let at = cms.length - inside.length + inside.indexOf('\r\n\r\n'); at < cms.length - 40; at += 29) {
        const changed = Buffer.from(cms)
        changed[at]! ^= 1
        const header = 'From: a@x.test\r\nContent-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        faults.add(await refusal(Buffer.from(header + changed.toString('base64'))))
      }
      // Without a signature, garbled CBC can still read as a mail: that is why it is reported as not authenticated.
      if (inside === mail) faults.delete('opened')
      expect([...faults].filter(fault => fault !== 'CmsFault: undecryptable')).toEqual([])
    }
  })

  test('when text follows the parts of a signed mail inside an encryption, where no signature covers it; not outside one', async () => {
    const signed = await protect({ sign: sign() })
    const more = Buffer.concat([signed, Buffer.from('A piece of ciphertext, decrypted.\r\n')])
    expect((await open(more)).layers).toMatchObject([{ kind: 'signed' }])
    const seal = async (inside: Buffer, profile: 'mail-client' | 'gateway') => {
      const cms = await whole(encrypt(inside, sealFor(profile)))
      const header = 'From: rsa@a.mssante.test\r\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n'
      return Buffer.from(`${header}Content-Transfer-Encoding: base64\r\n\r\n${cms.toString('base64')}\r\n`)
    }
    expect((await open(await seal(signed, 'mail-client'))).isAuthenticated).toBe(true)
    expect((await open(await seal(Buffer.concat([signed, Buffer.from('\r\n\r\n')]), 'mail-client'))).isAuthenticated).toBe(true)
    expect(await refusal(await seal(more, 'mail-client'))).toBe('CmsFault: undecryptable')
    expect(await refusal(await seal(more, 'gateway'))).toBe('CmsFault: malformed')
  })

  test('when what no signature covers could be a piece of another mail: AES-CBC alone says nothing of it', async () => {
    const signed = (await protect({ sign: sign(), newId: () => 'b' })).toString('latin1')
    const sealed = async (inside: string, profile: 'mail-client' | 'gateway') => {
      const cms = await whole(encrypt(Buffer.from(inside, 'latin1'), sealFor(profile)))
      const header = 'From: rsa@a.mssante.test\r\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n'
      return Buffer.from(`${header}Content-Transfer-Encoding: base64\r\n\r\n${cms.toString('base64')}\r\n`)
    }
    const GARBLED = 'x\x05\xf3\x90'
    const before = (text: string) => signed.replace('\r\n\r\n--b', `\r\n\r\n${text}\r\n--b`)
    const within = (text: string) => signed.replace('Content-Type: multipart', `X-Other: ${text}\r\nContent-Type: multipart`)
    const behind = (text: string) => signed.replace('name=smime.p7s', `name="${text}"`)
    for (const put of [before, within, behind]) {
      expect(await open(await sealed(put('This is a signed message.'), 'mail-client'))).toMatchObject({ isAuthenticated: true })
      expect(await open(await sealed(put(GARBLED), 'gateway'))).toMatchObject({ isAuthenticated: true })
      expect(await refusal(await sealed(put(GARBLED), 'mail-client'))).toBe('CmsFault: undecryptable')
    }
  })

  test('when its parts have no end', async () => {
    const type = 'multipart/signed; protocol="application/pkcs7-signature"; boundary=a'
    const many = Buffer.from(`From: a@x.test\r\nContent-Type: ${type}\r\n\r\n${'--a\r\n'.repeat(500_000)}`)
    const spent = cpuClock()
    expect(await refusal(many)).toBe('CmsFault: malformed')
    expect(spent()).toBeLessThan(1_000)
  })

  test('when its header has no end', async () => {
    expect(await refusal(Buffer.from('From: a@x.test\r\nSubject: x\r\n'))).toBe('CmsFault: malformed')
    await expect(protectMail(Buffer.from('From: a@x.test\r\n'), { sign: sign() }).next()).rejects.toMatchObject({ reason: 'malformed' })
  })

  test('when it has more layers than anybody needs', async () => {
    let message: Buffer = mail
    for (let layer = 0; layer < 6; layer++) message = await protect({ sign: sign() }, message)
    expect(await refusal(message)).toBe('CmsFault: too-large')
  })

  test('when it is longer than the bound', async () => {
    const opening = openMail(mail, { identities: [], ...trust(), most: 100 })
    await expect(opening).rejects.toMatchObject({ reason: 'too-large' })
  })

  test('and not sent to anybody, when a recipient is not accepted: not one octet comes out', async () => {
    await using other = await createCmsWorld(now)
    const to = [world.people.ec.issued.certificatePem, other.people.ec.issued.certificatePem]
    const protecting = protectMail(mail, { sign: sign(), encrypt: { to, profile: 'gateway', ...trust() } })
    await expect(protecting.next()).rejects.toMatchObject({ reason: 'recipient', verdict: 'not-from-anchors' })
  })
})
