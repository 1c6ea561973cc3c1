import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { packageRoot } from '../config/paths.ts'
import { isReason, type Reason } from './reasons.ts'

const code = z.string().min(1)
const codes = z.array(code)
const origin = z.enum(['law', 'programme', 'operator'])
const reason = z
  .string()
  .refine(isReason, 'no reason of ours')
  .transform(each => each as Reason)

/**
 * When a rule holds a document: all that is written must be so. In a list one is enough, and an empty list is never so; `marks` must all be there.
 * What is narrowed (`…OtherThan`) holds everybody who is not named.
 */
const conditions = z
  .strictObject({
    types: codes,
    templates: codes,
    /** JDV_J01, of any author; `G15_60` means `G15_60/SI01` too */
    professions: codes,
    practices: codes,
    facilities: codes,
    /** media types of what a document of level 1 embeds; a kind alone (`image`) for all of it */
    formats: codes,
    minor: z.literal(true),
    marked: z.literal(true),
    marks: codes,
    implausible: z.literal(true),
    largerThan: z.number().int().positive(),
    boxesOtherThan: codes.min(1),
    structuresOtherThan: codes.min(1),
  })
  .partial()
  .refine(when => Object.keys(when).length > 0, 'a rule without a condition would hold everything')

const rule = z.strictObject({
  id: code,
  origin,
  /** requirement, text of law, or the operator's file */
  source: code,
  effect: z.literal('hold'),
  reason,
  /** in French, for who operates and who asks why */
  sentence: code,
  when: conditions,
})

const shape = z.strictObject({
  edition: z.iso.date(),
  about: code,
  parameters: z.strictObject({ 'age-majorite': z.number().int().min(18), 'cumul-invisible_patient-masque_ps': z.boolean() }),
  rules: z.array(rule.extend({ unless: z.literal('cumul-invisible_patient-masque_ps').optional() })),
  fixed: z.array(z.strictObject({ reason, origin, source: code })),
})

const written = { id: code, label: code, codes: codes.min(1) }
const produces = z.union([z.strictObject({ ...written, types: codes }), z.strictObject({ ...written, except: codes })])
const plausible = z.strictObject({
  edition: z.iso.date(),
  about: code,
  common: codes,
  professions: z.array(produces),
  facilities: z.array(produces),
})

export type Conditions = z.output<typeof conditions>
export type Rule = z.output<typeof rule>
/** What each profession writes, or each kind of structure when a device is the author. */
export type Plausible = z.output<typeof plausible>

/** The rules in effect: plain data, so that they travel to the threads that build requests. */
export interface Rules {
  /** yyyy-mm-dd */
  readonly edition: string
  /** years; parameter `age-majorite` of the DMP */
  readonly majority: number
  readonly rules: readonly Rule[]
  /** reasons that judge facts which no table can hold: they are the same for everybody */
  readonly fixed: readonly { reason: Reason; origin: Rule['origin']; source: string }[]
  readonly plausible: Plausible
}

/** Where the rules that come with the program are. */
const RULES_FOLDER = join(packageRoot, 'dmp-bridge/rules')

let shipped: Rules | undefined

/** @returns the rules that come with the program, read once: everybody's, whatever an operator adds */
export function shippedRules(): Rules {
  shipped ??= readShipped()
  return shipped
}

function readShipped(): Rules {
  const { edition, parameters, rules, fixed } = read('rules', shape)
  return {
    edition,
    majority: parameters['age-majorite'],
    rules: rules.filter(({ unless }) => unless === undefined || !parameters[unless]).map(({ unless: _, ...each }) => each),
    fixed,
    plausible: read('professions', plausible),
  }
}

function read<T>(name: string, schema: z.ZodType<T>): T {
  const file = join(RULES_FOLDER, `${name}.json`)
  const parsed = schema.safeParse(JSON.parse(readFileSync(file, 'utf8')))
  if (!parsed.success) throw new Error(`${file}: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}
