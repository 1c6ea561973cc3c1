import { type Configuration, ConfigurationFault } from '../config/index.ts'
import { loadAnchors, loadIdentity } from '../crypto/index.ts'
import { identityFiles } from './filing.ts'

/**
 * Opens every key and every list of authorities that a configuration names, as the gateway will.
 * @throws ConfigurationFault with all that is wrong, not only the first
 */
export function checkKeys(file: string, configuration: Configuration): void {
  const { tls, whiteList, dmp } = configuration
  const faults = [
    ...faultOf('tls', () => loadIdentity(identityFiles(tls))),
    ...faultOf('tls', () => loadAnchors(tls)),
    ...faultOf('whiteList', () => loadAnchors(whiteList)),
    ...(dmp
      ? [
          ...faultOf('dmp.trust', () => loadAnchors(dmp.trust)),
          ...faultOf('dmp.client', () => loadIdentity(identityFiles(dmp.client))),
          ...faultOf('dmp.signature', () => loadIdentity(identityFiles(dmp.signature))),
        ]
      : []),
  ]
  if (faults.length > 0) throw new ConfigurationFault(file, faults)
}

function faultOf(place: string, work: () => unknown): string[] {
  try {
    work()
    return []
  } catch (error) {
    return [`${place}: ${(error as Error).message}`]
  }
}
