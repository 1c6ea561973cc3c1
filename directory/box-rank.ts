import type { BoxUse, Purpose } from './box-use.ts'
import type { Listing } from './snapshot.ts'

/** A listing with what is known of its use. */
export type KnownListing = Listing & { use?: BoxUse }

/** A sign of life older than this says nothing any more. */
const FRESH_MS = 180 * 86_400_000

/**
 * Puts the boxes that letters should go to first: those that are for the purpose asked, then those that have shown life lately; last the ones
 * whose operator refuses them. What words found equally good stays in its order.
 * @param options.purpose what the letter is
 */
export function rankByUse(
  listings: readonly Listing[],
  uses: ReadonlyMap<string, BoxUse>,
  options: { purpose?: Purpose; now: number },
): KnownListing[] {
  const ranked = listings.map((listing, place) => {
    const use = uses.get(listing.address)
    return { listing: use ? { ...listing, use } : listing, ranks: [forPurpose(use, options.purpose), life(use, options.now), place] }
  })
  return ranked.sort((a, b) => compare(a.ranks, b.ranks)).map(({ listing }) => listing)
}

/** 0 for the purpose asked, 1 when nothing is said, 2 for other purposes only. */
function forPurpose(use: BoxUse | undefined, purpose: Purpose | undefined): number {
  if (purpose === undefined || !use || use.purposes.length === 0) return 1
  return use.purposes.includes(purpose) ? 0 : 2
}

/** 0 somebody reads, 1 it takes messages, 2 nothing is known, 3 it was refused since. */
function life({ receivedAt = 0, acknowledgedAt = 0, refusedAt = 0 }: Partial<BoxUse> = {}, now: number): number {
  if (refusedAt > Math.max(receivedAt, acknowledgedAt)) return 3
  if (now - acknowledgedAt < FRESH_MS) return 0
  return now - receivedAt < FRESH_MS ? 1 : 2
}

function compare(one: readonly number[], two: readonly number[]): number {
  const differs = one.findIndex((rank, index) => rank !== two[index])
  return differs === -1 ? 0 : (one[differs] ?? 0) - (two[differs] ?? 0)
}
