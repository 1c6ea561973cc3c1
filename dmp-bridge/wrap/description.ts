import { z } from 'zod'

import { instantOf } from '../hl7-time.ts'
import { hasValidKey, isInsOid } from '../ins.ts'

/** What XML 1.0 can carry on one line. */
const line = (most: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(most)
    .regex(/^[^\0-\x1f\x7f\ufffe\uffff\p{Surrogate}]*$/u, 'une ligne de texte')

/** The identity that a human vouches for: matricule and the five traits (spec dmp §3, §8.5). */
export const patientSchema = z.strictObject({
  /** 13 characters and the key of 2 */
  ins: z.string().refine(hasValidKey, 'INS de 15 caractères dont la clé est juste'),
  oid: z.string().refine(isInsOid, 'OID d’une autorité d’INS'),
  birthName: line(100),
  /** the first birth first-name */
  firstName: line(100),
  /** every birth first-name, separated by blanks; the first alone when it is absent */
  firstNames: line(200).optional(),
  birthDate: z.iso.date(),
  sex: z.enum(['M', 'F']),
  /** COG code of the town, or of the country, of birth */
  birthPlaceCog: z.string().regex(/^(\d{2}|2[AB])\d{3}$/, 'code COG de 5 caractères'),
})

/** What a human says of a file that does not say it itself. It is health data: kept sealed, and only until the document is filed. */
export const descriptionSchema = z.strictObject({
  patient: patientSchema,
  /** code of the tables, e.g. `11488-4` */
  type: z.string().regex(/^[\w-]{1,40}$/),
  /** setting of the act (JDV_J04), e.g. `AMBULATOIRE` */
  practice: z.string().regex(/^\w{1,40}$/),
  /** kind of place (JDV_J02), e.g. `SA07` */
  facility: z.string().regex(/^\w{1,40}$/),
  /** when the act took place: a day, or an instant with its zone */
  performedAt: z.union([z.iso.date(), z.iso.datetime({ offset: true })]),
  /** as the reader of the DMP sees it; the label of the type when it is absent */
  title: line(200).optional(),
})

export type DescribedPatient = z.infer<typeof patientSchema>
export type Description = z.infer<typeof descriptionSchema>

/** A field of the form, for a page: the label is French, `path` leads to its place in a `Description`. */
export interface DescriptionField {
  path: `patient.${keyof DescribedPatient}` | Exclude<keyof Description, 'patient'>
  label: string
  /** `type`, `practice`, `facility` offer the tables; `oid` what this operator takes */
  input: 'text' | 'date' | 'sex' | 'oid' | 'type' | 'practice' | 'facility'
  required: boolean
}

/** In the order in which they are asked. */
export const DESCRIPTION_FIELDS: readonly DescriptionField[] = [
  { path: 'patient.ins', label: 'INS (15 caractères)', input: 'text', required: true },
  { path: 'patient.oid', label: 'Autorité de l’INS', input: 'oid', required: true },
  { path: 'patient.birthName', label: 'Nom de naissance', input: 'text', required: true },
  { path: 'patient.firstName', label: 'Premier prénom de naissance', input: 'text', required: true },
  { path: 'patient.firstNames', label: 'Tous les prénoms de naissance', input: 'text', required: false },
  { path: 'patient.birthDate', label: 'Date de naissance', input: 'date', required: true },
  { path: 'patient.sex', label: 'Sexe', input: 'sex', required: true },
  { path: 'patient.birthPlaceCog', label: 'Lieu de naissance (code COG)', input: 'text', required: true },
  { path: 'type', label: 'Type de document', input: 'type', required: true },
  { path: 'performedAt', label: 'Date de l’acte', input: 'date', required: true },
  { path: 'practice', label: 'Cadre d’exercice', input: 'practice', required: true },
  { path: 'facility', label: 'Lieu de prise en charge', input: 'facility', required: true },
  { path: 'title', label: 'Titre', input: 'text', required: false },
]

/** @returns a date or an instant of a description as HL7 v3 writes it: `20260105`, `20260105093000+0000` */
export function hl7Time(performedAt: string): string {
  if (performedAt.length === 10) return performedAt.replaceAll('-', '')
  return hl7Instant(Date.parse(performedAt))
}

/** @param at milliseconds since epoch. @returns to the second, in UTC */
export function hl7Instant(at: number): string {
  return `${new Date(at).toISOString().replace(/\D/g, '').slice(0, 14)}+0000`
}

/** @returns whether the act lies before the document that tells of it */
export function isPast(performedAt: string, at: number): boolean {
  return (instantOf(hl7Time(performedAt)) ?? Number.POSITIVE_INFINITY) <= at
}
