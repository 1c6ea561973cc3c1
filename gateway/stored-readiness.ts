import { existsSync } from 'node:fs'
import type { Configuration } from '../config/index.ts'
import { loadMasterKeys, loadOpener, openVault, SignatureFault, verifyEnvelopedAsking } from '../crypto/index.ts'
import { isOld, loadWhiteList } from '../directory/index.ts'
import { identityFiles } from './certificates/identity-files.ts'
import { checkDataKey, DATA_KEYS } from './data-key.ts'
import { isAnyMissing, openAnchors } from './revocation/index.ts'
import { countByKey } from './sealed.ts'
import type { TrustedSpace } from './trust.ts'
import { trustedSpace } from './white-list.ts'

/** What was found: a fault would stop the gateway, or leave it with what it cannot open; a warning would not. One sentence each. */
export interface Findings {
  faults: string[]
  warnings: string[]
}

/**
 * Looks at what lies there before a start: the white list, and whether what is sealed can be opened. Writes nothing, not even a folder.
 * What it needs of the configuration and can't have (`checkKeys` says so) is not looked at.
 * @param now milliseconds
 */
export async function checkStored(configuration: Configuration, now: number): Promise<Findings> {
  const [list, faults] = await Promise.all([checkWhiteList(configuration, now), sealFaults(configuration)])
  return { faults: [...list.faults, ...faults], warnings: list.warnings }
}

/** Those of our domains for which the list does not give a name of ours, with the name that it gives instead. */
export function unlistedDomains(
  space: TrustedSpace,
  name: string,
  domains: readonly string[],
): { domain: string; given: string | undefined }[] {
  return domains.filter(domain => !space.allows(domain, name)).map(domain => ({ domain, given: space.namesOf(domain)[0] }))
}

async function checkWhiteList(configuration: Configuration, now: number): Promise<Findings> {
  const { whiteList, data, domains, tls } = configuration
  const { file, url, signer, maxAge } = whiteList
  const anchors = readable(() => openAnchors(whiteList, { data }))
  if (!anchors) return { faults: [], warnings: [] }
  if (url !== undefined && !existsSync(file))
    return { faults: [], warnings: [`whiteList: ${file} is not there yet: the first start fetches it`] }
  try {
    const verify = (xml: string) => verifyEnvelopedAsking(xml, { anchors, at: new Date(now), signerName: signer })
    const list = await loadWhiteList(file, { verify, now: () => now })
    const space = trustedSpace(list)
    const own = readable(() => loadOpener(identityFiles(tls)))
    const name = own && space.nameOf(own.facts.subject)
    const unlisted = name === undefined ? [] : unlistedDomains(space, name, domains)
    const generated = list.generatedAt.toISOString()
    return {
      faults: [],
      warnings: [
        ...(isOld(list, maxAge, now)
          ? [`whiteList: the list was generated on ${generated}, longer ago than whiteList.maxAge; it stays in use`]
          : []),
        ...unlisted.map(({ domain, given }) => {
          const instead = given === undefined ? 'it does not list the domain' : `it gives ${given}`
          return `whiteList: the list does not give our name ${name} for ${domain} (${instead}): other operators refuse mail from there, and send none, until it does`
        }),
      ],
    }
  } catch (error) {
    const { message } = error as Error
    const isForLater = whiteList.authorities.some(({ crl }) => crl !== undefined) && isAnyMissing(anchors.lists(), now)
    if (!isForLater || !isRevocationUnknown(error)) return { faults: [`whiteList: ${message}`], warnings: [] }
    return {
      faults: [],
      warnings: [`whiteList: whether its signer was revoked is not known yet: the start fetches its list (${message})`],
    }
  }
}

function isRevocationUnknown(error: unknown): boolean {
  const { cause } = error as { cause?: unknown }
  return cause instanceof SignatureFault && cause.verdict === 'revocation-unknown'
}

async function sealFaults({ masterKeys, data }: Configuration): Promise<string[]> {
  const masters = readable(() => loadMasterKeys(masterKeys))
  if (!masters) return []
  const vault = openVault(masters)
  const tried = DATA_KEYS.map(name =>
    dataFaultsOf(() => {
      checkDataKey(data, name, vault)
      return []
    }),
  )
  const files = await dataFaultsOf(async () => {
    const counts = await countByKey(data, vault)
    return [...counts]
      .filter(([id]) => !masters.ids.includes(id))
      .map(([id, count]) => {
        const sealed = count === 1 ? '1 file in the data folder is' : `${count} files in the data folder are`
        return `masterKeys: ${sealed} under key ${id}, which is not among them: they cannot be opened without it`
      })
  })
  return [...files, ...(await Promise.all(tried)).flat()]
}

async function dataFaultsOf(look: () => string[] | Promise<string[]>): Promise<string[]> {
  try {
    return await look()
  } catch (error) {
    return [`data: ${(error as Error).message}`]
  }
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
