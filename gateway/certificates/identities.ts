import { X509Certificate } from 'node:crypto'
import type { Configuration, Log } from '../../config/index.ts'
import { type Anchors, type Identity, prepared } from '../../crypto/index.ts'
import { loadFor, type OwnPlace, opensMail, unfitnessOf } from './fitness.ts'
import { type HeldIdentity, holdIdentity } from './held-identity.ts'
import { identityFiles } from './identity-files.ts'
import type { NamedCertificate } from './inventory.ts'
import { succeeded } from './succession.ts'

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
  /** Those whose end or revocation is news: not what opens mail while another one stands in for it. */
  lasting(): NamedCertificate[]
  /** Starts asking the responders what the lists do not say of ours; `lasting` knows it once they have answered. */
  ask(): void
  /** Looks at the files of all of them. @returns the places where another one is in use now */
  renew(): string[]
  /**
   * Takes other entries of what opens mail, all of them or, when one can't be used, none. @returns the places of the entries when they are others now, and those that nothing stands at any more
   */
  open(entries: Entries): string[]
}

export type Entries = Configuration['smime']['encryption']

/** Where a configuration names certificates of ours. */
export function identityPlaces({ tls, signature, smime, dmp }: Configuration): OwnPlace[] {
  return [
    { place: 'tls', files: identityFiles(tls) },
    { place: 'signature', files: identityFiles(signature) },
    ...openerPlaces(smime.encryption),
    ...(dmp
      ? [
          { place: 'dmp.client', files: identityFiles(dmp.client) },
          { place: 'dmp.signature', files: identityFiles(dmp.signature) },
        ]
      : []),
  ]
}

function openerPlaces(entries: Entries): OwnPlace[] {
  return entries.map((files, index) => ({ place: `smime.encryption.${index}`, files: identityFiles(files) }))
}

/**
 * @param options.anchors authorities of the trust space: the others judge our certificates by theirs, and so do we, at the start and at each renewal
 * @param options.now milliseconds
 * @throws Error for the first one that can't be used in its place
 */
export function openIdentities(configuration: Configuration, options: { anchors: Anchors; now(): number; log: Log }): Identities {
  const { anchors, now, log } = options
  const standards = () => ({ configuration, anchors, at: new Date(now()) })
  const hold = (own: OwnPlace) => holdIdentity(own.place, own.files, { load: () => loadFor(own, standards()), log })
  let held = identityPlaces(configuration).map(hold)
  const openers = () => held.filter(({ place }) => opensMail(place))
  const of = (place: string): (() => Identity) => {
    const found = held.find(each => each.place === place)
    if (!found) throw new Error(`the configuration names no certificate at ${place}`)
    return found.current
  }
  return {
    tls: of('tls'),
    signature: of('signature'),
    dmp: configuration.dmp && { client: of('dmp.client'), signature: of('dmp.signature') },
    encryption: () => openers().map(each => each.current()),
    get held() {
      return held
    },
    lasting() {
      const entries = openers().map(({ place, current }) => ({ place, identity: current() }))
      const old = succeeded(entries, standards())
      const wanted = held.filter(({ place }) => !old.has(place))
      return wanted.map(({ place, current }) => ({
        ...{ place, kind: 'own' as const, facts: current().facts },
        isRevoked: unfitnessOf(place, current(), standards()).some(({ why }) => why === 'revoked'),
      }))
    },
    ask() {
      // Never rejects. Nobody waits for a responder here: what it says is known at a later look.
      for (const { current } of held) void prepared(anchors, new X509Certificate(current().certificatePem).raw, new Date(now()))
    },
    renew: () => held.filter(each => each.renew()).map(({ place }) => place),
    open(entries) {
      const wanted = openerPlaces(entries)
      const present = openers().map(({ place, files }) => ({ place, files }))
      if (JSON.stringify(wanted) === JSON.stringify(present)) return []
      try {
        held = [...held.filter(({ place }) => !opensMail(place)), ...wanted.map(hold)]
        log.info('encryption-entries-taken', { before: present.length, now: wanted.length })
        return [...wanted, ...present.slice(wanted.length)].map(({ place }) => place)
      } catch (error) {
        log.error('certificate-refused', { place: 'smime.encryption', reason: (error as Error).message }) // those of before serve
        return []
      }
    },
  }
}
