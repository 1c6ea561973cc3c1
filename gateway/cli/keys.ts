import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { type Configuration, loadConfiguration } from '../../config/index.ts'
import {
  addMasterKey,
  createMailboxKeys,
  createMasterKeyFile,
  loadMailboxReader,
  loadMasterKeys,
  type MasterKeyFile,
  openVault,
  removeMasterKey,
  type TokenKey,
} from '../../crypto/index.ts'
import { checkUnused, countByKey } from '../sealed.ts'
import { openOwners } from '../spool/index.ts'
import { type ByOption, byOption, writeDown } from './administration.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { sealMailboxesCommand } from './keys-seal-mailboxes.ts'
import { print, table } from './output.ts'

interface Options extends ByOption {
  config: string
  json?: boolean
}

const NOT_OURS = 'is not among masterKeys: what is under it cannot be opened'

/** The master keys under which everything that is kept is sealed. */
export function keysCommands(program: Command): void {
  const keys = program
    .command('keys')
    .description('the master keys under which everything that is kept is sealed, and the pair of the mailboxes')

  keys
    .command('create')
    .description('make a file with a new key; keep a copy of it, apart from those of the data')
    .argument('<file>')
    .option('--pkcs11 <uri>', 'seal the file for this RSA key of a token: pkcs11:token=…;object=…')
    .option('--pin <file>', 'file with the PIN of the token')
    .option('--module <file>', "the token's PKCS#11 library")
    .option('--engine', "through OpenSSL's pkcs11 engine, where it has no provider")
    .option('--from <file>', 'take over the keys of this file; then rotate, since they have lain open')
    .action((file: string, { from, ...token }: TokenOptions & { from?: string }) => {
      const id = createMasterKeyFile(file, { pkcs11: tokenOf(token), from: from === undefined ? undefined : { file: from } })
      console.log(`${file}: key ${id}`)
    })

  keys
    .command('create-mailbox')
    .description('make the pair of the mailboxes: FILE is for the IMAP server, FILE.pub for the configuration of the gateway')
    .argument('<file>')
    .action((file: string) => {
      createMailboxKeys(file)
      console.log(`${file}: for the IMAP server alone; ${file}.pub: mailboxes.publicKey`)
    })

  keys
    .command('open-letter')
    .description('write letters of a Maildir as they were before they were sealed, one after the other')
    .argument('<file...>')
    .requiredOption('--key <file>', 'private key of the mailboxes, which only the IMAP server has (FILE of create-mailbox)')
    .action((files: string[], { key }: { key: string }) => {
      const open = loadMailboxReader(key)
      for (const file of files) process.stdout.write(open(readFileSync(file)))
    })

  sealMailboxesCommand(keys)

  keys
    .command('list')
    .description('each key, and how much is under it')
    .requiredOption(...CONFIG_OPTION)
    .option('--json', 'for programs')
    .action(async ({ config, json }: Options) => {
      const { lines } = await look(loadConfiguration(config))
      print(json, lines, () =>
        table([
          ['key', 'files', ''],
          ...lines.map(({ id, files, seals, known }) => [id, String(files), seals ? 'seals' : known ? '' : NOT_OURS]),
        ]),
      )
    })

  keys
    .command('rotate')
    .description('add a key that seals from now on; a running gateway puts everything under it within a minute, others when they start')
    .requiredOption(...CONFIG_OPTION)
    .option(...byOption('adds it'))
    .action(async ({ config, by: who }: Options) => {
      const key = await withData(config, async (db, configuration) => {
        const added = addMasterKey(fileOf(configuration))
        await writeDown(db, { who, action: 'keys.rotate', object: added })
        return added
      })
      console.log(`key ${key} seals from now on`)
    })

  keys
    .command('remove')
    .description('remove a key under which nothing is left, as `pli keys list` shows; a backup of the data from before needs a copy of it')
    .argument('<id>')
    .requiredOption(...CONFIG_OPTION)
    .option(...byOption('removes it'))
    .action(async (id: string, { config, by: who }: Options) => {
      const configuration = loadConfiguration(config)
      const file = fileOf(configuration)
      await withData(config, async db => {
        const sealing = await openOwners({ db, id: '', now: Date.now, pid: 0 }).sealingUnder(id)
        await checkUnused(configuration.data, openVault(loadMasterKeys(configuration.masterKeys)), id, sealing)
        removeMasterKey(file, id)
        await writeDown(db, { who, action: 'keys.remove', object: id })
      })
      console.log(`key ${id} is removed; a backup of the data from before needs a copy of it`)
    })
}

async function look(configuration: Configuration) {
  const masters = loadMasterKeys(configuration.masterKeys)
  const counts = await countByKey(configuration.data, openVault(masters))
  const ids = [...new Set([...masters.ids, ...counts.keys()])]
  return { lines: ids.map(id => ({ id, files: counts.get(id) ?? 0, seals: id === masters.current, known: masters.ids.includes(id) })) }
}

interface TokenOptions {
  pkcs11?: string
  pin?: string
  module?: string
  engine?: true
}

function tokenOf({ pkcs11, pin, module, engine }: TokenOptions): TokenKey | undefined {
  if ([pkcs11, pin, module].every(option => option === undefined)) return undefined
  if (!pkcs11 || !pin || !module) throw new Error('a token needs --pkcs11, --pin and --module')
  return { uri: pkcs11, pin: resolve(pin), module: resolve(module), through: engine ? 'engine' : 'provider' }
}

function fileOf({ masterKeys }: Configuration): MasterKeyFile {
  if (masterKeys.file !== undefined) return masterKeys
  throw new Error(`the keys are in the variable ${masterKeys.environment}: put the new one before the others there, and start again`)
}
