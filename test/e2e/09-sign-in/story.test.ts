import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../support/cli.ts'
import { authPlain, base64, Dialogue } from '../../support/dialogue.ts'
import { has, tool } from '../../support/tools.ts'
import { until } from '../../support/until.ts'
import type { MintOptions } from '../../world/psc-simulator/mint.ts'
import { type Clinic, DOMAIN, openClinic, type Shown } from './clinic.ts'

const TOKEN_CHALLENGE = `334 ${base64('{"status":"401","schemes":"bearer","scope":"mail"}')}`

let folder: string
let clinic: Clinic
const secrets: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-sign-in-'))
  clinic = await openClinic(folder)
})
afterAll(async () => {
  await clinic[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

function minted(options: MintOptions = {}): string {
  const token = clinic.psc.mint({ subject: clinic.doctor.subject, ...options })
  secrets.push(...token.split('.').filter(part => part.length > 40))
  return token
}

const xoauth2 = (address: string, token: string) => `AUTH XOAUTH2 ${base64(`user=${address}\x01auth=Bearer ${token}\x01\x01`)}`
const oauthBearer = (address: string, token: string) =>
  `AUTH OAUTHBEARER ${base64(`n,${address === '' ? '' : `a=${address}`},\x01host=smtp.${DOMAIN}\x01auth=Bearer ${token}\x01\x01`)}`
const external = (address: string) => `AUTH EXTERNAL ${address === '' ? '=' : base64(address)}`

/** A client that has said EHLO. @returns the mechanisms that it was offered */
async function connected(door: 'submission' | 'submissions', tls: ConnectionOptions): Promise<{ dialogue: Dialogue; offered: string }> {
  const port = clinic.stage.world.operators.alpha.ports[door]
  const dialogue = await Dialogue.open(port, door === 'submissions' ? tls : undefined)
  await dialogue.reply()
  if (door === 'submission') {
    expect(await dialogue.say('STARTTLS')).toMatch(/^220 /)
    await dialogue.secure(tls)
  }
  const greeting = await dialogue.say('EHLO practice.example')
  return { dialogue, offered: /^250[- ]AUTH (.*)$/m.exec(greeting)?.[1] ?? '' }
}

const open = async (certificate: Shown = 'none') => (await connected('submissions', clinic.showing(certificate))).dialogue

function letter(from: string, to: string): string {
  return `From: <${from}>\r\nTo: <${to}>\r\nSubject: essai\r\n\r\nBonjour.\r\n`
}

/** @returns our id of the letter that was sent on this connection */
async function sendAs(dialogue: Dialogue, from: string): Promise<string> {
  const to = clinic.stage.world.accounts.recipient.address
  for (const line of [`MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, 'DATA']) expect(await dialogue.say(line)).toMatch(/^(250|354) /)
  const reply = await dialogue.say(`${letter(from, to)}.`)
  expect(reply).toMatch(/^250 2\.0\.0 Accepted as /)
  return reply.split(' ').at(-1) as string
}

const gatewayLog = () => readFile(join(clinic.stage.world.operators.alpha.folder, 'gateway.log'), 'utf8')

const relayed = (id: string) =>
  clinic.stage.when('alpha', id, ({ recipients }) => recipients.length > 0 && recipients.every(({ relay }) => relay === 'sent'))

describe('a mail program with a token of Pro Santé Connect', () => {
  test('nodemailer submits by XOAUTH2: its first token has expired, the second one is taken on the same connection', async () => {
    const { accounts, operators } = clinic.stage.world
    const given: boolean[] = []
    const transport = createTransport({
      host: '127.0.0.1',
      port: operators.alpha.ports.submission,
      requireTLS: true,
      tls: clinic.showing('none'),
      auth: { type: 'OAuth2', user: clinic.doctor.address },
      allowInternalNetworkInterfaces: true,
    } as never)
    transport.set('oauth2_provision_cb', (_user: string, renew: boolean, done: (error: null, token: string) => void) => {
      given.push(renew)
      done(null, minted({ expiresIn: renew ? 120 : -1 }))
    })
    const info = await transport.sendMail({
      from: clinic.doctor.address,
      to: accounts.recipient.address,
      subject: 'essai',
      text: 'Bonjour.',
    })
    transport.close()
    expect(given).toEqual([false, true])
    await relayed(/Accepted as (\S+)/.exec(info.response)?.[1] ?? '')
  })

  test('a raw client signs in by OAUTHBEARER, to its only box when it names none', async () => {
    for (const address of [clinic.doctor.address, clinic.doctor.address.toUpperCase(), '']) {
      const dialogue = await open()
      expect(await dialogue.say(oauthBearer(address, minted()))).toBe('235 2.7.0 Authentication successful')
      expect(await dialogue.say(`MAIL FROM:<${clinic.doctor.address}>`)).toMatch(/^250 /)
      dialogue.cut()
    }
  })

  test('the response may come after the command, in a line of its own', async () => {
    const dialogue = await open()
    const [, mechanism, response] = oauthBearer(clinic.doctor.address, minted()).split(' ')
    expect(await dialogue.say(`AUTH ${mechanism}`)).toMatch(/^334 ?$/)
    expect(await dialogue.say(response as string)).toMatch(/^235 /)
    expect(await dialogue.say(xoauth2(clinic.doctor.address, minted()))).toBe('503 5.5.1 Already authenticated')
    dialogue.cut()
  })

  test.skipIf(!has('curl'))('curl submits by OAUTHBEARER and by XOAUTH2, with and without an initial response', async () => {
    const file = join(folder, 'letter.eml')
    const { accounts, operators, caFile } = clinic.stage.world
    await writeFile(file, letter(clinic.doctor.address, accounts.recipient.address))
    for (const options of [['AUTH=OAUTHBEARER'], ['AUTH=XOAUTH2', '--sasl-ir']]) {
      const at = `smtp.${DOMAIN}:${operators.alpha.ports.submission}`
      const { status, stderr } = await run(tool('curl'), [
        ...['--silent', '--show-error', '--max-time', '50', '--ssl-reqd', '--cacert', caFile, '--resolve', `${at}:127.0.0.1`],
        ...['--url', `smtp://${at}/poste.test`, '--user', `${clinic.doctor.address}:`, '--oauth2-bearer', minted()],
        ...['--login-options', ...options, '--mail-from', clinic.doctor.address, '--mail-rcpt', accounts.recipient.address],
        ...['--upload-file', file],
      ])
      expect({ options, status, stderr }).toEqual({ options, status: 0, stderr: '' })
    }
  })

  test('signs in to the boxes that are its holder’s to use, and to no other', async () => {
    const outcome = async (subject: string, address: string) => {
      const dialogue = await open()
      const first = await dialogue.say(xoauth2(address, minted({ subject })))
      const reply = first === TOKEN_CHALLENGE ? await dialogue.say('') : first
      dialogue.cut()
      return reply
    }
    const { doctor, colleague, secretariat, practice, laboratory } = clinic
    const notYours = (...addresses: string[]) =>
      `535 5.7.8 The token does not open this mailbox: its holder may use ${addresses.join(', ')}`
    expect(await outcome(doctor.subject, secretariat)).toMatch(/^235 /)
    expect(await outcome(doctor.subject, practice)).toMatch(/^235 /)
    expect(await outcome(colleague.subject, practice)).toMatch(/^235 /)
    expect(await outcome(colleague.subject, secretariat)).toBe(notYours(colleague.address, practice))
    expect(await outcome(colleague.subject, doctor.address)).toBe(notYours(colleague.address, practice))
    expect(await outcome(colleague.subject, `personne@${DOMAIN}`)).toBe(notYours(colleague.address, practice))
    expect(await outcome(doctor.subject, laboratory)).toMatch(/^535 /)
    expect(await outcome('899799999999', doctor.address)).toBe(
      '535 5.7.8 The token does not open this mailbox: its holder has no mailbox here',
    )
  })

  test('a delegate who has signed in to a service’s box writes as it', async () => {
    const dialogue = await open()
    expect(await dialogue.say(xoauth2(clinic.secretariat, minted()))).toMatch(/^235 /)
    await relayed(await sendAs(dialogue, clinic.secretariat))
    await dialogue.quit()
  })

  test('a suspended box is closed to its holder, who is told', async () => {
    await clinic.boxes.suspend(clinic.colleague.address, clinic.by)
    const dialogue = await open()
    expect(await dialogue.say(xoauth2(clinic.colleague.address, minted({ subject: clinic.colleague.subject })))).toBe(TOKEN_CHALLENGE)
    expect(await dialogue.say('')).toBe('535 5.7.8 The token does not open this mailbox: it is suspended')
    dialogue.cut()
    await clinic.boxes.resume(clinic.colleague.address, clinic.by)
  })
})

describe('a connection that is kept open', () => {
  const rest = async (dialogue: Dialogue, from: string): Promise<string> => {
    const to = clinic.stage.world.accounts.recipient.address
    for (const line of [`RCPT TO:<${to}>`, 'DATA']) expect(await dialogue.say(line)).toMatch(/^(250|354) /)
    return dialogue.say(`${letter(from, to)}.`)
  }

  test('ends for who wrote as a service and is no delegate of it any more, at the next MAIL and for a letter that was begun', async () => {
    const { doctor, secretariat, boxes, by, stage } = clinic
    const [token, begun] = [await open(), await open()]
    expect(await token.say(xoauth2(secretariat, minted()))).toMatch(/^235 /)
    expect(await begun.say(authPlain({ ...doctor, password: stage.world.password }))).toMatch(/^235 /)
    expect(await begun.say(`MAIL FROM:<${secretariat}>`)).toMatch(/^250 /)
    await boxes.removeDelegate(secretariat, doctor.address, by)
    expect(await token.say(`MAIL FROM:<${secretariat}>`)).toMatch(/^(421 4\.7\.0|550 5\.7\.1) /)
    expect(await rest(begun, secretariat)).toMatch(/^550 5\.7\.1 You may send only from your own mailbox: /)
    for (const dialogue of [token, begun]) dialogue.cut()
    await boxes.addDelegate(secretariat, doctor.address, by)
  })

  test('ends for a delegate whose own box is suspended', async () => {
    const { doctor, secretariat, boxes, by } = clinic
    const dialogue = await open()
    expect(await dialogue.say(xoauth2(secretariat, minted()))).toMatch(/^235 /)
    expect(await dialogue.say(`MAIL FROM:<${secretariat}>`)).toMatch(/^250 /)
    expect(await dialogue.say('RSET')).toMatch(/^250 /)
    await boxes.suspend(doctor.address, by)
    expect(await dialogue.say(`MAIL FROM:<${secretariat}>`)).toMatch(/^550 5\.7\.1 You may send only from your own mailbox: /)
    dialogue.cut()
    await boxes.resume(doctor.address, by)
  })

  test('ends once the password or the certificate that opened it is taken back', async () => {
    const { colleague, laboratory, registered, boxes, by, stage } = clinic
    const [person, machine] = [await open(), await open('good')]
    expect(await person.say(authPlain({ ...colleague, password: stage.world.password }))).toMatch(/^235 /)
    expect(await machine.say(external(laboratory))).toMatch(/^235 /)
    await boxes.changePassword(colleague.address, 'celui-que-personne-n-a-vole', by)
    await boxes.removeCertificate(laboratory, registered, by)
    const changed = '421 4.7.0 This mailbox has been changed since you signed in: sign in again'
    expect(await person.say(`MAIL FROM:<${colleague.address}>`)).toBe(changed)
    expect(await machine.say(`MAIL FROM:<${laboratory}>`)).toBe(changed)
    for (const dialogue of [person, machine]) expect(await dialogue.closed()).toBe('')
    await boxes.changePassword(colleague.address, stage.world.password, by)
    await boxes.addCertificate(laboratory, registered, by)
  })
})

describe('a bad token gets the JSON challenge, then a reason, and the connection stays', () => {
  const cases: [string, MintOptions, RegExp][] = [
    [
      'signed with none',
      { signed: 'none' },
      /^535 5\.7\.8 The token is not one of Pro Sante Connect: it is not signed with an accepted algorithm$/,
    ],
    ['signed with HS256', { signed: 'hs256' }, /^535 5\.7\.8 The token is not one of Pro Sante Connect: it is not signed with/],
    ['signed with another key', { signed: 'other-key' }, /^535 5\.7\.8 The token is not one of Pro Sante Connect: its signature is wrong$/],
    [
      'of another issuer',
      { issuer: 'https://auth.example' },
      /^535 5\.7\.8 The token is not one of Pro Sante Connect: another issuer wrote it$/,
    ],
    ['with another audience', { audience: 'autre' }, /^535 5\.7\.8 The token was issued for other software: /],
    ['expired by a second', { expiresIn: -1 }, /^535 5\.7\.8 The token has expired, ask for a new one: it ended at 20\d\d-/],
    ['of nobody', { subject: undefined }, /^535 5\.7\.8 The token does not open this mailbox: it names no professional/],
  ]

  test.each(cases)('%s', async (_, options, reason) => {
    const dialogue = await open()
    expect(await dialogue.say(xoauth2(clinic.doctor.address, minted(options)))).toBe(TOKEN_CHALLENGE)
    expect(await dialogue.say('')).toMatch(reason)
    const discovery = `${clinic.psc.issuer}/.well-known/openid-configuration`
    const challenge = JSON.stringify({ status: 'invalid_token', scope: 'mail', 'openid-configuration': discovery })
    expect(await dialogue.say(oauthBearer(clinic.doctor.address, minted(options)))).toBe(`334 ${base64(challenge)}`)
    expect(await dialogue.say('AQ==')).toMatch(reason)
    expect(await dialogue.say(`MAIL FROM:<${clinic.doctor.address}>`)).toBe('530 5.7.0 Authentication required')
    expect(await dialogue.say(xoauth2(clinic.doctor.address, minted()))).toMatch(/^235 /)
    dialogue.cut()
  })

  test('whose session has ended', async () => {
    const token = minted()
    clinic.psc.end(token)
    const dialogue = await open()
    expect(await dialogue.say(xoauth2(clinic.doctor.address, token))).toBe(TOKEN_CHALLENGE)
    expect(await dialogue.say('')).toMatch(/^535 5\.7\.8 Pro Sante Connect says that the token is not active any more/)
    dialogue.cut()
  })

  test('which can not be checked is refused for now, without the challenge', async () => {
    clinic.psc.setFault({ kind: 'down', path: 'introspect' })
    const dialogue = await open()
    const later = '454 4.7.0 Authentication cannot be checked now, try again later'
    expect(await dialogue.say(xoauth2(clinic.doctor.address, minted()))).toBe(later)
    clinic.psc.setFault(undefined)
    expect(await dialogue.say(xoauth2(clinic.doctor.address, minted()))).toMatch(/^235 /)
    dialogue.cut()
  })

  test.each([
    ['AUTH XOAUTH2 not*base64', '501 5.5.2 The authentication response cannot be read'],
    [`AUTH XOAUTH2 ${base64('nonsense')}`, '501 5.5.2 The authentication response cannot be read'],
    ['AUTH OAUTHBEARER = =', '501 5.5.2 The authentication response cannot be read'],
    ['AUTH GSSAPI', '504 5.5.4 Unrecognized authentication type'],
    ['AUTH', '504 5.5.4 Unrecognized authentication type'],
  ])('%s', async (line, reply) => {
    const dialogue = await open()
    expect(await dialogue.say(line)).toBe(reply)
    expect(await dialogue.say('AUTH XOAUTH2')).toMatch(/^334 ?$/)
    expect(await dialogue.say('*')).toBe('501 5.7.0 Authentication cancelled')
    expect(await dialogue.say('NOOP')).toMatch(/^250 /)
    dialogue.cut()
  })
})

describe('software with a certificate', () => {
  test('signs in to the box for which it is registered, and its letter is relayed', async () => {
    for (const address of [clinic.laboratory, '']) {
      const dialogue = await open('good')
      expect(await dialogue.say(external(address))).toBe('235 2.7.0 Authentication successful')
      if (address === '') await relayed(await sendAs(dialogue, clinic.laboratory))
      await dialogue.quit()
    }
  })

  test.skipIf(!has('curl'))('curl submits by EXTERNAL', async () => {
    const file = join(folder, 'result.eml')
    const { accounts, operators, caFile } = clinic.stage.world
    await writeFile(file, letter(clinic.laboratory, accounts.recipient.address))
    const at = `smtp.${DOMAIN}:${operators.alpha.ports.submissions}`
    const { certificate, key } = clinic.files('good')
    const { status, stderr } = await run(tool('curl'), [
      ...[
        '--silent',
        '--show-error',
        '--max-time',
        '50',
        '--cacert',
        caFile,
        '--resolve',
        `${at}:127.0.0.1`,
        '--cert',
        certificate,
        '--key',
        key,
      ],
      ...['--url', `smtps://${at}/poste.test`, '--user', `${clinic.laboratory}:`, '--login-options', 'AUTH=EXTERNAL'],
      ...['--mail-from', clinic.laboratory, '--mail-rcpt', accounts.recipient.address, '--upload-file', file],
    ])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })

  test('opens no person’s box with it', async () => {
    const dialogue = await open('good')
    expect(await dialogue.say(external(clinic.doctor.address))).toMatch(
      /^535 5\.7\.8 Your certificate is not registered for this mailbox: it is CN=/,
    )
    dialogue.cut()
  })

  test('for several boxes must name one', async () => {
    const second = `imagerie.fictive@${DOMAIN}`
    const box = { type: 'APP', name: 'Imagerie fictive', structures: ['1750803447'], responsible: 'Dr Maud RESPONSABLE-FICTIVE' } as const
    await clinic.boxes.create({ ...box, structures: [...box.structures], address: second }, clinic.stage.world.password, clinic.by)
    await clinic.boxes.addCertificate(second, clinic.registered, clinic.by)
    const dialogue = await open('good')
    expect(await dialogue.say(external(''))).toMatch(/^535 5\.7\.8 .*: it is for several: name one as the authorization identity$/)
    expect(await dialogue.say(external(second))).toMatch(/^235 /)
    dialogue.cut()
    await clinic.boxes.suspend(second, clinic.by)
    const again = await open('good')
    expect(await again.say(external(second))).toMatch(/^535 5\.7\.8 .*: the mailbox is suspended$/)
    again.cut()
    await clinic.boxes.close(second, clinic.by)
  })
})

describe('on every TLS port', () => {
  /** What each client gets: at AUTH EXTERNAL on the ports of mail clients, at MAIL on the port of operators. */
  const REASONS: Record<Shown, RegExp> = {
    none: /no-certificate, no client certificate was shown/,
    selfSigned: /not-from-anchors, .*it is self-signed/,
    otherAuthority: /not-from-anchors, .*its issuer is "OTHER AC/,
    revoked: /revoked, certificate was revoked on \d{4}-\d\d-\d\d/,
    expired: /expired, certificate expired on \d{4}-\d\d-\d\d/,
    serverOnly: /wrong-usage, certificate's extended key usage does not allow TLS clients/,
    unregistered: /not registered for this mailbox: it is CN=Logiciel inconnu,/,
    good: /^235 2\.7\.0 /,
    operator: /not registered for this mailbox: it is CN=smtp\.beta/,
  }
  const clients = Object.keys(REASONS) as Shown[]
  const table = (['submission', 'submissions'] as const).flatMap(door => clients.map(client => [door, client] as const))

  test.each(table)('%s, certificate %s: EXTERNAL', async (door, client) => {
    const { dialogue, offered } = await connected(door, clinic.showing(client))
    expect(offered).toBe(`PLAIN LOGIN XOAUTH2 OAUTHBEARER${client === 'none' ? '' : ' EXTERNAL'}`)
    const reply = await dialogue.say(external(clinic.laboratory))
    expect(reply).toMatch(REASONS[client])
    if (client === 'good') return dialogue.cut()
    expect(reply).toMatch(/^535 5\.7\.8 /)
    expect(await dialogue.say(`MAIL FROM:<${clinic.laboratory}>`)).toBe('530 5.7.0 Authentication required')
    // A certificate is asked for, never required: people sign in without one, whatever their software shows.
    expect(await dialogue.say(authPlain({ ...clinic.doctor, password: clinic.stage.world.password }))).toMatch(/^235 /)
    dialogue.cut()
  })

  test.each(clients)('reception, certificate %s', async client => {
    const { operators, accounts } = clinic.stage.world
    const dialogue = await Dialogue.open(operators.alpha.ports.reception)
    await dialogue.reply()
    await dialogue.say('STARTTLS')
    await dialogue.secure(clinic.showing(client))
    expect(await dialogue.say('EHLO smtp.beta.mssante.example')).not.toMatch(/AUTH/)
    const reply = await dialogue.say(`MAIL FROM:<${accounts.recipient.address}>`)
    if (client === 'operator') expect(reply).toMatch(/^250 /)
    else if (client === 'good' || client === 'unregistered' || client === 'serverOnly') {
      expect(reply).toMatch(/^550 5\.7\.1 The white list does not give your certificate for this domain/)
    } else expect(reply).toMatch(new RegExp(`^550 5\\.7\\.1 Your certificate was refused: ${REASONS[client].source}`))
    expect(await dialogue.say(external(clinic.laboratory))).not.toMatch(/^2/)
    dialogue.cut()
  })

  test('nothing is offered, and nothing taken, before TLS', async () => {
    const dialogue = await Dialogue.open(clinic.stage.world.operators.alpha.ports.submission)
    await dialogue.reply()
    expect(await dialogue.say('EHLO practice.example')).not.toMatch(/AUTH/)
    expect(await dialogue.say(external(clinic.laboratory))).toMatch(/^530 5\.7\.0 /)
    dialogue.cut()
  })
})

test('an operator that takes no tokens and no certificates offers neither', async () => {
  const dialogue = await Dialogue.open(clinic.stage.world.operators.beta.ports.submissions, { rejectUnauthorized: false })
  await dialogue.reply()
  expect(await dialogue.say('EHLO practice.example')).toMatch(/^250-AUTH PLAIN LOGIN$/m)
  for (const line of [xoauth2('a@b.test', 'x.y.z'), oauthBearer('', 'x.y.z'), external('')]) {
    expect(await dialogue.say(line)).toBe('504 5.5.4 Unrecognized authentication type')
  }
  dialogue.cut()
})

test('a stranger who guesses is told to wait, and the doctor signs in from where he works', async () => {
  const from = (localAddress: string) => connected('submissions', { ...clinic.showing('none'), localAddress } as ConnectionOptions)
  const { password } = clinic.stage.world
  const { address } = clinic.colleague
  const cabinet = await from('127.0.0.10')
  expect(await cabinet.dialogue.say(authPlain({ address, password }))).toMatch(/^235 /)
  const { dialogue: stranger } = await from('127.0.0.66')
  for (let count = 0; count < 5; count += 1)
    expect(await stranger.say(authPlain({ address, password: `${password}${count}` }))).toMatch(/^535 /)
  expect(await stranger.say(authPlain({ address, password }))).toMatch(
    /^454 4\.7\.0 Too many failed sign-ins from your network: wait \d+ seconds$/,
  )
  const again = await from('127.0.0.10')
  expect(await again.dialogue.say(authPlain({ address, password }))).toMatch(/^235 /)
  for (const dialogue of [cabinet.dialogue, stranger, again.dialogue]) dialogue.cut()
})

test('a certificate that is revoked while the gateway runs is refused once the new list is on the disk', async () => {
  const { stage, laboratory } = clinic
  const issued = await stage.world.pki.issue({
    kind: 'client',
    commonName: 'Logiciel du laboratoire',
    organization: 'LABORATOIRE FICTIF',
    structure: '1750803447',
  })
  const shown = { ...clinic.showing('none'), cert: issued.certificatePem + stage.world.pki.authorities[1], key: issued.keyPem }
  const attempt = async () => {
    const { dialogue } = await connected('submissions', shown)
    const reply = await dialogue.say(external(laboratory))
    dialogue.cut()
    return reply
  }
  expect(await attempt()).toMatch(/^235 /)
  stage.world.pki.revoke(issued)
  await stage.world.pki.write(join(folder, 'clients'))
  await until('the new list is read', async () => (await gatewayLog()).includes('"place":"signIn.certificates"'), 60_000)
  expect(await attempt()).toMatch(/^535 5\.7\.8 Your certificate was refused: revoked, /)
}, 90_000)

test('no token, password or certificate’s key stands in the log', async () => {
  const log = await gatewayLog()
  expect(log).toContain('"reason":"tokenExpired"')
  expect(log).toContain('"by":"EXTERNAL"')
  expect(secrets.length).toBeGreaterThan(20)
  for (const secret of [...secrets, clinic.stage.world.password, clinic.psc.introspection.clientSecret])
    expect(log.includes(secret)).toBe(false)
})
