import { type Database, type Log, type Migration, required, STALE, tables } from '../../config/index.ts'
import { formatName } from '../../crypto/index.ts'
import type { AuditNotes } from '../audit-notes.ts'
import type { CertificateNews } from '../receipts/index.ts'
import type { ReportWriter } from '../report-writer.ts'
import type { Leg, Prepared, Spool } from '../spool/index.ts'
import { daysLeft, type NamedCertificate } from './inventory.ts'

/** Days before its end at which a certificate is told of, once each. */
const THRESHOLDS = [7, 30, 60]
/** Stands where the days of a threshold do, of one that was revoked. */
const REVOKED = -1
const HOUR = 3_600_000

interface AlarmRow {
  /** SHA-256 of the certificate */
  fingerprint: string
  /** the threshold, or `REVOKED` */
  days: number
  told_at: number
}

const build = tables<{ certificate_alarm: AlarmRow }>()

export const certificateMigrations: Migration[] = [
  {
    id: 'certificate-alarm-1',
    up: [
      'CREATE TABLE certificate_alarm (fingerprint TEXT NOT NULL, days INTEGER NOT NULL, told_at BIGINT NOT NULL, PRIMARY KEY (fingerprint, days))',
    ],
  },
]

/** A certificate to be told of, and every place that names it. */
interface ToldCertificate extends NamedCertificate {
  places: readonly string[]
  /** The last threshold that it has passed, or `REVOKED`. */
  threshold: number
}

export interface CertificateAlarm {
  /** Looks each time for those that are revoked, and once an hour for those that end. */
  tick(): Promise<void>
}

/**
 * Tells the log and the postmaster of certificates that end within 60, 30 and 7 days, and of those of ours that were revoked. What was told is a row that
 * commits with the mail, so each threshold of each certificate is told once, whatever restarts and however many processes look.
 * @param options.certificates those in use, and the configured authorities
 * @param options.ask starts asking the responders about ours; called once an hour
 */
export function openCertificateAlarm(options: {
  db: Database
  spool: Pick<Spool, 'discard'>
  reports: Pick<ReportWriter, 'aboutCertificates' | 'aboutRevoked'>
  notes: Pick<AuditNotes, 'note' | 'over'>
  certificates(): readonly NamedCertificate[]
  ask?(): void
  now(): number
  log: Log
  onReport(legs: readonly Leg[]): void
}): CertificateAlarm {
  const { db, spool, reports, notes, now, log } = options
  let dueAt = Number.NEGATIVE_INFINITY
  /** Fingerprints; the rows know those of before this start. */
  const knownAsRevoked = new Set<string>()

  async function untold(certificates: readonly ToldCertificate[]): Promise<ToldCertificate[]> {
    if (certificates.length === 0) return []
    const prints = certificates.map(({ facts }) => facts.fingerprint256)
    const rows = await db.run(build.selectFrom('certificate_alarm').selectAll().where('fingerprint', 'in', prints))
    return certificates.filter(({ facts, threshold }) => {
      return !rows.some(({ fingerprint, days }) => fingerprint === facts.fingerprint256 && includes(days, threshold))
    })
  }

  /** @returns whether all of them are told of now */
  async function tell(certificates: readonly ToldCertificate[], prepare: (news: CertificateNews[]) => Promise<Prepared>): Promise<boolean> {
    const news = await untold(certificates)
    if (news.length === 0) return true
    const prepared = await prepare(news.map(each => newsOf(each, now())))
    const told = news.map(({ facts, threshold }) =>
      required(
        build
          .insertInto('certificate_alarm')
          .values({ fingerprint: facts.fingerprint256, days: threshold, told_at: now() })
          .onConflict(conflict => conflict.doNothing())
          .returning('days'),
      ),
    )
    try {
      await db.atomically([...told, ...prepared.rows], prepared.files)
    } catch (error) {
      if ((error as Error).message !== STALE) throw error
      await spool.discard(prepared) // another process was faster, maybe with some of them only
      return false
    }
    for (const each of news) {
      const { name, serial, until, days } = newsOf(each, now())
      const named = { places: each.places.join(' '), name, serial, until: until.toISOString() }
      if (each.threshold === REVOKED) log.error('certificate-revoked', named)
      else log.warn('certificate-ends', { ...named, days })
    }
    options.onReport(prepared.legs)
    return true
  }

  return {
    async tick() {
      const certificates = options.certificates()
      for (const certificate of certificates) noteState(certificate, notes)
      const revoked = merged(certificates, ({ isRevoked }) => (isRevoked ? REVOKED : undefined))
      const news = revoked.filter(({ facts }) => !knownAsRevoked.has(facts.fingerprint256))
      if (await tell(news, reports.aboutRevoked)) for (const { facts } of news) knownAsRevoked.add(facts.fingerprint256)
      if (now() < dueAt) return
      dueAt = now() + HOUR
      options.ask?.()
      await tell(endingSoon(certificates, now()), reports.aboutCertificates)
    },
  }
}

/** Whether what was told says the later one too: of an end that was told nearer, not of a revocation. */
function includes(told: number, threshold: number): boolean {
  return told === threshold || (told !== REVOKED && told <= threshold)
}

/** For the audit log: a certificate of ours counts for nobody any more, and when another one stands in its place. */
function noteState({ kind, place, facts, isRevoked }: NamedCertificate, notes: Pick<AuditNotes, 'note' | 'over'>): void {
  if (kind !== 'own') return
  const entry = { by: 'gateway', action: 'certificate.state', object: place }
  const certificate = facts.fingerprint256
  if (isRevoked) notes.note({ ...entry, result: 'refused', detail: { certificate, why: 'revoked' } })
  else notes.over({ ...entry, detail: { certificate } })
}

/** Those within a threshold, soonest first; that it is revoked says more. */
function endingSoon(certificates: readonly NamedCertificate[], now: number): ToldCertificate[] {
  const ending = merged(certificates, ({ facts, isRevoked }) => {
    return isRevoked ? undefined : THRESHOLDS.find(each => daysLeft(facts, now) < each)
  })
  return ending.sort((a, b) => a.facts.notAfter.getTime() - b.facts.notAfter.getTime())
}

/** Those that have a threshold, each once, with all their places. */
function merged(
  certificates: readonly NamedCertificate[],
  thresholdOf: (certificate: NamedCertificate) => number | undefined,
): ToldCertificate[] {
  const prints = new Map<string, ToldCertificate>()
  for (const certificate of certificates) {
    const threshold = thresholdOf(certificate)
    if (threshold === undefined) continue
    const known = prints.get(certificate.facts.fingerprint256)
    const places = [...new Set([...(known?.places ?? []), certificate.place])]
    prints.set(certificate.facts.fingerprint256, { ...(known ?? certificate), places, threshold })
  }
  return [...prints.values()]
}

function newsOf({ places, kind, facts }: ToldCertificate, now: number): CertificateNews {
  const { subject, issuer, serial, notAfter } = facts
  return { places, kind, name: formatName(subject), issuer: formatName(issuer), serial, until: notAfter, days: daysLeft(facts, now) }
}
