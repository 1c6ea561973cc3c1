import { statSync } from 'node:fs'
import { relative } from 'node:path'
import { conformityIn } from '../conformity.ts'
import { loadAnsTables, type TableSource } from './ans-tables.ts'
import { installedSchema } from './installed-schema.ts'

/** What the files of the ANS give, and what comes with the program instead. */
export interface AnsFiles {
  tables: TableSource[]
  /** files of `tables/` that nothing is made of */
  unused: string[]
  /** schema of the CDA that is asked beside the shipped one */
  schema?: string
  /** schematrons, with what is wrong with one that can't be read: what it asks is not evaluated */
  schematrons: { name: string; why?: string }[]
}

/**
 * Opens all that an operator installed, as the bridge will.
 * @param folder `ansFiles` of the configuration; without it, what is shipped
 * @param options.isWhole reads every schematron, which takes seconds; the common one is always read
 * @throws Error that names the file which can't be used
 */
export async function openAnsFiles(folder: string | undefined, { isWhole = false } = {}): Promise<AnsFiles> {
  if (folder !== undefined && !statSync(folder).isDirectory()) throw new Error(`${folder} is not a folder`)
  const { sources, unused } = loadAnsTables(folder)
  const { schematrons } = await conformityIn(folder)
  const schema = folder === undefined ? undefined : installedSchema(folder)
  const checks = isWhole ? (schematrons?.all() ?? []) : []
  return {
    tables: sources,
    unused,
    schematrons: checks,
    ...(folder !== undefined && schema !== undefined && { schema: relative(folder, schema) }),
  }
}
