import { createHash } from 'node:crypto'
import type { Identity } from '../identity.ts'
import { keyOf } from '../keyring.ts'
import { type Hash, ID_DATA, ID_SIGNED_DATA } from './algorithms.ts'
import { writeAttributes } from './attributes.ts'
import { type Stage, through } from './flow.ts'
import { ownHolder } from './holder.ts'
import { hashAlgorithm, makeSignature, type Scheme, signatureAlgorithm, usualScheme } from './signature-scheme.ts'
import { piecesOf, type Source } from './source.ts'
import { END, header, inContext, integer, octetString, oid, open, sequence, setOf, TAG, value } from './write.ts'

/** Who signs, and how. RSA signs with PKCS#1 v1.5 and SHA-256 unless told; an elliptic curve with the hash of its size. */
export interface Signing {
  identity: Identity
  scheme?: 'pkcs1' | 'pss'
  hash?: Hash
}

/** `at`: the signing time that the signers claim; undefined: they claim none (it is optional, RFC 5652 §11.3). */
export interface SignOptions {
  by: readonly Signing[]
  at: Date | undefined
}

/** A signature in the making: content goes through {@link update}, and is not kept. */
export class Signatures {
  readonly #signers: { signing: Signing; scheme: Scheme; hash: Hash }[]
  readonly #digests: ReadonlyMap<Hash, ReturnType<typeof createHash>>
  readonly #at: Date | undefined
  constructor({ by, at }: SignOptions) {
    if (by.length === 0) throw new Error('nobody signs')
    this.#signers = by.map(signing => ({ signing, ...howOf(signing) }))
    this.#digests = new Map(this.#signers.map(({ hash }) => [hash, createHash(hash)]))
    this.#at = at
  }

  /** The hashes in use, for micalg. */
  get hashes(): Hash[] {
    return [...this.#digests.keys()]
  }

  update(content: Uint8Array): void {
    for (const digest of this.#digests.values()) digest.update(content)
  }

  /** @returns what surrounds the content of a SignedData (RFC 5652 §5.1): version and algorithms; certificates and signer information */
  finish(): { before: Buffer; after: Buffer } {
    const digests = new Map([...this.#digests].map(([hash, digest]) => [hash, digest.digest()]))
    const infos = this.#signers.map(signer => this.#signerInfo(signer, digests.get(signer.hash)!))
    const certificates = new Set(this.#signers.map(({ signing }) => ownHolder(signing.identity).certificates))
    return {
      before: this.before(),
      after: Buffer.concat([value(inContext(0), ...certificates), setOf(...infos)]),
    }
  }

  /** What precedes the content is known before it. */
  before(): Buffer {
    return Buffer.concat([integer(1), setOf(...this.hashes.map(hash => hashAlgorithm(hash)))])
  }

  #signerInfo({ signing: { identity }, scheme, hash }: { signing: Signing; scheme: Scheme; hash: Hash }, messageDigest: Buffer): Buffer {
    const holder = ownHolder(identity)
    const attributes = writeAttributes(messageDigest, this.#at, holder.signedCertificate)
    const signature = makeSignature(keyOf(identity).key, { scheme, hash }, attributes)
    const implicit = Buffer.from(attributes)
    implicit[0] = inContext(0) // signed as a SET OF, carried as [0] IMPLICIT (RFC 5652 §5.4)
    return sequence(
      integer(1),
      holder.issuerAndSerial,
      hashAlgorithm(hash),
      implicit,
      signatureAlgorithm(scheme, hash),
      octetString(signature),
    )
  }
}

function howOf({ identity, scheme, hash }: Signing): { scheme: Scheme; hash: Hash } {
  const usual = usualScheme(keyOf(identity).key)
  if (scheme && usual.scheme === 'ecdsa') throw new Error('an elliptic curve signs with ECDSA')
  return { scheme: scheme ?? usual.scheme, hash: hash ?? usual.hash }
}

/**
 * Signs content that travels beside its signature (RFC 5652 §5.2, external signature). The content is hashed as it flows.
 * @returns a SignedData without content, DER
 */
export async function signDetached(content: Source, options: SignOptions): Promise<Buffer> {
  const signatures = new Signatures(options)
  for await (const piece of piecesOf(content)) signatures.update(piece)
  return detached(signatures)
}

/** The SignedData of content that went through already. */
export function detached(signatures: Signatures): Buffer {
  const { before, after } = signatures.finish()
  return sequence(oid(ID_SIGNED_DATA), value(inContext(0), sequence(before, sequence(oid(ID_DATA)), after)))
}

/**
 * Signs content and carries it along (opaque). It flows through: the outer layers have indefinite lengths, as mail clients write them.
 * @returns a SignedData, BER
 */
export function signOpaque(content: Source, options: SignOptions): AsyncGenerator<Buffer> {
  return through(content, () => opaque(new Signatures(options)))
}

/** The stage of {@link signOpaque}. */
export function opaque(signatures: Signatures): Stage {
  return next => {
    next.add(
      Buffer.concat([
        ...[open(TAG.sequence), oid(ID_SIGNED_DATA), open(inContext(0)), open(TAG.sequence), signatures.before()],
        ...[open(TAG.sequence), oid(ID_DATA), open(inContext(0)), open(TAG.octetString)],
      ]),
    )
    return {
      add(octets) {
        signatures.update(octets)
        next.add(header(TAG.octetString, octets.length))
        next.add(octets) // as they are: copying large content costs as much as encrypting it
      },
      end() {
        next.add(Buffer.concat([END, END, END, signatures.finish().after, END, END, END]))
        next.end()
      },
    }
  }
}
