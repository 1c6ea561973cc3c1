import type { Configuration } from '../../config/index.ts'
import { type CertificateFacts, type ListDates, loadAnchors, readIdentity } from '../../crypto/index.ts'
import { anchorFiles, trustPlaces } from '../revocation/index.ts'
import { identityPlaces } from './identities.ts'

/** A certificate that a configuration names. */
export interface NamedCertificate {
  /** Where: `tls`, `smime.encryption.0`, `whiteList`, … */
  place: string
  kind: 'own' | 'authority'
  facts: CertificateFacts
}

/** What lies on the disk now, with what can't be read of it. */
export interface Inventory {
  certificates: NamedCertificate[]
  lists: ({ place: string } & ListDates)[]
  faults: { place: string; reason: string }[]
}

/** Reads every certificate that a configuration names, whatever its dates, and the dates of the revocation lists. Never throws for a file. */
export function takeInventory(configuration: Configuration): Inventory {
  const inventory: Inventory = { certificates: [], lists: [], faults: [] }
  const read = (place: string, work: () => void) => {
    try {
      work()
    } catch (error) {
      inventory.faults.push({ place, reason: (error as Error).message })
    }
  }
  for (const { place, files } of identityPlaces(configuration))
    read(place, () => inventory.certificates.push({ place, kind: 'own', facts: readIdentity(files) }))
  const { timeStamp } = configuration
  const trusts = { ...trustPlaces(configuration), ...(timeStamp && { timeStamp: { ...timeStamp, authorities: [] } }) }
  for (const [place, trust] of Object.entries(trusts))
    read(place, () => {
      const anchors = loadAnchors(anchorFiles(trust, configuration.data))
      inventory.certificates.push(...anchors.authorities().map(facts => authority(place, facts)))
      inventory.lists.push(...anchors.lists().map(list => ({ place, ...list })))
    })
  for (const [place, anchors] of servicePlaces(configuration))
    read(place, () =>
      inventory.certificates.push(
        ...loadAnchors({ anchors, crls: [] })
          .authorities()
          .map(facts => authority(place, facts)),
      ),
    )
  return inventory
}

function authority(place: string, facts: CertificateFacts): NamedCertificate {
  return { place, kind: 'authority', facts }
}

/** Authorities of public services: OpenSSL alone judges these, without lists. */
function servicePlaces({ directory, signIn, console, timeStamp }: Configuration): [string, readonly string[]][] {
  const services = {
    ...{ 'directory.fhir': directory.fhir, 'signIn.psc': signIn.psc, 'console.psc': console?.psc },
    'timeStamp.httpsAnchors': { anchors: timeStamp?.httpsAnchors },
  }
  return Object.entries(services).flatMap(([place, service]) => (service?.anchors ? [[place, service.anchors]] : []))
}

const DAY = 86_400_000

/** Whole days that are left; negative once it has ended. @param now milliseconds */
export function daysLeft({ notAfter }: Pick<CertificateFacts, 'notAfter'>, now: number): number {
  return Math.floor((notAfter.getTime() - now) / DAY)
}
