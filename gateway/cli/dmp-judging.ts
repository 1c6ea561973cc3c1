import { loadConfiguration } from '../../config/index.ts'
import { openDirectory } from '../../directory/index.ts'
import type { Policy, Sender } from '../../dmp-bridge/index.ts'
import { openBoxes } from '../data.ts'
import { type DmpConfiguration, policyOf, senderOf } from '../filing/index.ts'
import { withData } from './data.ts'
import { localPolicy } from './local-dmp.ts'

/** How a command says as whom a file is judged. */
export interface FileOptions {
  config?: string
  sender?: string
  json?: boolean
}

export const CONFIG_FOR_FILES = [
  '-c, --config <file>',
  'as whom to decide; without it, rules for tests: the test authority of the INS is allowed',
] as const

export const SENDER_FOR_FILES = ['--sender <address>', 'box that would send it; without it, its author'] as const

/** As whom to decide: `sender` is absent when the document's author is to be taken for it. */
export async function rulesOf({ config, sender }: FileOptions): Promise<{ policy: Policy; sender?: Sender }> {
  if (config) return { policy: policyOf(configuredDmp(config)), ...(sender ? { sender: await boxSender(config, sender) } : {}) }
  if (sender) throw new Error('--sender needs -c: its box is one of a configuration')
  return { policy: localPolicy() }
}

/** @throws when the configuration has no DMP */
export function configuredDmp(config: string): DmpConfiguration {
  const { dmp } = loadConfiguration(config)
  if (!dmp) throw new Error('this configuration has no dmp')
  return dmp
}

async function boxSender(config: string, address: string): Promise<Sender> {
  return withData(config, async (db, configuration) => {
    const box = await openBoxes(db, Date.now).find(address.toLowerCase())
    if (!box) throw new Error(`${address} is not a box of this operator`)
    const directory = openDirectory(configuration.directory.file)
    try {
      return senderOf(box, directory)
    } finally {
      directory.close()
    }
  })
}
