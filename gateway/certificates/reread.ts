import { type Configuration, type Log, loadConfiguration } from '../../config/index.ts'
import type { Entries } from './identities.ts'

/**
 * Reads the configuration again, for the entries of `smime.encryption`: one is added and removed without a restart. Of whatever else has changed, the log
 * says that it waits for one.
 * @param running what we run with
 * @returns undefined when the file can't be used: then everything stays as it is
 */
export function rereadEntries(file: string, running: Configuration, log: Log): Entries | undefined {
  try {
    const read = loadConfiguration(file)
    const waiting = Object.keys({ ...running, ...read }).filter(part => textOf(part, read) !== textOf(part, running))
    if (waiting.length > 0) log.warn('configuration-waits-for-restart', { parts: waiting.join(' ') })
    return read.smime.encryption
  } catch (error) {
    log.error('configuration-refused', { reason: (error as Error).message })
    return undefined
  }
}

function textOf(part: string, configuration: Configuration): string | undefined {
  const { smime, ...rest } = configuration
  return JSON.stringify(part === 'smime' ? { ...smime, encryption: [] } : rest[part as keyof typeof rest])
}
