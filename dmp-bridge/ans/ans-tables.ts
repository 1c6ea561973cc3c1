import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { readTables, shippedTables, type TableContents, type Tables, tablesOf } from '../tables.ts'
import { type Concept, readValueSet, type ValueSet } from './value-sets.ts'

/** Where a table comes from: `pli dmp tables` shows it. */
export interface TableSource {
  table: string
  /** yyyy-mm-dd */
  edition: string
  /** `shipped`, or the name of the operator's file */
  source: string
  /** codes, or pairs of codes */
  count: number
}

/** The tables that a folder of the ANS gives, over those that come with the program. */
export interface AnsTables {
  tables: Tables
  sources: TableSource[]
  /** files of the folder that no table is made of: a misspelt name is seen here */
  unused: string[]
}

/** What the ANS calls the sets that the bridge uses, whatever follows in the names of their files. */
const SETS = ['JDV_J01', 'JDV_J02', 'JDV_J04', 'JDV_J07', 'JDV_J08', 'JDV_J10', 'JDV_J57', 'ASS_A11', 'ASS_X04'] as const
type SetName = (typeof SETS)[number]

/** System of the templates that mark a body of level 1, whose format is told by its media type. */
const LEVEL_1 = '1.2.250.1.213.1.1.4.329'

/**
 * Lays the value sets of `tables/` over the shipped tables, whole: what a newer edition no longer has is unknown. What is not there stays as shipped.
 * @param folder that the operator installed; its `tables/` may be absent. Without it, what is shipped
 * @throws Error that names the file, when one is not a value set, or when two files give the same one
 */
export function loadAnsTables(folder: string | undefined): AnsTables {
  const files = folder === undefined ? [] : filesIn(join(folder, 'tables'))
  const found = new Map<SetName, { file: string; set: ValueSet }>()
  for (const [name, file] of SETS.flatMap(each => files.filter(path => isOf(path, each)).map(path => [each, path] as const))) {
    const other = found.get(name)
    if (other) throw new Error(`${other.file} and ${file} both give ${name}: leave one`)
    found.set(name, { file, set: readValueSet(file) })
  }
  const shipped = readTables()
  const contents = overlay(shipped, name => found.get(name)?.set)
  return {
    tables: tablesOf(contents),
    sources: sourcesOf(contents, name => found.get(name)),
    unused: files.filter(file => !SETS.some(each => isOf(file, each))).map(file => basename(file)),
  }
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  const names = (inside: string) => (existsSync(inside) ? readdirSync(inside).sort() : [])
  const svs = names(folder).filter(name => /\.xml$/i.test(name))
  const fhir = names(join(folder, 'fhir')).filter(name => /\.json$/i.test(name))
  return [...svs.map(name => join(folder, name)), ...fhir.map(name => join(folder, 'fhir', name))]
}

function isOf(file: string, name: SetName): boolean {
  return new RegExp(`^${name}[-_.]`, 'i').test(basename(file))
}

function overlay(shipped: TableContents, setOf: (name: SetName) => ValueSet | undefined): TableContents {
  const [j01, j02, j04, j08, j57] = [setOf('JDV_J01'), setOf('JDV_J02'), setOf('JDV_J04'), setOf('JDV_J08'), setOf('JDV_J57')]
  return {
    ...shipped,
    types: typesOf(shipped.types, setOf('JDV_J07'), setOf('ASS_X04')),
    formats: formatsOf(shipped.formats, setOf('ASS_A11'), setOf('JDV_J10')),
    ...(j02 && { facilities: { ...shipped.facilities, edition: j02.edition, facilities: j02.concepts } }),
    ...(j04 && { practices: { ...shipped.practices, edition: j04.edition, practices: j04.concepts } }),
    ...(j01 && { specialties: { ...shipped.specialties, edition: j01.edition, systems: exactly(j01.concepts) } }),
    ...(j08 && { confidentiality: confidentialityOf(shipped.confidentiality, j08) }),
    ...(j57 && { classes: classesOf(shipped.classes, j57) }),
  }
}

function typesOf(shipped: TableContents['types'], types: ValueSet | undefined, classes: ValueSet | undefined): TableContents['types'] {
  const list: TableContents['types']['types'] = types?.concepts.map(({ code, system }) => ({ code, system })) ?? shipped.types
  const classOf = (type: { code: string; system: string }) =>
    classes
      ? classes.pairs.find(([from]) => from.code === type.code && from.system === type.system)?.[1].code
      : shipped.types.find(each => each.code === type.code && each.system === type.system)?.class
  const withClass = list.map(({ code, system }) => {
    const found = classOf({ code, system })
    return { code, system, ...(found !== undefined && { class: found }) }
  })
  return { ...shipped, edition: types?.edition ?? shipped.edition, types: withClass }
}

function formatsOf(
  shipped: TableContents['formats'],
  models: ValueSet | undefined,
  labels: ValueSet | undefined,
): TableContents['formats'] {
  const known = new Map([...shipped.level1, ...shipped.templates].map(each => [each.code, each.label]))
  for (const { code, label } of labels?.concepts ?? []) if (label !== '') known.set(code, label)
  const labelled = <T extends Concept>(each: T): T => ({ ...each, label: known.get(each.code) ?? each.code })
  const pairs = models?.pairs.filter(([model]) => model.system !== LEVEL_1)
  const templates = pairs?.map(([model, format]) => ({ ...format, templateId: model.code })) ?? shipped.templates
  return {
    ...shipped,
    edition: models?.edition ?? shipped.edition,
    level1: shipped.level1.map(labelled),
    templates: templates.map(labelled),
  }
}

/** Only what is normal is filed: a set without it would hold everything, and says so at once. */
function confidentialityOf(shipped: TableContents['confidentiality'], { edition, concepts }: ValueSet): TableContents['confidentiality'] {
  const normal = concepts.find(each => each.code === shipped.normal.code && each.system === shipped.normal.system)
  if (!normal) throw new Error(`JDV_J08 has no ${shipped.normal.code}`)
  return { ...shipped, edition, normal, marks: concepts.filter(each => each !== normal) }
}

/** Who files which class is not the ANS's to say: a class that is new here is nobody's until the program knows it. */
function classesOf(shipped: TableContents['classes'], { edition, concepts }: ValueSet): TableContents['classes'] {
  const isProfessional = (code: string) => shipped.classes.some(each => each.code === code && each.professional)
  return { ...shipped, edition, classes: concepts.map(({ code, label }) => ({ code, label, professional: isProfessional(code) })) }
}

/** A shape that these codes have and no other. */
function exactly(concepts: readonly Concept[]): TableContents['specialties']['systems'] {
  const shapesIn = (system: string) => concepts.filter(each => each.system === system).map(({ code }) => code.replace(/\W/g, '\\$&'))
  return [...new Set(concepts.map(each => each.system))].map(system => ({ system, shape: `^(?:${shapesIn(system).join('|')})$` }))
}

function sourcesOf(contents: TableContents, foundOf: (name: SetName) => { file: string; set: ValueSet } | undefined): TableSource[] {
  const row = (table: string, name: SetName, shipped: { edition: string; count: number }): TableSource => {
    const found = foundOf(name)
    const count = found ? found.set.concepts.length + found.set.pairs.length : shipped.count
    return {
      table: `${name} ${table}`,
      edition: found?.set.edition ?? shipped.edition,
      source: found ? basename(found.file) : 'shipped',
      count,
    }
  }
  const { types, classes, formats, facilities, practices, confidentiality, specialties } = contents
  return [
    row('types', 'JDV_J07', { edition: types.edition, count: types.types.length }),
    row('classes of types', 'ASS_X04', { edition: types.edition, count: types.types.filter(each => each.class !== undefined).length }),
    row('classes', 'JDV_J57', { edition: classes.edition, count: classes.classes.length }),
    row('formats of models', 'ASS_A11', { edition: formats.edition, count: formats.templates.length }),
    row('labels of formats', 'JDV_J10', { edition: formats.edition, count: formats.templates.length + formats.level1.length }),
    row('places', 'JDV_J02', { edition: facilities.edition, count: facilities.facilities.length }),
    row('practices', 'JDV_J04', { edition: practices.edition, count: practices.practices.length }),
    row('confidentiality', 'JDV_J08', { edition: confidentiality.edition, count: confidentiality.marks.length + 1 }),
    row('specialties, by shape where shipped', 'JDV_J01', { edition: specialties.edition, count: specialties.systems.length }),
  ]
}

const opened = new Map<string, Tables>()

/** @returns the tables to judge by: those of the folder, read once in each thread, or the shipped ones */
export function tablesIn(folder: string | undefined): Tables {
  if (folder === undefined) return shippedTables()
  const tables = opened.get(folder) ?? loadAnsTables(folder).tables
  opened.set(folder, tables)
  return tables
}
