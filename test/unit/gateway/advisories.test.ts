import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { authPlain, Dialogue } from '../../support/dialogue.ts'
import { createPki, type Issued, selfSigned } from '../../world/pki.ts'
import { BOX, type Doors, issue, OURS, openDoors, PASSWORD, PEER_BOX } from './door.ts'

/**
 * Published weaknesses of smtp-server, by their names, tried at our own doors: what counts is that the gateway is safe, whatever the version of
 * the library. The parsers' are in `address-advisories.test.ts`, the client's in `client-advisories.test.ts`.
 */
let doors: Doors
beforeAll(async () => {
  doors = await openDoors()
})
afterAll(() => doors[Symbol.asyncDispose]())

/** EHLO on port 25 under TLS, with or without a certificate. */
async function asOperator(issued?: Issued): Promise<Dialogue> {
  const dialogue = await Dialogue.open(doors.port('reception'))
  await dialogue.reply()
  await dialogue.say('STARTTLS')
  await dialogue.secure(doors.showing(issued))
  expect(await dialogue.say('EHLO smtp.b.mssante.test')).toMatch(/^250-/)
  return dialogue
}

async function asBox(): Promise<Dialogue> {
  const dialogue = await Dialogue.open(doors.port('submissions'), { rejectUnauthorized: false })
  await dialogue.reply()
  await dialogue.say('EHLO cabinet.test')
  expect(await dialogue.say(authPlain({ address: BOX, password: PASSWORD }))).toMatch(/^235 /)
  return dialogue
}

describe('smtp-server below 3.19.23: requestCert and rejectUnauthorized did not keep out who shows no certificate', () => {
  const stranger = async () => issue(await createPki({ now: new Date(), label: 'OTHER', key: 'ec' }), 'b.mssante.test')
  test.each<[string, () => Promise<Issued | undefined>]>([
    ['none', async () => undefined],
    ['self-signed', () => selfSigned('smtp.b.mssante.test', new Date())],
    ['of another authority', stranger],
    ['of the authority, and not in the list', () => issue(doors.pki, 'c.mssante.test')],
  ])('a certificate %s gets 550 at MAIL and sends nothing', async (_, issued) => {
    const dialogue = await asOperator(await issued())
    expect(await dialogue.say(`MAIL FROM:<${PEER_BOX}>`)).toMatch(/^550 5\.7\.1 /)
    expect(await dialogue.say(`RCPT TO:<${BOX}>`)).toMatch(/^503 /)
    expect(await dialogue.say('DATA')).toMatch(/^503 /)
    await dialogue.quit()
  })

  test('the listed one sends', async () => {
    const dialogue = await asOperator(doors.peer)
    expect(await dialogue.say(`MAIL FROM:<${PEER_BOX}>`)).toMatch(/^250 /)
    await dialogue.quit()
  })
})

describe('STARTTLS', () => {
  const clear = async (door: 'reception' | 'submission') => {
    const dialogue = await Dialogue.open(doors.port(door))
    await dialogue.reply()
    return dialogue
  }
  const reception = () => clear('reception')

  test('plaintext injection (CVE-2011-0411 and its kind): what was said before the handshake is not heard after it', async () => {
    const dialogue = await reception()
    await dialogue.write(`STARTTLS\r\nEHLO evil.test\r\nMAIL FROM:<${PEER_BOX}>\r\nRCPT TO:<${BOX}>\r\n`)
    expect(await dialogue.reply()).toMatch(/^220 /)
    await dialogue.secure(doors.showing(doors.peer))
    // Neither a reply to what was injected nor anything that it left behind: EHLO, MAIL and RCPT were never said.
    expect(await dialogue.say('NOOP')).toBe('250 2.0.0 OK')
    expect(await dialogue.say(`MAIL FROM:<${PEER_BOX}>`)).toMatch(/^503 /)
    await dialogue.quit()
  })

  test('plaintext injection at the door of mail clients: nothing that signs in, asks or sends is heard', async () => {
    const dialogue = await clear('submission')
    await dialogue.write(`STARTTLS\r\nEHLO evil.test\r\n${authPlain({ address: BOX, password: PASSWORD })}\r\nMAIL FROM:<${BOX}>\r\nNO`)
    expect(await dialogue.reply()).toMatch(/^220 /)
    await dialogue.secure({ rejectUnauthorized: false })
    expect(await dialogue.say('NOOP')).toBe('250 2.0.0 OK')
    expect(await dialogue.say(`MAIL FROM:<${BOX}>`)).toMatch(/^503 /)
    await dialogue.say('EHLO practice.test')
    expect(await dialogue.say(`MAIL FROM:<${BOX}>`)).toMatch(/^530 /)
    await dialogue.quit()
  })

  test('plaintext injection where TLS comes first: a line in clear is no handshake', async () => {
    const dialogue = await Dialogue.open(doors.port('submissions'))
    await dialogue.write('EHLO evil.test\r\nSTARTTLS\r\n')
    expect(await dialogue.closed()).not.toMatch(/^\d{3}/)
  })

  test('the race (3.19.23): what comes in clear while the handshake is awaited gets no answer in clear', async () => {
    const dialogue = await reception()
    expect(await dialogue.say('STARTTLS')).toMatch(/^220 /)
    await dialogue.write(`EHLO evil.test\r\nMAIL FROM:<${PEER_BOX}>\r\n`)
    expect(await dialogue.closed()).not.toMatch(/250|5\d\d/)
  })

  test('parameters are refused (RFC 3207 §4)', async () => {
    const dialogue = await reception()
    expect(await dialogue.say('STARTTLS now')).toMatch(/^501 5\.5\.4 /)
    await dialogue.quit()
  })
})

describe('the envelope', () => {
  test('CVE-2026-38728: a command line without end is cut short', async () => {
    const dialogue = await Dialogue.open(doors.port('submission'))
    await dialogue.reply()
    await dialogue.write('x'.repeat(64 * 1024))
    expect(await dialogue.reply()).toMatch(/^421 /)
    await dialogue.closed()
  })

  test.each([
    ['NUL', `MAIL FROM:<dr\0fictif@${OURS}>`],
    ['a bare CR', `MAIL FROM:<${BOX}>\rRCPT TO:<${PEER_BOX}>`],
    ['a bell', `MAIL FROM:<dr\x07fictif@${OURS}>`],
    ['a zero-width space', `MAIL FROM:<dr\u200bfictif@${OURS}>`],
    ['CR LF in xtext', `MAIL FROM:<${BOX}> ENVID=a+0D+0ARCPT`],
    ['CR LF in xtext of RET', `MAIL FROM:<${BOX}> RET=HDRS+0D+0A`],
  ])('control characters: %s', async (_, line) => {
    const dialogue = await asBox()
    expect(await dialogue.say(line)).toMatch(/^(?:500|501|550) 5\./)
    expect(await dialogue.say('DATA')).toMatch(/^503 /)
    await dialogue.quit()
  })

  test.each(['NOTIFY=SUCCESS+0D+0A', `ORCPT=rfc822;${PEER_BOX}+0D+0AX`])('control characters in RCPT: %s', async parameter => {
    const dialogue = await asBox()
    await dialogue.say(`MAIL FROM:<${BOX}>`)
    expect(await dialogue.say(`RCPT TO:<${PEER_BOX}> ${parameter}`)).toMatch(/^501 5\./)
    await dialogue.quit()
  })

  test('a client’s own words never make a line of their own in a reply', async () => {
    const dialogue = await asBox()
    await dialogue.write(`EHLO a\x01b\r\nHELP \r250 fine\r\nNOOP\r\n`)
    expect(await dialogue.reply()).toMatch(/^50[01] /)
    expect(await dialogue.reply()).toMatch(/^500 [^\r\n]*$/)
    expect(await dialogue.reply()).toBe('250 2.0.0 OK')
    await dialogue.quit()
  })
})

describe('SMTP smuggling (CVE-2023-51764 Postfix, -51765 sendmail, -51766 Exim)', () => {
  const smuggled = `MAIL FROM:<${PEER_BOX}>\r\nRCPT TO:<${BOX}>\r\nDATA\r\nFrom: <${PEER_BOX}>\r\n\r\nfaux\r\n.\r\n`

  test.each(['\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r', '\r\n.\r'])('from another operator: %j', async end => {
    const before = await doors.accepted()
    const dialogue = await asOperator(doors.peer)
    await dialogue.say(`MAIL FROM:<${PEER_BOX}>`)
    await dialogue.say(`RCPT TO:<${BOX}>`)
    await dialogue.say('DATA')
    await dialogue.write(`From: <${PEER_BOX}>\r\n\r\nvrai${end}${smuggled}`)
    expect(await dialogue.reply()).toMatch(/^550 5\.5\.2 /)
    expect(await dialogue.say('NOOP')).toBe('250 2.0.0 OK')
    await dialogue.quit()
    expect(await doors.accepted()).toEqual(before)
  })

  test('by TCP segmentation (3.16): a line of one dot that comes alone is content, not the end', async () => {
    const dialogue = await asOperator(doors.peer)
    await dialogue.say(`MAIL FROM:<${PEER_BOX}>`)
    await dialogue.say(`RCPT TO:<${BOX}>`)
    await dialogue.say('DATA')
    // "..": the stuffed dot of a first line, then its line end and what looks like commands.
    for (const piece of ['.', '.', '\r', '\n', 'MAIL FROM:<x>\r\n', '..', '\r\n', 'fin', '\r', '\n', '.', '\r', '\n'])
      await dialogue.write(piece)
    expect(await dialogue.reply()).toMatch(/^550 5\.6\.0 /) // no header: one message, one answer
    expect(await dialogue.say('NOOP')).toBe('250 2.0.0 OK')
    await dialogue.quit()
  })
})

test('the library’s published test key is never used: each door shows our certificate', async () => {
  for (const door of ['submission', 'submissions', 'reception'] as const) {
    const names = await shownAt(door)
    expect(names).toEqual([`smtp.${OURS}`])
  }
})

async function shownAt(door: 'submission' | 'submissions' | 'reception'): Promise<(string | undefined)[]> {
  const shown: (string | undefined)[] = []
  const look = {
    ...doors.showing(),
    rejectUnauthorized: true,
    ca: [...doors.pki.authorities],
    checkServerIdentity: (_: string, certificate: { subject: { CN: string } }) => {
      shown.push(certificate.subject.CN)
      return undefined
    },
  }
  const dialogue = await Dialogue.open(doors.port(door), door === 'submissions' ? (look as never) : undefined)
  await dialogue.reply()
  if (door !== 'submissions') {
    await dialogue.say('STARTTLS')
    await dialogue.secure(look as never)
  }
  await dialogue.quit()
  return shown
}
