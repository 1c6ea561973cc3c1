import { simpleParser } from 'mailparser'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Log, silent } from '../../../config/index.ts'
import { type AuditEntry, type CertificateFacts, readCertificate } from '../../../crypto/index.ts'
import { type CertificateAlarm, certificateMigrations, openCertificateAlarm } from '../../../gateway/certificates/alarm.ts'
import type { NamedCertificate } from '../../../gateway/certificates/inventory.ts'
import { openReportWriter } from '../../../gateway/report-writer.ts'
import type { Leg, Spool } from '../../../gateway/spool/index.ts'
import { createPki } from '../../world/pki.ts'
import { DAY, HOUR, openSpoolWorld, type SpoolWorld } from './spool-world.ts'

const START = Date.UTC(2026, 0, 5)
const POSTMASTER = 'postmaster@a.mssante.test'

let server: CertificateFacts
let client: CertificateFacts
let authority: CertificateFacts
let mail: SpoolWorld
let alarm: CertificateAlarm
let lines: { event: string; detail: Record<string, unknown> }[]
let legs: Leg[]
let revoked: Set<CertificateFacts>
let audited: AuditEntry[]
const note = (event: string, detail: Record<string, unknown> = {}) => void lines.push({ event, detail })
const log: Log = { ...silent, warn: note, error: note }
const notes = { note: (entry: AuditEntry) => void audited.push(entry), over: (entry: AuditEntry) => void audited.push(entry) }

beforeAll(async () => {
  const pki = await createPki({ now: new Date(START), key: 'ec' })
  const issue = async (kind: 'server' | 'client', days: number) => {
    const notAfter = new Date(START + days * DAY)
    const named = { commonName: `${kind}.test`, organization: 'OPERATEUR FICTIF', structure: '1750000001', key: 'ec' } as const
    return readCertificate((await pki.issue({ kind, notAfter, ...named })).certificatePem)
  }
  ;[server, client] = await Promise.all([issue('server', 100), issue('client', 100.5)])
  authority = { ...readCertificate(pki.authorities[0]!), notAfter: new Date(START + 400 * DAY) }
})

const named = (): NamedCertificate[] => [
  { place: 'tls', kind: 'own', facts: server, isRevoked: revoked.has(server) },
  { place: 'dmp.client', kind: 'own', facts: client, isRevoked: revoked.has(client) },
  { place: 'tls', kind: 'authority', facts: authority },
  { place: 'whiteList', kind: 'authority', facts: authority },
]

/** A process over the rows, which has just started. */
function start(spool: Spool): CertificateAlarm {
  const now = () => mail.now
  let count = 0
  const newId = () => `notice-${++count}`
  const reports = openReportWriter({ spool, hostname: 'smtp.a.mssante.test', postmaster: POSTMASTER, now, newId })
  return openCertificateAlarm({
    ...{ db: mail.db, spool, reports, notes, now, log },
    certificates: named,
    onReport: given => legs.push(...given),
  })
}

beforeEach(async () => {
  mail = await openSpoolWorld(certificateMigrations)
  mail.now = START
  lines = []
  legs = []
  audited = []
  revoked = new Set()
  alarm = start(mail.spool)
})
afterEach(() => mail[Symbol.asyncDispose]())

/** A look on a day, as many as there are hours in it. */
async function on(day: number, by = alarm): Promise<void> {
  for (let hour = 0; hour < 3; hour += 1) {
    mail.now = START + day * DAY + hour * HOUR
    await by.tick()
  }
}
const told = () => lines.map(({ detail }) => `${detail.places} ${detail.days}`)

test('a certificate is told of at 60, 30 and 7 days, once each, and not before', async () => {
  for (let day = 30; day < 100; day += 1) await on(day)
  expect(told()).toEqual(['tls 59', 'dmp.client 59', 'tls 29', 'dmp.client 29', 'tls 6', 'dmp.client 6'])
  expect(lines[0]).toEqual({
    event: 'certificate-ends',
    detail: {
      places: 'tls',
      name: 'CN=server.test,OU=1750000001,O=OPERATEUR FICTIF,ST=Paris (75),C=FR',
      serial: server.serial,
      until: server.notAfter.toISOString(),
      days: 59,
    },
  })
})

test('neither a restart nor another process repeats it', async () => {
  await on(75)
  await on(75, start(mail.spool))
  await on(76, start(mail.as('other')))
  expect(told()).toEqual(['tls 25', 'dmp.client 25'])
  expect(legs).toHaveLength(1)
})

test('two processes that look at once write one mail', async () => {
  mail.now = START + 75 * DAY
  await Promise.all([alarm.tick(), start(mail.as('other')).tick()])
  expect(legs).toHaveLength(1)
  expect(lines).toHaveLength(2)
})

test('the postmaster is told in French what ends, where it is named, and that only a valid one is renewed', async () => {
  await on(95)
  expect(legs.map(({ address, sender }) => [address, sender])).toEqual([[POSTMASTER, '']])
  const letter = await simpleParser(await mail.spool.read(legs[0]!.message_id))
  expect(letter.subject).toBe('Certificats à renouveler : terme dans 5 jours')
  expect(letter.headers.get('auto-submitted')).toBe('auto-generated')
  for (const words of [
    'certificat de serveur (SERV SSL) : terme dans 5 jours, le 15 avril 2026 à 02:00 (heure de Paris)',
    'certificat client du DMP (ORG AUTH_CLI)',
    `Numéro de série : ${server.serial}`,
    'Dans la configuration : tls',
    'ne renouvelle un certificat que tant que l’ancien est encore valable',
  ])
    expect(letter.text?.replace(/\n(?! |-)/g, ' ')).toContain(words)
  expect(letter.text).not.toContain('autorité,')
})

test('an authority that several places name is told once, with what its operator can do', async () => {
  await on(395)
  expect(told()).toContain('tls whiteList 5')
  const letter = await simpleParser(await mail.spool.read(legs[0]!.message_id))
  expect(letter.text).toContain('Pour une autorité, ajoutez à la configuration')
})

describe('a certificate of ours that is revoked', () => {
  const MINUTE = HOUR / 60
  /** The next round, half a minute later. */
  const round = (by = alarm) => {
    mail.now += MINUTE / 2
    return by.tick()
  }
  const events = () => lines.map(({ event, detail }) => `${event} ${detail.places}`)

  test('is told of at the next round, once, by the log, the audit log and a mail that says what to do', async () => {
    await alarm.tick()
    revoked.add(server)
    for (let count = 0; count < 200; count += 1) await round()
    await round(start(mail.spool))
    expect(lines).toEqual([
      {
        event: 'certificate-revoked',
        detail: {
          places: 'tls',
          name: 'CN=server.test,OU=1750000001,O=OPERATEUR FICTIF,ST=Paris (75),C=FR',
          serial: server.serial,
          until: server.notAfter.toISOString(),
        },
      },
    ])
    expect(legs.map(({ address, sender }) => [address, sender])).toEqual([[POSTMASTER, '']])
    const letter = await simpleParser(await mail.spool.read(legs[0]!.message_id))
    expect(letter.subject).toBe('Certificat révoqué : à remplacer sans attendre')
    for (const words of [
      '- certificat de serveur (SERV SSL) : révoqué',
      `Numéro de série : ${server.serial}`,
      'Dans la configuration : tls',
      'Les autres opérateurs refusent un certificat révoqué',
      'la commande « pli certificates »',
    ])
      expect(letter.text?.replace(/\n(?! |-)/g, ' ').toLowerCase()).toContain(words.toLowerCase())
  })

  test('is silent once it is replaced, and the audit log has both', async () => {
    revoked.add(server)
    await round()
    expect(audited.filter(({ object }) => object === 'tls')).toEqual([
      {
        ...{ by: 'gateway', action: 'certificate.state', object: 'tls', result: 'refused' },
        detail: { certificate: server.fingerprint256, why: 'revoked' },
      },
    ])
    revoked.clear()
    await round()
    expect(audited.findLast(({ object }) => object === 'tls')?.result).toBeUndefined()
    expect(legs).toHaveLength(1)
  })

  test('one that comes back is told of before its end; another that is revoked later has a mail of its own', async () => {
    revoked.add(server)
    await round()
    revoked.clear()
    await on(75)
    expect(events()).toEqual(['certificate-revoked tls', 'certificate-ends tls', 'certificate-ends dmp.client'])
    revoked.add(client)
    await round()
    expect(events().at(-1)).toBe('certificate-revoked dmp.client')
    expect(legs).toHaveLength(3)
  })

  test('near its end it is told of as revoked, once', async () => {
    revoked.add(server)
    await on(95)
    expect(events()).toEqual(['certificate-revoked tls', 'certificate-ends dmp.client'])
  })

  test('when another process was faster with one of two, the other one is told of at the next round', async () => {
    const other = start(mail.as('other'))
    const { prepare } = mail.spool
    mail.spool.prepare = async (...given) => {
      mail.spool.prepare = prepare
      revoked.delete(client) // the other process does not know of it yet, and ends before it does
      await other.tick()
      revoked.add(client)
      return prepare(...given)
    }
    revoked.add(server).add(client)
    await round()
    expect(events()).toEqual(['certificate-revoked tls'])
    await round()
    await round()
    expect(events()).toEqual(['certificate-revoked tls', 'certificate-revoked dmp.client'])
    expect(legs).toHaveLength(2)
  })

  test('what could not be written is told of at the next round', async () => {
    revoked.add(server)
    const { prepare } = mail.spool
    mail.spool.prepare = () => Promise.reject(new Error('the disk is full'))
    await expect(start(mail.spool).tick()).rejects.toThrow('the disk is full')
    mail.spool.prepare = prepare
    await round()
    expect(legs).toHaveLength(1)
  })
})
