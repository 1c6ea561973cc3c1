import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'

/** What a token is like. Only `subject` is needed; the rest makes it wrong. */
export interface MintOptions {
  /** `SubjectNameID`: `8` and the RPPS number. */
  subject?: string | undefined
  /** Where it is said; in both by default. */
  subjectIn?: 'token' | 'introspection' | 'both'
  /** What the introspection says in its place. */
  introspectedSubject?: string
  audience?: string | string[]
  azp?: string
  issuer?: string
  /** seconds from now; negative: expired */
  expiresIn?: number
  /** seconds from now */
  notBefore?: number
  /** Kind of token as Keycloak writes it: Bearer, ID, Refresh. */
  typ?: string
  /**
   * `other-key`: a stranger's key under the name of the issuer's; `unknown-key`: under its own name; `hs256`: with the issuer's public key
   * as a shared secret; `none`: not at all.
   */
  signed?: 'rs256' | 'es256' | 'other-key' | 'unknown-key' | 'hs256' | 'none'
  without?: readonly string[]
}

export interface IssuerKeys {
  rsa: { kid: string; privateKey: KeyObject; publicKey: KeyObject }
  ec: { kid: string; privateKey: KeyObject; publicKey: KeyObject }
  stranger: { kid: string; privateKey: KeyObject }
}

export function newIssuerKeys(): IssuerKeys {
  const rsa = () => ({ kid: randomUUID(), ...generateKeyPairSync('rsa', { modulusLength: 2048 }) })
  return { rsa: rsa(), ec: { kid: randomUUID(), ...generateKeyPairSync('ec', { namedCurve: 'prime256v1' }) }, stranger: rsa() }
}

/** @returns the JWKS: the two public keys, and one for encryption as Keycloak shows it too */
export function jwksOf({ rsa, ec }: IssuerKeys): object {
  const jwk = ({ kid, publicKey }: IssuerKeys['rsa'], alg: string, use = 'sig') => ({
    ...publicKey.export({ format: 'jwk' }),
    kid,
    alg,
    use,
  })
  return { keys: [jwk(rsa, 'RS256'), jwk(ec, 'ES256'), jwk({ ...rsa, kid: `${rsa.kid}-enc` }, 'RSA-OAEP', 'enc')] }
}

const base64url = (value: object | string) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Written by hand, without the library that the gateway reads it with. @returns the compact form (RFC 7515 §7.1) */
export function writeToken(claims: object, keys: IssuerKeys, signed: NonNullable<MintOptions['signed']>): string {
  const { header, seal } = writers(keys)[signed]
  const content = `${base64url({ typ: 'JWT', ...header })}.${base64url(claims)}`
  return `${content}.${seal(Buffer.from(content)).toString('base64url')}`
}

type Writer = { header: object; seal(content: Buffer): Buffer }

function writers({ rsa, ec, stranger }: IssuerKeys): Record<NonNullable<MintOptions['signed']>, Writer> {
  const rs256 = (kid: string, key: KeyObject): Writer => ({ header: { alg: 'RS256', kid }, seal: content => sign('sha256', content, key) })
  const secret = rsa.publicKey.export({ type: 'spki', format: 'pem' })
  return {
    rs256: rs256(rsa.kid, rsa.privateKey),
    es256: {
      header: { alg: 'ES256', kid: ec.kid },
      seal: content => sign('sha256', content, { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }),
    },
    'other-key': rs256(rsa.kid, stranger.privateKey),
    'unknown-key': rs256(stranger.kid, stranger.privateKey),
    hs256: { header: { alg: 'HS256', kid: rsa.kid }, seal: content => createHmac('sha256', secret).update(content).digest() },
    none: { header: { alg: 'none', kid: rsa.kid }, seal: () => Buffer.alloc(0) },
  }
}
