import { type Configuration, ConfigurationFault } from '../config/index.ts'
import { type Anchors, loadAnchors, loadAuthorities, loadMailboxKey, loadMasterKeys, readSecret } from '../crypto/index.ts'
import { openAnsFiles, RulesFault } from '../dmp-bridge/index.ts'
import { loadFor } from './certificates/fitness.ts'
import { identityPlaces } from './certificates/identities.ts'
import { policyOf } from './filing/index.ts'
import { openAnchors } from './revocation/index.ts'

/**
 * Opens every key and every list of authorities that a configuration names, as the gateway will.
 * @param now milliseconds
 * @throws ConfigurationFault with all that is wrong, not only the first
 */
export function checkKeys(file: string, configuration: Configuration, now: number): void {
  const { masterKeys, mailboxes, tls, whiteList, dmp, signIn, console, timeStamp, data } = configuration
  const { fhir } = configuration.directory
  const { psc, certificates } = signIn
  let anchors: Anchors | undefined
  const tlsFaults = faultOf('tls', () => {
    anchors = openAnchors(tls, { data })
  })
  const standards = { configuration, anchors, at: new Date(now) }
  const faults = [
    ...faultOf('masterKeys', () => loadMasterKeys(masterKeys)),
    ...faultOf('mailboxes', () => loadMailboxKey(mailboxes.publicKey)),
    ...tlsFaults,
    ...identityPlaces(configuration).flatMap(own => faultOf(own.place, () => loadFor(own, standards))),
    ...faultOf('whiteList', () => loadAnchors(whiteList)),
    ...(timeStamp ? faultOf('timeStamp', () => loadAnchors(timeStamp)) : []),
    ...(timeStamp ? faultOf('timeStamp', () => checkAuthorities(timeStamp.httpsAnchors)) : []),
    ...(certificates ? faultOf('signIn.certificates', () => loadAnchors(certificates)) : []),
    ...(psc
      ? [
          ...faultOf('signIn.psc', () => checkAuthorities(psc.anchors)),
          ...faultOf('signIn.psc.introspection', () => readSecret(psc.introspection.clientSecret, 'client secret')),
        ]
      : []),
    ...(console?.psc
      ? [
          ...faultOf('console.psc', () => checkAuthorities(console.psc?.anchors)),
          ...faultOf('console.psc', () => readSecret(console.psc?.clientSecret ?? '', 'client secret')),
        ]
      : []),
    ...(fhir
      ? [
          ...faultOf('directory.fhir', () => checkAuthorities(fhir.anchors)),
          ...faultOf('directory.fhir', () => readSecret(fhir.apiKey, 'API key')),
        ]
      : []),
    ...(dmp ? [...faultOf('dmp.trust', () => loadAnchors(dmp.trust)), ...faultOf('dmp.rules', () => policyOf(dmp))] : []),
  ]
  if (faults.length > 0) throw new ConfigurationFault(file, faults)
}

/**
 * Opens the files of the ANS, as the bridge will.
 * @throws ConfigurationFault that names the file which can't be used
 */
export async function checkAnsFiles(file: string, { dmp }: Configuration): Promise<void> {
  if (dmp?.ansFiles === undefined) return
  try {
    await openAnsFiles(dmp.ansFiles)
  } catch (error) {
    throw new ConfigurationFault(file, [`dmp.ansFiles: ${(error as Error).message}`])
  }
}

/** Authorities of a service's certificate; those of the machine when none are named. */
function checkAuthorities(files: readonly string[] | undefined): void {
  if (files) loadAuthorities(files)
}

function faultOf(place: string, work: () => unknown): string[] {
  try {
    work()
    return []
  } catch (error) {
    if (error instanceof RulesFault) return error.faults.map(fault => `${place}: ${fault}`)
    return [`${place}: ${(error as Error).message}`]
  }
}
