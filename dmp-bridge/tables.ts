import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { packageRoot } from '../config/paths.ts'
import type { CdaFacts, Coded } from './facts.ts'

const code = z.string().min(1)
const concept = z.strictObject({ code, system: code, label: code })
const dated = { edition: z.iso.date(), about: z.string() }

const SHAPES = {
  types: z.strictObject({ ...dated, types: z.array(z.strictObject({ code, system: code, class: code.optional() })) }),
  classes: z.strictObject({
    ...dated,
    system: code,
    classes: z.array(z.strictObject({ code, label: code, professional: z.boolean() })),
  }),
  formats: z.strictObject({
    ...dated,
    level1: z.array(concept.extend({ mediaType: code })),
    templates: z.array(concept.extend({ templateId: code })),
    required: z.array(z.strictObject({ type: code, templateId: code, version: code, label: code })),
  }),
  facilities: z.strictObject({ ...dated, facilities: z.array(concept) }),
  practices: z.strictObject({ ...dated, practices: z.array(concept) }),
  confidentiality: z.strictObject({ ...dated, normal: concept, marks: z.array(concept) }),
  specialties: z.strictObject({ ...dated, systems: z.array(z.strictObject({ system: code, shape: code })) }),
  contents: z.strictObject({
    ...dated,
    system: code,
    encounters: z.record(code, code),
    practices: z.record(code, code),
    other: code,
    labels: z.record(code, code),
  }),
}

/** The code tables of the DMP, asked by code. `undefined` means that a table does not know: the document is held. */
export interface Tables {
  /** edition (yyyy-mm-dd) of each table */
  readonly editions: Readonly<Record<string, string>>
  hasType(type: Coded): boolean
  /** whether any system has a type of that code */
  hasTypeCode(code: string): boolean
  /** class of a known type; `professional` is false for what a professional never files */
  classOf(type: Coded): (Coded & { professional: boolean }) | undefined
  formatOf(cda: Pick<CdaFacts, 'body' | 'mediaType' | 'templateIds'>): Coded | undefined
  /** false when the type is bound to one version of one model, and the document is of another */
  hasRequiredModel(cda: Pick<CdaFacts, 'typeCode' | 'templateVersions'>): boolean
  facility(facility: Coded | undefined): Coded | undefined
  practice(practice: Coded | undefined): Coded | undefined
  confidentiality(code: string): Coded | undefined
  hasSpecialty(specialty: Coded): boolean
  /** what a human may choose from when he describes a file */
  readonly choices: { practices: readonly Coded[]; facilities: readonly Coded[] }
  /** what the submission is about (contentTypeCode) */
  contentOf(cda: Pick<CdaFacts, 'encounter' | 'practice'>): Coded
}

/** Where the tables that come with the program are. */
export const TABLES_FOLDER = join(packageRoot, 'dmp-bridge/tables')

/**
 * Reads the tables of a folder. They are published several times a year, so an operator can put newer ones in a folder of his.
 * @throws Error that names the file, when one is missing or has another shape
 */
export function loadTables(folder = TABLES_FOLDER): Tables {
  return tablesOf(readTables(folder))
}

/** What stands in the files of the tables. */
export type TableContents = { [K in keyof typeof SHAPES]: z.infer<(typeof SHAPES)[K]> }

/** @throws Error that names the file, when one is missing or has another shape */
export function readTables(folder = TABLES_FOLDER): TableContents {
  return Object.fromEntries(NAMES.map(name => [name, read(folder, name)])) as unknown as TableContents
}

/** @returns the tables, asked by code */
export function tablesOf(all: TableContents): Tables {
  const types = new Map(all.types.types.map(each => [key(each), each]))
  const codes = new Set([...types.values()].map(each => each.code))
  const classes = all.classes
  const formats = all.formats
  const facilities = new Map(all.facilities.facilities.map(each => [key(each), each]))
  const practices = new Map(all.practices.practices.map(each => [key(each), each]))
  const { normal, marks } = all.confidentiality
  const specialties = new Map(all.specialties.systems.map(each => [each.system, new RegExp(each.shape)]))
  const { contents } = all
  return {
    editions: Object.fromEntries(NAMES.map(name => [name, all[name].edition])),
    hasType: type => types.has(key(type)),
    hasTypeCode: asked => codes.has(asked),
    classOf: type => {
      const found = classes.classes.find(each => each.code === types.get(key(type))?.class)
      return found && { ...found, system: classes.system }
    },
    formatOf: cda => {
      const found =
        cda.body === 'N1'
          ? formats.level1.find(each => each.mediaType === cda.mediaType)
          : formats.templates.find(each => cda.templateIds.includes(each.templateId))
      return found && { code: found.code, system: found.system, label: found.label }
    },
    hasRequiredModel: ({ typeCode, templateVersions }) =>
      formats.required.every(each => each.type !== typeCode.code || templateVersions[each.templateId] === each.version),
    facility: facility => facility && facilities.get(key(facility)),
    practice: practice => practice && practices.get(key(practice)),
    choices: { practices: [...practices.values()], facilities: [...facilities.values()] },
    confidentiality: asked => [normal, ...marks].find(each => each.code === asked),
    hasSpecialty: specialty => specialties.get(specialty.system)?.test(specialty.code) ?? false,
    contentOf: cda => {
      const found = contents.encounters[cda.encounter ?? ''] ?? contents.practices[cda.practice?.code ?? ''] ?? contents.other
      return { code: found, system: contents.system, label: contents.labels[found] ?? found }
    },
  }
}

/** @returns whether a code is that of a type, and may stand in a row: a LOINC code, or one that the tables know; anything else is a stranger's text */
export function isTypeCode(code: string): boolean {
  return /^\d{1,6}-\d$/.test(code) || shippedTables().hasTypeCode(code)
}

let shipped: Tables | undefined

/** @returns the tables that come with the program, read once */
export function shippedTables(): Tables {
  shipped ??= loadTables()
  return shipped
}

const NAMES = Object.keys(SHAPES) as (keyof typeof SHAPES)[]

function key(concept: { code: string; system: string }): string {
  return `${concept.code}^${concept.system}`
}

function read<K extends keyof typeof SHAPES>(folder: string, name: K): z.infer<(typeof SHAPES)[K]> {
  const file = join(folder, `${name}.json`)
  const parsed = SHAPES[name].safeParse(JSON.parse(readFileSync(file, 'utf8')))
  if (!parsed.success) throw new Error(`${file}: ${z.prettifyError(parsed.error)}`)
  return parsed.data as z.infer<(typeof SHAPES)[K]>
}
