import { existsSync } from 'node:fs'
import { Piscina } from 'piscina'
import { type Configuration, compiled, type Log } from '../config/index.ts'
import type { Anchors, Rdn } from '../crypto/index.ts'
import {
  type Dn,
  differsInCommonNameOnly,
  dnFromRdns,
  type LiveWhiteList,
  openWhiteList,
  parseDn,
  readUpdateState,
  updateWhiteList,
  type WhiteList,
} from '../directory/index.ts'
import { anchorFiles } from './revocation/index.ts'
import type { TrustedSpace } from './trust.ts'
import type { VerifyTask } from './verify-thread.ts'
import { openWhiteListKeeper, type WhiteListKeeper } from './white-list-keeper.ts'

/** The list in use, in the gateway's words, and what keeps it fresh. */
export interface KeptWhiteList {
  list: LiveWhiteList
  space: TrustedSpace
  keeper: WhiteListKeeper
}

/** Opens the white list; fetches it first when it was never here. @throws WhiteListFault: without a list nobody can be trusted */
export async function keepWhiteList(
  { whiteList, data }: Configuration,
  { anchors, now, log }: { anchors: Anchors; now: () => number; log: Log },
): Promise<KeptWhiteList> {
  const { file, url, signer, refresh, maxAge } = whiteList
  const threads = new Piscina<VerifyTask, { signed: string }>({ filename: compiled('gateway/verify-thread'), minThreads: 0, maxThreads: 1 })
  threads.on('error', error => log.error('verify-thread', {}, error))
  const verify = (xml: string) => threads.run({ xml, anchors: anchorFiles(whiteList, data), signerName: signer })
  const fetch = (signal?: AbortSignal, inUse?: WhiteList) => updateWhiteList({ url: url ?? '', file, anchors, verify, now, inUse, signal })
  if (url !== undefined && !existsSync(file)) await fetch()
  const list = await openWhiteList(file, {
    verify,
    now,
    onFault: ({ reason, detail }) => log.error('white-list-refused', { reason, detail }),
    onReload: ({ entries, generatedAt }) => log.info('white-list', { entries, generated: generatedAt.toISOString() }),
  })
  const keeper = openWhiteListKeeper({
    list,
    update: url === undefined ? undefined : signal => fetch(signal, list),
    lastUpdate: () => readUpdateState(file),
    refresh,
    maxAge,
    now,
    log,
  })
  return { list, space: trustedSpace(list), keeper }
}

/** The white list in the words of the gateway: names as text, parsed once. */
export function trustedSpace(list: Pick<WhiteList, 'allows' | 'lists' | 'dnsOf'>): TrustedSpace {
  const parsed = new Map<string, Dn>()
  const dn = (name: string) => {
    const known = parsed.get(name) ?? parseDn(name)
    if (parsed.size > 10_000) parsed.clear()
    parsed.set(name, known)
    return known
  }
  return {
    nameOf: (subject: readonly Rdn[]) => dnFromRdns([...subject]).toString(),
    allows: (domain, name) => name !== '' && list.allows(domain, dn(name)),
    lists: name => name !== '' && list.lists(dn(name)),
    namesOf: domain => list.dnsOf(domain).map(String),
    likest(domain, name) {
      const shown = dn(name)
      return list
        .dnsOf(domain)
        .find(listed => differsInCommonNameOnly(listed, shown))
        ?.toString()
    },
  }
}
