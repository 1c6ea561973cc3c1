export {
  type Compilable,
  type Database,
  type Migration,
  type NewFile,
  openDatabase,
  prepared,
  type Query,
  required,
  STALE,
  type Statement,
  tables,
} from './database/index.ts'
export { Fault } from './fault.ts'
export { type FreshFile, freshFile, writeFresh } from './fresh-file.ts'
export { ConfigurationFault, loadConfiguration } from './load.ts'
export { type Detail, type Log, openLog, silent } from './log.ts'
export { compiled, packageRoot } from './paths.ts'
export { AUDIT_LEAST_KEPT, type Configuration, parseDuration } from './schema.ts'
export { forThread, sharedConcat, sharedOctets } from './threads.ts'
