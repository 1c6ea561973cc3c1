import { type Command, InvalidArgumentError, Option } from 'commander'
import {
  type Admin,
  BAL_RULES,
  type Bal,
  type BalChanges,
  FILING_NOTICES,
  type FilingNotices,
  type NewBal,
  PURPOSES,
  type Purpose,
  stateOf,
} from '../../directory/index.ts'
import { type ByOption, by, byOption, withAdministration } from './administration.ts'
import { CONFIG_OPTION } from './data.ts'
import { print, table } from './output.ts'

interface Options extends ByOption {
  config: string
  json?: boolean
}

/** Boxes hosted here: the same operations as the administration API. */
export function boxCommands(directory: Command): void {
  const box = directory.command('box').description('boxes hosted here')
  creating(box)
  looking(box)
  changing(box)
  signingIn(box)
}

function creating(box: Command): void {
  command(box, 'create', 'create a box; prints its application password, once', '<address>')
    .addOption(new Option('--type <type>', 'of the box').choices(Object.keys(BAL_RULES)).makeOptionMandatory())
    .requiredOption('--name <name>', 'as people read it')
    .option('--rpps <number>', 'of the person (PER), of the one responsible (CAB)')
    .option('--holder <rpps...>', 'all holders, the one responsible too (CAB)')
    .option('--structure <id...>', 'national structure ids: 1 and the FINESS, or 3 and the SIRET', [])
    .option('--responsible <name>', 'who answers for the box (ORG, APP, CAB)')
    .option('--description <text>', 'of the box (ORG, APP, CAB)')
    .option('--service <name>', 'that it belongs to (ORG, APP)')
    .option('--purpose <purpose...>', `what letters it is there for: ${PURPOSES.join(', ')}`, purpose)
    .option('--quota <size>', 'most that it may hold: 500M, 2G', bytes)
    .option('--red-list', 'it works, and is never published')
    .action(async (address: string, options: Options & Creation) => {
      const created = await withAdministration(options.config, ({ admin }) => admin.create(newBal(address, options), by(options)))
      print(options.json, created, () => created.password)
    })
}

type Creation = Omit<NewBal, 'address' | 'structures' | 'holders' | 'purposes' | 'quotaBytes' | 'redListed'> & {
  structure: string[]
  holder?: string[]
  purpose?: Purpose[]
  quota?: number
  redList?: boolean
}

function newBal(address: string, { structure, holder, purpose, quota, redList, ...rest }: Creation): NewBal {
  const { type, name, rpps, responsible, description, service } = rest
  return {
    address: address.toLowerCase(),
    ...{ type, name, rpps, responsible, description, service },
    structures: structure,
    holders: holder,
    purposes: purpose,
    quotaBytes: quota,
    redListed: redList,
  }
}

function looking(box: Command): void {
  command(box, 'show', 'one box', '<address>').action((address: string, options: Options) =>
    withAdministration(options.config, async ({ admin }) => show(options, await admin.show(address.toLowerCase()))),
  )
  box
    .command('list')
    .description('all boxes')
    .requiredOption(...CONFIG_OPTION)
    .addOption(new Option('--type <type>').choices(Object.keys(BAL_RULES)))
    .addOption(new Option('--state <state>').choices(['open', 'suspended', 'closed']))
    .option('--structure <id>', 'of this structure only')
    .option('--json', 'for programs')
    .action(({ config, json, ...filter }: Options & NonNullable<Parameters<Admin['list']>[0]>) =>
      withAdministration(config, async ({ admin }) => {
        const boxes = (await admin.list(filter)).map(bal => ({ ...bal, state: stateOf(bal) }))
        const rows = boxes.map(({ address, type, state, name, redListed, purposes }) => {
          return [address, type, state, redListed ? 'red list' : '', purposes.join(' '), name]
        })
        print(json, boxes, () =>
          rows.length === 0 ? 'there is no box' : table([['address', 'type', 'state', '', 'for', 'name'], ...rows]),
        )
      }),
    )
}

function changing(box: Command): void {
  act(box, 'suspend', 'take nothing for a box, and let it send nothing, until it is resumed', 'suspend')
  act(box, 'resume', 'end its suspension', 'resume')
  act(box, 'close', 'close a box for ever: its address is never given again', 'close')
  act(
    box,
    'declare',
    'record that the holder informs the patients and records their oppositions: its documents may then be filed',
    'declare',
  )
  act(box, 'retract', 'take that declaration back', 'retract')
  command(box, 'set', 'change what a box is; an empty text takes a value away', '<address>')
    .option('--name <name>', 'as people read it')
    .option('--rpps <number>', 'of the one responsible (CAB)')
    .option('--holder <rpps...>', 'all holders (CAB)')
    .option('--structure <id...>', 'all structures (PER, CAB)')
    .option('--responsible <name>', 'who answers for it (ORG, APP, CAB)')
    .option('--description <text>', 'of the box (ORG, APP, CAB)')
    .option('--service <name>', 'that it belongs to (ORG, APP)')
    .addOption(new Option('--paperless <yes|no>', 'its holder no longer wants paper').choices(['yes', 'no']))
    .addOption(new Option('--filing-notices <which>', 'what it is told of the filing of its documents').choices(FILING_NOTICES))
    .addOption(new Option('--hold-link <yes|no>', 'send it a link to hold documents back').choices(['yes', 'no']))
    .action((address: string, options: Options & Parameters<typeof changesOf>[0]) => change(address, options, changesOf(options)))
  const purposes = box.command('purpose').description('what letters a box is there for')
  command(purposes, 'set', `any of ${PURPOSES.join(', ')}; without one, nothing is said`, '<address>')
    .argument('[purpose...]', 'what it is for', purpose)
    .action((address: string, said: Purpose[] | undefined, options: Options) => change(address, options, { purposes: said ?? [] }))
  const redList = box.command('red-list').description('whether a box is published')
  for (const [word, redListed] of [
    ['on', true],
    ['off', false],
  ] as const) {
    const says = redListed ? 'it works, and is never published' : 'it may be published'
    command(redList, word, says, '<address>').action((address: string, options: Options) => change(address, options, { redListed }))
  }
  command(box, 'quota', 'the most that a box may hold', '<address>')
    .argument('<size>', '500M, 2G, or none', (text: string) => (text === 'none' ? null : bytes(text)))
    .action((address: string, quotaBytes: number | null, options: Options) => change(address, options, { quotaBytes }))
}

function signingIn(box: Command): void {
  command(box, 'password', 'replace the application password; prints the new one, once', '<address>').action(
    async (address: string, options: Options) => {
      const changed = await withAdministration(options.config, ({ admin }) => admin.changePassword(address.toLowerCase(), by(options)))
      print(options.json, changed, () => changed.password)
    },
  )
  const delegate = box.command('delegate').description('PER boxes that may write as an ORG or CAB box')
  pair(
    delegate,
    'add',
    'let one write as it',
    '<delegate>',
    admin => (address, other, who) => admin.addDelegate(address, other.toLowerCase(), who),
  )
  pair(
    delegate,
    'remove',
    'take that back',
    '<delegate>',
    admin => (address, other, who) => admin.removeDelegate(address, other.toLowerCase(), who),
  )
  const certificate = box.command('certificate').description('client certificates by which an APP box signs in')
  pair(certificate, 'add', 'let it sign in by one', '<dn>', admin => admin.addCertificate)
  pair(certificate, 'remove', 'take that back', '<dn>', admin => admin.removeCertificate)
}

/** A command about one box, that says who makes the change. */
function command(parent: Command, name: string, description: string, ...args: string[]): Command {
  const made = parent.command(name).description(description)
  for (const argument of args) made.argument(argument)
  return made
    .requiredOption(...CONFIG_OPTION)
    .option(...byOption('makes the change'))
    .option('--json', 'for programs')
}

function act(box: Command, name: string, description: string, operation: 'suspend' | 'resume' | 'close' | 'declare' | 'retract'): void {
  command(box, name, description, '<address>').action((address: string, options: Options) =>
    withAdministration(options.config, async ({ admin }) => show(options, await admin[operation](address.toLowerCase(), by(options)))),
  )
}

type Paired = (address: string, other: string, by: string) => Promise<Bal>

function pair(parent: Command, name: string, description: string, other: string, operation: (admin: Admin) => Paired): void {
  command(parent, name, description, '<address>', other).action((address: string, value: string, options: Options) =>
    withAdministration(options.config, async ({ admin }) =>
      show(options, await operation(admin)(address.toLowerCase(), value, by(options))),
    ),
  )
}

function change(address: string, options: Options, changes: BalChanges): Promise<void> {
  return withAdministration(options.config, async ({ admin }) =>
    show(options, await admin.change(address.toLowerCase(), changes, by(options))),
  )
}

interface Settings {
  name?: string
  rpps?: string
  holder?: string[]
  structure?: string[]
  responsible?: string
  description?: string
  service?: string
  paperless?: 'yes' | 'no'
  filingNotices?: FilingNotices
  holdLink?: 'yes' | 'no'
}

function changesOf(settings: Settings): BalChanges {
  const { name, rpps, holder, structure, responsible, description, service, paperless, filingNotices, holdLink } = settings
  return {
    ...{ name, rpps, holders: holder, structures: structure, responsible },
    description: description === '' ? null : description,
    service: service === '' ? null : service,
    paperless: paperless === undefined ? undefined : paperless === 'yes',
    filingNotices,
    holdLink: holdLink === undefined ? undefined : holdLink === 'yes',
  }
}

function show({ json }: Options, bal: Bal): void {
  print(json, { ...bal, state: stateOf(bal) }, () =>
    Object.entries({ ...bal, state: stateOf(bal) })
      .filter(([, value]) => !Array.isArray(value) || value.length > 0)
      .map(([name, value]) => `${name}: ${text(name, value)}`)
      .join('\n'),
  )
}

function text(name: string, value: unknown): string {
  if (name.endsWith('At')) return new Date(value as number).toISOString()
  return Array.isArray(value) ? value.join(', ') : String(value)
}

function purpose(said: string, before: Purpose[] = []): Purpose[] {
  const known = PURPOSES.find(each => each === said)
  if (!known) throw new InvalidArgumentError(`one of ${PURPOSES.join(', ')}.`)
  return [...before, known]
}

const UNITS: Record<string, number> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 }

function bytes(size: string): number {
  const [, count, unit = ''] = /^(\d{1,12})([KMGT]?)$/.exec(size) ?? []
  if (!count) throw new InvalidArgumentError('a number and K, M, G or T.')
  return Number(count) * (UNITS[unit] ?? 1)
}
