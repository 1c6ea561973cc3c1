import { createHash, randomBytes } from 'node:crypto'
import { CertID, id_pkix_ocsp_nonce, OCSPRequest, Request, TBSRequest } from '@peculiar/asn1-ocsp'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier, Certificate, Extension } from '@peculiar/asn1-x509'
import type { ParsedCertificate } from './certificate.ts'

/** How a CertID names the issuer. A name and a key that exist are hashed, so that the weakness of SHA-1 is of no use to anybody. */
export type CertIdHash = 'sha1' | 'sha256'

export const CERT_ID_HASHES: Record<string, CertIdHash> = { '1.3.14.3.2.26': 'sha1', '2.16.840.1.101.3.4.2.1': 'sha256' }

export interface OcspQuestion {
  certificate: ParsedCertificate
  issuer: ParsedCertificate
  nonce: Buffer
  /** DER, ready to be sent */
  request: Buffer
}

/** RFC 9654 §2.1: a client's nonce has 32 octets. */
const NONCE_LENGTH = 32

/** An OCSPRequest for one certificate (RFC 6960 §4.1), with a nonce of its own. */
export function askAbout(certificate: ParsedCertificate, issuer: ParsedCertificate, hash: CertIdHash): OcspQuestion {
  const nonce = randomBytes(NONCE_LENGTH)
  const { name, key } = issuerHashes(issuer, hash)
  const algorithm = Object.keys(CERT_ID_HASHES).find(oid => CERT_ID_HASHES[oid] === hash)!
  const reqCert = new CertID({
    hashAlgorithm: new AlgorithmIdentifier({ algorithm, parameters: null }),
    issuerNameHash: new OctetString(name),
    issuerKeyHash: new OctetString(key),
    serialNumber: AsnConvert.parse(certificate.x509.raw, Certificate).tbsCertificate.serialNumber,
  })
  const requestExtensions = [
    new Extension({ extnID: id_pkix_ocsp_nonce, extnValue: new OctetString(AsnConvert.serialize(new OctetString(nonce))) }),
  ]
  const tbsRequest = new TBSRequest({ requestList: [new Request({ reqCert })], requestExtensions })
  return { certificate, issuer, nonce, request: Buffer.from(AsnConvert.serialize(new OCSPRequest({ tbsRequest }))) }
}

/** The hashes of an issuer's name, DER, and of its public key, without the wrapping (RFC 6960 §4.1.1). */
export function issuerHashes({ x509 }: ParsedCertificate, hash: CertIdHash): { name: Buffer; key: Buffer } {
  const { subject, subjectPublicKeyInfo } = AsnConvert.parse(x509.raw, Certificate).tbsCertificate
  const of = (octets: ArrayBuffer) => createHash(hash).update(Buffer.from(octets)).digest()
  return { name: of(AsnConvert.serialize(subject)), key: of(subjectPublicKeyInfo.subjectPublicKey) }
}
