import type { Command } from 'commander'
import { loadConfiguration } from '../../config/index.ts'
import type { AuditEntry } from '../../crypto/index.ts'
import { ImportFault, type ImportReport, type ImportStep, importExtract } from '../../directory/index.ts'
import { type ByOption, byOption, writeDown } from './administration.ts'
import { withData } from './data.ts'
import { print, progressLine } from './output.ts'

interface Options extends ByOption {
  config?: string
  people?: string
  changes?: string
  json?: boolean
}

/** `pli directory import`: a new snapshot, and what it changes. Counts only: whom it changes stands in the file of `--changes`. */
export function directoryImportCommand(directory: Command): void {
  directory
    .command('import')
    .description('import Extraction_Correspondance_MSSante (text or zip) into a new snapshot; running gateways notice it')
    .argument('<file>')
    .argument('[snapshot]', "the configuration's directory.file when absent")
    .option('-c, --config <file>', "the operator's configuration: the import stands in its audit log")
    .option(...byOption('imports it'))
    .option('--people <file>', 'PS_LibreAcces (zip, or its Personne_activite text): completes professions, specialities and places')
    .option(
      '--changes <file>',
      'write the added, removed and changed boxes there, one a line (TSV, for its owner only); that of an earlier import is replaced',
    )
    .option('--json', 'for programs')
    .action(async (file: string, named: string | undefined, { config, by: who, people, changes, json }: Options, command: Command) => {
      const snapshot = named ?? (config === undefined ? undefined : loadConfiguration(config, FIRST).directory.file)
      if (snapshot === undefined) return command.error('error: name a snapshot, or a configuration', { exitCode: 2 })
      const progress = showProgress(process.stderr)
      const choices = { ...(people !== undefined && { people }), ...(changes !== undefined && { changes }) }
      const run = () => importExtract(file, snapshot, { now: new Date(), ...choices, onProgress: progress.show }).finally(progress.clear)
      const report = await (config === undefined ? run() : written(config, who, run))
      print(json, report, () => textOf(report))
    })
}

/** The first import makes what the configuration names. */
const FIRST = { filesAside: true }

/** Imports, and writes down what came of it: counts, never whom. */
async function written(config: string, who: string | undefined, run: () => Promise<ImportReport>): Promise<ImportReport> {
  const note = (entry: Pick<AuditEntry, 'result' | 'detail'>) =>
    withData(config, db => writeDown(db, { who, action: 'directory.import', object: 'directory', ...entry }), FIRST)
  try {
    const report = await run()
    const { generatedAt, count, added, removed, changed } = report
    const counts = Object.entries({ boxes: count, added, removed, changed }).map(([name, number]) => [name, String(number)])
    await note({ detail: { ...Object.fromEntries(counts), ...(generatedAt && { generated: generatedAt.toISOString() }) } })
    return report
  } catch (error) {
    if (error instanceof ImportFault) await note({ result: 'refused', detail: { reason: error.reason } })
    throw error
  }
}

const STEPS: Record<ImportStep, string> = {
  extract: 'reading the extract',
  people: 'reading PS_LibreAcces',
  compare: 'comparing',
  index: 'indexing',
}

function showProgress(out: NodeJS.WriteStream) {
  const { show, clear } = progressLine(out)
  return { show: (step: ImportStep, lines: number) => show(`${STEPS[step]}: ${lines} lines`), clear }
}

function textOf(report: ImportReport): string {
  const { count, lines, duplicates, added, removed, changed, changedFields, generatedAt, people } = report
  const fields = Object.entries(changedFields).map(([field, number]) => `${field} ${number}`)
  return [
    `imported ${count} boxes from ${lines} lines (${duplicates} further lines of an address)${putAside(report.refused)}`,
    `generated ${generatedAt?.toISOString() ?? 'at a time that the name of the file does not say'}`,
    `added ${added}, removed ${removed}, changed ${changed}${fields.length > 0 ? ` (${fields.join(', ')})` : ''}`,
    ...(people ? [`completed ${people.completed} boxes from ${people.lines} activities${putAside(people.refused)}`] : []),
  ].join('\n')
}

function putAside(refused: ImportReport['refused']): string {
  const reasons = Object.entries(refused).map(([reason, number]) => `${reason} ${number}`)
  return reasons.length > 0 ? `; put aside: ${reasons.join(', ')}` : ''
}
