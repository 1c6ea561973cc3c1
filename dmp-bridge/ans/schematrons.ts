import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { CdaFacts } from '../facts.ts'
import { installedSchematrons } from './installed-schema.ts'
import { type Findings, type OpenSchematron, openDocument, openSchematron } from './schematron.ts'
import { readSchematron, type Schematron } from './schematron-file.ts'

/** The schematrons that an operator installed. They are read when the first document asks for them, and kept. */
export interface Schematrons {
  /**
   * Asks the common structure, the models of sections and entries, and the one of the document's own model (EX_2.1-1071).
   * @param xml text of the ClinicalDocument
   */
  judge(xml: string, cda: Pick<CdaFacts, 'templateIds' | 'templateVersions'>): Findings
  /** names of the files, and what is wrong with one that can't be read */
  all(): { name: string; why?: string }[]
}

/** What every document must be, whatever its model; then what the models are made of. */
const COMMON = 'profils/structurationMinimale/ASIP-STRUCT-MIN-StrucMin.sch'
const PROFILES = ['profils/CI-SIS_ModelesDeContenusCDA.sch', 'profils/CI-SIS_Modeles_ANS.sch', 'profils/IHE.sch']

/** OIDs of the models of documents of the CI-SIS; `.1` is the common structure. */
const MODEL = /^1\.2\.250\.1\.213\.1\.1\.1\.(?!1$)[\d.]+$/
const IHE_MODELS: ReadonlySet<string> = new Set(['1.3.6.1.4.1.19376.1.3.3'])

/**
 * @returns undefined when none are installed
 * @throws Error that names the common one, when it is not there or can't be read
 */
export function openSchematrons(ansFiles: string): Schematrons | undefined {
  const folder = installedSchematrons(ansFiles)
  if (folder === undefined) return undefined
  readSchematron(join(folder, COMMON))
  const opened = new Map<string, OpenSchematron | string>()
  const open = (name: string): OpenSchematron | string => {
    const known = opened.get(name) ?? tried(() => openSchematron(join(folder, name)))
    opened.set(name, known)
    return known
  }
  const models = lazily(() => modelsIn(folder))
  return {
    judge: (xml, cda) => {
      const document = openDocument(xml)
      const own = models().ofDocument(cda)
      const findings = [COMMON, ...PROFILES.filter(each => existsSync(join(folder, each))), ...own.names].map((name): Findings => {
        const schematron = open(name)
        if (typeof schematron === 'string') return { failed: [], unevaluated: [shortName(name)] }
        const { failed, unevaluated } = schematron.judge(document)
        const named = (ids: readonly string[]) => ids.map(id => `${shortName(name)}#${id}`)
        return { failed: named(failed), unevaluated: named(unevaluated) }
      })
      return {
        failed: findings.flatMap(each => each.failed),
        unevaluated: [...findings.flatMap(each => each.unevaluated), ...own.missing],
      }
    },
    all: () =>
      [COMMON, ...PROFILES, ...filesIn(folder)].flatMap(name => {
        if (!existsSync(join(folder, name))) return []
        const read = tried(() => readSchematron(join(folder, name)))
        return [{ name: shortName(name), ...(typeof read === 'string' && { why: read }) }]
      }),
  }
}

function tried<T extends object>(work: () => T): T | string {
  try {
    return work()
  } catch (error) {
    return (error as Error).message
  }
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

function filesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter(name => name.endsWith('.sch'))
    .sort()
}

function shortName(file: string): string {
  return basename(file, '.sch')
}

interface Model {
  name: string
  /** of the model: the end of the file's name */
  version: string
  templates: ReadonlySet<string>
}

/** The files do not say of what model they are; the templates that they require of a document do. */
function modelsIn(folder: string): {
  ofDocument(cda: Pick<CdaFacts, 'templateIds' | 'templateVersions'>): { names: string[]; missing: string[] }
} {
  const models = filesIn(folder).flatMap((name): Model[] => {
    const schematron = tried(() => readSchematron(join(folder, name)))
    const version = /_(\d{4}\.\d\d)\.sch$/.exec(name)?.[1] ?? ''
    return typeof schematron === 'string' ? [] : [{ name, version, templates: templatesIn(schematron) }]
  })
  return {
    ofDocument: ({ templateIds, templateVersions }) => {
      const all = templateIds.filter(isModel)
      const roots = all.filter(root => !all.some(other => other.startsWith(`${root}.`))) // one of a family says which
      const versions = roots.map(root => templateVersions[root] ?? '').filter(each => each !== '')
      const same = models.filter(model => roots.some(root => model.templates.has(root)))
      const fitting = versions.length === 0 && same.length === 1 ? same : same.filter(model => versions.includes(model.version))
      const label = roots.map(root => [root, templateVersions[root] ?? ''].filter(each => each !== '').join('^')).join('+')
      return { names: fitting.map(each => each.name), missing: fitting.length > 0 || roots.length === 0 ? [] : [`model ${label}`] }
    },
  }
}

function isModel(root: string): boolean {
  return MODEL.test(root) || IHE_MODELS.has(root)
}

/** Those that the pattern about the header names. */
function templatesIn({ patterns }: Schematron): ReadonlySet<string> {
  const checks = patterns.filter(({ id }) => /^(entete|variables)/i.test(id)).flatMap(each => each.rules)
  const texts = checks.flatMap(({ context, steps }) => [context, ...steps.map(step => ('test' in step ? step.test : step.value))])
  const roots = texts.flatMap(text => [...text.matchAll(/templateId[^=]{0,40}@root\s*=\s*(["'])([\d.]+)\1/g)].map(match => match[2] ?? ''))
  return new Set(roots.filter(isModel))
}
