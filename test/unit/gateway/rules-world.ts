import { Refusal } from '../../../gateway/refusals.ts'
import { type OwnBox, openPolicy, type Surroundings } from '../../../gateway/session.ts'

export const OURS = 'ours.example'
export const THEIRS = 'theirs.example'
export const PATIENTS = 'patient.example'

/** dr.a may write as the service and the practice; not as dr.b, who is a person. */
export const BOXES: readonly OwnBox[] = [
  { address: `dr.a@${OURS}`, type: 'PER', idNatPs: '8A' },
  { address: `dr.b@${OURS}`, type: 'PER', idNatPs: '8B' },
  { address: `service@${OURS}`, type: 'ORG' },
  { address: `practice@${OURS}`, type: 'CAB', idNatPs: '8B' },
  { address: `machine@${OURS}`, type: 'APP' },
  { address: `red@${OURS}`, type: 'PER', redListed: true },
  { address: `small@${OURS}`, type: 'ORG', quotaBytes: 1_000 },
  { address: `suspended@${OURS}`, type: 'PER', suspendedAt: 1 },
  { address: `closed@${OURS}`, type: 'PER', closedAt: 1 },
]
const DELEGATED: Record<string, string[]> = {
  [`dr.a@${OURS}`]: ['service', 'practice', 'dr.b', 'gone'].map(local => `${local}@${OURS}`),
}
const LISTED = [`dr.c@${THEIRS}`, `dr.a@${OURS}`, `red@${OURS}`, `closed@${OURS}`, `suspended@${OURS}`]

/** A policy over short lists. The other operator's name is `theirs`, that of the patients' one `ens`. */
export function policyOver(changed: Partial<Surroundings<OwnBox>> = {}) {
  const listed = (domain: string) => [OURS, THEIRS, PATIENTS].includes(domain)
  const allows = (name: string, domain: string) => name === { [THEIRS]: 'theirs', [PATIENTS]: 'ens', [OURS]: 'ours' }[domain]
  return openPolicy<OwnBox>({
    domains: [OURS],
    postmaster: `dr.a@${OURS}`,
    boxes: {
      find: async address => BOXES.find(box => box.address === address),
      writableBy: async address => [address, ...(DELEGATED[address] ?? [])],
    },
    annuaire: {
      version: '2026-11-20T04:12Z',
      find: address => (LISTED.includes(address) ? { source: 'extract', version: '2026-11-20T04:12Z' } : undefined),
      // The extract's answer to a name that was mistyped: `dr.c2` means `dr.c`.
      nearest: address => ({ address: LISTED.find(each => address.split('@')[0]?.startsWith(each.split('@')[0]!)) ?? '' }),
    },
    trust: {
      checkPeer(peer, domain) {
        if (!peer || 'refused' in peer) throw new Refusal('peerRefused')
        if (domain !== undefined && !allows(peer.name, domain)) throw new Refusal('peerNotListed')
        return peer.name
      },
      checkDomain(domain) {
        if (!listed(domain)) throw new Refusal('domainNotTrusted', `${domain} is not in the white list`)
      },
      mayWriteAs: allows,
      isListed: listed,
    },
    patients: {
      isPatient: address => address.endsWith(`@${PATIENTS}`),
      checkAddress: address => (address.startsWith('bad') ? 'a wrong key' : undefined),
      mayAnswer: async (patient, box) => patient === `good@${PATIENTS}` && box === `dr.a@${OURS}`,
      messageBytes: 5_000,
    },
    quota: { hasRoom: async (_, size) => 900 + Math.max(size, 1) <= 1_000 },
    whiteListDate: () => '2026-11-20T02:00:00.000Z',
    mostHops: 25,
    now: () => 0,
    ...changed,
  })
}

export const boxOf = (local: string) => BOXES.find(({ address }) => address === `${local}@${OURS}`)!

/** @returns the reason of the refusal, or what was asked for */
export async function outcomeOf<T>(work: Promise<T>): Promise<T | string> {
  try {
    return await work
  } catch (error) {
    if (error instanceof Refusal) return error.reason
    throw error
  }
}
