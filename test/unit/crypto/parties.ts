import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AnchorFiles, trustOf } from '../../../crypto/anchors.ts'
import { derToPem } from '../../../crypto/certificate.ts'
import { judgeCertificate } from '../../../crypto/chain.ts'
import { type Anchors, loadAnchors, type OcspAccess, type PeerVerdict, prepared, type Rdn } from '../../../crypto/index.ts'
import type { Usage } from '../../../crypto/usage.ts'
import { type CertificateContent, type Keys, type ListContent, makeCertificate, makeList, newKeys } from '../../world/pki-certificates.ts'

export const NOW = new Date('2026-11-22T08:00:00Z')
export const DAY = 86_400_000
export const AUTHORITY: Partial<CertificateContent> = { authority: {}, keyUsage: ['keyCertSign', 'cRLSign'] }
export const SERVER = ['1.3.6.1.5.5.7.3.1']

/** A party of a chain that no ordinary PKI would issue. */
export interface Party {
  name: Rdn[]
  keys: Keys
  der: Buffer
  serial: Buffer
}

/** @returns an instant, that many days from now */
export const day = (days: number) => new Date(NOW.getTime() + days * DAY)

export async function party(name: string | Rdn[], issuer?: Party, content: Partial<CertificateContent> = {}, keys?: Keys): Promise<Party> {
  const own = keys ?? (await newKeys('ec'))
  const subject = typeof name === 'string' ? [{ type: 'CN', value: name }] : name
  const signing = issuer?.keys ?? own
  const whole: CertificateContent = {
    ...{ subject, issuer: issuer?.name ?? subject, publicKey: own.publicKey, authorityKey: signing.publicKey },
    ...{ notBefore: day(-365), notAfter: day(365), keyUsage: ['digitalSignature'], ...content },
  }
  return { name: subject, keys: own, ...makeCertificate(whole, signing.privateKey) }
}

/** A list of an authority: number 1, for a week, of nobody, unless told otherwise. */
export function listOf({ name, keys }: Party, content: Partial<ListContent> = {}, signingKey = keys.privateKey): Buffer {
  const usual: ListContent = { issuer: name, authorityKey: keys.publicKey, thisUpdate: day(-1), nextUpdate: day(6), number: 1, revoked: [] }
  return makeList({ ...usual, ...content }, signingKey)
}

/** Anchors in a folder of their own. */
export class Anchorage {
  readonly folder = mkdtempSync(join(tmpdir(), 'pli-pkits-'))
  #files = 0

  /** @param lists of all authorities; fresh and empty ones when absent */
  load(authorities: readonly Party[], lists?: readonly Buffer[], ocsp?: OcspAccess): Anchors {
    return loadAnchors(this.files(authorities, lists, ocsp !== undefined), { ocsp })
  }

  files(authorities: readonly Party[], lists?: readonly Buffer[], hasResponder = false): AnchorFiles {
    const certificates = authorities.map(({ der }) => this.write(derToPem(der, 'CERTIFICATE')))
    const crls = (lists ?? authorities.map(authority => listOf(authority))).map(list => this.write(list))
    if (!hasResponder) return { anchors: certificates, crls }
    return { anchors: [], crls, authorities: certificates.map(certificate => ({ certificate, ocsp: 'http://responder.test/' })) }
  }

  write(content: string | Buffer): string {
    this.#files += 1
    const file = join(this.folder, String(this.#files))
    writeFileSync(file, content)
    return file
  }

  remove(): void {
    rmSync(this.folder, { recursive: true })
  }
}

/** `trusted`, or the reason of the refusal. */
export function judged(leaf: Party | Buffer, anchors: Anchors, { at = NOW, usage = 'tls' }: { at?: Date; usage?: Usage } = {}): string {
  return why(judgeCertificate('der' in leaf ? leaf.der : leaf, trustOf(anchors), usage, at))
}

/** As {@link judged}, with what the responders say. */
export async function judgedOnline(leaf: Party, anchors: Anchors, at = NOW): Promise<string> {
  await prepared(anchors, leaf.der, at)
  return judged(leaf, anchors, { at })
}

function why(verdict: PeerVerdict): string {
  return verdict.kind === 'trusted' ? 'trusted' : verdict.why
}
