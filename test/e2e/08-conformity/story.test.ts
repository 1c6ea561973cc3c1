import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pli } from '../../support/cli.ts'
import { Dialogue } from '../../support/dialogue.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { stoppable } from '../../support/stop-at.ts'
import { until } from '../../support/until.ts'
import { boxOf, CASES, type Case, domainOf, type Name, RIGHT, startTool, type Tool } from './world.ts'

/**
 * The six cases of the national test tool, tried on a running gateway from both sides: as a peer that hands us a letter, and as one that we
 * should hand a letter to. With PLI_REPORT=FILE the sentences are written there, as a table.
 */
let stage: Stage
let tool: Tool
let folder: string
const rows: string[][] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-conformity-'))
  stage = await openStage({
    env: { alpha: stoppable(folder, { hurry: 20 }).env }, // upkeep looks at the revocation lists every 1.5 s
    prepare: async pki => {
      tool = await startTool(pki)
      return tool.listed
    },
  })
})
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]()
  await tool?.close()
  await rm(folder, { recursive: true, force: true })
  const table = [['case', 'direction', 'reason', 'sentence'], ...rows].map(row => row.join('\t')).join('\n')
  if (process.env.PLI_REPORT) await writeFile(process.env.PLI_REPORT, `${table}\n`)
})

const CONTACT = 'postmaster@alpha.mssante.example'
const DATE = '\\d{4}-\\d\\d-\\d\\d'
const name = (cn: string, organisation = 'OUTIL FICTIF') =>
  `CN=${cn}\\.motco\\.example,OU=1699999025,O=${organisation},ST=Paris \\(75\\),C=FR`

/** What each is told, at our port 25 and in our own ledger. */
const WORDS: Record<Case, { reason: string; inbound: string; outbound: [status: string, words: string] }> = {
  'cert-expire': {
    reason: 'peerExpired',
    inbound: `550 5\\.7\\.1 Your certificate was refused: expired, certificate expired on ${DATE}`,
    outbound: ['4.7.5', `their certificate: expired, certificate expired on ${DATE}`],
  },
  'cert-revoque': {
    reason: 'peerRevoked',
    inbound: `550 5\\.7\\.1 Your certificate was refused: revoked, certificate was revoked on ${DATE}`,
    outbound: ['4.7.5', `their certificate: revoked, certificate was revoked on ${DATE}`],
  },
  'cert-non-igc': {
    reason: 'peerNotFromAuthority',
    inbound: '550 5\\.7\\.1 Your certificate was refused: not-from-anchors, .* its issuer is "OTHER AC IGC-PLI ELEMENTAIRE ORGANISATIONS"',
    outbound: ['4.7.5', 'their certificate: not-from-anchors, .* its issuer is "OTHER AC IGC-PLI ELEMENTAIRE ORGANISATIONS"'],
  },
  'cert-cn-diff-dn': {
    reason: 'peerNameDiffers',
    inbound: `550 5\\.7\\.1 The CN of your certificate is not the one that the white list gives for this domain: shown ${name('renamed')}, expected ${name('cert-cn-diff-dn')}`,
    outbound: [
      '4.7.1',
      `the CN of their certificate is not the one that the white list gives for ${domainOf('cert-cn-diff-dn')}: shown ${name('renamed')}, expected ${name('cert-cn-diff-dn')}`,
    ],
  },
  'cert-no-match': {
    reason: 'peerNotListed',
    inbound: `550 5\\.7\\.1 The white list does not give your certificate for this domain: shown ${name('cert-valide', 'AUTRE OPERATEUR FICTIF')}, expected ${name('cert-no-match', 'AUTRE OPERATEUR FICTIF')}`,
    outbound: [
      '4.7.1',
      `their certificate is not one that the white list gives for ${domainOf('cert-no-match')}: shown .*, expected ${name('cert-no-match', 'AUTRE OPERATEUR FICTIF')}`,
    ],
  },
  'sans-tls': {
    reason: 'tlsRequired',
    inbound: '530 5\\.7\\.0 Must issue a STARTTLS command first: nothing is taken in clear text',
    outbound: ['4.7.0', 'they offer no TLS, and nothing is sent in clear text: .*'],
  },
}

/** Connects to port 25 of alpha as an operator does. @returns the replies to MAIL, RCPT and DATA */
async function handIn(from: string, shows: { cert: string; key: string } | undefined, count = 3): Promise<string[]> {
  const { operators, accounts, shared } = stage.world
  const dialogue = await Dialogue.open(operators.alpha.ports.reception)
  try {
    await dialogue.reply()
    await dialogue.say('EHLO peer.motco.example')
    if (shows) {
      await dialogue.say('STARTTLS')
      const ca = await Promise.all(shared.anchors.map(file => readFile(file)))
      const tls: ConnectionOptions = { ca, servername: 'smtp.alpha.mssante.example', ...shows }
      await dialogue.secure(tls)
      await dialogue.say('EHLO peer.motco.example')
    }
    const replies: string[] = []
    for (const line of [`MAIL FROM:<${from}>`, `RCPT TO:<${accounts.sender.address}>`, 'DATA'].slice(0, count))
      replies.push(await dialogue.say(line))
    return replies
  } finally {
    dialogue.cut()
  }
}

/** What alpha's log says under an event. */
const logged = (event: string) => stage.logged('alpha', event)

const letterTo = (address: string) =>
  Buffer.from(
    `From: <${stage.world.accounts.sender.address}>\r\nTo: <${address}>\r\nSubject: essai\r\n\r\nCeci ne doit partir que vers qui convient.\r\n`,
  )

describe('a peer that hands us a letter', () => {
  test.each(CASES)('%s: refused at MAIL, with its fault and whom to ask; the log has the reason', async which => {
    const { reason, inbound } = WORDS[which]
    const before = (await logged('refused')).length
    const [mail = '', rcpt, data] = await handIn(boxOf(which), tool.certificates[which])
    expect(mail).toMatch(new RegExp(`^${inbound}; ask ${CONTACT}$`))
    expect(mail.length).toBeLessThanOrEqual(510) // RFC 5321 §4.5.3.1.5
    expect(mail).toMatch(/^[\x20-\x7e]+$/)
    expect([rcpt, data]).toEqual([expect.stringMatching(/^5\d\d /), expect.stringMatching(/^5\d\d /)])
    await until('the log', async () =>
      (await logged('refused')).slice(before).some(line => line.reason === reason && line.door === 'reception'),
    )
    rows.push([which, 'inbound', reason, mail])
  })

  // The certificate of cert-no-match is listed, for another domain: it may bring reports, about its own.
  test.each(CASES.filter(which => which !== 'cert-no-match'))('%s: not even with a report', async which => {
    const [mail = ''] = await handIn('', tool.certificates[which], 1)
    expect(mail).toMatch(new RegExp(`^5[35]0 5\\.7\\.[01] .*; ask ${CONTACT}$`))
  })

  test.each(RIGHT)('%s: accepted', async which => {
    const replies = await handIn(boxOf(which), tool.certificates[which])
    expect(replies.map(reply => reply.slice(0, 3))).toEqual(['250', '250', '354'])
  })

  test('each case has a reason and a sentence of its own', () => {
    const inbound = rows.filter(([, direction]) => direction === 'inbound')
    expect(new Set(inbound.map(([, , reason]) => reason)).size).toBe(6)
    expect(new Set(inbound.map(([, , , sentence]) => sentence)).size).toBe(6)
  })
})

describe('a peer that we have a letter for', () => {
  test.each(CASES)('%s: nothing is sent, the letter waits, and its ledger says why', async which => {
    const { alpha } = stage.world.operators
    const { reason, outbound } = WORDS[which]
    const [status, words] = outbound
    const id = await stage.submit(stage.world.accounts.sender, boxOf(which), letterTo(boxOf(which)))
    const { recipients, lines } = await stage.when('alpha', id, ({ recipients: [recipient] }) => recipient!.attempts > 0)
    expect(recipients).toMatchObject([{ relay: 'queued', receipt: 'awaited', status }])
    const deferred = lines.find(({ what }) => what === 'deferred')!
    expect(deferred.detail).toMatchObject({ status, reason })
    expect(deferred.detail.diagnostic).toMatch(new RegExp(`^${words}$`))
    expect(toldTo(which)).toEqual([])
    const trace = await pli('trace', id, '-c', alpha.configuration)
    expect(trace.stdout).toContain(`reason=${reason}`)
    expect(trace.stdout).toMatch(new RegExp(words.replaceAll('"', '\\\\"')))
    await until('the log', async () =>
      (await logged('deferred')).some(line => line.id === id && line.reason === reason && line.status === status),
    )
    rows.push([which, 'outbound', reason, `${status} ${deferred.detail.diagnostic}`])
  })

  test.each(RIGHT)('%s: it is sent', async which => {
    const id = await stage.submit(stage.world.accounts.sender, boxOf(which), letterTo(boxOf(which)))
    await stage.when('alpha', id, ({ recipients: [recipient] }) => recipient!.relay === 'sent')
    expect(toldTo(which)).toContain(`RCPT TO:<${boxOf(which)}>`)
  })
})

/** What a peer heard beyond a greeting. */
function toldTo(which: Name): string[] {
  const { clear, secured } = tool.peers[which].heard
  return [...clear, ...secured].filter(line => !/^(EHLO .*|STARTTLS|QUIT)$/.test(line)).map(line => line.replace(/ (ORCPT|NOTIFY)=.*$/, ''))
}

test('a certificate that is revoked while we run is refused from then on, on both sides, without a restart', async () => {
  const { world } = stage
  const { beta } = world.operators
  const [certificate, chain, key] = await Promise.all(
    [beta.keys.server.certificate, beta.keys.server.chain, beta.keys.server.key].map(file => readFile(file, 'utf8')),
  )
  const shows = { cert: certificate! + chain, key: key! }
  const { recipient, sender } = world.accounts
  expect(await handIn(recipient.address, shows, 1)).toEqual([expect.stringMatching(/^250 /)])

  world.pki.revoke({ serial: Buffer.from(new X509Certificate(certificate!).serialNumber, 'hex') })
  await world.pki.write(join(world.folder, 'pki'))
  await until('the refusal', async () =>
    /^550 5\.7\.1 Your certificate was refused: revoked, /.test((await handIn(recipient.address, shows, 1))[0]!),
  )
  await until('the log', async () => (await logged('authorities-renewed')).length > 0)

  const id = await stage.submit(sender, recipient.address, letterTo(recipient.address))
  const { lines } = await stage.when('alpha', id, ({ recipients: [one] }) => one!.attempts > 0)
  expect(lines.find(({ what }) => what === 'deferred')?.detail).toMatchObject({ status: '4.7.5', reason: 'peerRevoked' })
})
