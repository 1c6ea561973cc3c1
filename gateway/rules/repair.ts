import { domainOf } from '../address.ts'
import type { OwnBox, Speaker, Surroundings } from './facts.ts'

/** Nobody reads fifty boxes out of one reply. */
const MOST_NAMED = 4

/**
 * What a refused recipient may be mended to. Only for those who have signed in: to anyone else it would be a way to read the directory.
 * @returns the listed address of the same person or place, as words for the reply; undefined when no single one is meant
 */
export async function nearestListed<Box extends OwnBox>(
  { annuaire, boxes, domains, trust, patients }: Surroundings<Box>,
  speaker: Speaker<Box>,
  address: string,
): Promise<string | undefined> {
  if (speaker.kind !== 'box' || patients.isPatient(address)) return undefined
  try {
    const near = annuaire.nearest(address)?.address
    if (near === undefined || near === address || !/^[\x21-\x7e]+$/.test(near)) return undefined
    const domain = domainOf(near)
    const isGood = domains.includes(domain) ? isShown(await boxes.find(near)) : trust.isListed(domain)
    return isGood ? `did you mean ${near}?` : undefined
  } catch {
    return undefined // the refusal stands by itself: a help that can't be had is no reason to answer something else
  }
}

/** The extract is of yesterday: a box may have gone to the red list, or been closed, since. */
function isShown(box: OwnBox | undefined): boolean {
  return box !== undefined && !box.redListed && box.suspendedAt === undefined && box.closedAt === undefined
}

/** @returns the boxes that a sender may use, as words for the reply */
export function boxesToUse(addresses: readonly string[]): string {
  const named = addresses.slice(0, MOST_NAMED).join(', ')
  const more = addresses.length - MOST_NAMED
  return more > 0 ? `you may use ${named} and ${more} more` : `you may use ${named}`
}
