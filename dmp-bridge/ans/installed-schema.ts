import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Where the ANS has its schema, in the folder of its files or as it publishes them. */
const PLACES = ['schema/CDA_extended.xsd', 'schema/infrastructure/cda/CDA_extended.xsd']

const SCHEMATRONS = ['schematrons', 'schema/schematrons']

/** @returns the folder of the schematrons of the ANS, when the operator has installed it */
export function installedSchematrons(ansFiles: string): string | undefined {
  return SCHEMATRONS.map(place => join(ansFiles, place)).find(folder => existsSync(folder))
}

/** @returns the schema of the ANS in the folder of its files, when the operator has installed it */
export function installedSchema(ansFiles: string): string | undefined {
  return PLACES.map(place => join(ansFiles, place)).find(file => existsSync(file))
}
