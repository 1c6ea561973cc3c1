import {
  BasicOCSPResponse,
  id_kp_OCSPSigning,
  id_pkix_ocsp_basic,
  id_pkix_ocsp_nocheck,
  id_pkix_ocsp_nonce,
  OCSPResponse,
  OCSPResponseStatus,
  type ResponseData,
  type SingleResponse,
} from '@peculiar/asn1-ocsp'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import type { Extension } from '@peculiar/asn1-x509'
import { Fault } from '../config/index.ts'
import type { Trust } from './anchors.ts'
import type { OcspAnswer } from './answers.ts'
import { type ParsedCertificate, parseCertificate, serialText } from './certificate.ts'
import { isIssuedBy } from './chain.ts'
import { elements, onlyElement } from './der.ts'
import { formatName, rdnsOf } from './names.ts'
import { CERT_ID_HASHES, issuerHashes, type OcspQuestion } from './ocsp-request.ts'
import { isSignedBy, isStrongKey, isStrongSignature } from './signature-algorithms.ts'
import { statusOf } from './status.ts'

export type OcspFaultReason =
  | 'malformed'
  | 'unsuccessful'
  | 'responder'
  | 'forged'
  | 'nonce'
  | 'other-certificate'
  | 'outdated'
  | 'older'
  | 'not-yet-valid'

/** An OCSP response that answers nothing. */
export class OcspFault extends Fault<OcspFaultReason> {
  override readonly name = 'OcspFault'
  /** RFC 6960 §4.2.1, when the responder gave nothing else. */
  readonly status: string | undefined
  constructor(reason: OcspFaultReason, message: string, status?: string) {
    super(reason, message)
    this.status = status
  }
}

/** Clocks differ: a responder that makes its answers on demand may be a little ahead of us. */
const SKEW = 5 * 60_000
/** An answer that does not say when there will be another one is of this moment. */
const MOMENT = 10 * 60_000
/** Whatever a responder says of its next update. */
const LONGEST = 12 * 3_600_000
const MOST_CERTIFICATES = 5

/** Extensions of a responder's certificate that we understand; another critical one means no. */
const UNDERSTOOD = ['2.5.29.14', '2.5.29.15', '2.5.29.17', '2.5.29.19', '2.5.29.32', '2.5.29.35', '2.5.29.37']

/**
 * Reads and verifies an OCSPResponse (RFC 6960 §3.2, RFC 9654): signed by the issuer, or by a responder that the issuer has made one; about this
 * certificate of this issuer; within its dates; with our nonce or none.
 * @throws OcspFault
 */
export function readAnswer(der: Buffer, question: OcspQuestion, trust: Trust, at: Date): OcspAnswer {
  const basic = basicOf(der)
  const { response, signed } = basic
  checkSignature(response, signed, question.issuer, trust, at)
  const { tbsResponseData: data } = response
  checkExtensions(data, question.nonce)
  const single = singleOf(data, question)
  return { ...dates(single, at), ...meaning(single) }
}

function basicOf(der: Buffer): { response: BasicOCSPResponse; signed: Buffer } {
  const { responseStatus, responseBytes } = parsing(() => AsnConvert.parse(onlyElement(der).whole, OCSPResponse))
  if (responseStatus !== OCSPResponseStatus.successful) {
    const status = OCSPResponseStatus[responseStatus] ?? 'unknown'
    throw new OcspFault('unsuccessful', `it says ${status}`, status)
  }
  if (responseBytes?.responseType !== id_pkix_ocsp_basic) throw new OcspFault('malformed', 'it is no basic response')
  return parsing(() => {
    const octets = Buffer.from(responseBytes.response.buffer)
    const [signed] = [...elements(onlyElement(octets).inside)]
    return { response: AsnConvert.parse(octets, BasicOCSPResponse), signed: signed!.whole }
  })
}

function parsing<T>(work: () => T): T {
  try {
    return work()
  } catch {
    throw new OcspFault('malformed', 'it cannot be read')
  }
}

function checkSignature(response: BasicOCSPResponse, signed: Buffer, issuer: ParsedCertificate, trust: Trust, at: Date): void {
  const responder = responderOf(response, issuer, trust, at)
  const isRight = parsing(() =>
    isSignedBy(responder.x509.publicKey, response.signatureAlgorithm.algorithm, signed, Buffer.from(response.signature)),
  )
  if (!isRight) throw new OcspFault('forged', 'its signature is wrong')
}

/** RFC 6960 §4.2.2.2: the issuer itself, or who shows a certificate of the issuer for this purpose. */
function responderOf({ tbsResponseData, certs = [] }: BasicOCSPResponse, issuer: ParsedCertificate, trust: Trust, at: Date) {
  if (certs.length > MOST_CERTIFICATES) throw new OcspFault('malformed', 'it has too many certificates')
  const brought = parsing(() => certs.map(certificate => parseCertificate(Buffer.from(AsnConvert.serialize(certificate)))))
  const named = [issuer, ...brought].find(candidate => isNamed(candidate, tbsResponseData))
  if (!named) throw new OcspFault('responder', 'its signer is not known')
  const fault = named === issuer ? undefined : responderFault(named, issuer, trust, at)
  if (fault) throw new OcspFault('responder', `its signer ${fault}`)
  return named
}

function isNamed(candidate: ParsedCertificate, { responderID: { byName, byKey } }: ResponseData): boolean {
  if (byKey) return Buffer.from(byKey.buffer).equals(issuerHashes(candidate, 'sha1').key)
  return byName !== undefined && formatName(rdnsOf(byName)) === formatName(candidate.facts.subject)
}

function responderFault(responder: ParsedCertificate, issuer: ParsedCertificate, trust: Trust, at: Date): string | undefined {
  const { facts, keyUsage, extendedKeyUsage, extensions, criticalExtensions, signatureAlgorithm, x509 } = responder
  if (!isIssuedBy(responder, issuer)) return 'was not appointed by the issuer of the certificate'
  if (!extendedKeyUsage?.includes(id_kp_OCSPSigning)) return 'is no responder'
  if (keyUsage && !keyUsage.includes('digitalSignature') && !keyUsage.includes('nonRepudiation')) return 'may not sign'
  if (!isStrongSignature(signatureAlgorithm) || !isStrongKey(x509.publicKey)) return 'uses a weak algorithm or key'
  if (criticalExtensions.some(id => !UNDERSTOOD.includes(id) && id !== id_pkix_ocsp_nocheck)) return 'has an unknown critical extension'
  if (at < facts.notBefore || at > facts.notAfter) return 'is outside the dates of its certificate'
  const status = statusOf(responder, issuer, trust, at)
  if (status.kind === 'revoked') return 'was revoked'
  if (status.kind !== 'good' && !extensions.has(id_pkix_ocsp_nocheck)) return 'may have been revoked'
  return undefined
}

/** RFC 9654 §2.1: an answer made beforehand has no nonce; one that has another was made for somebody else. */
function checkExtensions({ responseExtensions = [], responses }: ResponseData, nonce: Buffer): void {
  const all: Extension[] = [...responseExtensions, ...responses.flatMap(({ singleExtensions = [] }) => singleExtensions)]
  if (all.some(({ critical, extnID }) => critical && extnID !== id_pkix_ocsp_nonce)) {
    throw new OcspFault('malformed', 'it has an unknown critical extension')
  }
  for (const { extnValue } of responseExtensions.filter(({ extnID }) => extnID === id_pkix_ocsp_nonce)) {
    const echoed = parsing(() => Buffer.from(AsnConvert.parse(extnValue.buffer, OctetString).buffer))
    if (!echoed.equals(nonce)) throw new OcspFault('nonce', 'it answers another question: its nonce is not ours')
  }
}

function singleOf({ responses }: ResponseData, { certificate, issuer }: OcspQuestion): SingleResponse {
  const [single, ...more] = responses.filter(({ certID }) => {
    const hash = CERT_ID_HASHES[certID.hashAlgorithm.algorithm]
    if (!hash || serialText(certID.serialNumber) !== certificate.facts.serial) return false
    const { name, key } = issuerHashes(issuer, hash)
    return Buffer.from(certID.issuerNameHash.buffer).equals(name) && Buffer.from(certID.issuerKeyHash.buffer).equals(key)
  })
  if (!single) throw new OcspFault('other-certificate', 'it is about another certificate')
  if (more.length > 0) throw new OcspFault('malformed', 'it says two things of the certificate')
  return single
}

function dates({ thisUpdate, nextUpdate }: SingleResponse, at: Date): { from: number; until: number } {
  const now = at.getTime()
  const from = thisUpdate.getTime() - SKEW
  const end = nextUpdate?.getTime() ?? thisUpdate.getTime() + MOMENT
  if (now < from) throw new OcspFault('not-yet-valid', 'it is of a time to come')
  if (now > end) throw new OcspFault('outdated', `it ended on ${new Date(end).toISOString()}`)
  return { from, until: Math.min(end, now + LONGEST) }
}

function meaning({ certStatus }: SingleResponse): Pick<OcspAnswer, 'status' | 'on'> {
  if (certStatus.revoked) return { status: 'revoked', on: certStatus.revoked.revocationTime }
  return { status: certStatus.good === null ? 'good' : 'unknown' }
}
