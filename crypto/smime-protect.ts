import { MICALG } from './cms/algorithms.ts'
import { type EncryptOptions, encryption, envelopeKind } from './cms/encrypt.ts'
import { CmsFault } from './cms/fault.ts'
import { type Flow, type Stage, through } from './cms/flow.ts'
import { detached, opaque, Signatures, type SignOptions } from './cms/sign.ts'
import type { Source } from './cms/source.ts'
import { legacyDisplay, subjectOf } from './legacy-display/index.ts'
import { randomOctets } from './random.ts'
import { bodyOf, type Field, startOfEntity } from './smime-fields.ts'
import { protectHeader } from './smime-header.ts'
import { base64, crlf } from './smime-lines.ts'

/**
 * `form`: a signature beside the content (`detached`, readable by everyone; the default) or around it (`opaque`, which no server on the way can break).
 * Both together: signed, then encrypted (DESIGN decision 4).
 */
export interface MailProtection {
  sign?: SignOptions & { form?: 'detached' | 'opaque' }
  encrypt?: EncryptOptions
  /** Text that no mail holds, for boundaries; default 128 random bits. */
  newId?: () => string
}

const MOST_APART = 3_600_000

/**
 * Signs and encrypts a mail as S/MIME 4.0 (RFC 8551), its header included (RFC 9788). The mail flows through: nothing of it is kept but, for a mail
 * client, the main text, in which the subject is shown (RFC 9788 §5.2).
 * @param message RFC 5322; line ends become CRLF
 * @returns the protected mail, CRLF
 * @throws CmsFault; `recipient` before the first octet is out
 */
export function protectMail(message: Source, { sign, encrypt: sealing, newId = randomId }: MailProtection): AsyncGenerator<Buffer> {
  return through(message, async () => {
    if (!sign && !sealing) throw new Error('neither signed nor encrypted')
    const encrypting = sealing && (await encryption(sealing))
    return behindHeader((fields, next) => {
      const { outer, inner } = protectHeader(fields, sealing ? 'cipher' : 'clear')
      next.add(Buffer.from(`${outer}MIME-Version: 1.0\r\n`, 'latin1'))
      const outside = sealing && encrypting ? pkcs7Mime(envelopeKind(sealing), encrypting)(next) : next
      const signed = sign ? signing({ ...sign, at: claimedTime(fields, sign.at) }, newId)(outside) : outside
      const subject = sealing?.profile === 'mail-client' ? subjectOf(fields) : undefined
      const entity = crlf(subject === undefined ? signed : legacyDisplay(subject)(signed))
      entity.add(Buffer.from(`${inner}\r\n`, 'latin1'))
      return entity
    })
  })
}

/** Collects the header; what follows it flows into what was made of its fields. */
function behindHeader(begin: (fields: Field[], next: Flow) => Flow): Stage {
  return next => {
    let start: Buffer = Buffer.alloc(0)
    let body: Flow | undefined
    return {
      add(octets) {
        if (body) return body.add(octets)
        start = start.length > 0 ? Buffer.concat([start, octets]) : octets
        const entity = startOfEntity(start)
        if (!entity) return
        body = begin(entity.fields, next)
        body.add(entity.body)
      },
      end() {
        if (!body) throw new CmsFault('malformed', 'the mail header has no end')
        body.end()
      },
    }
  }
}

/** Thunderbird calls a signature wrong whose time is more than an hour from the Date of the mail. One that waited so long is signed without a time. */
function claimedTime(fields: readonly Field[], at: Date | undefined): Date | undefined {
  const date = fields.find(({ name }) => name === 'date')
  return date && at && Math.abs(at.getTime() - Date.parse(bodyOf(date))) < MOST_APART ? at : undefined
}

function signing({ form = 'detached', ...options }: NonNullable<MailProtection['sign']>, newId: () => string): Stage {
  const signatures = new Signatures(options)
  return form === 'opaque' ? pkcs7Mime('signed-data', opaque(signatures)) : multipartSigned(signatures, newId())
}

/** RFC 8551 §3.5.3. */
function multipartSigned(signatures: Signatures, boundary: string): Stage {
  const micalg = signatures.hashes.map(hash => MICALG[hash]).join(',')
  const type = `multipart/signed; protocol="application/pkcs7-signature";\r\n micalg="${micalg}"; boundary="${boundary}"`
  const header = [
    `--${boundary}`,
    'Content-Type: application/pkcs7-signature; name=smime.p7s',
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment; filename=smime.p7s',
  ]
  return next => {
    next.add(Buffer.from(`Content-Type: ${type}\r\n\r\n--${boundary}\r\n`))
    return {
      add(octets) {
        signatures.update(octets)
        next.add(octets)
      },
      end() {
        next.add(Buffer.from(`\r\n${header.join('\r\n')}\r\n\r\n`))
        const signature = base64({ add: octets => next.add(octets), end: () => next.add(Buffer.from(`\r\n--${boundary}--\r\n`)) })
        signature.add(detached(signatures))
        signature.end()
        next.end()
      },
    }
  }
}

/** RFC 8551 §3.2. */
function pkcs7Mime(kind: string, cms: Stage): Stage {
  const header = [
    `Content-Type: application/pkcs7-mime; smime-type=${kind};\r\n name=smime.p7m`,
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment; filename=smime.p7m',
  ]
  return next => {
    next.add(Buffer.from(`${header.join('\r\n')}\r\n\r\n`))
    return cms(base64(next))
  }
}

function randomId(): string {
  return `=_${randomOctets(16).toString('hex')}`
}
