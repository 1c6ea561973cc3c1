import { verify, X509Certificate } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import { Certificate, CertificateList, KeyUsage, KeyUsageFlags } from '@peculiar/asn1-x509'

/** ORG AUTH_CLI speaks TLS, ORG SIGN signs (spec dmp §1.3). */
export type Kind = 'AUTH_CLI' | 'SIGN'

/** A certificate that was judged good. */
export interface Holder {
  /** `TYPE=value`, in certificate order. */
  subject: string[]
  /** Struct_IdNat: the OU. */
  structure: string
  issuer: string[]
  /** Decimal. */
  serial: string
  certificate: X509Certificate
}

/** Why a certificate is refused. */
export class CertificateFault extends Error {
  override readonly name = 'CertificateFault'
}

/** Anchors and revocation lists of the test IGC. */
export interface Trust {
  /** @throws CertificateFault unless chain, dates, revocation and kind are all right at that time; unknown revocation is refused */
  judge(der: Buffer, kind: Kind, at: Date): Holder
}

const CLIENT = '1.3.6.1.5.5.7.3.2'
const SERVER = '1.3.6.1.5.5.7.3.1'

/**
 * @param anchors PEM of the root and the authorities below it
 * @param crls PEM, one list for each authority
 * @throws CertificateFault when a list is not signed by one of the authorities
 */
export function openTrust(anchors: readonly string[], crls: readonly string[]): Trust {
  const authorities = anchors.flatMap(split).map(pem => new X509Certificate(pem))
  const lists = crls.flatMap(split).map(pem => openList(pem, authorities))
  return {
    judge(der, kind, at) {
      const certificate = read(der)
      const chain = chainOf(certificate, authorities)
      for (const [index, each] of chain.entries()) {
        if (new Date(each.validFrom) > at || new Date(each.validTo) < at) throw new CertificateFault('certificate out of its dates')
        const issuer = chain[index + 1]
        if (issuer) checkRevocation(each, issuer, lists, at)
      }
      checkKind(certificate, kind)
      return holderOf(certificate)
    },
  }
}

interface List {
  issuer: X509Certificate
  thisUpdate: Date
  nextUpdate: Date | undefined
  /** Serial numbers, upper-case hexadecimal. */
  revoked: ReadonlySet<string>
}

function split(pem: string): string[] {
  return pem.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? []
}

/** RFC 5280 §5: the signature is over the octets of tbsCertList; the IGC signs with SHA-256. */
function openList(pem: string, authorities: readonly X509Certificate[]): List {
  const list = AsnConvert.parse(Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64'), CertificateList)
  const signed = Buffer.from(list.tbsCertListRaw ?? new ArrayBuffer(0))
  const issuer = authorities.find(each => verify('sha256', signed, each.publicKey, Buffer.from(list.signature)))
  if (!issuer) throw new CertificateFault('a revocation list is signed by none of the authorities')
  const { thisUpdate, nextUpdate, revokedCertificates = [] } = list.tbsCertList
  const revoked = new Set(revokedCertificates.map(each => bare(Buffer.from(each.userCertificate).toString('hex'))))
  return { issuer, thisUpdate: thisUpdate.getTime(), nextUpdate: nextUpdate?.getTime(), revoked }
}

function read(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch {
    throw new CertificateFault('certificate cannot be read')
  }
}

/** From the certificate up to a self-signed anchor. */
function chainOf(certificate: X509Certificate, authorities: readonly X509Certificate[]): X509Certificate[] {
  const chain = [certificate]
  for (let last = certificate; !isRoot(last, authorities); ) {
    const issuer = authorities.find(each => each.ca && last.checkIssued(each) && last.verify(each.publicKey))
    if (!issuer || chain.length > authorities.length) throw new CertificateFault('certificate is not from the IGC')
    chain.push(issuer)
    last = issuer
  }
  return chain
}

function isRoot(certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  return certificate.checkIssued(certificate) && authorities.some(each => each.fingerprint256 === certificate.fingerprint256)
}

function checkRevocation(certificate: X509Certificate, issuer: X509Certificate, lists: readonly List[], at: Date): void {
  const current = lists.filter(
    list =>
      list.issuer.fingerprint256 === issuer.fingerprint256 &&
      list.thisUpdate <= at &&
      list.nextUpdate !== undefined &&
      list.nextUpdate >= at,
  )
  if (current.length === 0) throw new CertificateFault('revocation is unknown')
  if (current.some(list => list.revoked.has(bare(certificate.serialNumber)))) throw new CertificateFault('certificate is revoked')
}

function checkKind(certificate: X509Certificate, kind: Kind): void {
  const { extensions = [] } = AsnConvert.parse(certificate.raw, Certificate).tbsCertificate
  const usage = extensions.find(({ extnID }) => extnID === '2.5.29.15')
  const usages = usage ? AsnConvert.parse(usage.extnValue, KeyUsage).toNumber() : 0
  // Node calls the extended key usages keyUsage
  const purposes: readonly string[] = certificate.keyUsage ?? []
  const speaks = purposes.includes(CLIENT) && !purposes.includes(SERVER)
  const signs = (usages & KeyUsageFlags.nonRepudiation) !== 0 && !purposes.includes(CLIENT) && !purposes.includes(SERVER)
  if (certificate.ca || (kind === 'SIGN' ? !signs : !speaks)) throw new CertificateFault(`certificate is not of the kind ORG ${kind}`)
}

function holderOf(certificate: X509Certificate): Holder {
  const subject = certificate.subject.split('\n')
  const units = subject.filter(rdn => rdn.startsWith('OU='))
  const structure = units.length === 1 ? (units[0]?.slice(3) ?? '') : ''
  if (!/^(1\d{9}|3\d{14})$/.test(structure)) throw new CertificateFault('the OU is not a Struct_IdNat')
  const issuer = certificate.issuer.split('\n')
  return { subject, structure, issuer, serial: BigInt(`0x${certificate.serialNumber}`).toString(), certificate }
}

function bare(serial: string): string {
  return serial.toUpperCase().replace(/^0+/, '')
}
