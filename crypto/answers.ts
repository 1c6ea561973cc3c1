import { authorityOf, type ParsedCertificate } from './certificate.ts'

/** What a responder said of one certificate, verified. From `from` until `until` it is the last word; `unknown` is one too, and means no. */
export interface OcspAnswer {
  status: 'good' | 'revoked' | 'unknown'
  /** When it was revoked. */
  on?: Date
  /** milliseconds */
  from: number
  until: number
}

const MOST_KEPT = 20_000

/** Verified OCSP answers, by issuer and serial number (a serial number alone is nobody's), and the questions that led to none. */
export class OcspAnswers {
  readonly #answers = new Map<string, OcspAnswer>()
  readonly #failures = new Map<string, { at: number; words: string }>()
  /** By authority: when its responder failed, when it did last. */
  readonly #silent = new Map<string, number>()
  /** Grows when a certificate that was good no longer is: what was concluded before is void. */
  setbacks = 0

  find(certificate: ParsedCertificate, issuer: ParsedCertificate): OcspAnswer | undefined {
    return this.#answers.get(keyOf(certificate, issuer))
  }

  keep(certificate: ParsedCertificate, issuer: ParsedCertificate, answer: OcspAnswer): void {
    if (this.#answers.size >= MOST_KEPT) this.#answers.delete(this.#answers.keys().next().value ?? '')
    if (answer.status !== 'good') this.setbacks += 1
    this.#answers.set(keyOf(certificate, issuer), answer)
    this.#failures.delete(keyOf(certificate, issuer))
    this.#silent.delete(authorityOf(issuer))
  }

  /** @returns when the last question failed, and how; undefined when it did not */
  failure(certificate: ParsedCertificate, issuer: ParsedCertificate): { at: number; words: string } | undefined {
    return this.#failures.get(keyOf(certificate, issuer))
  }

  /** @returns when the responder of an authority failed; undefined when it has answered since, about any certificate */
  silentSince(issuer: ParsedCertificate): number | undefined {
    return this.#silent.get(authorityOf(issuer))
  }

  fail(certificate: ParsedCertificate, issuer: ParsedCertificate, at: number, words: string): void {
    if (this.#failures.size >= MOST_KEPT) this.#failures.clear()
    this.#failures.set(keyOf(certificate, issuer), { at, words })
    this.#silent.set(authorityOf(issuer), at)
  }
}

function keyOf(certificate: ParsedCertificate, issuer: ParsedCertificate): string {
  return `${authorityOf(issuer)} ${certificate.facts.serial}`
}
