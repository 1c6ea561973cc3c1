import forge from 'node-forge'

/** Writes PKCS#12 files with node-forge's own code, which the product does not use: what is tested and what tests share nothing but the tree. */
export const { asn1 } = forge
export type Node = forge.asn1.Asn1

const { Class, Type } = asn1
export const PASSPHRASE = 'Clé du 3e étage €'
export const OIDS = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  envelopedData: '1.2.840.113549.1.7.3',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  crlBag: '1.2.840.113549.1.12.10.1.4',
  x509: '1.2.840.113549.1.9.22.1',
  sha1: '1.3.14.3.2.26',
  md5: '1.2.840.113549.2.5',
  hmacSha256: '1.2.840.113549.2.9',
  pbkdf2: '1.2.840.113549.1.5.12',
  pbes2: '1.2.840.113549.1.5.13',
  pbmac1: '1.2.840.113549.1.5.14',
  aes256: '2.16.840.1.101.3.4.1.42',
} as const

export const seq = (...values: Node[]): Node => asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, values)
export const octets = (bytes: Uint8Array): Node => asn1.create(Class.UNIVERSAL, Type.OCTETSTRING, false, latin1(bytes))
export const tagged = (...values: Node[]): Node => asn1.create(Class.CONTEXT_SPECIFIC, 0 as forge.asn1.Type, true, values)
export const nothing = (): Node => asn1.create(Class.UNIVERSAL, Type.NULL, false, '')
export const oid = (dotted: string): Node => asn1.create(Class.UNIVERSAL, Type.OID, false, asn1.oidToDer(dotted).getBytes())
/** @param hex the content octets, when a number will not do */
export const integer = (value: number | { hex: string }): Node =>
  asn1.create(
    Class.UNIVERSAL,
    Type.INTEGER,
    false,
    typeof value === 'number' ? asn1.integerToDer(value).getBytes() : latin1(Buffer.from(value.hex, 'hex')),
  )
export const der = (node: Node): Buffer => Buffer.from(asn1.toDer(node).getBytes(), 'latin1')
export const tree = (bytes: Uint8Array): Node => asn1.fromDer(latin1(bytes))
export const pemDer = (pem: string): Buffer => Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64')

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

export function keyBag(keyPem: string): Node {
  return seq(oid(OIDS.keyBag), tagged(tree(pemDer(keyPem))))
}

export function certificateBag(pem: string): Node {
  return seq(oid(OIDS.certificateBag), tagged(seq(oid(OIDS.x509), tagged(octets(pemDer(pem))))))
}

/** ContentInfo of type data. */
export function data(content: Uint8Array | Node): Node {
  return seq(oid(OIDS.data), tagged(octets(content instanceof Uint8Array ? content : der(content))))
}

/** A file of these parts, which are ContentInfos. */
export function file(parts: Node[], macData: (safe: Buffer) => Node[] = mac()): Buffer {
  const safe = der(seq(...parts))
  return der(seq(integer(3), data(safe), ...macData(safe)))
}

/** A file of these bags, all in clear. */
export function fileOf(bags: Node[], macData?: (safe: Buffer) => Node[]): Buffer {
  return file([data(seq(...bags))], macData)
}

/** MacData of RFC 7292 with HMAC-SHA-1, made by node-forge. */
export function mac({ count = 2, stated = integer(count), algorithm = OIDS.sha1 as string, cut = 20, passphrase = PASSPHRASE } = {}) {
  return (safe: Buffer): Node[] => {
    const salt = 'saltsalt'
    const hash = forge.md.sha1.create()
    const key = generateKey(passphrase, forge.util.createBuffer(salt), 3, count, 20, hash)
    const hmac = forge.hmac.create()
    hmac.start('sha1', key)
    hmac.update(latin1(safe))
    const digest = Buffer.from(hmac.digest().getBytes(), 'latin1').subarray(0, cut)
    return [seq(seq(seq(oid(algorithm), nothing()), octets(digest)), octets(Buffer.from(salt)), stated)]
  }
}

/** RFC 9879. `length` is the length of the key as stated, and as used. */
export function pbmac1({ length = 32 as number | null, stated = 100 } = {}) {
  return (safe: Buffer): Node[] => {
    const salt = Buffer.from('saltsalt')
    const key = forge.pkcs5.pbkdf2(forge.util.encodeUtf8(PASSPHRASE), latin1(salt), 100, length ?? 32, forge.md.sha256.create())
    const hmac = forge.hmac.create()
    hmac.start('sha256', forge.util.createBuffer(key))
    hmac.update(latin1(safe))
    const function_ = seq(oid(OIDS.hmacSha256), nothing())
    const parameters = seq(octets(salt), integer(stated), ...(length === null ? [] : [integer(length)]), function_)
    const algorithm = seq(oid(OIDS.pbmac1), seq(seq(oid(OIDS.pbkdf2), parameters), function_))
    return [seq(seq(algorithm, octets(Buffer.from(hmac.digest().getBytes(), 'latin1'))), octets(Buffer.from('unused')))]
  }
}

/** AlgorithmIdentifier of PBES2 with AES-256 and this count. */
export function pbes2(count: Node): Node {
  const derivation = seq(oid(OIDS.pbkdf2), seq(octets(Buffer.from('saltsalt')), count, seq(oid(OIDS.hmacSha256), nothing())))
  return seq(oid(OIDS.pbes2), seq(derivation, seq(oid(OIDS.aes256), octets(Buffer.alloc(16)))))
}

/** A file as node-forge writes them by itself (RSA only). */
export function forgeFile(
  { keyPem, certificatePem }: { keyPem: string; certificatePem: string },
  algorithm: 'aes128' | 'aes192' | 'aes256' | '3des',
  passphrase: string,
): Buffer {
  const [key, certificate] = [forge.pki.privateKeyFromPem(keyPem), forge.pki.certificateFromPem(certificatePem)]
  return der(forge.pkcs12.toPkcs12Asn1(key, certificate, passphrase, { algorithm, count: 2048 }))
}

/** Is in node-forge, and not in its types. */
const generateKey = (
  forge.pkcs12 as unknown as {
    generateKey(
      passphrase: string,
      salt: forge.util.ByteBuffer,
      id: number,
      count: number,
      length: number,
      md: forge.md.MessageDigest,
    ): forge.util.ByteBuffer
  }
).generateKey
