import { type Database, type Log, type Migration, required, STALE, tables } from '../../config/index.ts'
import { formatName } from '../../crypto/index.ts'
import type { EndingNews } from '../receipts/index.ts'
import type { ReportWriter } from '../report-writer.ts'
import type { Leg, Spool } from '../spool/index.ts'
import { daysLeft, type NamedCertificate } from './inventory.ts'

/** Days before its end at which a certificate is told of, once each. */
const THRESHOLDS = [7, 30, 60]
const HOUR = 3_600_000

interface AlarmRow {
  /** SHA-256 of the certificate */
  fingerprint: string
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

/** A certificate that ends soon, and every place that names it. */
export interface EndingCertificate extends NamedCertificate {
  places: readonly string[]
  /** The last threshold that it has passed. */
  threshold: number
}

export interface CertificateAlarm {
  /** Looks once an hour. */
  tick(): Promise<void>
}

/**
 * Tells the log and the postmaster of certificates that end within 60, 30 and 7 days. What was told is a row that commits with the mail, so each
 * threshold of each certificate is told once, whatever restarts and however many processes look.
 * @param options.certificates those in use, and the configured authorities
 */
export function openCertificateAlarm(options: {
  db: Database
  spool: Pick<Spool, 'discard'>
  reports: Pick<ReportWriter, 'aboutCertificates'>
  certificates(): readonly NamedCertificate[]
  now(): number
  log: Log
  onReport(legs: readonly Leg[]): void
}): CertificateAlarm {
  const { db, spool, reports, now, log } = options
  let dueAt = Number.NEGATIVE_INFINITY

  async function untold(): Promise<EndingCertificate[]> {
    const ending = endingSoon(options.certificates(), now())
    if (ending.length === 0) return []
    const prints = ending.map(({ facts }) => facts.fingerprint256)
    const rows = await db.run(build.selectFrom('certificate_alarm').selectAll().where('fingerprint', 'in', prints))
    return ending.filter(each => !rows.some(row => row.fingerprint === each.facts.fingerprint256 && row.days <= each.threshold))
  }

  return {
    async tick() {
      if (now() < dueAt) return
      dueAt = now() + HOUR
      const ending = await untold()
      if (ending.length === 0) return
      const prepared = await reports.aboutCertificates(ending.map(each => newsOf(each, now())))
      const told = ending.map(({ facts, threshold }) =>
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
        return spool.discard(prepared) // another process was faster
      }
      for (const each of ending) {
        const { name, serial, until, days } = newsOf(each, now())
        log.warn('certificate-ends', { places: each.places.join(' '), name, serial, until: until.toISOString(), days })
      }
      options.onReport(prepared.legs)
    },
  }
}

/** Those within a threshold, each once, soonest first. */
function endingSoon(certificates: readonly NamedCertificate[], now: number): EndingCertificate[] {
  const prints = new Map<string, EndingCertificate>()
  for (const certificate of certificates) {
    const days = daysLeft(certificate.facts, now)
    const threshold = THRESHOLDS.find(each => days < each)
    if (threshold === undefined) continue
    const known = prints.get(certificate.facts.fingerprint256)
    const places = [...new Set([...(known?.places ?? []), certificate.place])]
    prints.set(certificate.facts.fingerprint256, { ...(known ?? certificate), places, threshold })
  }
  return [...prints.values()].sort((a, b) => a.facts.notAfter.getTime() - b.facts.notAfter.getTime())
}

function newsOf({ places, kind, facts }: EndingCertificate, now: number): EndingNews {
  const { subject, issuer, serial, notAfter } = facts
  return { places, kind, name: formatName(subject), issuer: formatName(issuer), serial, until: notAfter, days: daysLeft(facts, now) }
}
