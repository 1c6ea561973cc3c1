import { createHash, type KeyObject } from 'node:crypto'
import {
  BasicOCSPResponse,
  CertID,
  CertStatus,
  id_pkix_ocsp_basic,
  id_pkix_ocsp_nonce,
  KeyHash,
  OCSPRequest,
  OCSPResponse,
  type OCSPResponseStatus,
  ResponderID,
  ResponseBytes,
  ResponseData,
  RevokedInfo,
  SingleResponse,
} from '@peculiar/asn1-ocsp'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier, Certificate, Extension } from '@peculiar/asn1-x509'
import { algorithmOf, octets, signatureOf } from './pki-certificates.ts'

/** One answer of a test responder; whatever is wrong with it is asked for here. */
export interface AnswerContent {
  /** whose certificate it is about */
  issuerDer: Buffer
  serial: Buffer
  status: 'good' | 'revoked' | 'unknown'
  thisUpdate: Date
  nextUpdate?: Date | undefined
  /** who signs, and the certificate that he shows for it */
  signer: { der: Buffer; key: KeyObject; isIssuer: boolean }
  nonce?: Buffer | undefined
  hash?: 'sha1' | 'sha256'
}

const HASHES = { sha1: '1.3.14.3.2.26', sha256: '2.16.840.1.101.3.4.2.1' }

/** @returns an OCSPResponse, DER (RFC 6960 §4.2) */
export function makeAnswer(content: AnswerContent): Buffer {
  const { issuerDer, serial, status, thisUpdate, nextUpdate, signer, nonce, hash = 'sha1' } = content
  const hashed = (der: ArrayBuffer) => new OctetString(createHash(hash).update(Buffer.from(der)).digest())
  const { subject, subjectPublicKeyInfo } = tbsOf(issuerDer)
  const certID = new CertID({
    hashAlgorithm: new AlgorithmIdentifier({ algorithm: HASHES[hash], parameters: null }),
    issuerNameHash: hashed(AsnConvert.serialize(subject)),
    issuerKeyHash: hashed(subjectPublicKeyInfo.subjectPublicKey),
    serialNumber: octets(serial),
  })
  const responderKey = createHash('sha1')
    .update(Buffer.from(tbsOf(signer.der).subjectPublicKeyInfo.subjectPublicKey))
    .digest()
  const tbsResponseData = new ResponseData({
    responderID: new ResponderID({ byKey: new KeyHash(responderKey) }),
    producedAt: thisUpdate,
    responses: [new SingleResponse({ certID, certStatus: statusOf(status, thisUpdate), thisUpdate, ...(nextUpdate && { nextUpdate }) })],
    ...(nonce && { responseExtensions: [nonceExtension(nonce)] }),
  })
  const basic = new BasicOCSPResponse({
    tbsResponseData,
    signatureAlgorithm: algorithmOf(signer.key),
    signature: signatureOf(tbsResponseData, signer.key),
    ...(signer.isIssuer ? {} : { certs: [AsnConvert.parse(signer.der, Certificate)] }),
  })
  return respond(0, Buffer.from(AsnConvert.serialize(basic)))
}

/** An OCSPResponse of that status, with nothing inside unless given. */
export function respond(responseStatus: OCSPResponseStatus, basic?: Buffer): Buffer {
  const responseBytes = basic && new ResponseBytes({ responseType: id_pkix_ocsp_basic, response: new OctetString(basic) })
  return Buffer.from(AsnConvert.serialize(new OCSPResponse({ responseStatus, ...(responseBytes && { responseBytes }) })))
}

/** What a request asks: the serial number, how the issuer is named, and the nonce. */
export function readQuestion(request: Buffer): { serial: Buffer; hash: 'sha1' | 'sha256'; nonce: Buffer } {
  const { requestList, requestExtensions = [] } = AsnConvert.parse(request, OCSPRequest).tbsRequest
  const { serialNumber, hashAlgorithm } = requestList[0]!.reqCert
  const nonce = requestExtensions.find(({ extnID }) => extnID === id_pkix_ocsp_nonce)
  return {
    serial: Buffer.from(serialNumber),
    hash: hashAlgorithm.algorithm === HASHES.sha1 ? 'sha1' : 'sha256',
    nonce: Buffer.from(AsnConvert.parse(nonce!.extnValue.buffer, OctetString).buffer),
  }
}

function nonceExtension(nonce: Buffer): Extension {
  return new Extension({ extnID: id_pkix_ocsp_nonce, extnValue: new OctetString(AsnConvert.serialize(new OctetString(nonce))) })
}

function statusOf(status: AnswerContent['status'], on: Date): CertStatus {
  if (status === 'revoked') return new CertStatus({ revoked: new RevokedInfo({ revocationTime: on }) })
  return new CertStatus(status === 'good' ? { good: null } : { unknown: null })
}

function tbsOf(der: Buffer) {
  return AsnConvert.parse(der, Certificate).tbsCertificate
}
