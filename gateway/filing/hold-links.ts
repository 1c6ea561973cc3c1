import type { Configuration } from '../../config/index.ts'
import type { Vault } from '../../crypto/index.ts'
import { HOLD_PATH, type HoldLinks, openHoldLinks } from '../../dmp-bridge/index.ts'
import { dataKey } from '../data-key.ts'

/** Links that a sender may hold his documents back with: keyed beside the database, so that no row makes one. */
export function holdLinksOf(data: string, vault: Vault, now: () => number): HoldLinks {
  return openHoldLinks({ secret: dataKey(data, 'patients', vault), now })
}

/** Where a sender is sent to about his filings; without pages nowhere, and without a delay there is nothing to hold. */
export function filingLinks(
  { console, dmp, data }: Configuration,
  vault: Vault,
  now: () => number,
): { pages?: string; holdLinkOf?: (messageId: string) => string } {
  if (!console) return {}
  const links = holdLinksOf(data, vault, now)
  const holdLinkOf = (id: string) => `${console.url}${HOLD_PATH}/${links.tokenOf(id)}`
  return { pages: `${console.url}/depots`, ...(dmp && dmp.delay > 0 ? { holdLinkOf } : {}) }
}
