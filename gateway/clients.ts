import type { Configuration, Database } from '../config/index.ts'
import { type Anchors, type Identity, readSecret, type ServerTls, serverTls } from '../crypto/index.ts'
import type { ServiceAuthorities } from './revocation/index.ts'
import {
  openCertificates,
  openFamiliarNetworks,
  openNationalService,
  openSignIn,
  openThrottle,
  openTokens,
  type SignInBox,
  type SignInBoxes,
} from './sign-in/index.ts'

export interface ClientsOptions<Box extends SignInBox> {
  configuration: Configuration
  db: Database
  boxes: SignInBoxes<Box>
  identity: () => Identity
  /** Authorities of the clients' certificates; without them none is taken. */
  anchors: Anchors | undefined
  /** Authorities of Pro Santé Connect. */
  psc: ServiceAuthorities
  format: Parameters<typeof openCertificates>[0]['format']
  now(): number
}

/** What the doors of mail clients need, as this operator is configured: how boxes sign in, and what TLS asks of them. */
export function openClients<Box extends SignInBox>(options: ClientsOptions<Box>) {
  const { db, boxes, identity, anchors, format, now } = options
  const { psc } = options.configuration.signIn
  const tokens = psc && openTokens({ ...pscOptions(psc), service: openNationalService(options.psc), now })
  const signIn = openSignIn<Box>({
    boxes,
    tokens,
    certificates: anchors && openCertificates({ anchors, format, now }),
    throttle: openThrottle({ familiar: openFamiliarNetworks(db, { now }), now }),
  })
  return {
    signIn,
    /** A certificate is asked for where boxes may sign in with one, and never required: people have none. */
    tls: (door: string): ServerTls =>
      serverTls(anchors ? { identity: identity(), door, requestPeer: true, anchors } : { identity: identity(), door }),
    close: async () => tokens?.close(),
  }
}

function pscOptions({ issuer, jwks, introspection, audience }: NonNullable<Configuration['signIn']['psc']>) {
  const { url, clientId, clientSecret } = introspection
  return { issuer, jwks, audience, introspection: { url, clientId, clientSecret: readSecret(clientSecret, 'client secret') } }
}
