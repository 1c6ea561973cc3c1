import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { attribute, children, find, readXml, type XmlElement, XmlFault } from '../xml.ts'

/** One file of the ANS: a list of concepts, or pairs of a concept and what it corresponds to. */
export interface ValueSet {
  /** yyyy-mm-dd (dateMaj of SVS, date of FHIR) */
  edition: string
  concepts: Concept[]
  pairs: [from: Concept, to: Concept][]
}

export interface Concept {
  code: string
  /** an OID; a URL in FHIR */
  system: string
  label: string
}

const SVS = 'urn:ihe:iti:svs:2008'
const LIMITS = { maxBytes: 32 * 1024 * 1024, maxDepth: 20, maxElements: 500_000 }

/**
 * Reads a value set as the ANS publishes it: IHE SVS (.xml), or a ValueSet of FHIR (.json).
 * @throws Error that names the file and says what is wrong with it
 */
export function readValueSet(file: string): ValueSet {
  const content = readFileSync(file)
  try {
    const set = file.toLowerCase().endsWith('.json') ? fromFhir(content.toString('utf8')) : fromSvs(content)
    if (set.concepts.length + set.pairs.length === 0) throw new Error('it has no concepts')
    return set
  } catch (error) {
    throw new Error(`${file} is not a value set that can be used: ${whatIsWrong(error)}`)
  }
}

function whatIsWrong(error: unknown): string {
  if (error instanceof XmlFault) return error.reason
  return error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message
}

function fromSvs(content: Uint8Array): ValueSet {
  const { root } = readXml(content, LIMITS)
  if (root.name !== 'RetrieveValueSetResponse' || root.ns !== SVS) throw new Error(`its root is not RetrieveValueSetResponse of ${SVS}`)
  const [set, ...others] = children(root, 'ValueSet')
  if (!set || others.length > 0) throw new Error('it does not hold one ValueSet')
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)/.exec(attribute(set, 'dateMaj') ?? '') ?? []
  return {
    edition: z.iso.date().parse(`${year}-${month}-${day}`),
    concepts: children(find(set, 'ConceptList'), 'Concept').map(conceptOf),
    pairs: children(find(set, 'MappedConceptList'), 'MappedConcept').map(pairOf),
  }
}

function pairOf(mapped: XmlElement): [Concept, Concept] {
  const [from, to, ...more] = children(mapped, 'Concept').map(conceptOf)
  if (!from || !to || more.length > 0) throw new Error('a MappedConcept does not hold two concepts')
  return [from, to]
}

/** Codes are taken to the character: a blank in one is part of it, and makes it unknown. */
function conceptOf(element: XmlElement): Concept {
  const [code, system] = [element.attributes.get('code'), element.attributes.get('codeSystem')]
  if (!code || !system) throw new Error('a concept has no code, or no codeSystem')
  return { code, system, label: attribute(element, 'displayName') ?? '' }
}

const FHIR = z.object({
  resourceType: z.literal('ValueSet'),
  date: z.string().regex(/^\d{4}-\d\d-\d\d/),
  compose: z.object({
    include: z.array(
      z.object({ system: z.string(), concept: z.array(z.object({ code: z.string().min(1), display: z.string().default('') })) }),
    ),
  }),
})

function fromFhir(content: string): ValueSet {
  const { date, compose } = FHIR.parse(JSON.parse(content))
  const concepts = compose.include.flatMap(({ system, concept }) => concept.map(({ code, display }) => ({ code, system, label: display })))
  return { edition: date.slice(0, 10), concepts, pairs: [] }
}
