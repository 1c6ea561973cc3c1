import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type Directory, type ImportReport, openDirectory } from '../../directory/index.ts'
import { table } from '../../gateway/cli/output.ts'
import { machineSeconds } from './cost.ts'
import { type KnownBox, knownBoxes, writeLargeExtract } from './directory-extract.ts'
import { askUntil, importAside, type LoadFigures } from './directory-load.ts'
import { writeActivities } from './directory-people.ts'
import { type Latencies, latenciesOf } from './latencies.ts'

interface Options {
  lines: number
  dir?: string
  json?: string
}

interface Import {
  what: string
  seconds: number
  /** CPU seconds of the importing process and highest resident set, bytes. */
  cpuSeconds: number
  memory: number
  /** Cores that everything else on the machine used meanwhile. */
  others: number
  report: ImportReport
}

/** Imports a large extract, swaps two more editions in under load, and times questions of every kind. */
export async function benchDirectory(options: Options): Promise<void> {
  const folder = await mkdtemp(join(options.dir ?? tmpdir(), 'pli-bench-directory-'))
  try {
    const figures = await measure(folder, options.lines)
    console.log(`\n${written(figures)}`)
    if (options.json) await writeFile(options.json, JSON.stringify(figures, null, 2))
    if (figures.load.failed > 0) throw new Error(`${figures.load.failed} questions failed while a snapshot was swapped`)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function measure(folder: string, lines: number) {
  const target = join(folder, 'directory.sqlite')
  const known = knownBoxes(lines)
  console.error(`writing three editions of ${lines} lines, and PS_LibreAcces`)
  const editions = [0, 1, 2].map(edition =>
    join(folder, `Extraction_Correspondance_MSSante_20261120041${edition}.${edition === 2 ? 'zip' : 'txt'}`),
  )
  for (const [edition, file] of editions.entries()) await writeLargeExtract(file, { lines, edition })
  const people = join(folder, 'PS_LibreAcces_Personne_activite_202611200800.txt')
  await writeActivities(people, lines)

  console.error('first import')
  const imports = [await timed('text, no snapshot before', editions[0]!, target)]
  const bytes = (await stat(target)).size
  const directory = openDirectory(target)
  console.error('two more imports under load')
  const more = async () => {
    imports.push(await timed('text, under load', editions[1]!, target))
    imports.push(await timed('zip with PS_LibreAcces, under load', editions[2]!, target, '--people', people))
    await new Promise(resolve => setTimeout(resolve, 2000)) // the load notices a new snapshot within a second
  }
  const done = more()
  const load = await askUntil(done, directory, known)
  await done
  console.error('questions')
  const latencies = ask(directory, known)
  directory.close()
  return { lines, bytes, imports, load, latencies }
}

async function timed(what: string, source: string, target: string, ...more: string[]): Promise<Import> {
  const [from, machine, own] = [performance.now(), machineSeconds(), process.cpuUsage()]
  const { report, cpuSeconds, memory } = await importAside(source, target, ...more)
  const seconds = (performance.now() - from) / 1000
  const { user, system } = process.cpuUsage(own)
  const others = (machineSeconds() - machine - cpuSeconds - (user + system) / 1e6) / seconds
  console.error(`  ${basename(source)}: ${seconds.toFixed(1)} s`)
  return { what, seconds, cpuSeconds, memory, others, report }
}

/** What people type, letter by letter, and what programs ask. */
function ask(directory: Directory, known: readonly KnownBox[]): Latencies[] {
  const some = known.filter((_, at) => at % Math.ceil(known.length / 300) === 0)
  const letterByLetter = (text: string) => Array.from({ length: text.length }, (_, at) => text.slice(0, at + 1))
  const typed = (text: (box: KnownBox) => string) => some.flatMap(box => letterByLetter(text(box)))
  const search = (text: string) => directory.search(text)
  const common = ['medecine generale', 'cabinet medical de saint', 'infirmier', 'cardiologie maladies vasculaires', 'centre hospitalier']
  const rare = ['infirmier cardiologie', 'pharmacien pneumologie', 'sage femme chirurgie']
  return [
    latenciesOf(
      'search: name, first name, letter by letter',
      typed(box => `${box.lastName} ${box.firstName}`),
      search,
    ),
    latenciesOf(
      'search: town, name, letter by letter',
      typed(box => `${box.town} ${box.lastName}`),
      search,
    ),
    latenciesOf('search: a single letter', [...'abcdefghijklmnopqrstuvwxyz'], search),
    latenciesOf('search: common words, letter by letter', common.flatMap(letterByLetter), search),
    latenciesOf('search: common words that seldom meet', rare.flatMap(letterByLetter), search),
    latenciesOf(
      'find',
      known.map(box => box.address),
      address => directory.find(address),
    ),
    latenciesOf(
      'find: nobody',
      known.map(box => `x${box.address}`),
      address => directory.find(address),
    ),
    latenciesOf(
      'nearest: a letter left out',
      some.map(({ address }) => address.slice(0, 1) + address.slice(2)),
      address => directory.nearest(address),
    ),
  ]
}

function written({ lines, bytes, imports, load, latencies }: Awaited<ReturnType<typeof measure>>): string {
  const importRows = imports.map(({ what, seconds, cpuSeconds, memory, others, report }) => [
    what,
    seconds.toFixed(1),
    cpuSeconds.toFixed(1),
    String(Math.round(memory / 1e6)),
    others.toFixed(1),
    ...[report.count, report.added, report.removed, report.changed].map(String),
  ])
  const rows = latencies.map(({ what, count, median, p99, most, cpuP99 }) => [
    what,
    String(count),
    ...[median, p99, most, cpuP99].map(ms => ms.toFixed(3)),
  ])
  return [
    `${lines} lines, snapshot of ${Math.round(bytes / 1e6)} MB`,
    table([['import', 's', 'CPU s', 'peak MB', 'other cores', 'boxes', 'added', 'removed', 'changed'], ...importRows]),
    '',
    loadLine(load),
    '',
    table([['question', 'asked', 'median ms', 'p99 ms', 'most ms', 'p99 CPU ms'], ...rows]),
  ].join('\n')
}

function loadLine({ finds, searches, failed, versions, slowest }: LoadFigures): string {
  return `under load: ${finds} finds, ${searches} searches, ${versions.length - 1} swaps, ${failed} failed, slowest question ${slowest.toFixed(0)} ms`
}
