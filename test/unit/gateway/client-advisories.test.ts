import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createSecureContext, TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../../config/paths.ts'
import { connect } from '../../../gateway/couriers/connection.ts'
import { hush } from '../../../gateway/receipts/index.ts'
import type { Leg } from '../../../gateway/spool/index.ts'
import { openTrust } from '../../../gateway/trust.ts'
import { createPki, type Issued } from '../../world/pki.ts'
import { BOX, type Doors, issue, OURS, openDoors, PEER_BOX, spaceOf, THEIRS } from './door.ts'

/** Published weaknesses of nodemailer's SMTP client and of node-forge, by their names, tried through our courier. */
let doors: Doors
beforeAll(async () => {
  doors = await openDoors()
})
afterAll(() => doors[Symbol.asyncDispose]())

/** A server of the other operator that answers as it is told and keeps every line that it hears. */
async function fakePeer(
  options: { issued?: Issued; afterStarttls?: string; noStarttls?: boolean; answer?: (line: string) => string | undefined } = {},
) {
  const heard: string[] = []
  const plain: string[] = []
  const issued = options.issued ?? doors.peer
  const secureContext = createSecureContext({ cert: issued.certificatePem + doors.pki.authorities[1], key: issued.keyPem })
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    const talk = (stream: Socket, lines: string[]) => {
      let inData = false
      stream.on('data', chunk => {
        for (const line of chunk.toString('latin1').split('\r\n').filter(Boolean)) {
          lines.push(line)
          if (inData) inData = line !== '.'
          if (inData) continue
          const told = options.answer?.(line)
          if (told !== undefined) {
            stream.write(told)
            continue
          }
          if (/^EHLO/i.test(line))
            stream.write(
              `250-peer\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250-DSN\r\n${stream instanceof TLSSocket || options.noStarttls ? '' : '250-STARTTLS\r\n'}250 8BITMIME\r\n`,
            )
          else if (/^STARTTLS/i.test(line) && options.noStarttls) stream.write('502 5.5.1 what?\r\n')
          else if (/^STARTTLS/i.test(line)) {
            stream.removeAllListeners('data')
            stream.write(`220 go\r\n${options.afterStarttls ?? ''}`)
            const secured = new TLSSocket(stream, { isServer: true, secureContext })
            secured.on('error', () => {})
            talk(secured, heard)
            return
          } else if (/^DATA/i.test(line)) {
            inData = true
            stream.write('354 go\r\n')
          } else stream.write('250 2.0.0 OK\r\n')
        }
      })
    }
    socket.write('220 peer ESMTP\r\n')
    talk(socket, plain)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    heard,
    plain,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

const leg = (change: Partial<Leg> = {}): Leg => ({
  message_id: 'm1',
  position: 0,
  address: PEER_BOX,
  domain: THEIRS,
  orcpt: null,
  notify: null,
  relay: 'sending',
  receipt: 'awaited',
  attempts: 0,
  due_at: 0,
  claimed_by: 'here',
  status: null,
  diagnostic: null,
  peer: null,
  warned_at: null,
  settled_at: null,
  receipt_due_at: null,
  origin: 'submission',
  sender: BOX,
  box: BOX,
  envid: 'e1',
  ret: null,
  eight_bit: 0,
  utf8: 0,
  size: 100,
  report: null,
  about: null,
  accepted_at: 0,
  handed_in_by: null,
  ...change,
})
const CONTENT = Buffer.from(`From: <${BOX}>\r\n\r\nBonjour\r\n`)

describe('commands in what should be one value', () => {
  test.each<[string, Partial<Leg>]>([
    ['GHSA-c7w3-x93f-qmm8: envelope.size', { size: '10\r\nRCPT TO:<evil@evil.test>' as never }],
    ['the reverse-path', { sender: `${BOX}>\r\nRCPT TO:<evil@evil.test` }],
    ['the recipient', { address: `${PEER_BOX}>\r\nRCPT TO:<evil@evil.test` }],
    ['ENVID', { envid: 'e\r\nRCPT TO:<evil@evil.test>' }],
    ['ORCPT', { orcpt: 'rfc822;x\r\nRCPT TO:<evil@evil.test>' }],
    ['NOTIFY', { notify: 'SUCCESS\r\nRCPT TO:<evil@evil.test>' }],
    ['RET', { ret: 'HDRS\r\nRCPT TO:<evil@evil.test>' as never }],
  ])('%s', async (_, change) => {
    await using peer = await fakePeer()
    const courier = doors.relayTo(peer.host)
    await courier.deliver(leg(change), CONTENT)
    await courier.close()
    expect(peer.heard.filter(line => /^(?:RCPT TO|MAIL FROM):<evil/.test(line))).toEqual([])
    expect(peer.heard.filter(line => /^RCPT TO:/.test(line)).length).toBeLessThanOrEqual(1)
  })

  test('GHSA-vvjj-xcjg-gr5g: the name of the transport', async () => {
    await using peer = await fakePeer()
    const connection = await connect(peer.host, THEIRS, { trust: doors.trust, hostname: 'smtp.a.test\r\nMAIL FROM:<evil@evil.test>' })
    connection.close()
    expect([...peer.plain, ...peer.heard].filter(line => /^MAIL/.test(line))).toEqual([])
  })
})

describe('a peer that refuses a recipient', () => {
  test('and never answers RSET holds up nothing: the attempt ends, and the next one goes over another connection', async () => {
    let isHealthy = false
    await using peer = await fakePeer({
      answer: line => {
        if (/^RSET/.test(line)) return '' // for ever
        return /^RCPT/.test(line) && !isHealthy ? '452 4.2.2 later\r\n' : undefined
      },
    })
    const courier = doors.relayTo(peer.host)
    expect(await courier.deliver(leg(), CONTENT)).toMatchObject({ kind: 'deferred', status: '4.2.2' })
    isHealthy = true
    expect(await courier.deliver(leg(), CONTENT)).toMatchObject({ kind: 'relayed' })
    await courier.close()
  })

  test('in words that may hold an INS: the ledger does not repeat it', async () => {
    await using peer = await fakePeer({
      answer: line => (/^RCPT/.test(line) ? '550 5.1.1 <185017512345678@patient.mssante.test> unknown\r\n' : undefined),
    })
    const courier = doors.relayTo(peer.host)
    const outcome = await courier.deliver(leg(), CONTENT)
    expect(outcome).toMatchObject({ kind: 'failed', status: '5.1.1' })
    expect(JSON.stringify(outcome)).not.toContain('185017512345678')
    expect(hush('250 2.0.0 Accepted as 01a2022b23d2f0e71fe4ca02')).toContain('01a2022b23d2f0e71fe4ca02')
    for (const ins of ['INS185017512345678', '1 85 01 75 123 456 78', '<18501 2A 123 456 78@patient>']) expect(hush(ins)).toContain('***')
    await courier.close()
  })
})

describe('TLS', () => {
  test('GHSA-6vj9-mwq6-2f5v: the name that one connection expects is never another’s', async () => {
    const third = await issue(doors.pki, 'c.mssante.test')
    const trust = openTrust({
      anchors: doors.anchors,
      identity: () => doors.identity,
      space: spaceOf({ [THEIRS]: doors.peer, 'c.mssante.test': third }),
      contact: `postmaster@${OURS}`,
    })
    await using ofB = await fakePeer()
    await using ofC = await fakePeer({ issued: third })
    const to = (peer: { host: { host: string; port: number } }, domain: string) =>
      connect(peer.host, domain, { trust, hostname: 'smtp.a.test' }).then(
        connection => {
          connection.close()
          return connection.peer
        },
        () => 'refused',
      )
    // Side by side, right and crossed, again and again: each is judged for its own domain.
    const found = await Promise.all(
      [1, 2, 3].flatMap(() => [to(ofB, THEIRS), to(ofC, THEIRS), to(ofB, 'c.mssante.test'), to(ofC, 'c.mssante.test')]),
    )
    const name = (domain: string) => expect.stringMatching(`^CN=smtp\\.${domain.replaceAll('.', '\\.')},`)
    expect(found).toEqual([1, 2, 3].flatMap(() => [name(THEIRS), 'refused', 'refused', name('c.mssante.test')]))
  })

  test('a server that shows another operator’s certificate: nothing is said to it, and the ledger says what it showed', async () => {
    const third = await issue(doors.pki, 'c.mssante.test')
    await using peer = await fakePeer({ issued: third })
    const courier = doors.relayTo(peer.host)
    expect(await courier.deliver(leg(), CONTENT)).toMatchObject({
      kind: 'deferred',
      status: '4.7.1',
      reason: 'peerNotListed',
      diagnostic: expect.stringMatching(
        /^their certificate is not one that the white list gives for b\.mssante\.test: shown CN=smtp\.c\.mssante\.test,.*, expected CN=smtp\.b\./,
      ),
    })
    await courier.close()
    expect(peer.heard).toEqual([])
  })

  test('a server whose certificate was made by another authority: the ledger says so', async () => {
    const stranger = await createPki({ now: new Date(), label: 'OTHER', key: 'ec' })
    await using peer = await fakePeer({ issued: await issue(stranger, THEIRS) })
    const courier = doors.relayTo(peer.host)
    expect(await courier.deliver(leg(), CONTENT)).toMatchObject({
      kind: 'deferred',
      status: '4.7.5',
      diagnostic: expect.stringMatching(/^their certificate: /),
    })
    await courier.close()
    expect(peer.heard).toEqual([])
  })

  test('STARTTLS response injection (PR 1835): what was said in clear after 220 is forgotten', async () => {
    await using peer = await fakePeer({ afterStarttls: '250-injected\r\n250-SMTPUTF8\r\n250 AUTH PLAIN\r\n' })
    const connected = await connect(peer.host, THEIRS, { trust: doors.trust, hostname: 'smtp.a.test' }).then(
      connection => {
        connection.close()
        return connection.takesUtf8
      },
      () => 'refused',
    )
    expect(connected).not.toBe(true)
  })

  test('STARTTLS stripping: a peer that does not offer it hears nothing but EHLO', async () => {
    await using peer = await fakePeer({ noStarttls: true })
    const courier = doors.relayTo(peer.host)
    expect(await courier.deliver(leg(), CONTENT)).toMatchObject({ kind: 'deferred' })
    await courier.close()
    expect(peer.plain.filter(line => /^(MAIL|RCPT|DATA|From)/.test(line))).toEqual([])
  })
})

describe('node-forge', () => {
  /** CVE-2022-24771, -24772, -24773 (PKCS#1 v1.5 verification), CVE-2020-7720, -2022-0122 (url, util.setPath), CVE-2025-66030 (OIDs in verification). */
  test('neither its signatures, nor its keys, nor its certificates, nor its TLS are loaded anywhere', () => {
    const imports = sources().flatMap(file =>
      [...readFileSync(join(packageRoot, file), 'utf8').matchAll(/^import (?!type)[^\n]*from '(node-forge[^']*)'/gm)].map(
        ([, name]) => name,
      ),
    )
    expect(imports.filter(name => !/^node-forge\/lib\/(?:asn1|rc2|util)\.js$/.test(name!))).toEqual([])
  })

  function sources(): string[] {
    return ['config', 'crypto', 'directory', 'dmp-bridge', 'gateway'].flatMap(room =>
      readdirSync(join(packageRoot, room), { recursive: true, encoding: 'utf8' })
        .filter(name => name.endsWith('.ts') && !name.endsWith('.d.ts'))
        .map(name => join(room, name)),
    )
  }
})

/** The versions that mended the above; a lock file that goes back is noticed. */
test.each([
  ['smtp-server', [3, 19, 23]],
  ['nodemailer', [9, 0, 3]],
  ['node-forge', [1, 3, 2]],
] as const)('%s is not older than its last advisory', (name, atLeast) => {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'node_modules', name, 'package.json'), 'utf8')) as { version: string }
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  const weigh = (parts: readonly number[]) => parts.reduce((sum, part) => sum * 1_000 + part, 0)
  expect(weigh([major, minor, patch])).toBeGreaterThanOrEqual(weigh(atLeast))
})
