import type { CdaFacts } from '../facts.ts'
import { formatDtm } from '../hl7-time.ts'
import type { Sender } from '../policy.ts'
import type { Reason } from '../reasons.ts'
import type { Conditions, Rules } from '../rules.ts'
import { isImplausible } from './plausible.ts'

/** What the rule table asks about one document. */
export interface Judged {
  cda: CdaFacts
  /** octets */
  size: number
  /** confidentiality codes other than N that are said of it, in whichever form or copy */
  marks: readonly string[]
  sender: Sender
  /** as which it would be deposited */
  structure: string | undefined
  now: Date | undefined
}

/** @returns the reasons of all the rules that hold the document, in the order of the table */
export function judgeRules(judged: Judged, rules: Rules): Reason[] {
  return rules.rules.filter(({ when }) => isSo(when, judged, rules)).map(each => each.reason)
}

type Check = { [K in keyof Conditions]-?: (value: NonNullable<Conditions[K]>, judged: Judged, rules: Rules) => boolean }

const CHECKS: Check = {
  types: (types, { cda }) => types.includes(cda.typeCode.code),
  templates: (templates, { cda }) => cda.templateIds.some(each => templates.includes(each)),
  professions: (professions, { cda }) => cda.authors.some(({ specialty }) => specialty && names(professions, specialty.code)),
  practices: (practices, { cda }) => practices.includes(cda.practice?.code ?? ''),
  facilities: (facilities, { cda }) => facilities.includes(cda.facility?.code ?? ''),
  formats: (formats, { cda }) => cda.body === 'N1' && names(formats, cda.mediaType?.toLowerCase() ?? ''),
  minor: (_, judged, { majority }) => isMinor(judged, majority),
  marked: (_, { marks }) => marks.length > 0,
  marks: (all, { marks }) => all.length > 0 && all.every(each => marks.includes(each)),
  implausible: (_, { cda }, { plausible }) => isImplausible(cda, plausible),
  largerThan: (bytes, { size }) => size > bytes,
  boxesOtherThan: (boxes, { sender }) => !boxes.includes(sender.address),
  structuresOtherThan: (structures, { structure }) => structure !== undefined && !structures.includes(structure),
}

/** All that a rule says must be so. */
function isSo(when: Conditions, judged: Judged, rules: Rules): boolean {
  return Object.entries(when).every(([name, value]) => CHECKS[name as keyof Conditions](value as never, judged, rules))
}

/** Whether a list has the code, or what stands before its stroke: G15_60 for G15_60/SI01, image for image/jpeg. */
function names(list: readonly string[], code: string): boolean {
  return list.includes(code) || list.includes(code.split('/', 1)[0] ?? '')
}

/** Under age when the act took place, when it was written, or now (EX_2.1-1050): a year that is not complete does not count. */
function isMinor({ cda, now }: Judged, majority: number): boolean {
  const { birthDate } = cda.patient
  if (birthDate === undefined) return false // held already: a trait is missing
  const days = [cda.effectiveTime, cda.service.start ?? '', now ? formatDtm(now) : ''].map(each => each.slice(0, 8))
  return days.some(day => /^\d{8}$/.test(day) && Math.floor((Number(day) - Number(birthDate)) / 10_000) < majority)
}
