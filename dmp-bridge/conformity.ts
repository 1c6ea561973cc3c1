import type { CdaSchemas } from './ans/xsd.ts'
import type { FoundDocument, Recognition } from './facts.ts'

/**
 * Adds what is wrong with the form of each document: software that files for others checks every CDA (EX_2.1-1071, EX_2.1-1090). What
 * could not be read as one is left as it is.
 * @param ansFiles folder of the files of the ANS: its schema is asked too
 */
export async function withConformity(result: Recognition, ansFiles?: string): Promise<Recognition> {
  if (!result.documents.some(isReadable)) return result
  const schemas = await schemasIn(ansFiles)
  const valid = new Map<string, boolean>()
  const check = (document: FoundDocument) => {
    const known = valid.get(document.sha256) ?? schemas.isValid(document.content)
    valid.set(document.sha256, known)
    return known
  }
  const judged = result.documents.map((each): FoundDocument => {
    return !isReadable(each) || check(each) ? each : { ...each, faults: [...each.faults, 'schema-invalid'] }
  })
  return { ...result, documents: judged }
}

/** Other encodings are held anyway. */
function isReadable(document: FoundDocument): boolean {
  return document.cda !== undefined && !document.faults.includes('xml-encoding')
}

const opened = new Map<string | undefined, Promise<CdaSchemas>>()

/**
 * Compiled once a thread, and when the first document is there: whoever only imports the bridge does not wait for it.
 * @throws Error that names the file which can't be used
 */
export function schemasIn(ansFiles: string | undefined): Promise<CdaSchemas> {
  const schemas = opened.get(ansFiles) ?? import('./ans/xsd.ts').then(({ openCdaSchemas }) => openCdaSchemas(ansFiles))
  opened.set(ansFiles, schemas)
  return schemas
}
