import type { Schematrons } from './ans/schematrons.ts'
import type { CdaSchemas } from './ans/xsd.ts'
import type { FoundDocument, Recognition } from './facts.ts'
import type { Reason } from './reasons.ts'

/** How the checks of form of one thread are made: by the schemas always, by the schematrons when they are installed. */
export interface Conformity {
  schemas: CdaSchemas
  schematrons?: Schematrons
}

/**
 * Adds what is wrong with the form of each document: software that files for others checks every CDA (EX_2.1-1071, EX_2.1-1090). What
 * could not be read as one is left as it is.
 * @param ansFiles folder of the files of the ANS: its schema and schematrons are asked too
 */
export async function withConformity(result: Recognition, ansFiles?: string): Promise<Recognition> {
  if (!result.documents.some(isReadable)) return result
  const conformity = await conformityIn(ansFiles)
  const judged = new Map<string, Judgement>()
  const judge = (document: FoundDocument) => {
    const known = judged.get(document.sha256) ?? judgeForm(document, conformity)
    judged.set(document.sha256, known)
    return known
  }
  return { ...result, documents: result.documents.map(each => (isReadable(each) ? withJudgement(each, judge(each)) : each)) }
}

/** Other encodings are held anyway. */
function isReadable(document: FoundDocument): boolean {
  return document.cda !== undefined && !document.faults.includes('xml-encoding')
}

interface Judgement {
  faults: Reason[]
  checks?: NonNullable<FoundDocument['checks']>
}

/** A document of another form than CDA is not asked further: the checks are made for what is one. */
function judgeForm({ cda, content }: FoundDocument, { schemas, schematrons }: Conformity): Judgement {
  if (!schemas.isValid(content)) return { faults: ['schema-invalid'] }
  if (!schematrons || !cda) return { faults: [] }
  const { failed, unevaluated } = schematrons.judge(cdaText(content), cda)
  const checks = { failed, notEvaluated: unevaluated }
  return { faults: failed.length > 0 ? ['schematron-failed'] : [], ...(failed.length + unevaluated.length > 0 && { checks }) }
}

function withJudgement(document: FoundDocument, { faults, checks }: Judgement): FoundDocument {
  if (faults.length === 0 && !checks) return document
  return { ...document, faults: [...document.faults, ...faults], ...(checks && { checks }) }
}

function cdaText(content: Uint8Array): string {
  return new TextDecoder('utf-8').decode(content)
}

const opened = new Map<string | undefined, Promise<Conformity>>()

/**
 * Opened once a thread, and when the first document is there: whoever only imports the bridge does not wait for it.
 * @throws Error that names the file which can't be used
 */
export function conformityIn(ansFiles: string | undefined): Promise<Conformity> {
  const conformity = opened.get(ansFiles) ?? open(ansFiles)
  opened.set(ansFiles, conformity)
  conformity.catch(() => opened.delete(ansFiles)) // the next document asks again: the folder may have been replaced meanwhile
  return conformity
}

async function open(ansFiles: string | undefined): Promise<Conformity> {
  const { openCdaSchemas } = await import('./ans/xsd.ts')
  const schemas = openCdaSchemas(ansFiles)
  if (ansFiles === undefined) return { schemas }
  const { openSchematrons } = await import('./ans/schematrons.ts')
  const schematrons = openSchematrons(ansFiles)
  return { schemas, ...(schematrons && { schematrons }) }
}
