import type { CdaFacts, FoundDocument } from './facts.ts'
import { toDtm } from './hl7-time.ts'
import { sameIns } from './ins.ts'

/**
 * What a document is to the others of its message: `kept` goes for both, `left` is the other form of one that goes, `unclear` when nobody can
 * tell whether two are one.
 */
export type Twinship = { kind: 'alone' | 'unclear' } | { kind: 'kept' | 'left'; twin: FoundDocument }

/**
 * A laboratory's software may send one report twice: as a PDF in a CDA of level 1, and structured (level 3). They are one document: the structured
 * one goes, which holds the PDF as its copy; spec dmp §1.9. The message decides, so what is judged later with the same bytes is judged alike.
 */
export function twinshipOf(document: FoundDocument, documents: readonly FoundDocument[]): Twinship {
  const related = relationsOf(document, documents)
  if (related.length === 0) return { kind: 'alone' }
  const [first, ...others] = related
  if (!first || others.length > 0 || first.relation === 'unclear') return { kind: 'unclear' }
  const back = relationsOf(first.other, documents)
  if (back.length !== 1) return { kind: 'unclear' } // the twin of a document has another twin
  return { kind: document.cda?.body === 'N3' ? 'kept' : 'left', twin: first.other }
}

interface Relation {
  other: FoundDocument
  relation: 'twin' | 'unclear'
}

/** Of documents that came twice, the first stands for all. */
function relationsOf(document: FoundDocument, documents: readonly FoundDocument[]): Relation[] {
  const { cda, sha256 } = document
  if (!cda) return []
  const seen = new Set([sha256])
  const related: Relation[] = []
  for (const other of documents) {
    if (!other.cda || other.cda.body === cda.body || seen.has(other.sha256)) continue
    seen.add(other.sha256)
    const relation = cda.body === 'N1' ? relationOf(cda, other.cda) : relationOf(other.cda, cda)
    if (relation) related.push({ other, relation })
  }
  return related
}

/**
 * Twins are of one patient, type, author and act, and either of one set and version, or the structured one has the other's PDF as its copy. Anything
 * less, or one of these links without the rest, is a doubt.
 */
function relationOf(level1: CdaFacts, level3: CdaFacts): Relation['relation'] | undefined {
  const isSame = samePerson(level1, level3) && sameType(level1, level3) && sameAuthors(level1, level3) && sameAct(level1, level3)
  const isOneSet = level1.setId !== undefined && level1.setId === level3.setId
  const [pdf, ...others] = level1.pdfs ?? []
  const hasCopy = pdf !== undefined && others.length === 0 && (level3.pdfs ?? []).includes(pdf)
  if (!isOneSet && !hasCopy) return isSame ? 'unclear' : undefined
  const isOneVersion = !isOneSet || level1.version === level3.version
  // One that replaces a document and one that does not: what the first replaces would stay in the DMP.
  const replaceAlike = (level1.replaces === undefined) === (level3.replaces === undefined) && !level1.related && !level3.related
  return isSame && isOneVersion && replaceAlike ? 'twin' : 'unclear'
}

function samePerson({ patient: one }: CdaFacts, { patient: two }: CdaFacts): boolean {
  return one.ins !== undefined && two.ins !== undefined && sameIns(one.ins, two.ins) && one.birthDate === two.birthDate
}

function sameType(one: CdaFacts, two: CdaFacts): boolean {
  return one.typeCode.code === two.typeCode.code && one.typeCode.system === two.typeCode.system
}

function sameAuthors(one: CdaFacts, two: CdaFacts): boolean {
  const idsOf = ({ authors }: CdaFacts) => authors.map(({ id }) => `${id?.root}^${id?.extension}`).toSorted()
  return one.authors.length > 0 && idsOf(one).join() === idsOf(two).join()
}

/** A time without an hour agrees with any hour of its day. */
function sameAct(one: CdaFacts, two: CdaFacts): boolean {
  const [a = '', b = ''] = [one.service.start?.trim(), two.service.start?.trim()]
  if (toDtm(a) === undefined || toDtm(b) === undefined) return false
  return a.length === 8 || b.length === 8 ? a.slice(0, 8) === b.slice(0, 8) : toDtm(a) === toDtm(b)
}
