import { ID_AUTH_ENVELOPED_DATA, ID_ENVELOPED_DATA, ID_SIGNED_DATA } from './cms/algorithms.ts'
import { type Decrypted, decrypt } from './cms/decrypt.ts'
import { CmsFault, undecryptable } from './cms/fault.ts'
import { peekContentType } from './cms/peek.ts'
import { collect, type Source } from './cms/source.ts'
import { type Signer, USUAL_MOST, type VerifyOptions, verifyDetached, verifyOpaque } from './cms/verify.ts'
import type { Identity } from './identity.ts'
import { contentTypeOf, type Entity, encodingOf, readEntity } from './smime-fields.ts'
import { type HeaderProtection, restoreMail } from './smime-header.ts'
import { canonical, decodePart } from './smime-lines.ts'
import { splitSigned } from './smime-parts.ts'

const MOST_LAYERS = 4
const MOST_SIGNATURE = 1024 * 1024

/** `identities`: those we may open mail with. `most`: bound for the mail and for each layer of it, octets. */
export type OpenMailOptions = VerifyOptions & { identities: readonly Identity[] }

/** One layer of protection that was taken off. */
export type MailLayer =
  | ({ kind: 'encrypted' } & Pick<Decrypted, 'cipher' | 'isAuthenticated' | 'identity'>)
  | { kind: 'signed'; form: 'detached' | 'opaque'; signers: Signer[] }

export interface OpenedMail {
  /** The mail as its author wrote it, without the protection. */
  message: Buffer
  /** Outermost first; none: the mail was not protected, and `message` is the mail itself. */
  layers: MailLayer[]
  /** Whether a signature or an authenticating cipher covers the content. When not, do not act on it, fetch nothing that it links to, and say so. */
  isAuthenticated: boolean
  /** Whether the fields of the header were under the protection too; `none`: they are those that transport showed to everyone. */
  header: HeaderProtection | 'none'
}

/**
 * How the whole of a mail is protected, by its outermost layer alone; nothing is opened or verified.
 * @returns undefined when it is not, or not in a way that can be told
 */
export async function outermostLayer(message: Buffer): Promise<MailLayer['kind'] | undefined> {
  try {
    const { fields, body } = readEntity(message)
    const { type, parameters } = contentTypeOf(fields)
    if (isSigned(type, parameters)) return 'signed'
    if (!isCms(type)) return undefined
    return OUTERMOST[await peekContentType(decodePart(body, encodingOf(fields)))]
  } catch (fault) {
    if (fault instanceof CmsFault) return undefined
    throw fault
  }
}

const OUTERMOST: Record<string, MailLayer['kind']> = {
  [ID_SIGNED_DATA]: 'signed',
  [ID_ENVELOPED_DATA]: 'encrypted',
  [ID_AUTH_ENVELOPED_DATA]: 'encrypted',
}

function isCms(type: string): boolean {
  return /^application\/(x-)?pkcs7-mime$/.test(type)
}

function isSigned(type: string, parameters: ReadonlyMap<string, string>): boolean {
  return type === 'multipart/signed' && /^application\/(x-)?pkcs7-signature$/i.test(parameters.get('protocol') ?? '')
}

/**
 * Takes every S/MIME layer off a mail: those of the whole mail only, never an encrypted part among others, which is how pieces of our mail would be
 * made to leak out (Efail). What is encrypted to others inside stays so (a letter that its author sealed for a box, in a gateway's envelope).
 * @throws CmsFault when any layer is wrong: nothing of the content is handed out then. Inside a layer that does not authenticate its content
 *   (CBC) every fault is `undecryptable`, except a certificate that is not accepted over a right signature
 */
export async function openMail(message: Source, options: OpenMailOptions): Promise<OpenedMail> {
  const whole = await collect(message, options.most ?? USUAL_MOST)
  const outside = readEntity(whole)
  const { layers, ...opened } = await open(outside, options, [], outside)
  if (layers.length === 0) return { message: whole, layers, isAuthenticated: false, header: 'none' }
  const isAuthenticated = layers.some(layer => layer.kind === 'signed' || layer.isAuthenticated)
  return { ...opened, layers, isAuthenticated }
}

type Opened = Pick<OpenedMail, 'message' | 'layers' | 'header'>

async function open(entity: Entity, options: OpenMailOptions, layers: MailLayer[], outside: Entity): Promise<Opened> {
  if (layers.length > MOST_LAYERS) throw new CmsFault('too-large', `the mail has more than ${MOST_LAYERS} layers`)
  const { type, parameters } = contentTypeOf(entity.fields)
  if (isCms(type)) {
    checkUncovered([headerOf(entity)], layers)
    return openCms(entity, options, layers, outside)
  }
  if (isSigned(type, parameters)) return openSigned(entity, parameters.get('boundary') ?? '', options, layers, outside)
  return restored(entity, layers, outside)
}

function headerOf({ fields }: Entity): Buffer {
  return Buffer.from(fields.map(({ raw }) => raw).join(''), 'latin1')
}

/**
 * Right inside AES-CBC, what no signature covers may be pieces of another mail's ciphertext, each behind a block of noise. Everybody writes plain text
 * there; were noise taken, our answer would tell what those pieces hold.
 */
function checkUncovered(texts: readonly Buffer[], layers: readonly MailLayer[]): void {
  const last = layers.at(-1)
  if (last?.kind !== 'encrypted' || last.isAuthenticated) return
  if (texts.some(text => /[^\t\r\n\x20-\x7e]/.test(text.toString('latin1'))))
    throw new CmsFault('malformed', 'what no signature covers is not plain text')
}

function restored(entity: Entity, layers: MailLayer[], outside: Entity): Opened {
  const { message, protection: header } = restoreMail(outside.fields, entity)
  return { message, layers, header }
}

async function openCms(entity: Entity, options: OpenMailOptions, layers: MailLayer[], outside: Entity): Promise<Opened> {
  const cms = decodePart(entity.body, encodingOf(entity.fields))
  if ((await peekContentType(cms)) === ID_SIGNED_DATA) {
    const { content, signers } = await verifyOpaque(cms, options)
    return open(readEntity(content), options, [...layers, { kind: 'signed', form: 'opaque', signers }], outside)
  }
  const decrypted = await decrypt(cms, options).catch(fault => {
    if (layers.length > 0 && fault instanceof CmsFault && fault.reason === 'not-for-us') return undefined
    throw fault
  })
  if (!decrypted) return restored(entity, layers, outside)
  const { content, cipher, isAuthenticated, identity } = decrypted
  try {
    return await open(readEntity(content), options, [...layers, { kind: 'encrypted', cipher, isAuthenticated, identity }], outside)
  } catch (fault) {
    throw isAuthenticated || isAboutTheSigner(fault) ? fault : undecryptable()
  }
}

/** His signature over the content was right, so the fault tells nothing of how it was decrypted. */
function isAboutTheSigner(fault: unknown): boolean {
  return fault instanceof CmsFault && fault.reason === 'signer' && fault.verdict !== 'no-certificate'
}

async function openSigned(
  entity: Entity,
  boundary: string,
  options: OpenMailOptions,
  layers: MailLayer[],
  outside: Entity,
): Promise<Opened> {
  const { content, signature: part, preamble } = splitSigned(entity.body, boundary, layers.length > 0 ? 'nothing' : 'any text')
  const { fields, body } = readEntity(part)
  checkUncovered([headerOf(entity), preamble, headerOf({ fields, body })], layers)
  if (!/^application\/(x-)?pkcs7-signature$/.test(contentTypeOf(fields).type))
    throw new CmsFault('malformed', 'the second part is no signature')
  const signature = decodePart(body, encodingOf(fields))
  if (signature.length > MOST_SIGNATURE) throw new CmsFault('too-large', 'the signature is longer than we read')
  const { signers } = await verifyDetached(signature, canonical(content), options)
  return open(readEntity(content), options, [...layers, { kind: 'signed', form: 'detached', signers }], outside)
}
