import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { type Command, Option } from 'commander'
import type { Database } from '../../config/index.ts'
import { type Ins, type Orders, openOrders, parseCx } from '../../dmp-bridge/index.ts'
import { vaultOf } from '../data.ts'
import { dataKey } from '../data-key.ts'
import type { DmpConfiguration } from '../filing/index.ts'
import { type ByOption, by, byOption, noteOrder } from './administration.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { configuredDmp } from './dmp-judging.ts'
import { orderText } from './order-text.ts'
import { clock, print, table } from './output.ts'

const ORDER_BY = byOption('gives the order')

export function orderCommands(dmp: Command): void {
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
      .option(...ORDER_BY)
      .action(async (id: string, { config, ...who }: { config: string } & ByOption) => {
        const result = await withData(config, async db => {
          const given = await ordersOf(db)[order as keyof typeof ORDERS](id, { by: by(who) })
          await noteOrder(db, order, id, given, who.by)
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
    .option(...ORDER_BY)
    .action(async (id: string, { config, patient, ...who }: { config: string; patient?: string } & ByOption) => {
      const line = patient === undefined ? undefined : await (patient === '-' ? text(process.stdin) : readFile(patient, 'utf8'))
      const ins = line === undefined ? undefined : insOf(line, configuredDmp(config))
      const result = await withData(config, async (db, configuration) => {
        const secret = dataKey(configuration.data, 'patients', vaultOf(configuration))
        const given = await openOrders(db, { now: Date.now, secret }).delete(id, { by: by(who), ...(ins ? { ins } : {}) })
        await noteOrder(db, 'delete', id, given, who.by)
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
