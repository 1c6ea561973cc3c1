import { existsSync } from 'node:fs'
import { Piscina } from 'piscina'
import { type Configuration, compiled, type Log } from '../config/index.ts'
import type { Anchors, AuditEntry, Rdn } from '../crypto/index.ts'
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
  WhiteListFault,
} from '../directory/index.ts'
import type { AuditNotes } from './audit-notes.ts'
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
  { anchors, notes, now, log }: { anchors: Anchors; notes: Pick<AuditNotes, 'note' | 'over'>; now: () => number; log: Log },
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
    onFault(fault) {
      log.error('white-list-refused', { reason: fault.reason, detail: fault.detail })
      notes.note(entryOf('white-list.use', fault))
    },
    onReload(next) {
      log.info('white-list', { entries: next.entries, generated: next.generatedAt.toISOString() })
      notes.note(entryOf('white-list.use', next))
    },
  })
  const keeper = openWhiteListKeeper({
    list,
    update: url === undefined ? undefined : signal => fetch(signal, list),
    lastUpdate: () => readUpdateState(file),
    onOutcome: fault => (fault ? notes.note(entryOf('white-list.update', fault)) : notes.over(entryOf('white-list.update', list))),
    refresh,
    maxAge,
    now,
    log,
  })
  return { list, space: trustedSpace(list), keeper }
}

/** A list that came into use, or one that was refused, in the words of the audit log. */
function entryOf(action: string, what: WhiteListFault | Pick<WhiteList, 'entries' | 'generatedAt'>): AuditEntry {
  const entry = { by: 'gateway', action, object: 'white-list' }
  if (what instanceof WhiteListFault) return { ...entry, result: 'refused', detail: whiteListReason(what) }
  return { ...entry, detail: { generated: what.generatedAt.toISOString(), entries: String(what.entries) } }
}

/** Why a list was refused, as codes. */
export function whiteListReason({ reason, detail }: WhiteListFault): Record<string, string> {
  return { reason, ...(detail !== undefined && { detail }) }
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
