import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { basename } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Command, Option } from 'commander'
import { type Database, loadConfiguration } from '../../config/index.ts'
import { loadIdentity } from '../../crypto/index.ts'
import { openDirectory } from '../../directory/index.ts'
import {
  authorAsFiler,
  authorAsSender,
  buildSubmission,
  DEFAULT_LIMITS,
  decide,
  type Ins,
  type Inspection,
  inspectFile,
  type Orders,
  openOrders,
  type PdfFacts,
  type Policy,
  parseCx,
  recogniseFile,
  type Sender,
} from '../../dmp-bridge/index.ts'
import { identityFiles } from '../certificates/identity-files.ts'
import { openBoxes, vaultOf } from '../data.ts'
import { dataKey } from '../data-key.ts'
import { type DmpConfiguration, policyOf, senderOf, signersOf } from '../filing/index.ts'
import { noteOrder } from './administration.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { describeCommand, readDescription } from './dmp-describe.ts'
import { figuresCommand } from './dmp-figures.ts'
import { oppositionCommands } from './dmp-opposition.ts'
import { rulesCommand } from './dmp-rules.ts'
import { tableCommands } from './dmp-tables.ts'
import { localPolicy, withLocalDmp } from './local-dmp.ts'
import { orderText } from './order-text.ts'
import { clock, print, table } from './output.ts'

interface SubmissionOptions extends FileOptions {
  out: string
  replaces?: string
}

interface FileOptions {
  config?: string
  sender?: string
  json?: boolean
}

interface InspectFileOptions extends FileOptions {
  describe?: string
  wrapped?: string
}

const CONFIG_FOR_FILES = [
  '-c, --config <file>',
  'as whom to decide; without it, rules for tests: the test authority of the INS is allowed',
] as const

export function dmpCommands(program: Command): void {
  const dmp = program.command('dmp').description('filing in the DMP')

  dmp
    .command('inspect')
    .description('what the bridge recognises in a file, the metadata it would send, its decision and reasons; sends nothing')
    .argument('<file...>', '.eml, .zip, .xml, .hl7, .er7, .hpr, .txt, .pdf, .jpg, .tif or .rtf; of several, --json prints a list')
    .option(...CONFIG_FOR_FILES)
    .option('--sender <address>', 'box that would send it; without it, its author')
    .option(
      '--describe <file>',
      'JSON that says whose the one file without identity is: the document made of it is judged (see dmp describe)',
    )
    .option('--wrapped <file>', 'where to write that document')
    .option('--json', 'for programs')
    .action(async (files: string[], options: InspectFileOptions) => {
      const { policy, sender } = await rulesOf(options)
      const description = options.describe === undefined ? undefined : await readDescription(options.describe)
      const inspections: Inspection[] = []
      for (const file of files) {
        const onWrapped = (cda: Uint8Array) => options.wrapped !== undefined && writeFileSync(options.wrapped, cda, { mode: 0o600 })
        const context = { policy, now: new Date(), ...(sender ? { sender } : {}), ...(description ? { description, onWrapped } : {}) }
        inspections.push(await inspectFile(basename(file), await readFile(file), context))
      }
      print(options.json, files.length === 1 ? inspections[0] : inspections, () => inspections.map(inspectionText).join('\n'))
    })

  dmp
    .command('submission')
    .description('write the exact ITI-41 request that would be sent (MTOM), signed with the configured keys or with test keys')
    .argument('<file>', '.eml, .zip, .xml, .hl7 or .er7')
    .requiredOption('--out <file>', 'the body of the request; its Content-Type goes to standard output')
    .option(...CONFIG_FOR_FILES)
    .option('--sender <address>', 'box that would send it; without it, its author')
    .option('--replaces <entryUUID>', 'of the document that it replaces, as the DMP tells it (TD3.1b)')
    .option('--json', 'for programs')
    .action(async (file: string, options: SubmissionOptions) => {
      if (!options.config) return withLocalDmp(dmp => writeSubmission(file, dmp, options))
      return writeSubmission(file, configuredDmp(options.config), options)
    })

  rulesCommand(dmp)
  orderCommands(dmp)
  describeCommand(dmp)
  oppositionCommands(dmp)
  tableCommands(dmp)
  figuresCommand(dmp)
}

async function writeSubmission(file: string, dmp: DmpConfiguration, options: SubmissionOptions): Promise<void> {
  const rules = await rulesOf(options)
  const { ansFiles } = rules.policy
  const asked = ansFiles === undefined ? {} : { ansFiles }
  const recognition = await recogniseFile(basename(file), await readFile(file), DEFAULT_LIMITS, asked)
  const [document] = recognition.documents
  if (!document)
    throw new Error(`no document in ${file}: ${recognition.ignored.map(({ reason }) => reason).join(', ') || 'nothing was recognised'}`)
  const sender = rules.sender ?? authorAsSender(document)
  const policy = rules.sender ? rules.policy : authorAsFiler(document, rules.policy) // as `inspect` judges it
  const now = new Date()
  const verdict = decide(document, recognition, sender, policy, { now })
  if (verdict.action !== 'file') throw new Error(`it would not be sent: ${verdict.action}, ${verdict.reasons.join(', ')}`)
  if (document.cda?.replaces !== undefined && options.replaces === undefined) {
    throw new Error(`it replaces ${document.cda.replaces}: give the entry that the DMP has for it with --replaces`)
  }
  const signature = loadIdentity(identityFiles(dmp.signature))
  const request = buildSubmission(document, {
    ...(options.replaces === undefined ? {} : { replaces: options.replaces }),
    sender,
    policy,
    software: dmp.software,
    vihf: dmp.vihf,
    endpoint: `${dmp.url}/repository`,
    signers: signersOf(() => signature),
    now,
    newId: randomUUID,
  })
  await writeFile(options.out, request.body)
  const { contentType, uniqueIds, submissionSetUniqueId } = request
  print(options.json, { contentType, uniqueIds, submissionSetUniqueId, out: options.out }, () => `Content-Type: ${contentType}`)
}

/** As whom to decide: `sender` is absent when the document's author is to be taken for it. */
async function rulesOf({ config, sender }: FileOptions): Promise<{ policy: Policy; sender?: Sender }> {
  if (config) return { policy: policyOf(configuredDmp(config)), ...(sender ? { sender: await boxSender(config, sender) } : {}) }
  if (sender) throw new Error('--sender needs -c: its box is one of a configuration')
  return { policy: localPolicy() }
}

function configuredDmp(config: string): DmpConfiguration {
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

/** Who gives an order here. */
const by = `cli:${userInfo().username}`

function orderCommands(dmp: Command): void {
  dmp
    .command('list')
    .description('the filings, newest first')
    .requiredOption(...CONFIG_OPTION)
    .addOption(
      new Option('--state <state>', 'only these').choices(['pending', 'held', 'filed', 'refused', 'ignored', 'deleting', 'deleted']),
    )
    .option('--json', 'for programs')
    .action(async ({ config, state, json }: { config: string; state?: string; json?: boolean }) => {
      const filings = await withData(config, db => ordersOf(db).list(state ? { state: state as never } : {}))
      print(json, filings, () =>
        filings.length === 0
          ? 'no filings'
          : table([
              ['id', 'at', 'state', 'document', 'code', 'reasons'],
              ...filings.map(({ id, createdAt, state, uniqueId, code, reasons }) => [
                id,
                clock(createdAt),
                state,
                uniqueId ?? '',
                code ?? '',
                reasons.join(','),
              ]),
            ]),
      )
    })
  deleteCommand(dmp)
  dmp
    .command('history')
    .description('what people have ordered about a filing, and who')
    .argument('<id>')
    .requiredOption(...CONFIG_OPTION)
    .option('--json', 'for programs')
    .action(async (id: string, { config, json }: { config: string; json?: boolean }) => {
      const history = await withData(config, db => ordersOf(db).history(id))
      print(json, history, () =>
        history.length === 0 ? 'no orders' : table([['at', 'order', 'by'], ...history.map(({ at, order, by }) => [clock(at), order, by])]),
      )
    })
  for (const [order, description] of Object.entries(ORDERS)) {
    dmp
      .command(order)
      .description(description)
      .argument('<id>')
      .requiredOption(...CONFIG_OPTION)
      .action(async (id: string, { config }: { config: string }) => {
        const result = await withData(config, async db => {
          const given = await ordersOf(db)[order as keyof typeof ORDERS](id, { by })
          await noteOrder(db, order, id, given)
          return given
        })
        console.log(orderText(id, result))
      })
  }
}

function deleteCommand(dmp: Command): void {
  dmp
    .command('delete')
    .description('have a filed document of ours taken out of the DMP (TD3.3c)')
    .argument('<id>')
    .requiredOption(...CONFIG_OPTION)
    .option(
      '--patient <file>',
      "the patient's INS, 15 characters or its CX form; - for standard input. Needed once the bytes are given back",
    )
    .action(async (id: string, { config, patient }: { config: string; patient?: string }) => {
      const line = patient === undefined ? undefined : await (patient === '-' ? text(process.stdin) : readFile(patient, 'utf8'))
      const ins = line === undefined ? undefined : insOf(line, configuredDmp(config))
      const result = await withData(config, async (db, configuration) => {
        const secret = dataKey(configuration.data, 'patients', vaultOf(configuration))
        const given = await openOrders(db, { now: Date.now, secret }).delete(id, { by, ...(ins ? { ins } : {}) })
        await noteOrder(db, 'delete', id, given)
        return given
      })
      const needed = result.kind === 'no' && result.why === 'patient-needed'
      if (needed) throw new Error(`${id}: its bytes are given back, so its patient is not known here: give his INS with --patient`)
      console.log(orderText(id, result))
    })
}

/** Arguments of a command can be seen by everybody on the machine: a patient's number comes from a file or standard input. */
function insOf(line: string, { insOids }: DmpConfiguration): Ins {
  const bare = line.trim()
  return parseCx(bare) ?? { matricule: bare.replaceAll(/\s/g, ''), oid: insOids[0] ?? '' }
}

const ORDERS = {
  hold: 'hold a pending document back',
  release: 'let a held document go; what a human may not overrule is judged again',
  retry: 'try a refused document again, or a waiting one now',
  refuse: 'give a held document up',
} as const satisfies Partial<Record<keyof Orders, string>>

function ordersOf(db: Database): Orders {
  return openOrders(db, { now: Date.now })
}

function inspectionText({ documents, ignored, faults }: Inspection): string {
  const lines = [
    ...faults.map(({ reason, en }) => `fault: ${reason}: ${en}`),
    ...documents.flatMap(({ path, decision, reasons, document, metadata, file, pdf }) => [
      `${path}: ${decision}`,
      ...(document ? [`  document ${document.uniqueId}, type ${document.typeCode.code} ${document.typeCode.label}`] : []),
      ...(metadata ? [`  title ${metadata.title}`] : []),
      ...(file ? [`  ${file.kind}, to be wrapped as ${file.mediaType}`] : []),
      ...[file?.pdf ?? pdf].flatMap(facts => (facts ? [`  PDF/A-1: ${pdfText(facts)}`] : [])),
      ...reasons.map(({ reason, en }) => `  ${reason}: ${en}`),
    ]),
    ...ignored.map(({ path, reason, en }) => `${path}: ignored, ${reason}: ${en}`),
  ]
  return lines.join('\n') || 'nothing was recognised'
}

function pdfText({ encrypted, active, unreadable, faults }: PdfFacts): string {
  const found = [...(encrypted ? ['encrypted'] : []), ...(active ? ['active'] : []), ...(unreadable ? ['unreadable'] : []), ...faults]
  return found.join(', ') || 'nothing speaks against it'
}
