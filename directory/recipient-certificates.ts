import { X509Certificate } from 'node:crypto'
import { type Database, type Migration, required, STALE, type Statement, tables } from '../config/index.ts'
import { readCertificate } from '../crypto/index.ts'

export const recipientCertificateMigrations: Migration[] = [
  {
    id: 'directory-recipient-certificate-1',
    up: [
      // Of a box (an address) or of a whole domain. Public; whether one may be used is judged each time it is.
      `CREATE TABLE recipient_certificate (
        subject TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        pem TEXT NOT NULL,
        source TEXT NOT NULL,
        not_before BIGINT NOT NULL,
        not_after BIGINT NOT NULL,
        added_at BIGINT NOT NULL,
        seen_at BIGINT NOT NULL,
        PRIMARY KEY (subject, fingerprint)
      )`,
    ],
  },
]

/** Entered by the operator, or learnt from a signature that was verified. */
export type CertificateSource = 'operator' | 'signed-mail'

/** A certificate that mail to somebody may be encrypted to. Times are milliseconds since epoch. */
export interface StoredCertificate {
  /** An address, or a domain for all its boxes; lower case. */
  subject: string
  /** SHA-256 of the certificate, lower-case hexadecimal. */
  fingerprint: string
  pem: string
  source: CertificateSource
  notBefore: number
  notAfter: number
  addedAt: number
  /** When its holder was last seen to use it. */
  seenAt: number
}

export interface NewCertificate {
  /** An address or a domain, lower case. */
  subject: string
  /** One certificate; of several in the text, the first. */
  pem: string
  source: CertificateSource
  /** Default: now. */
  seenAt?: number
  /** Who adds it, for the audit log; what is learnt is added by the mail that showed it. */
  by?: string
}

interface Row {
  subject: string
  fingerprint: string
  pem: string
  source: CertificateSource
  not_before: number
  not_after: number
  added_at: number
  seen_at: number
}

const sql = tables<{ recipient_certificate: Row }>()
const DAY = 86_400_000

export interface RecipientCertificatesOptions {
  now(): number
  /** What every change is written down in, in the same transaction (crypto's openAudit). */
  audit: { line(entry: { by: string; action: string; object: string; detail?: Record<string, string> }): Statement }
}

export type RecipientCertificates = ReturnType<typeof openRecipientCertificates>

/**
 * Whom mail can be encrypted to. This stores and finds; the chain, the usage and the revocation of a certificate are judged by crypto when it is used.
 */
export function openRecipientCertificates(db: Database, { now, audit }: RecipientCertificatesOptions) {
  const one = (subject: string, fingerprint: string) =>
    sql.selectFrom('recipient_certificate').selectAll().where('subject', '=', subject).where('fingerprint', '=', fingerprint)
  const change = (subject: string, fingerprint: string) =>
    sql.updateTable('recipient_certificate').where('subject', '=', subject).where('fingerprint', '=', fingerprint)

  return {
    /** @returns those of the box and those of its domain, the first one to be tried first: the operator's before learnt ones, newer before older */
    async of(address: string, domain: string): Promise<{ box: StoredCertificate[]; domain: StoredCertificate[] }> {
      const rows = await db.run(sql.selectFrom('recipient_certificate').selectAll().where('subject', 'in', [address, domain]))
      const stored = rows.map(storedOf).sort(byPrecedence)
      return { box: stored.filter(({ subject }) => subject === address), domain: stored.filter(({ subject }) => subject === domain) }
    },

    /**
     * Adds a certificate. One that is known is only seen again; what the operator entered stays his.
     * @returns whether it was not known before
     * @throws Error when the text is no certificate
     */
    async add({ subject, pem, source, seenAt = now(), by = source }: NewCertificate): Promise<boolean> {
      const { fingerprint256: fingerprint, notBefore, notAfter } = readCertificate(pem)
      const line = audit.line({ by, action: 'certificate.add', object: subject, detail: { fingerprint, source } })
      const [known] = await db.run(one(subject, fingerprint))
      if (known?.source === 'signed-mail' && source === 'operator') {
        await db.atomically([change(subject, fingerprint).set({ source }), line])
      } else if (known && Number(known.seen_at) + DAY < seenAt) {
        await db.run(change(subject, fingerprint).set({ seen_at: seenAt }))
      }
      if (known) return false
      const row: Row = {
        ...{ subject, fingerprint, pem: new X509Certificate(pem).toString(), source },
        ...{ not_before: notBefore.getTime(), not_after: notAfter.getTime(), added_at: now(), seen_at: seenAt },
      }
      const insert = sql.insertInto('recipient_certificate').values(row)
      try {
        await db.atomically([required(insert.onConflict(conflict => conflict.doNothing()).returning('subject')), line])
        return true
      } catch (error) {
        if ((error as Error).message === STALE) return false // two mails showed it at the same time
        throw error
      }
    },

    /** @returns all of them, or those of one address or domain */
    async list(subject?: string): Promise<StoredCertificate[]> {
      const query = sql.selectFrom('recipient_certificate').selectAll().orderBy('subject')
      const rows = await db.run(subject === undefined ? query : query.where('subject', '=', subject))
      return rows.map(storedOf).sort((a, b) => (a.subject === b.subject ? byPrecedence(a, b) : a.subject < b.subject ? -1 : 1))
    },

    /**
     * Removes certificates of an address or a domain. One that was learnt is learnt again when its holder signs with it.
     * @param fingerprint of one of them, or how it begins; all of them when absent
     * @returns those that were removed
     */
    async remove(subject: string, fingerprint: string | undefined, by: string): Promise<StoredCertificate[]> {
      const found = (await this.list(subject)).filter(each => each.fingerprint.startsWith(fingerprint ?? ''))
      const statements = found.flatMap(each => [
        sql.deleteFrom('recipient_certificate').where('subject', '=', subject).where('fingerprint', '=', each.fingerprint),
        audit.line({ by, action: 'certificate.remove', object: subject, detail: { fingerprint: each.fingerprint } }),
      ])
      if (statements.length > 0) await db.atomically(statements)
      return found
    },
  }
}

function byPrecedence(a: StoredCertificate, b: StoredCertificate): number {
  if (a.source !== b.source) return a.source === 'operator' ? -1 : 1
  return b.notBefore - a.notBefore || b.seenAt - a.seenAt
}

function storedOf({ subject, fingerprint, pem, source, not_before, not_after, added_at, seen_at }: Row): StoredCertificate {
  const [notBefore, notAfter, addedAt, seenAt] = [not_before, not_after, added_at, seen_at].map(Number) as [number, number, number, number]
  return { subject, fingerprint, pem, source, notBefore, notAfter, addedAt, seenAt }
}
