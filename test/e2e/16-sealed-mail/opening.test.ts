import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { has } from '../../support/tools.ts'
import { OURS, PATIENTS, PEER_BOX, THEIRS } from '../../unit/gateway/door.ts'
import { altered, ECDH, encrypted, entity, OAEP, type Outside, signed, verifies } from './author.ts'
import { type Name, type Operator, openOperator, PATIENT } from './operator.ts'

const HOST = `smtp.${OURS}`
const LETTER = 'Un courrier confidentiel, é.'
const outside: Outside = { from: PEER_BOX, to: `dr.fictif@${OURS}` }
const CANNOT_DECRYPT = '550 5.7.5 The message cannot be decrypted, or is encrypted with AES-CBC and not signed'

let operator: Operator
beforeAll(async () => {
  if (has('openssl')) operator = await openOperator()
})
afterAll(() => operator?.[Symbol.asyncDispose]())

const toRsa = () => ['-recip', operator.people.domainRsa.certificate, ...OAEP]
const toOldRsa = () => ['-recip', operator.people.domainRsa.certificate]
const toEc = () => ['-recip', operator.people.domainEc.certificate, ...ECDH]
const by = (name: Name) => operator.people[name]

/** A mail as it lies in the spool: our fields above, and the message below. */
function parted(mail: string): { results: string; below: string } {
  const [, results = '', received = ''] =
    /^(Authentication-Results:[^\r]*(?:\r\n[ \t][^\r]*)*\r\n)?(Received:[^\r]*(?:\r\n[ \t][^\r]*)*\r\n)/.exec(mail) ?? []
  return {
    results: results.replace(/\r\n[ \t]/g, ' ').trim(),
    below: mail.slice((/^Authentication/.test(mail) ? rawLength(mail) : 0) + received.length),
  }
}
const rawLength = (mail: string) => /^Authentication-Results:[^\r]*(?:\r\n[ \t][^\r]*)*\r\n/.exec(mail)![0].length

/** @returns what is left of a mail that was handed in: the whole, and the ledger's line about it */
async function taken(mail: Buffer, envelope?: { from?: string; to?: string }) {
  const { reply, mail: whole } = await operator.handIn(mail, envelope)
  expect(reply).toMatch(/^250 2\.0\.0 /)
  const line = (await operator.doors.acceptedLines()).at(-1)!
  return { ...parted(whole), line }
}

/** @returns the reply to a mail that is refused, of which nothing is left */
async function refusal(mail: Buffer, envelope?: { from?: string }): Promise<string> {
  const before = [await operator.doors.files(), await operator.doors.accepted()]
  const { reply } = await operator.handIn(mail, envelope)
  expect([await operator.doors.files(), await operator.doors.accepted()]).toEqual(before)
  return reply
}

/** Body of a multipart/report with the boundary `b`. */
function reportOf(type: 'delivery-status' | 'disposition-notification', fields: readonly string[]): string {
  const parts = ['--b', 'Content-Type: text/plain', '', 'Distribué.', '--b', `Content-Type: message/${type}`, '', ...fields, '', '--b--']
  return parts.join('\r\n')
}

describe.skipIf(!has('openssl'))('what is encrypted to our domain is opened before the 250', () => {
  test.each<[string, 'aes-256-cbc' | 'aes-256-gcm', () => string[]]>([
    ['RSA OAEP', 'aes-256-gcm', toRsa],
    ['RSA PKCS#1 v1.5', 'aes-256-cbc', toOldRsa],
    ['ECDH', 'aes-256-gcm', toEc],
    ['ECDH', 'aes-256-cbc', toEc],
  ])('signed, then encrypted with %s and %s', async (_, cipher, to) => {
    const { results, below, line } = await taken(encrypted(signed(entity(LETTER), by('author')), cipher, to(), outside))
    expect(results).toMatch(
      new RegExp(
        `^Authentication-Results: ${HOST}; smime=pass \\(opened, ${cipher}\\) body.smime-identifier=${PEER_BOX} body.smime-serial=[0-9a-f]+ body.smime-issuer="CN=`,
      ),
    )
    expect(Buffer.from(below, 'latin1').toString()).toContain(`\r\n\r\n${LETTER}\r\n`)
    expect(below).toContain(`From: ${PEER_BOX}\r\n`)
    expect(below).not.toMatch(/pkcs7/)
    expect(line).toMatchObject({ opened: cipher, signedBy: expect.stringMatching(/^CN=author,/), smime: 'pass' })
    expect(line.sha256).toBe(createHash('sha256').update(below, 'latin1').digest('hex'))
  })

  test('encrypted only: nobody signed it', async () => {
    const { results, line } = await taken(encrypted(entity(LETTER), 'aes-256-gcm', toEc(), outside))
    expect(results).toBe(`Authentication-Results: ${HOST}; smime=none (opened, aes-256-gcm)`)
    expect(line).toMatchObject({ opened: 'aes-256-gcm', smime: 'none' })
    expect(line).not.toHaveProperty('signedBy')
  })

  test('its protected header counts, and says who wrote it', async () => {
    const inside = entity(LETTER, [`From: Dr Autre <${PEER_BOX}>`, 'Subject: Compte rendu'], 'text/plain; charset=utf-8; hp="cipher"')
    const mail = encrypted(signed(inside, by('author')), 'aes-256-gcm', toEc(), { ...outside, subject: '[...]' })
    const { below } = await taken(mail)
    expect(below).toContain('Subject: Compte rendu\r\n')
    expect(below).not.toContain('[...]')
  })

  test('a report: it is taken for one, and for nothing else', async () => {
    const report = reportOf('delivery-status', [
      `Reporting-MTA: dns; smtp.${THEIRS}`,
      '',
      `Final-Recipient: rfc822; ${PEER_BOX}`,
      'Action: delivered',
      'Status: 2.0.0',
    ])
    const inside = entity(report, [], 'multipart/report; report-type=delivery-status; boundary=b')
    await taken(encrypted(signed(inside, by('gateway')), 'aes-256-gcm', toEc(), outside), { from: '' })
    expect((await operator.doors.reports()).at(-1)).toBe('delivery-status')
    const letter = encrypted(signed(entity(LETTER), by('gateway')), 'aes-256-gcm', toEc(), outside)
    expect(await refusal(letter, { from: '' })).toMatch(/^550 5\.7\.1 An empty return path is for delivery/)
    const opaque = signed(entity(LETTER), by('gateway'), outside, 'opaque').toString().replace('signed-data', 'enveloped-data')
    expect(await refusal(Buffer.from(opaque), { from: '' })).toMatch(/^550 5\.7\.1 An empty return path is for delivery/)
  })

  test('what its author had sealed for a box, in the envelope of his gateway: that stays sealed', async () => {
    const forBox = encrypted(entity(LETTER), 'aes-256-cbc', ['-recip', by('box').certificate, ...ECDH], outside)
    const inside = Buffer.from(forBox.toString('latin1').replace(/^(?:From|To|Subject|MIME-Version):.*\r\n/gm, ''), 'latin1')
    const { results, below } = await taken(encrypted(signed(inside, by('gateway')), 'aes-256-gcm', toEc(), outside))
    expect(results).toContain('smime=pass (opened, aes-256-gcm)')
    expect(below).toMatch(/^Content-Type: application\/(x-)?pkcs7-mime/m)
    expect(below).not.toContain('confidentiel')
  })

  test('of 10 MB', async () => {
    const large = entity(Array.from({ length: 140_000 }, (_, line) => `${String(line).padStart(6, '0')} ${'x'.repeat(64)}`).join('\r\n'))
    const { below } = await taken(encrypted(signed(large, by('author')), 'aes-256-gcm', toEc(), outside))
    expect(below.length).toBeGreaterThan(10_000_000)
    expect(below.endsWith(large.subarray(-1000).toString('latin1'))).toBe(true)
    // Of what came sealed nothing is kept beside it.
    expect(await operator.doors.files()).toHaveLength((await operator.doors.accepted()).length)
  })
})

describe.skipIf(!has('openssl'))('what is encrypted to our domain is refused, and nothing of it is kept', () => {
  const sealed = (name: Name, fields: string[] = [], type?: string) =>
    encrypted(signed(entity(LETTER, fields, type), by(name)), 'aes-256-gcm', toEc(), outside)

  test.each<[string, () => Buffer, string | RegExp]>([
    ['with an octet altered, AES-GCM', () => altered(encrypted(entity(LETTER), 'aes-256-gcm', toEc(), outside)), CANNOT_DECRYPT],
    [
      'with an octet altered, AES-CBC',
      () => altered(encrypted(signed(entity(LETTER), by('author')), 'aes-256-cbc', toEc(), outside)),
      CANNOT_DECRYPT,
    ],
    [
      'with AES-CBC and no signature: in the same words, since no answer may tell what was decrypted',
      () => encrypted(entity(LETTER), 'aes-256-cbc', toEc(), outside),
      CANNOT_DECRYPT,
    ],
    [
      'altered before it was encrypted',
      () =>
        encrypted(
          Buffer.from(signed(entity(LETTER), by('author')).toString('latin1').replace('confidentiel', 'confidentieL'), 'latin1'),
          'aes-256-gcm',
          toEc(),
          outside,
        ),
      /^550 5\.7\.7 .* the content is not the one that was signed$/,
    ],
    [
      'with OAEP and SHA-1',
      () => encrypted(entity(LETTER), 'aes-256-gcm', [...toOldRsa(), '-keyopt', 'rsa_padding_mode:oaep'], outside),
      /^550 5\.7\.6 /,
    ],
    [
      'of a signer whose certificate was revoked',
      () => sealed('revoked'),
      /^550 5\.7\.5 The certificate that the message is signed with was refused: the signer's certificate was revoked on \d{4}/,
    ],
    ['of a signer whose certificate has expired', () => sealed('expired'), /^550 5\.7\.5 .* certificate expired on \d{4}/],
    [
      'with another sender inside',
      () => sealed('author', [`From: autre.encore@${THEIRS}`], 'text/plain; hp="cipher"'),
      /^550 5\.7\.7 .* another sender inside than outside$/,
    ],
    ['with a bare LF inside', () => encrypted(entity('a\nb'), 'aes-256-gcm', ['-binary', ...toEc()], outside), /^550 5\.5\.2 /],
  ])('%s', async (_, mail, reply) => {
    expect(await refusal(mail())).toMatch(reply)
  })

  test('in more layers than anybody needs', async () => {
    const layers = Array.from({ length: 6 }).reduce<Buffer>(inside => encrypted(inside, 'aes-256-gcm', toEc(), outside), entity(LETTER))
    expect(await refusal(layers)).toMatch(/^550 5\.7\.4 .* the mail has more than 4 layers$/)
  })
})

describe.skipIf(!has('openssl'))('what is for others, or only signed, stays as it is', () => {
  test('encrypted to a box', async () => {
    const mail = encrypted(entity(LETTER), 'aes-256-gcm', ['-recip', by('box').certificate, ...ECDH], outside)
    const { results, below, line } = await taken(mail)
    expect(below).toBe(mail.toString('latin1'))
    expect(results).toBe('')
    expect(line).not.toHaveProperty('smime')
  })

  test.each(['detached', 'opaque'] as const)('signed by its author, %s: it can be verified again', async form => {
    const mail = signed(entity(LETTER), by('author'), outside, form)
    const { results, below, line } = await taken(mail)
    expect(below).toBe(mail.toString('latin1'))
    const part = form === 'detached' ? 2 : 1
    expect(results).toContain(`${HOST}; smime=pass body.smime-identifier=${PEER_BOX} body.smime-part=${part} body.smime-serial=`)
    expect(line).toMatchObject({ signedBy: expect.stringMatching(/^CN=author,/), smime: 'pass' })
    expect(line).not.toHaveProperty('opened')
    const trusted = `${by('author').certificate}.authorities`
    await writeFile(
      trusted,
      await Promise.all(operator.authorities.split('\n').map(file => readFile(file))).then(files => files.join('\n')),
    )
    expect(verifies(Buffer.from(below, 'latin1'), trusted)).toBe(true)
  })

  test.each<[string, () => Buffer, RegExp]>([
    [
      'by somebody else',
      () => signed(entity(LETTER), by('colleague'), outside),
      /smime=policy reason="no certificate of the signers names the address of the From field" body\.smime-identifier=autre\.encore@/,
    ],
    [
      'with a certificate that was revoked',
      () => signed(entity(LETTER), by('revoked'), outside),
      /smime=fail reason="the signer's certificate was revoked on [-\d]+"$/,
    ],
    [
      'with a certificate that has expired',
      () => signed(entity(LETTER), by('expired'), outside),
      /smime=fail reason="the signer's certificate expired on [-\d]+"$/,
    ],
    [
      'and altered',
      () => Buffer.from(signed(entity(LETTER), by('author'), outside).toString('latin1').replace('confidentiel', 'confidentieL'), 'latin1'),
      /smime=fail reason="the content is not the one that was signed"$/,
    ],
    [
      'with a signature that is none',
      () =>
        Buffer.from(
          signed(entity(LETTER), by('author'), outside)
            .toString('latin1')
            .replace(/\r\n\r\nMI[\s\S]*?\r\n\r\n/, '\r\n\r\nQUJD\r\n\r\n'),
          'latin1',
        ),
      /smime=neutral reason="/,
    ],
  ])('signed %s: the field says so, and it is delivered', async (_, mail, field) => {
    const octets = mail()
    const { results, below } = await taken(octets)
    expect(results).toMatch(field)
    expect(below).toBe(octets.toString('latin1'))
  })

  test('behind a signature nothing is opened, nor tried: who signs the ciphertext of another gets nothing out of it', async () => {
    const sealed = altered(encrypted(entity(LETTER), 'aes-256-gcm', toEc(), outside))
    const mail = signed(sealed, by('author'), outside, 'opaque')
    const { results, below } = await taken(mail)
    expect(results).toContain('smime=pass') // the signature is right; that what it covers can't be decrypted is not told
    expect(below).toBe(mail.toString('latin1'))
  })
})

describe.skipIf(!has('openssl'))('results that claim to be ours', () => {
  const forged = [`Authentication-Results: ${HOST}; smime=pass`, `AUTHENTICATION-RESULTS: (x) "${HOST.toUpperCase()}." 1; smime=pass`]
  const others = 'Authentication-Results: mx.example; dkim=none'

  test('are taken from what comes in, and no others', async () => {
    const mail = [...forged, others, `From: ${PEER_BOX}`, '', LETTER, ''].join('\r\n')
    const { below, line } = await taken(Buffer.from(mail))
    const kept = Buffer.from([others, `From: ${PEER_BOX}`, '', LETTER, ''].join('\r\n'))
    expect(below).toBe(kept.toString('latin1'))
    expect(line.sha256).toBe(createHash('sha256').update(kept).digest('hex'))
  })

  test('are taken from what was inside an envelope', async () => {
    const inside = entity(LETTER, [`From: ${PEER_BOX}`, ...forged], 'text/plain; charset=utf-8; hp="cipher"')
    const { results, below } = await taken(encrypted(inside, 'aes-256-gcm', toEc(), outside))
    expect(results).toContain('smime=none')
    expect(below).not.toMatch(/authentication-results/i)
  })
})

describe.skipIf(!has('openssl'))('certificates are learnt', () => {
  test('from their holders, where mail may be encrypted to them; never from others', async () => {
    const alone = { from: `ne.chiffre.pas@${THEIRS}`, to: outside.to }
    await taken(signed(entity(LETTER), by('signsOnly'), alone), { from: alone.from })
    const before = (await operator.doors.learnt()).map(({ subject, source }) => [subject, source])
    expect(before).toEqual([
      [THEIRS, 'signed-mail'],
      [PEER_BOX, 'signed-mail'],
    ])
    const [domain, box] = await operator.doors.learnt()
    const pem = async (name: Name) => (await readFile(by(name).certificate, 'utf8')).trim()
    expect(box!.pem.trim()).toBe(await pem('author'))
    expect(domain!.pem.trim()).toBe(await pem('gateway'))
  })

  test('never of a patient, whose address names him; of his domain, yes', async () => {
    const read = reportOf('disposition-notification', [
      `Final-Recipient: rfc822; ${PATIENT}`,
      'Disposition: manual-action/MDN-sent-manually; displayed',
    ])
    const inside = entity(read, [], 'multipart/report; report-type=disposition-notification; boundary=b')
    const { line } = await taken(encrypted(signed(inside, by('patient')), 'aes-256-gcm', toEc(), { ...outside, from: PATIENT }), {
      from: '',
    })
    const subjects = (await operator.doors.learnt()).map(({ subject }) => subject)
    expect(subjects).toContain(PATIENTS)
    expect(subjects).not.toContain(PATIENT)
    expect(line).toMatchObject({ smime: 'pass' })
    expect(line).not.toHaveProperty('signedBy')
  })
})
