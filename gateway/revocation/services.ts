import type { Configuration, Log } from '../../config/index.ts'
import { loadAuthorities } from '../../crypto/index.ts'
import { follow } from '../follow.ts'

/** Authorities of a public service's certificate, PEM; asked for at each connection. Undefined: those of the machine. */
export type ServiceAuthorities = () => readonly string[] | undefined

/** The authorities of each public service that we call, which somebody else may replace on the disk. */
export interface Services {
  readonly fhir: ServiceAuthorities
  readonly psc: ServiceAuthorities
  readonly consolePsc: ServiceAuthorities
  /** Looks at the files. The last good ones stay in use while new ones can't be used. */
  tick(): void
}

/** @throws Error for a file that holds no authorities, or one without its root */
export function openServices({ directory, signIn, console }: Pick<Configuration, 'directory' | 'signIn' | 'console'>, log: Log): Services {
  const looks: (() => void)[] = []
  const open = (place: string, files: readonly string[] | undefined): ServiceAuthorities => {
    if (!files) return () => undefined
    const look = follow(files, () => {
      try {
        current = loadAuthorities(files)
        log.info('authorities-renewed', { place })
      } catch (error) {
        log.error('authorities-refused', { place, reason: (error as Error).message })
      }
    })
    let current = loadAuthorities(files)
    looks.push(look)
    return () => current
  }
  return {
    fhir: open('directory.fhir', directory.fhir?.anchors),
    psc: open('signIn.psc', signIn.psc?.anchors),
    consolePsc: open('console.psc', console?.psc?.anchors),
    tick() {
      for (const look of looks) look()
    },
  }
}
