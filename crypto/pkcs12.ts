import { createPrivateKey, type KeyObject, timingSafeEqual, X509Certificate } from 'node:crypto'
import { decipher, decipherContent, macsOf } from './pkcs12/algorithms.ts'
import { encode, explicit, integer, malformed, type Node, octets, oid, parse, sequence } from './pkcs12/forge.ts'
import { type Deriver, deriverOf } from './pkcs12/keys.ts'

/** What a .p12 file holds for us. The chain is nearest first, and has only what leads up from our certificate. */
export interface Pkcs12Content {
  keyPem: string
  certificatePem: string
  chainPem: string[]
}

const PKCS = '1.2.840.113549.1'
const DATA = `${PKCS}.7.1`
const ENCRYPTED_DATA = `${PKCS}.7.6`
const X509_CERTIFICATE = `${PKCS}.9.22.1`
const KEY_BAG = `${PKCS}.12.10.1.1`
const SHROUDED_KEY_BAG = `${PKCS}.12.10.1.2`
const CERTIFICATE_BAG = `${PKCS}.12.10.1.3`

/** A file has three or so. Each one above costs verifications when the chain is looked for. */
const MOST_CERTIFICATES = 20

/**
 * Reads a PKCS#12 file (RFC 7292, RFC 9879) that a passphrase protects: one private key, its certificate and what leads up from it.
 * @param file DER or BER
 * @throws Error with one sentence: no or another MAC, more work than is allowed, several keys, no certificate of the key, an algorithm
 *   that is not read
 */
export function readPkcs12(file: Buffer, passphrase: string): Pkcs12Content {
  const { keys, certificates } = bagsOf(file, deriverOf(passphrase))
  const [key, ...others] = keys
  if (!key) throw new Error('the file holds no private key')
  if (others.length > 0) throw new Error(`the file holds ${keys.length} private keys, and nothing says which one to use`)
  return gather(privateKey(key), certificates.map(certificate))
}

interface Bags {
  /** PKCS#8 */
  keys: Buffer[]
  /** X.509 */
  certificates: Buffer[]
}

function bagsOf(file: Buffer, deriver: Deriver): Bags {
  const bags: Bags = { keys: [], certificates: [] }
  for (const content of sequence(parse(verifiedContent(file, deriver)))) {
    for (const bag of sequence(parse(safeContents(content, deriver)))) readBag(bag, bags, deriver)
  }
  if (bags.certificates.length > MOST_CERTIFICATES) throw new Error(`the file holds more than ${MOST_CERTIFICATES} certificates`)
  return bags
}

/** @returns the AuthenticatedSafe, once its MAC is verified. RFC 7292 §4 lets the MAC be absent, we do not. */
function verifiedContent(file: Buffer, deriver: Deriver): Buffer {
  const [version, content, macData, ...more] = sequence(parse(file))
  if (integer(version) !== 3 || more.length > 0) throw malformed()
  const { type, value } = contentInfo(content)
  if (type !== DATA) throw new Error('the file is sealed by a signature and not by a passphrase, which is not read here')
  if (!macData) throw new Error('the file has no MAC: nothing shows that it is whole and unaltered')
  const safe = octets(value)
  const { stated, computed } = macsOf(macData, safe, deriver)
  if (stated.length !== computed.length || !timingSafeEqual(stated, computed)) {
    throw new Error('the MAC of the file does not verify: it has another passphrase, or was altered')
  }
  return safe
}

/** @returns the SafeContents that one part of the file holds, deciphered */
function safeContents(node: Node, deriver: Deriver): Buffer {
  const { type, value } = contentInfo(node)
  if (type === DATA) return octets(value)
  if (type !== ENCRYPTED_DATA) throw new Error('a part of the file is enciphered for a public key, which is not read here')
  const [, encrypted] = sequence(value)
  const inner = decipherContent(encrypted, deriver)
  if (inner.type !== DATA) throw malformed()
  return inner.content
}

function contentInfo(node: Node | undefined): { type: string; value: Node } {
  const [type, content] = sequence(node)
  return { type: oid(type), value: explicit(content) }
}

function readBag(bag: Node, { keys, certificates }: Bags, deriver: Deriver): void {
  const [id, content] = sequence(bag)
  const type = oid(id)
  const value = explicit(content)
  if (type === CERTIFICATE_BAG) certificates.push(certificateIn(value))
  else if (type === KEY_BAG) keys.push(encode(value))
  else if (type === SHROUDED_KEY_BAG) keys.push(shroudedKey(value, deriver))
  else throw new Error(`the file holds something else than keys and certificates (${type})`)
}

function certificateIn(value: Node): Buffer {
  const [kind, content] = sequence(value)
  if (oid(kind) !== X509_CERTIFICATE) throw new Error('the file holds a certificate that is not X.509')
  return octets(explicit(content))
}

/** EncryptedPrivateKeyInfo, RFC 5208 §6. */
function shroudedKey(value: Node, deriver: Deriver): Buffer {
  const [algorithm, content] = sequence(value)
  return decipher(algorithm, octets(content), deriver)
}

function gather(key: KeyObject, certificates: X509Certificate[]): Pkcs12Content {
  const distinct = [...new Map(certificates.map(each => [each.fingerprint256, each])).values()]
  const [own, second] = distinct.filter(each => each.checkPrivateKey(key))
  if (!own) throw new Error('the file holds no certificate of its private key')
  if (second) throw new Error('the file holds several certificates of its private key, and nothing says which one to use')
  return {
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificatePem: own.toString(),
    chainPem: chainOf(own, distinct).map(each => each.toString()),
  }
}

/** Files have their certificates in any order; a handshake wants them nearest first (RFC 8446 §4.4.2). */
function chainOf(own: X509Certificate, all: X509Certificate[]): X509Certificate[] {
  const path = [own]
  for (;;) {
    const last = path.at(-1)!
    const issuer = all.find(each => !path.includes(each) && last.checkIssued(each) && last.verify(each.publicKey))
    if (!issuer) return path.slice(1)
    path.push(issuer)
  }
}

function privateKey(der: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  } catch (cause) {
    throw new Error('the private key of the file cannot be read', { cause })
  }
}

function certificate(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch (cause) {
    throw new Error('a certificate of the file cannot be read', { cause })
  }
}
