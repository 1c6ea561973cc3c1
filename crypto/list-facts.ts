import { parseCertificate, pemBlocks, pemToDer } from './certificate.ts'
import { commonName } from './names.ts'
import { type ReadList, readRevocationList } from './revocation.ts'
import { endsSoonAt } from './status.ts'

/** What a revocation list says of itself, its signature verified. */
export interface ListFacts {
  kind: 'complete' | 'delta'
  /** the list alone, whatever it came in */
  der: Buffer
  /** CN and fingerprint of the authority */
  authority: string
  fingerprint256: string
  thisUpdate: Date
  nextUpdate: Date
  /** From then on it should have been replaced. */
  endsSoonAt: Date
  number: bigint | undefined
  /** how many certificates it names */
  entries: number
}

/**
 * Reads and verifies a list, DER or PEM, that must be of that authority.
 * @param authority its certificate, PEM
 * @throws Error with one sentence
 */
export function readList(bytes: Buffer, authority: string): ListFacts {
  const der = derOf(bytes)
  const issuer = parseCertificate(authority)
  const { kind, list } = read(der, [issuer])
  return {
    ...{ kind, der, authority: commonName(issuer.facts.subject) ?? '?', fingerprint256: issuer.facts.fingerprint256 },
    ...{ thisUpdate: list.thisUpdate, nextUpdate: list.nextUpdate, endsSoonAt: endsSoonAt(list), number: list.number },
    entries: list.revoked.size,
  }
}

/** Whether a list was made before another of the same authority and kind: it would bring back certificates that were revoked in between. */
export function isOlderList(list: Pick<ListFacts, 'thisUpdate' | 'number'>, than: Pick<ListFacts, 'thisUpdate' | 'number'>): boolean {
  return list.thisUpdate < than.thisUpdate || (list.number !== undefined && than.number !== undefined && list.number < than.number)
}

function derOf(bytes: Buffer): Buffer {
  const [block] = pemBlocks(bytes.toString('latin1', 0, 64).includes('-----BEGIN') ? bytes.toString('latin1') : '', 'X509 CRL')
  return block === undefined ? bytes : pemToDer(block)
}

function read(der: Buffer, authorities: Parameters<typeof readRevocationList>[1]): ReadList {
  try {
    return readRevocationList(der, authorities)
  } catch (cause) {
    throw cause instanceof RangeError ? new Error('not a revocation list', { cause }) : cause
  }
}
