import type { Configuration } from '../config/index.ts'
import type { Annuaire, Bal, Bals } from '../directory/index.ts'
import type { ContentLimits } from './content-guard.ts'
import type { Quota } from './couriers/quota.ts'
import { openPolicy, type Patients, type Policy } from './session.ts'
import type { Trust } from './trust.ts'

/** The rules at the edge of one operator: of the gateway that answers, and of `pli explain` that says what it would answer. */
export function policyFor(
  configuration: Configuration,
  parts: {
    boxes: Bals
    annuaire: Annuaire
    quota: Quota
    trust: Trust
    whiteList: { readonly generatedAt: Date }
    patients: Patients
    now(): number
  },
): Policy<Bal> {
  const { domains, postmaster, limits } = configuration
  const { whiteList, ...others } = parts
  return openPolicy<Bal>({
    ...others,
    domains,
    postmaster,
    whiteListDate: () => whiteList.generatedAt.toISOString(),
    mostHops: limits.hops,
  })
}

/** Whose message it is: handed in by one of our own, or by another operator. */
export type Origin = 'submission' | 'reception'

/** What a message may be, as the content guard wants it. */
export function contentLimits({ limits }: Configuration, origin: Origin): ContentLimits {
  const { headerBytes, headerFields, lineBytes, parts, depth } = limits
  return { size: mostBytes(limits, origin), headerBytes, headerFields, headerLine: lineBytes, line: lineBytes, parts, depth }
}

/**
 * What one's own may send, another operator's gateway must be able to bring: signed, encrypted and in base64 a mail is 1.37 times as long, and its
 * way has added trace fields.
 * @returns octets
 */
export function mostBytes({ messageBytes }: Configuration['limits'], origin: Origin): number {
  return origin === 'submission' ? messageBytes : Math.ceil(messageBytes * 1.4) + 65_536
}
