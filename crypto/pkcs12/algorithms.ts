import { createDecipheriv, createHmac } from 'node:crypto'
import { decipherRc2, implicitOctets, integer, isInteger, malformed, type Node, octets, oid, sequence } from './forge.ts'
import { type Deriver, HASH_LENGTHS, type HashName } from './keys.ts'

const PKCS5 = '1.2.840.113549.1.5'
const PBKDF2 = `${PKCS5}.12`
const PBES2 = `${PKCS5}.13`
const PBMAC1 = `${PKCS5}.14`
const PBE_SHA1_3DES = '1.2.840.113549.1.12.1.3'
const PBE_SHA1_RC2_40 = '1.2.840.113549.1.12.1.6'

const HASHES: Record<string, HashName> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.4': 'sha224',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}
const HMACS: Record<string, HashName> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
}
const CIPHERS: Record<string, { name: string; keyLength: number }> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyLength: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyLength: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyLength: 32 },
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyLength: 24 },
}

/** RFC 9879 §4: a PBMAC1 key has its length stated, and at least 20 octets. */
const MAC_KEY = { least: 20, most: 64 }

/**
 * @param macData of a PFX (RFC 7292 §4)
 * @returns the digest that it states, and the one that the content has under the passphrase
 */
export function macsOf(macData: Node, content: Buffer, deriver: Deriver): { stated: Buffer; computed: Buffer } {
  const [digestInfo, salt, iterations, ...rest] = sequence(macData)
  const [algorithm, digest, ...tail] = sequence(digestInfo)
  if (rest.length + tail.length > 0) throw malformed()
  const [type, parameters] = algorithmOf(algorithm)
  const [hash, key] =
    type === PBMAC1
      ? pbmac1(parameters, deriver)
      : pkcs12Mac(type, { salt: octets(salt), iterations: iterations ? integer(iterations) : 1 }, deriver)
  return { stated: octets(digest), computed: createHmac(hash, key).update(content).digest() }
}

type MacKey = [hash: HashName, key: Buffer]

function pkcs12Mac(type: string, given: { salt: Buffer; iterations: number }, deriver: Deriver): MacKey {
  const hash = known(HASHES, type, 'MAC')
  return [hash, deriver.pkcs12('mac', { hash, ...given, length: HASH_LENGTHS[hash].digest })]
}

/** RFC 9879: salt and count are those of PBKDF2, MacData's own are not used. */
function pbmac1(parameters: Node | undefined, deriver: Deriver): MacKey {
  const [derivation, scheme] = sequence(parameters)
  const { length = 0, ...given } = pbkdf2Parameters(derivation)
  if (length < MAC_KEY.least || length > MAC_KEY.most) throw new Error('the key of the MAC has no length, or one that RFC 9879 refuses')
  return [known(HMACS, algorithmOf(scheme)[0], 'MAC'), deriver.pbkdf2({ ...given, length })]
}

/**
 * @param algorithm AlgorithmIdentifier of a cipher with its key derivation
 * @throws Error with one sentence: an algorithm that is not read, too much work, or another passphrase than the MAC's
 */
export function decipher(algorithm: Node | undefined, content: Buffer, deriver: Deriver): Buffer {
  const [type, parameters] = algorithmOf(algorithm)
  const decrypt = type === PBES2 ? pbes2(parameters, deriver) : pkcs12Pbe(type, parameters, deriver)
  try {
    return decrypt(content)
  } catch (cause) {
    throw new Error('a part of the file cannot be deciphered with the passphrase', { cause })
  }
}

/** EncryptedContentInfo of RFC 2315 §10.1: `contentType, algorithm, [0] octets`. @returns its type, and the content deciphered */
export function decipherContent(node: Node | undefined, deriver: Deriver): { type: string; content: Buffer } {
  const [type, algorithm, content] = sequence(node)
  return { type: oid(type), content: decipher(algorithm, implicitOctets(content), deriver) }
}

type Decrypt = (content: Buffer) => Buffer

/** RFC 7292 appendix C. */
function pkcs12Pbe(type: string, parameters: Node | undefined, deriver: Deriver): Decrypt {
  if (type !== PBE_SHA1_3DES && type !== PBE_SHA1_RC2_40) throw notRead('cipher', type)
  const [salt, iterations] = sequence(parameters)
  const given = { hash: 'sha1', salt: octets(salt), iterations: integer(iterations) } as const
  const key = deriver.pkcs12('key', { ...given, length: type === PBE_SHA1_3DES ? 24 : 5 })
  const iv = deriver.pkcs12('iv', { ...given, length: 8 })
  return type === PBE_SHA1_3DES ? content => openssl('des-ede3-cbc', key, iv, content) : content => decipherRc2(key, iv, content)
}

/** RFC 8018 §6.2. */
function pbes2(parameters: Node | undefined, deriver: Deriver): Decrypt {
  const [derivation, scheme] = sequence(parameters)
  const [type, vector] = algorithmOf(scheme)
  const { name, keyLength } = known(CIPHERS, type, 'cipher')
  const { length = keyLength, ...given } = pbkdf2Parameters(derivation)
  if (length !== keyLength) throw malformed()
  const iv = octets(vector)
  const key = deriver.pbkdf2({ ...given, length })
  return content => openssl(name, key, iv, content)
}

/** RFC 8018 appendix A.2: salt, count, then maybe a key length, then maybe the function (HMAC-SHA-1 when absent). */
function pbkdf2Parameters(algorithm: Node | undefined) {
  const [type, parameters] = algorithmOf(algorithm)
  if (type !== PBKDF2) throw notRead('key derivation', type)
  const [salt, iterations, ...rest] = sequence(parameters)
  const length = isInteger(rest[0]) ? integer(rest.shift()) : undefined
  const hash = rest.length > 0 ? known(HMACS, algorithmOf(rest[0])[0], 'key derivation') : 'sha1'
  return { hash, salt: octets(salt), iterations: integer(iterations), ...(length === undefined ? {} : { length }) }
}

function openssl(cipher: string, key: Buffer, iv: Buffer, content: Buffer): Buffer {
  const stream = createDecipheriv(cipher, key, iv)
  return Buffer.concat([stream.update(content), stream.final()])
}

function algorithmOf(node: Node | undefined): [type: string, parameters: Node | undefined] {
  const [type, parameters] = sequence(node)
  return [oid(type), parameters]
}

function known<T>(table: Record<string, T>, type: string, what: string): T {
  const found = Object.hasOwn(table, type) ? table[type] : undefined
  if (found === undefined) throw notRead(what, type)
  return found
}

function notRead(what: string, type: string): Error {
  return new Error(`the file uses a ${what} that is not read here (${type}); \`openssl pkcs12\` can write it again with its defaults`)
}
