import { type Anchors, judgeRecipient } from '../../crypto/index.ts'
import { domainOf } from '../address.ts'
import { type Candidate, type Choice, choose, type EncryptionPolicy } from './choice.ts'

/** By domain of the recipient. */
export interface EncryptionPolicies {
  readonly default: EncryptionPolicy
  readonly domains: Readonly<Record<string, EncryptionPolicy>>
}

export interface PlannerOptions {
  policies: EncryptionPolicies
  /** Certificates of a box and of its domain, the first to be tried first. */
  certificates: { of(address: string, domain: string): Promise<{ box: readonly Candidate[]; domain: readonly Candidate[] }> }
  /** The authorities of the trust space. */
  anchors: Anchors
  now(): number
}

export type Planner = ReturnType<typeof openPlanner>

/** Says how a message would go to a recipient, without sending anything. */
export function openPlanner({ policies, certificates, anchors, now }: PlannerOptions) {
  const policyOf = (domain: string): EncryptionPolicy =>
    Object.hasOwn(policies.domains, domain) ? policies.domains[domain]! : policies.default
  return {
    policyOf,
    /** @param address of a recipient elsewhere */
    async plan(address: string, what: { isReport: boolean; isEncrypted: boolean }): Promise<Choice> {
      const domain = domainOf(address)
      const policy = policyOf(domain)
      const known = policy === 'never' ? { box: [], domain: [] } : await certificates.of(address, domain)
      return choose({ policy, ...known, ...what }, ({ pem }) => judgeRecipient(pem, anchors, new Date(now())))
    },
  }
}
