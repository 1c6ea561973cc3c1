import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import { tablesIn } from './ans/ans-tables.ts'
import type { Policy } from './policy.ts'
import type { Reason } from './reasons.ts'
import { type Conditions, type Rule, type Rules, shippedRules } from './rules.ts'
import type { Tables } from './tables.ts'

const WHAT_MAY_BE = 'it may hold more (hold, untilAnnounced, minors), forbid (formats), lower documentBytes, or narrow who files (only)'
const LOOSENS = `the rules of an operator can only be tighter than those that come with the program: ${WHAT_MAY_BE}`

const list = z.array(z.string().min(1)).min(1)
const template = z.array(z.string().regex(/^[0-2](\.(0|[1-9]\d*))+$/, 'an OID')).min(1)
const profession = /^(G1[56]_\d{2}(\/[A-Z]{0,5}\d{0,3})?|\d{2,3}|[A-Z]+(_[A-Z]+)*)$/
const onlyTrue = z.literal(true, 'may only be true: it can not be turned off')

/** What an operator may write: every key adds a hold. There is none that takes one away. */
const shape = z.strictObject({
  hold: z
    .strictObject({
      types: list,
      templates: template,
      professions: z.array(z.string().regex(profession, 'a code of JDV_J01: G15_70, G15_10/SM26, 93 …')).min(1),
      practices: list,
      facilities: list,
    })
    .partial()
    .optional(),
  untilAnnounced: z.strictObject({ types: list, templates: template }).partial().optional(),
  minors: z.union([onlyTrue, z.strictObject({ types: list, templates: template }).partial()], 'true, or types and templates').optional(),
  formats: z
    .array(z.string().regex(/^(application|text|image)\/[a-z]+$|^image$/, 'a media type (application/pdf), or image for all images'))
    .min(1)
    .optional()
    .describe('formats of level 1 that are not filed'),
  documentBytes: z.number().int().positive().optional(),
  only: z.strictObject({ boxes: list, structures: list }).partial().optional(),
})
type Written = z.output<typeof shape>

/** What the configuration says already. */
type Bounds = Pick<Policy, 'maxDocumentBytes' | 'structure' | 'sites' | 'ansFiles'>

/** An operator's rules that can't be used; `faults` has one sentence for each thing to mend. */
export class RulesFault extends Error {
  override readonly name = 'RulesFault'
  readonly faults: readonly string[]
  constructor(file: string, faults: readonly string[]) {
    super(`${file} cannot be used:\n${faults.map(fault => `  - ${fault}`).join('\n')}`)
    this.faults = faults
  }
}

/**
 * Adds an operator's own rules (YAML or JSON) to those that come with the program.
 * @param policy what the configuration says already: the file may only be tighter
 * @param tables in which the codes that it names must be, since a rule for a code that nobody writes would never hold anything
 * @throws RulesFault with all faults at once
 */
export function loadRules(file: string, policy: Bounds, tables: Tables = tablesIn(policy.ansFiles)): Rules {
  const parsed = shape.safeParse(readYaml(file) ?? {})
  if (!parsed.success) throw new RulesFault(file, parsed.error.issues.map(sentenceOf))
  const faults = contradictions(parsed.data, policy, tables)
  if (faults.length > 0) throw new RulesFault(file, faults)
  return { ...shippedRules(), rules: [...shippedRules().rules, ...rulesOf(parsed.data, file)] }
}

function readYaml(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new RulesFault(file, [(error as Error).message.split('\n')[0] ?? 'unreadable'])
  }
}

function sentenceOf(issue: z.core.$ZodIssue): string {
  const where = issue.path.join('.') || 'the file'
  if (issue.code === 'unrecognized_keys') return `${where}: ${issue.keys.join(', ')} is unknown; ${LOOSENS}`
  return `${where}: ${issue.message}`
}

/** What would loosen, and what would never hold anything. */
function contradictions(written: Written, { maxDocumentBytes, structure, sites = [] }: Bounds, tables: Tables): string[] {
  const { hold, untilAnnounced, minors, documentBytes, only } = written
  const types = [hold?.types, untilAnnounced?.types, minors === true ? [] : minors?.types].flatMap(each => each ?? [])
  const ours = [structure, ...sites]
  const knows = (systems: string[], find: (concept: { code: string; system: string; label: string }) => unknown) => (code: string) =>
    systems.some(system => find({ code, system, label: '' }) !== undefined)
  const knowsPractice = knows(['1.2.250.1.213.1.1.4.9', '1.2.250.1.213.1.1.4.6'], tables.practice)
  const knowsFacility = knows(['1.2.250.1.71.4.2.4', '1.2.250.1.213.1.1.4.6'], tables.facility)
  return [
    ...types.filter(each => !tables.hasTypeCode(each)).map(each => `${each} is no type of the tables: this rule would hold nothing`),
    ...(hold?.practices ?? []).filter(each => !knowsPractice(each)).map(each => `hold.practices: ${each} is no setting of the tables`),
    ...(hold?.facilities ?? []).filter(each => !knowsFacility(each)).map(each => `hold.facilities: ${each} is no facility of the tables`),
    ...(documentBytes !== undefined && documentBytes > maxDocumentBytes
      ? [`documentBytes: ${documentBytes} is more than the ${maxDocumentBytes} of the configuration; ${LOOSENS}`]
      : []),
    ...(only?.structures ?? [])
      .filter(each => !ours.includes(each))
      .map(each => `only.structures: ${each} is neither dmp.structure nor one of dmp.sites; ${LOOSENS}`),
  ]
}

/** One rule for each list, so that each says by itself what it holds. */
function rulesOf({ hold, untilAnnounced, minors, formats, documentBytes, only }: Written, source: string): Rule[] {
  const rules: Rule[] = []
  const add = (id: string, reason: Reason, sentence: string, when: Conditions | undefined) => {
    if (when) rules.push({ id: `operator-${id}`, origin: 'operator', source, effect: 'hold', reason, sentence, when })
  }
  const { types, templates, professions, practices, facilities } = hold ?? {}
  add('types', 'operator-hold', 'Documents de ces types.', types && { types })
  add('templates', 'operator-hold', 'Documents de ces modèles.', templates && { templates })
  add('professions', 'operator-hold', 'Documents dont un auteur exerce l’une de ces professions.', professions && { professions })
  add('practices', 'operator-hold', 'Documents de ces cadres d’exercice.', practices && { practices })
  add('facilities', 'operator-hold', 'Documents de ces secteurs d’activité.', facilities && { facilities })
  const announced = untilAnnounced ?? {}
  const announce = 'attendent que le résultat soit annoncé au patient.'
  add('announce', 'announce-first', `Documents de ces types : ils ${announce}`, announced.types && { types: announced.types })
  add(
    'announce-model',
    'announce-first',
    `Documents de ces modèles : ils ${announce}`,
    announced.templates && { templates: announced.templates },
  )
  if (minors === true) add('minors', 'operator-hold', 'Tous les documents d’un patient mineur.', { minor: true })
  else {
    add(
      'minor-types',
      'minor-sensitive',
      'Documents de ces types, d’un patient mineur.',
      minors?.types && { minor: true, types: minors.types },
    )
    const models = minors?.templates && { minor: true as const, templates: minors.templates }
    add('minor-templates', 'minor-sensitive', 'Documents de ces modèles, d’un patient mineur.', models)
  }
  add('formats', 'operator-forbids', 'Ces formats ne sont pas déposés.', formats && { formats })
  add(
    'size',
    'too-big',
    'Documents plus grands que cette taille (octets).',
    documentBytes === undefined ? undefined : { largerThan: documentBytes },
  )
  add(
    'boxes',
    'operator-forbids',
    'Seules ces boîtes déposent.',
    only?.boxes && { boxesOtherThan: only.boxes.map(each => each.toLowerCase()) },
  )
  add('structures', 'operator-forbids', 'Seules ces structures déposent.', only?.structures && { structuresOtherThan: only.structures })
  return rules
}
