import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CRLDistributionPoints, DistributionPoint, DistributionPointName, type Extension, GeneralName } from '@peculiar/asn1-x509'
import { derToPem } from '../../crypto/certificate.ts'
import type { Rdn } from '../../crypto/names.ts'
import { type CertificateContent, extension, type KeyKind, type Keys, makeCertificate, makeList, newKeys } from './pki-certificates.ts'

const DAY = 86_400_000

/** What IGC-Santé sells: SERV SSL_SERV, ORG AUTH_CLI, ORG SIGN, SERV S/MIME (signs and is encrypted to); and a time-stamp authority. */
export type CertificateKind = 'server' | 'client' | 'signature' | 'mail' | 'timeStamp'

/** A request for a certificate of the fictional IGC-Santé. Only the first four are needed. */
export interface CertificateRequest {
  kind: CertificateKind
  commonName: string
  organization: string
  /** National structure id: `1` + FINESS or `3` + SIRET. */
  structure: string
  /** ST, default `Paris (75)`. */
  state?: string
  notBefore?: Date
  notAfter?: Date
  /** DNS names or IP addresses of a server certificate; default: the common name, localhost, 127.0.0.1 and ::1. */
  san?: readonly string[]
  /** Mail addresses that the certificate names. */
  emails?: readonly string[]
  key?: KeyKind
  /** OIDs of the extended key usage, in place of those of the kind. */
  purposes?: readonly string[]
  /** In place of that of the kind. */
  keyUsage?: CertificateContent['keyUsage']
  /** Whether that extension is critical: of a time-stamp authority it is (RFC 3161 §2.3). */
  purposesCritical?: boolean
}

export interface Issued {
  certificatePem: string
  keyPem: string
  subject: Rdn[]
  serial: Buffer
}

/** Paths for `loadAnchors`. */
export interface AnchorPaths {
  anchors: string[]
  crls: string[]
}

/** Paths for `loadIdentity`. */
export interface IdentityPaths {
  certificate: string
  key: string
  chain: string
}

/** What a revocation list says beside the revoked serial numbers. */
export interface ListOptions {
  thisUpdate?: Date
  nextUpdate?: Date
  extensions?: readonly Extension[]
}

/** A fictional IGC-Santé: root, authority "organisations", and the revocation list of each. */
export interface Pki {
  /** root then sub-authority, PEM */
  readonly authorities: readonly string[]
  issue(request: CertificateRequest): Promise<Issued>
  /** Puts a certificate of this PKI on the next list of its authority. */
  revoke(issued: Pick<Issued, 'serial'>, on?: Date): void
  /** Revokes the sub-authority itself. */
  revokeAuthority(on?: Date): void
  /** @returns fresh revocation lists, PEM: root's then sub-authority's */
  crls(options?: ListOptions): string[]
  /** Writes authorities and fresh revocation lists (again, after a revocation). */
  write(folder: string, options?: ListOptions): Promise<AnchorPaths>
}

const PURPOSES: Record<CertificateKind, string[]> = {
  server: ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'],
  client: ['1.3.6.1.5.5.7.3.2'],
  signature: ['1.3.6.1.5.5.7.3.4'],
  mail: ['1.3.6.1.5.5.7.3.4'],
  timeStamp: ['1.3.6.1.5.5.7.3.8'],
}

/** As in those of IGC-Santé; nothing of ours may ever follow it: addresses come from the configuration. */
const LISTS = new CRLDistributionPoints([
  new DistributionPoint({
    distributionPoint: new DistributionPointName({
      fullName: [new GeneralName({ uniformResourceIdentifier: 'http://igc.pli.example/CRL/organisations.crl' })],
    }),
  }),
])

const KEY_USAGES: Record<CertificateKind, CertificateContent['keyUsage']> = {
  server: ['digitalSignature', 'keyEncipherment'],
  client: ['digitalSignature'],
  signature: ['digitalSignature', 'nonRepudiation'],
  mail: ['digitalSignature', 'keyEncipherment', 'keyAgreement'],
  timeStamp: ['digitalSignature', 'nonRepudiation'],
}

interface Authority {
  name: Rdn[]
  keys: Keys
  pem: string
  serial: Buffer
  revoked: { serial: Buffer; on: Date }[]
}

/**
 * Makes a PKI of the shape of IGC-Santé, with fictional names: subjects are `C, ST, O, OU, CN`, authorities `C, O, OU, OU, CN`.
 * @param options.now its "today": certificates are valid from the day before, for three years; lists from an hour before, for seven days
 * @param options.label tells two PKIs apart ("another authority" of a test)
 */
export async function createPki(options: { now: Date; label?: string; key?: KeyKind }): Promise<Pki> {
  const { now, label = 'TEST', key = 'rsa' } = options
  const [rootKeys, subKeys] = await Promise.all([newKeys(key), newKeys(key)])
  const dates = { notBefore: new Date(now.getTime() - 400 * DAY), notAfter: new Date(now.getTime() + 3650 * DAY) }
  const root = makeAuthority(`${label} AC RACINE IGC-PLI ELEMENTAIRE`, rootKeys, undefined, dates)
  const sub = makeAuthority(`${label} AC IGC-PLI ELEMENTAIRE ORGANISATIONS`, subKeys, root, dates)
  let number = 1

  const crls = (list: ListOptions = {}) => {
    const content = {
      thisUpdate: new Date(now.getTime() - 3_600_000),
      nextUpdate: new Date(now.getTime() + 7 * DAY),
      number: number++,
      ...list,
    }
    return [root, sub].map(({ name, keys, revoked }) =>
      derToPem(makeList({ ...content, issuer: name, authorityKey: keys.publicKey, revoked }, keys.privateKey), 'X509 CRL'),
    )
  }

  return {
    authorities: [root.pem, sub.pem],
    issue: request => issue(request, sub, now),
    revoke: ({ serial }, on = new Date(now.getTime() - DAY / 2)) => void sub.revoked.push({ serial, on }),
    revokeAuthority: (on = new Date(now.getTime() - DAY / 2)) => void root.revoked.push({ serial: sub.serial, on }),
    crls,
    write: (folder, list) => writeAuthorities(folder, [root.pem, sub.pem], crls(list)),
  }
}

function makeAuthority(
  commonName: string,
  keys: Keys,
  issuer: Authority | undefined,
  dates: { notBefore: Date; notAfter: Date },
): Authority {
  const name = [
    { type: 'C', value: 'FR' },
    { type: 'O', value: 'PLI-TEST' },
    { type: 'OU', value: '0002 000000000' },
    { type: 'OU', value: 'IGC-PLI' },
    { type: 'CN', value: commonName },
  ]
  const content: CertificateContent = {
    ...dates,
    subject: name,
    issuer: issuer?.name ?? name,
    publicKey: keys.publicKey,
    authorityKey: (issuer?.keys ?? keys).publicKey,
    keyUsage: ['keyCertSign', 'cRLSign'],
    authority: issuer ? { pathLength: 0 } : {},
  }
  const { der, serial } = makeCertificate(content, (issuer?.keys ?? keys).privateKey)
  return { name, keys, pem: derToPem(der, 'CERTIFICATE'), serial, revoked: [] }
}

async function issue(request: CertificateRequest, authority: Authority, now: Date): Promise<Issued> {
  const { kind, commonName, organization, structure, state = 'Paris (75)', key = 'rsa' } = request
  const keys = await newKeys(key)
  const subject = [
    { type: 'C', value: 'FR' },
    { type: 'ST', value: state },
    { type: 'O', value: organization },
    { type: 'OU', value: structure },
    { type: 'CN', value: commonName },
  ]
  const content: CertificateContent = {
    subject,
    issuer: authority.name,
    publicKey: keys.publicKey,
    authorityKey: authority.keys.publicKey,
    notBefore: request.notBefore ?? new Date(now.getTime() - DAY),
    notAfter: request.notAfter ?? new Date(now.getTime() + 3 * 365 * DAY),
    keyUsage: request.keyUsage ?? KEY_USAGES[kind],
    purposes: request.purposes ?? PURPOSES[kind],
    purposesCritical: request.purposesCritical ?? kind === 'timeStamp',
    ...(kind === 'server' ? { names: serverNames(request.san ?? [commonName, 'localhost', '127.0.0.1', '::1']) } : {}),
    ...(request.emails ? { names: request.emails.map(rfc822Name => new GeneralName({ rfc822Name })) } : {}),
    extensions: [extension('2.5.29.31', false, LISTS)],
  }
  const { der, serial } = makeCertificate(content, authority.keys.privateKey)
  return { certificatePem: derToPem(der, 'CERTIFICATE'), keyPem: pemOf(keys), subject, serial }
}

/** @returns a certificate that nobody but itself vouches for */
export async function selfSigned(commonName: string, now: Date): Promise<Issued> {
  const keys = await newKeys('rsa')
  const subject = [{ type: 'CN', value: commonName }]
  const content: CertificateContent = {
    subject,
    issuer: subject,
    publicKey: keys.publicKey,
    authorityKey: keys.publicKey,
    notBefore: new Date(now.getTime() - DAY),
    notAfter: new Date(now.getTime() + 365 * DAY),
    keyUsage: KEY_USAGES.server,
    purposes: PURPOSES.server,
  }
  const { der, serial } = makeCertificate(content, keys.privateKey)
  return { certificatePem: derToPem(der, 'CERTIFICATE'), keyPem: pemOf(keys), subject, serial }
}

/** Writes `<name>.pem`, `<name>.key.pem` (mode 600) and `<name>.chain.pem` (the sub-authority), for `loadIdentity`. */
export async function writeIdentity(folder: string, name: string, issued: Issued, pki: Pki): Promise<IdentityPaths> {
  await mkdir(folder, { recursive: true })
  const paths = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key.pem`), chain: join(folder, `${name}.chain.pem`) }
  await writeFile(paths.certificate, issued.certificatePem)
  await writeFile(paths.key, issued.keyPem, { mode: 0o600 })
  await writeFile(paths.chain, pki.authorities[1]!)
  return paths
}

async function writeAuthorities(folder: string, authorities: string[], lists: string[]): Promise<AnchorPaths> {
  await mkdir(folder, { recursive: true })
  const paths = {
    anchors: [join(folder, 'root.pem'), join(folder, 'organisations.pem')],
    crls: [join(folder, 'root.crl.pem'), join(folder, 'organisations.crl.pem')],
  }
  await Promise.all([...paths.anchors, ...paths.crls].map((path, index) => writeFile(path, [...authorities, ...lists][index]!)))
  return paths
}

function serverNames(names: readonly string[]): GeneralName[] {
  return names.map(name => new GeneralName(/^[\d.]+$|:/.test(name) ? { iPAddress: name } : { dNSName: name }))
}

function pemOf({ privateKey }: Keys): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}
