import type { CdaFacts, PartyFacts } from '../facts.ts'
import type { Plausible } from '../rules.ts'

type Entry = Plausible['professions'][number]

/** @returns whether every author is of a profession, or a device in a structure, that does not write documents of this type (spec dmp §2.5) */
export function isImplausible(cda: CdaFacts, plausible: Plausible): boolean {
  if (cda.authors.length === 0 || plausible.common.includes(cda.typeCode.code)) return false
  return cda.authors.every(author => {
    const entry = entryOf(author, cda, plausible)
    return entry !== undefined && !writes(entry, cda.typeCode.code)
  })
}

/** What the table says of an author; a profession that it does not name is not judged. */
function entryOf(author: PartyFacts, cda: CdaFacts, { professions, facilities }: Plausible): Entry | undefined {
  if (author.device) return named(facilities, cda.facility?.code ?? '')
  const code = author.specialty?.code ?? ''
  return named(professions, code) ?? (code.includes('/') ? named(professions, code.replace(/\/.*/, '/*')) : undefined)
}

function named(entries: readonly Entry[], code: string): Entry | undefined {
  return entries.find(each => each.codes.includes(code))
}

function writes(entry: Entry, type: string): boolean {
  return 'types' in entry ? entry.types.includes(type) : !entry.except.includes(type)
}
