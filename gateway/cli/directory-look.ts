import { type Command, InvalidArgumentError, Option } from 'commander'
import { loadConfiguration } from '../../config/index.ts'
import {
  type BoxUse,
  type Directory,
  directoryAge,
  isRpps,
  type KnownListing,
  type Listing,
  openBoxUses,
  openDirectory,
  PURPOSES,
  type Purpose,
  parseIdNatStruct,
  rankByUse,
} from '../../directory/index.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { print, table } from './output.ts'

interface Options {
  config: string
  json?: boolean
}

/** Questions to the national snapshot: search, lookup, status. */
export function directoryLookCommands(directory: Command): void {
  directory
    .command('search')
    .description('the boxes that words describe: names, town, speciality, structure; unfinished words, any order')
    .argument('<text...>')
    .requiredOption(...CONFIG_OPTION)
    .option('--limit <number>', 'of boxes, 200 at most', limit, 20)
    .addOption(new Option('--for <purpose>', 'what the letter is: boxes for it come first').choices([...PURPOSES]))
    .option('--json', 'for programs')
    .action(async (text: string[], { config, json, limit: most, for: purpose }: Options & { limit: number; for?: Purpose }) => {
      const listings = withDirectory(config, snapshot => snapshot.search(text.join(' '), { limit: most }))
      const found = rankByUse(listings, await usesOf(config, listings), { now: Date.now(), ...(purpose && { purpose }) })
      print(json, found, () => (found.length === 0 ? 'nobody found' : table(found.map(row))))
    })

  directory
    .command('lookup')
    .description('what the directory says of an address, of a person (RPPS) or of a structure (FINESS, SIRET)')
    .argument('<number-or-address>', 'one of them', question)
    .requiredOption(...CONFIG_OPTION)
    .option('--json', 'for programs')
    .action(async (asked: Question, { config, json }: Options) => {
      const listings = withDirectory(config, asked.of)
      if (listings.length === 0) throw new Error(`${asked.text} is not in the directory`)
      const found = rankByUse(listings, await usesOf(config, listings), { now: Date.now() })
      print(json, asked.isAddress ? found[0] : found, () => found.map(sheet).join('\n\n'))
    })

  directory
    .command('status')
    .description('how many boxes the snapshot has, and how old it is')
    .requiredOption(...CONFIG_OPTION)
    .option('--json', 'for programs')
    .action(({ config, json }: Options) => {
      const { file, maxAge } = loadConfiguration(config).directory
      const status = withDirectory(config, snapshot => {
        const { count, importedAt, generatedAt, version } = snapshot
        return { file, count, version, importedAt, generatedAt, old: directoryAge(snapshot, Date.now()) > maxAge }
      })
      print(json, status, () => {
        const age = status.old ? `, OLD: its limit is ${maxAge / 3_600_000} hours` : ''
        return `${status.count} boxes, version ${status.version}, imported ${status.importedAt.toISOString()}${age}`
      })
    })
}

function withDirectory<T>(config: string, ask: (directory: Directory) => T): T {
  const snapshot = openDirectory(loadConfiguration(config).directory.file)
  try {
    return ask(snapshot)
  } finally {
    snapshot.close()
  }
}

function usesOf(config: string, listings: readonly Listing[]): Promise<Map<string, BoxUse>> {
  const addresses = listings.map(({ address }) => address)
  return withData(config, db => openBoxUses(db, { now: Date.now }).of(addresses))
}

interface Question {
  text: string
  isAddress: boolean
  of(directory: Directory): Listing[]
}

function question(text: string): Question {
  if (text.includes('@')) return { text, isAddress: true, of: directory => [directory.find(text.toLowerCase())].filter(each => !!each) }
  const number = text.replaceAll(' ', '').toUpperCase()
  const rpps = number.length === 12 && number.startsWith('8') ? number.slice(1) : number
  if (isRpps(rpps)) return { text, isAddress: false, of: directory => directory.byPerson(rpps) }
  // A FINESS, a SIREN and a SIRET are asked for with the digit that stands before them in an IdNat_Struct, or without.
  const structures = [number, `1${number}`, `2${number}`, `3${number}`].filter(isSiteOrCompany)
  if (structures.length === 0) throw new InvalidArgumentError('An address, an RPPS, a FINESS or a SIRET number with a right key is needed.')
  return { text, isAddress: false, of: directory => structures.flatMap(structure => directory.byStructure(structure)) }
}

function isSiteOrCompany(idNatStruct: string): boolean {
  return /^(?:finess|siren|siret)$/.test(parseIdNatStruct(idNatStruct)?.kind ?? '')
}

function limit(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 200) throw new InvalidArgumentError('A number from 1 to 200 is needed.')
  return value
}

function row({ address, name, profession = '', speciality = '', place = '', use }: KnownListing): string[] {
  return [address, name, speciality || profession, place, useText(use).join(', ')]
}

/** What the box is for, and its last signs of life. */
function useText(use: BoxUse | undefined): string[] {
  if (!use) return []
  const signs = [
    ['acknowledged', use.acknowledgedAt],
    ['received', use.receivedAt],
    ['refused', use.refusedAt],
  ] as const
  return [...use.purposes, ...signs.flatMap(([sign, at]) => (at === undefined ? [] : `${sign} ${new Date(at).toISOString().slice(0, 10)}`))]
}

function sheet({ use, ...listing }: KnownListing): string {
  return Object.entries({ ...listing, ...(use && { use: useText(use).join(', ') }) })
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n')
}
