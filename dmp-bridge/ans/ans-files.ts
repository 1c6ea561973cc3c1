import { statSync } from 'node:fs'
import { relative } from 'node:path'
import { schemasIn } from '../conformity.ts'
import { loadAnsTables, type TableSource } from './ans-tables.ts'
import { installedSchema } from './installed-schema.ts'

/** What the files of the ANS give, and what comes with the program instead. */
export interface AnsFiles {
  tables: TableSource[]
  /** files of `tables/` that nothing is made of */
  unused: string[]
  /** schema of the CDA that is asked beside the shipped one */
  schema?: string
}

/**
 * Opens all that an operator installed, as the bridge will.
 * @param folder `ansFiles` of the configuration; without it, what is shipped
 * @throws Error that names the file which can't be used
 */
export async function openAnsFiles(folder: string | undefined): Promise<AnsFiles> {
  if (folder !== undefined && !statSync(folder).isDirectory()) throw new Error(`${folder} is not a folder`)
  const { sources, unused } = loadAnsTables(folder)
  await schemasIn(folder)
  const schema = folder === undefined ? undefined : installedSchema(folder)
  return { tables: sources, unused, ...(folder !== undefined && schema !== undefined && { schema: relative(folder, schema) }) }
}
