import { simpleParser } from 'mailparser'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Log, silent } from '../../../config/index.ts'
import { type CertificateFacts, readCertificate } from '../../../crypto/index.ts'
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
const log: Log = { ...silent, warn: (event, detail = {}) => void lines.push({ event, detail }) }

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
  { place: 'tls', kind: 'own', facts: server },
  { place: 'dmp.client', kind: 'own', facts: client },
  { place: 'tls', kind: 'authority', facts: authority },
  { place: 'whiteList', kind: 'authority', facts: authority },
]

/** A process over the rows, which has just started. */
function start(spool: Spool): CertificateAlarm {
  const now = () => mail.now
  let count = 0
  const newId = () => `notice-${++count}`
  const reports = openReportWriter({ spool, hostname: 'smtp.a.mssante.test', postmaster: POSTMASTER, now, newId })
  return openCertificateAlarm({ ...{ db: mail.db, spool, reports, now, log }, certificates: named, onReport: given => legs.push(...given) })
}

beforeEach(async () => {
  mail = await openSpoolWorld(certificateMigrations)
  mail.now = START
  lines = []
  legs = []
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
