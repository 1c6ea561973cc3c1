import { type Configuration, ConfigurationFault } from '../config/index.ts'
import { loadAnchors, loadIdentity, loadMailboxKey, loadMasterKeys, loadOpener, readSecret } from '../crypto/index.ts'
import { openAnsFiles, RulesFault } from '../dmp-bridge/index.ts'
import { identityFiles, policyOf } from './filing.ts'

/**
 * Opens every key and every list of authorities that a configuration names, as the gateway will.
 * @throws ConfigurationFault with all that is wrong, not only the first
 */
export function checkKeys(file: string, configuration: Configuration): void {
  const { masterKeys, mailboxes, tls, whiteList, dmp, signIn, console, signature, smime, timeStamp } = configuration
  const { fhir } = configuration.directory
  const { psc, certificates } = signIn
  const faults = [
    ...faultOf('masterKeys', () => loadMasterKeys(masterKeys)),
    ...faultOf('mailboxes', () => loadMailboxKey(mailboxes.publicKey)),
    ...faultOf('tls', () => loadIdentity(identityFiles(tls))),
    ...faultOf('tls', () => loadAnchors(tls)),
    ...faultOf('whiteList', () => loadAnchors(whiteList)),
    ...faultOf('signature', () => loadIdentity(identityFiles(signature))),
    ...smime.encryption.flatMap((files, index) => faultOf(`smime.encryption.${index}`, () => loadOpener(identityFiles(files)))),
    ...(timeStamp ? faultOf('timeStamp', () => loadAnchors(timeStamp)) : []),
    ...(timeStamp ? faultOf('timeStamp', () => checkAuthorities(timeStamp.httpsAnchors ?? [])) : []),
    ...(certificates ? faultOf('signIn.certificates', () => loadAnchors(certificates)) : []),
    ...(psc
      ? [
          ...faultOf('signIn.psc', () => checkAuthorities(psc.anchors ?? [])),
          ...faultOf('signIn.psc.introspection', () => readSecret(psc.introspection.clientSecret, 'client secret')),
        ]
      : []),
    ...(console?.psc
      ? [
          ...faultOf('console.psc', () => checkAuthorities(console.psc?.anchors ?? [])),
          ...faultOf('console.psc', () => readSecret(console.psc?.clientSecret ?? '', 'client secret')),
        ]
      : []),
    ...(fhir
      ? [
          ...faultOf('directory.fhir', () => checkAuthorities(fhir.anchors ?? [])),
          ...faultOf('directory.fhir', () => readSecret(fhir.apiKey, 'API key')),
        ]
      : []),
    ...(dmp
      ? [
          ...faultOf('dmp.trust', () => loadAnchors(dmp.trust)),
          ...faultOf('dmp.client', () => loadIdentity(identityFiles(dmp.client))),
          ...faultOf('dmp.signature', () => loadIdentity(identityFiles(dmp.signature))),
          ...faultOf('dmp.rules', () => policyOf(dmp)),
        ]
      : []),
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

/** Authorities of a service's certificate; Node would pass over a file that holds none, and then trust nobody. */
function checkAuthorities(files: readonly string[]): void {
  loadAnchors({ anchors: files, crls: [] })
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
