import type { Configuration, Log } from '../../config/index.ts'
import type { Identity, IdentityFiles } from '../../crypto/index.ts'
import { identityFiles } from '../filing.ts'
import { type HeldIdentity, holdIdentity } from './held-identity.ts'

/** Every certificate of ours, by the place where the configuration names it. */
export interface Identities {
  /** SERV SSL: the doors, and what we show to other operators. */
  readonly tls: () => Identity
  /** ORG SIGN or SERV S/MIME: what this operator attests. */
  readonly signature: () => Identity
  /** ORG AUTH_CLI and ORG SIGN of the DMP. */
  readonly dmp: { readonly client: () => Identity; readonly signature: () => Identity } | undefined
  /** What opens mail that is encrypted to us: those of before beside the new ones. */
  readonly encryption: () => readonly Identity[]
  readonly held: readonly HeldIdentity[]
  /** Looks at the files of all of them. @returns the places where another one is in use now */
  renew(): string[]
}

const ENCRYPTION = 'smime.encryption.'

/** Where a configuration names certificates of ours. */
export function identityPlaces({ tls, signature, smime, dmp }: Configuration): { place: string; files: IdentityFiles }[] {
  return [
    { place: 'tls', files: identityFiles(tls) },
    { place: 'signature', files: identityFiles(signature) },
    ...smime.encryption.map((files, index) => ({ place: `${ENCRYPTION}${index}`, files: identityFiles(files) })),
    ...(dmp
      ? [
          { place: 'dmp.client', files: identityFiles(dmp.client) },
          { place: 'dmp.signature', files: identityFiles(dmp.signature) },
        ]
      : []),
  ]
}

/** @param options.now milliseconds @throws Error for the first one that can't be used */
export function openIdentities(configuration: Configuration, options: { now(): number; log: Log }): Identities {
  const held = identityPlaces(configuration).map(({ place, files }) =>
    holdIdentity(place, files, { ...options, opens: place.startsWith(ENCRYPTION) }),
  )
  const of = (place: string): (() => Identity) => {
    const found = held.find(each => each.place === place)
    if (!found) throw new Error(`the configuration names no certificate at ${place}`)
    return found.current
  }
  return {
    tls: of('tls'),
    signature: of('signature'),
    dmp: configuration.dmp && { client: of('dmp.client'), signature: of('dmp.signature') },
    encryption: () => held.filter(({ place }) => place.startsWith(ENCRYPTION)).map(each => each.current()),
    held,
    renew: () => held.filter(each => each.renew()).map(({ place }) => place),
  }
}
