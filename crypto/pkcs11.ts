import { spawnSync } from 'node:child_process'
import { constants, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto'
import { openBlob, sealBlob } from './seal.ts'
import { readCapped } from './secret-file.ts'

/** An RSA key in a PKCS#11 token, reached by the machine's own `openssl`. */
export interface TokenKey {
  /** RFC 7512, what tells the key from others (token, object, id); no PIN and no type */
  uri: string
  /** file that holds the PIN and nothing else, readable by its owner only: openssl reads it, we never hand it over */
  pin: string
  /** the token's PKCS#11 library */
  module: string
  /** how this OpenSSL speaks PKCS#11 */
  through: 'provider' | 'engine'
}

const SEALED = 'pli-token-1'
const PLACE = { purpose: 'master keys', context: SEALED }
const ABOUT =
  '# Master keys of Pli, sealed for a key in a token (PKCS#11). Keep a copy of this file and of that key, apart from that of the data.'
const OAEP = ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha256', 'rsa_mgf1_md:sha256'].flatMap(option => ['-pkeyopt', option])
const PATIENCE = 20_000

/** What openssl says when something is wrong, and what it means. */
const REASONS: readonly [RegExp, string][] = [
  [/PIN incorrect|PIN_INCORRECT|PIN locked|Login failed/i, 'the token refused the PIN'],
  [/load module|shared object|invalid engine|load provider|DSO/i, 'the PKCS#11 module, or what lets OpenSSL use it, cannot be loaded'],
  [/No matching initialized token|not found|Could not read/i, 'the token or its key is not there, or the PIN is another one'],
]

export function isSealedForToken(text: string): boolean {
  return new RegExp(`^${SEALED} `, 'm').test(text)
}

/**
 * Seals a text for the token: AES-256-GCM under a new key, which is wrapped for the token's key (RSA-OAEP with SHA-256). It is opened
 * once before it is handed out: what the token can't open must never be the only copy.
 * @throws Error with one sentence
 */
export function sealForToken(token: TokenKey, text: string): string {
  const key = createPublicKey(ask(token, 'public', ['pkey', '-pubin', '-pubout'], '-in', '-inform'))
  if (key.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048)
    throw new Error(`${token.uri} is no RSA key of 2048 bits or more`)
  const secret = randomBytes(32)
  const wrapped = publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, secret)
  if (!unwrap(token, wrapped).equals(secret)) throw new Error('the token does not open what is sealed for it')
  const sealed = sealBlob(secret, PLACE, Buffer.from(text))
  return `${ABOUT}\n${SEALED} ${wrapped.toString('base64')} ${sealed.toString('base64')}\n`
}

/** @throws Error with one sentence, never with what was sealed: the token is away, refused the PIN, or the text was altered */
export function openWithToken(token: TokenKey, sealed: string): string {
  const [, wrapped = '', blob = ''] = new RegExp(`^${SEALED} (\\S+) (\\S+)$`, 'm').exec(sealed) ?? []
  const opened = openBlob(unwrap(token, Buffer.from(wrapped, 'base64')), PLACE, Buffer.from(blob, 'base64'))
  if (!opened) throw new Error('what is sealed for the token was altered')
  return opened.toString('latin1')
}

function unwrap(token: TokenKey, wrapped: Buffer): Buffer {
  return ask(token, 'private', ['pkeyutl', '-decrypt', ...OAEP], '-inkey', '-keyform', wrapped)
}

/** One question to the token, by a program that ends with it. Its arguments name files, never a secret. */
function ask(token: TokenKey, type: string, args: string[], keyOption: string, formOption: string, input?: Buffer): Buffer {
  const { through, module } = token
  const key = [keyOption, `${checkedUri(token.uri)};type=${type}?pin-source=file:${checkedPin(token.pin)}`]
  const way =
    through === 'engine' ? ['-engine', 'pkcs11', formOption, 'engine', ...key] : ['-provider', 'default', '-provider', 'pkcs11', ...key]
  const { status, stdout, stderr, error } = spawnSync('openssl', [...args, ...way], {
    input: input ?? Buffer.alloc(0),
    timeout: PATIENCE,
    killSignal: 'SIGKILL',
    env: { ...process.env, PKCS11_MODULE_PATH: module, PKCS11_PROVIDER_MODULE: module },
  })
  if (status === 0) return stdout
  throw new Error(`the token of the master keys did not answer: ${spawnFault(error) ?? reasonIn(stderr.toString('latin1'))}`)
}

/** @returns undefined when openssl ran, and said why not: it may have ended before it took what it was given (EPIPE) */
function spawnFault(error: NodeJS.ErrnoException | undefined): string | undefined {
  if (!error || error.code === 'EPIPE') return undefined
  if (error.code === 'ETIMEDOUT') return `nothing came in ${PATIENCE / 1000} s`
  return error.code === 'ENOENT' ? 'openssl is not installed' : `openssl cannot be run (${error.code})`
}

function reasonIn(words: string): string {
  return REASONS.find(([pattern]) => pattern.test(words))?.[1] ?? 'openssl could not use its key'
}

function checkedUri(uri: string): string {
  if (!/^pkcs11:[A-Za-z0-9%._~;=-]+$/.test(uri) || !/[:;](object|id)=/.test(uri) || /[:;](pin-|type=|module-)/.test(uri))
    throw new Error('the address of a key in a token is pkcs11:token=…;object=… (or id=…), without type, PIN and module')
  return uri
}

/** libp11 takes the end of a line for a part of the PIN, and a token counts the wrong ones. */
function checkedPin(file: string): string {
  if (!/^[A-Za-z0-9/._-]+$/.test(file)) throw new Error(`the PIN file ${file} needs a path of letters, digits, dot, dash and underscore`)
  const pin = readCapped(file, 256, ({ mode }) => {
    if (mode & 0o077) throw new Error(`the PIN file ${file} can be used by others than its owner: chmod 600 it`)
  }).toString('latin1')
  if (!/^[\x21-\x7e]+$/.test(pin)) throw new Error(`the PIN file ${file} must hold the PIN alone, with no end of line (printf %s)`)
  return file
}
