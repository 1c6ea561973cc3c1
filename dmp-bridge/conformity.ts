import type { CdaSchemas } from './ans/xsd.ts'
import type { FoundDocument, Recognition } from './facts.ts'

/**
 * Adds what is wrong with the form of each document: software that files for others checks every CDA (EX_2.1-1071, EX_2.1-1090). What
 * could not be read as one is left as it is.
 */
export async function withConformity(result: Recognition): Promise<Recognition> {
  if (!result.documents.some(isReadable)) return result
  const schemas = await shared()
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

let opened: Promise<CdaSchemas> | undefined

/** Compiled once a thread, and when the first document is there: whoever only imports the bridge does not wait for it. */
function shared(): Promise<CdaSchemas> {
  opened ??= import('./ans/xsd.ts').then(({ openCdaSchemas }) => openCdaSchemas())
  return opened
}
