import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packageRoot } from '../../../config/paths.ts'
import { authPlain, base64, Dialogue } from '../../support/dialogue.ts'
import { type Players, play } from '../../support/script.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { until } from '../../support/until.ts'
import { createPki, type Issued, selfSigned } from '../../world/pki.ts'

const DAY = 86_400_000
const folder = join(packageRoot, 'test/e2e/dialogues')
const certificates: Record<string, ConnectionOptions> = { none: {} }

let stage: Stage
let players: Players

beforeAll(async () => {
  stage = await openStage({ professionals: 1_100, prepare: pki => issueAll(pki) })
  const { accounts, operators, shared, password, people } = stage.world
  const { certificate, key, chain } = operators.beta.keys.server
  certificates.beta = { cert: [certificate, chain].map(file => readFileSync(file, 'utf8')).join(''), key: readFileSync(key) }
  const { sender, recipient } = accounts
  const colleague = people.find(({ operator, address }) => operator === 'alpha' && address !== sender.address)!.address
  const values = {
    sender: sender.address,
    SENDER: sender.address.toUpperCase(),
    colleague,
    recipient: recipient.address,
    RECIPIENT: recipient.address.toUpperCase(),
    user64: base64(sender.address),
    password64: base64(password),
    plain: base64(`\0${sender.address}\0${password}`),
    wrongPlain: base64(`\0${sender.address}\0${password}x`),
    strangerPlain: base64(`\0nobody@alpha.mssante.example\0${password}`),
    peerPlain: base64(`\0${recipient.address}\0${password}`),
  }
  const server: ConnectionOptions = { ca: shared.anchors.map(file => readFileSync(file)), servername: 'smtp.alpha.mssante.example' }
  players = {
    values,
    door: name => ({
      port: operators.alpha.ports[name as keyof typeof operators.alpha.ports],
      ...(name === 'submissions' ? { tls: server } : {}),
    }),
    certificate: name => ({ ...server, ...certificates[name]! }),
  }
})
afterAll(() => stage[Symbol.asyncDispose]())

async function issueAll(pki: Awaited<ReturnType<typeof createPki>>) {
  const now = new Date()
  const stranger = await createPki({ now, label: 'OTHER' })
  const named = { organization: 'OPERATEUR BETA', structure: '1699999025', commonName: 'smtp.beta.mssante.example' }
  const use = (name: string, { certificatePem, keyPem }: Issued, chain: string | undefined) => {
    certificates[name] = { cert: certificatePem + (chain ?? ''), key: keyPem }
  }
  const ours = pki.authorities[1]
  const revoked = await pki.issue({ ...named, kind: 'server' })
  pki.revoke(revoked)
  use('revoked', revoked, ours)
  use('selfSigned', await selfSigned('smtp.beta.mssante.example', now), undefined)
  use('otherAuthority', await stranger.issue({ ...named, kind: 'server' }), stranger.authorities[1])
  const past = { notBefore: new Date(now.getTime() - 30 * DAY), notAfter: new Date(now.getTime() - DAY) }
  use('expired', await pki.issue({ ...named, kind: 'server', ...past }), ours)
  use('signature', await pki.issue({ ...named, kind: 'signature' }), ours)
  use('unlisted', await pki.issue({ ...named, kind: 'server', commonName: 'smtp.delta.mssante.example' }), ours)
  const gamma = await pki.issue({ ...named, kind: 'server', commonName: 'smtp.gamma.mssante.example' })
  const idn = await pki.issue({ ...named, kind: 'server', commonName: 'smtp.idn.mssante.example' })
  use('idn', idn, ours)
  return [
    { domain: 'gamma.mssante.example', dn: gamma.subject, description: 'Opérateur Gamma (fictif)' },
    { domain: 'xn--sant-epa.mssante.example', dn: idn.subject, description: 'Domaine accentué (fictif)' },
  ]
}

test.each(readdirSync(folder).map(file => [basename(file, '.smtp'), file]))('%s', (_, file) => play(join(folder, file!), players))

test('the 501st recipient waits for another transaction', async () => {
  const { operators, people, accounts, password } = stage.world
  const { sender } = accounts
  const { port, tls } = players.door('submissions')
  const dialogue = await Dialogue.open(port, tls)
  await dialogue.reply()
  await dialogue.say('EHLO practice.example')
  expect(await dialogue.say(authPlain({ ...sender, password }))).toMatch(/^235 2\.7\.0 /)
  await dialogue.say(`MAIL FROM:<${sender.address}>`)
  const many = people.filter(({ operator }) => operator === 'beta').map(({ address }) => address)
  expect(many.length).toBeGreaterThan(501)
  const replies: string[] = []
  await dialogue.write(
    many
      .slice(0, 501)
      .map(address => `RCPT TO:<${address}>\r\n`)
      .join(''),
  )
  for (let count = 0; count < 501; count += 1) replies.push(await dialogue.reply())
  expect(replies.slice(0, 500).filter(reply => !reply.startsWith('250 2.1.5 '))).toEqual([])
  expect(replies[500]).toBe('452 4.5.3 Too many recipients, send the others in another transaction')
  // The five hundred are served.
  expect(await dialogue.say('DATA')).toMatch(/^354 /)
  const accepted = await dialogue.say(`From: <${sender.address}>\r\n\r\nBonjour à tous.\r\n.`)
  expect(accepted).toMatch(/^250 2\.0\.0 Accepted as /)
  const id = accepted.split(' ').at(-1)!
  await until('500 relayed', async () => {
    const timeline = await stage.timeline(operators.alpha.name, id)
    return timeline && timeline.recipients.length === 500 && timeline.recipients.every(({ relay }) => relay === 'sent')
  })
  await dialogue.quit()
}, 120_000)

test('what was refused left nothing behind', async () => {
  const db = await stage.rows('alpha')
  const senders = await db.run<{ sender: string; origin: string }>({
    sql: "SELECT DISTINCT sender, origin FROM message WHERE origin <> 'report'",
    parameters: [],
  })
  const { sender, recipient } = stage.world.accounts
  for (const row of senders) {
    const expected = row.origin === 'submission' ? [sender.address] : [recipient.address, '']
    expect(expected).toContain(row.sender)
  }
})
