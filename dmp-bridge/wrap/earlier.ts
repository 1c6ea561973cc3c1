import type { Recognition } from '../facts.ts'
import type { EarlierFiling, NewFiling } from '../filings/index.ts'

/** @returns the digests of the files that could be wrapped */
export function candidatesIn({ documents }: Recognition): string[] {
  return documents.filter(each => each.candidate).map(each => each.sha256)
}

/**
 * What earlier messages say of a file: one that is filed already, or waits, is not asked for again (EX_GEN-1060); an image that the box sends again
 * and again is a logo.
 */
export function afterEarlier(filing: NewFiling, { documents }: Recognition, earlier: readonly EarlierFiling[]): NewFiling {
  const candidate = documents[filing.place - 1]?.candidate
  if (!candidate || filing.state === 'ignored') return filing
  const same = earlier.filter(each => each.sha256 === filing.sha256)
  if (same.some(each => each.state === 'filed')) return { ...filing, state: 'ignored', reasons: ['already-filed'] }
  if (same.some(each => each.state === 'pending')) return { ...filing, state: 'ignored', reasons: ['already-pending'] }
  const isImage = candidate.kind === 'jpeg' || candidate.kind === 'tiff'
  return isImage && same.some(each => each.ours) ? { ...filing, state: 'ignored', reasons: ['image-repeated'] } : filing
}
