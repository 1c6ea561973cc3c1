import { type Configuration, type Database, loadConfiguration, openDatabase } from '../../config/index.ts'
import { layout, openData } from '../data.ts'

/** Where a command that looks into an operator's rows finds them. */
export const CONFIG_OPTION = ['-c, --config <file>', "the operator's configuration"] as const

/**
 * Opens the rows beside a gateway that may be running, and closes them whatever happens.
 * @param options.filesAside for what makes one of the files that the configuration names
 */
export async function withData<T>(
  config: string,
  work: (db: Database, configuration: Configuration) => Promise<T>,
  options: { filesAside?: boolean } = {},
): Promise<T> {
  const configuration = loadConfiguration(config, options)
  const db = await openData(configuration.data)
  try {
    return await work(db, configuration)
  } finally {
    await db.close()
  }
}

/**
 * The same without writing anything, not even a schema: what an operator has is what is read.
 * @param options.filesAside for who may read neither keys nor secrets
 */
export async function withDataToRead<T>(
  config: string,
  work: (db: Database, configuration: Configuration) => Promise<T>,
  options: { filesAside?: boolean } = {},
): Promise<T> {
  const configuration = loadConfiguration(config, options)
  const db = await openDatabase({ file: layout(configuration.data).database, migrations: [], readOnly: true })
  try {
    return await work(db, configuration)
  } finally {
    await db.close()
  }
}
