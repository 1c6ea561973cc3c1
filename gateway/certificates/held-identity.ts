import type { Log } from '../../config/index.ts'
import { formatName, type Identity, type IdentityFiles } from '../../crypto/index.ts'
import { stampOf } from '../follow.ts'

/** A certificate and its key that may be replaced on the disk while we run. */
export interface HeldIdentity {
  /** Where the configuration names it: `tls`, `dmp.client`, … */
  readonly place: string
  readonly files: IdentityFiles
  /** The one in use: asked for each time it is needed, never kept. */
  current(): Identity
  /** Looks at the files. @returns whether another one is in use now */
  renew(): boolean
}

/**
 * Holds an identity. Certificate and key are several files, written one after the other by somebody else: what has changed is read once it has
 * stood still between two looks, and taken only when it is whole, valid, and still the same after it was read. Until then the old one serves.
 * @param options.load reads and judges it, at that moment
 * @throws Error as `load`, at the start
 */
export function holdIdentity(place: string, files: IdentityFiles, { load, log }: { load(): Identity; log: Log }): HeldIdentity {
  const paths = pathsOf(files)
  let known = stampOf(paths)
  let identity = load()
  let seen = known
  let told = ''

  function read(): Identity | undefined {
    try {
      return load()
    } catch (error) {
      const reason = (error as Error).message
      // A pair that is refused may only be young: it is read again at each look, and told once.
      if (told !== `${seen} ${reason}`) log.error('certificate-refused', { place, reason })
      told = `${seen} ${reason}`
      return undefined
    }
  }

  return {
    place,
    files,
    current: () => identity,
    renew() {
      const stamp = stampOf(paths)
      if (stamp === undefined || stamp === known) return false
      const stoodStill = stamp === seen
      seen = stamp
      const next = stoodStill ? read() : undefined
      if (!next || stampOf(paths) !== stamp) return false
      const [before, name] = [identity, next].map(({ facts }) => formatName(facts.subject))
      known = stamp
      identity = next
      log.info('certificate-renewed', { place, name, until: next.facts.notAfter.toISOString() })
      // The white list, the DMP and the auditors know us by it.
      if (before !== name) log.warn('certificate-other-name', { place, before, name })
      return true
    },
  }
}

function pathsOf(files: IdentityFiles): string[] {
  if ('pkcs12' in files) return [files.pkcs12, files.passphrase]
  return [files.certificate, files.key, ...(files.chain === undefined ? [] : [files.chain])]
}
