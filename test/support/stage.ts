import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SMTPEnvelope } from 'nodemailer/lib/smtp-connection'
import type { Database } from '../../config/index.ts'
import { layout, openData } from '../../gateway/data.ts'
import { type Timeline, timelineOf } from '../../gateway/timeline.ts'
import { type Account, startWorld, type World, type WorldOptions } from '../world/index.ts'
import { mailboxKeyIn } from '../world/operator.ts'
import { submit } from '../world/submit.ts'
import { readMaildir } from './maildir.ts'
import { until } from './until.ts'

type Name = keyof World['operators']

/** The local trust space, and eyes to watch it with. Everything is read from outside, as an operator of the service would. */
export interface Stage extends AsyncDisposable {
  readonly world: World
  /** Submits at the account's operator, as a mail client does. @returns the id that the reply gives */
  submit(from: Account, to: string | readonly string[], eml: Buffer, envelope?: Partial<SMTPEnvelope>): Promise<string>
  timeline(operator: Name, id: string): Promise<Timeline | undefined>
  /** @returns the timeline once it is as wanted; fails with the last one seen */
  when(operator: Name, id: string, wanted: (timeline: Timeline) => boolean, patience?: number): Promise<Timeline>
  /** @returns the timeline once no column can move by itself any more: nothing queued, no receipt awaited, no filing pending */
  settled(operator: Name, id: string, patience?: number): Promise<Timeline>
  /** Waits until nothing of earlier letters moves at either operator: nothing to carry, no receipt awaited, no filing or its news under way. */
  quiet(): Promise<void>
  rows(operator: Name): Promise<Database>
  /** @returns what a gateway has logged under an event so far: it writes a line a little after what the line tells */
  logged(operator: Name, event: string): Promise<Record<string, unknown>[]>
  /** @returns the messages in the Maildir of a box of ours */
  mailbox(address: string): Promise<Buffer[]>
}

/** Messages of which something is still to happen by itself. A change of a filing of which nobody was told yet brings a mail, perhaps. */
const MOVING = `SELECT message_id FROM recipient WHERE relay IN ('queued', 'sending') OR receipt = 'awaited'
  UNION SELECT message_id FROM inbox WHERE state = 'unread' UNION SELECT message_id FROM filing WHERE state = 'pending' OR told = 0
  UNION SELECT message_id FROM filing_notice WHERE due_at IS NOT NULL`

const LAST_WORDS = 15

/** Starts the local trust space in a folder of its own, which goes away with it. */
export async function openStage(options: Omit<WorldOptions, 'folder'> = {}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'pli-e2e-'))
  const world = await startWorld({ ...options, folder })
  const opened = new Map<Name, Promise<Database>>()
  const rows = (operator: Name) => {
    const db = opened.get(operator) ?? openData(world.operators[operator].data)
    opened.set(operator, db)
    return db
  }
  const timeline = async (operator: Name, id: string) => timelineOf(await rows(operator), id)

  async function when(operator: Name, id: string, wanted: (timeline: Timeline) => boolean, patience?: number): Promise<Timeline> {
    let seen: Timeline | undefined
    const look = async () => {
      seen = await timeline(operator, id)
      return seen && wanted(seen) ? seen : undefined
    }
    return until(`the timeline of ${id}`, look, patience).catch(async error => {
      throw new Error([error.message, JSON.stringify(seen, null, 1), ...(await lastWords())].join('\n'))
    })
  }

  /** What the gateways logged last: where tests run unseen, their output is all that is left. */
  async function lastWords(): Promise<string[]> {
    const each = Object.values(world.operators).map(async ({ name, folder: home }) => {
      const lines = (await readFile(join(home, 'gateway.log'), 'utf8')).trimEnd().split('\n').slice(-LAST_WORDS)
      return [`the last lines of the log of ${name}:`, ...lines]
    })
    return (await Promise.all(each)).flat()
  }

  return {
    world,
    rows,
    timeline,
    when,
    settled: (operator, id, patience) => when(operator, id, isSettled, patience),
    submit: (from, to, eml, envelope) => submit(serverOf(world, from), [to].flat(), eml, envelope),
    async quiet() {
      const rests = async (operator: Name) => (await (await rows(operator)).run({ sql: MOVING, parameters: [] })).length === 0
      // Twice each: what one hands to the other between two looks is seen by the next.
      const all: Name[] = ['beta', 'alpha', 'beta', 'alpha']
      const rest = async () => {
        for (const operator of all) if (!(await rests(operator))) return false
        return true
      }
      await until('both operators to come to rest', rest).catch(async error => {
        throw new Error([error.message, ...(await lastWords())].join('\n'))
      })
    },
    async logged(operator, event) {
      const text = await readFile(join(world.operators[operator].folder, 'gateway.log'), 'utf8')
      const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n') // the last one may be written at this moment
      return lines.filter(line => line.includes(`"msg":${JSON.stringify(event)}`)).map(line => JSON.parse(line))
    },
    async mailbox(address) {
      const [local = '', domain = ''] = address.split('@')
      const operator = Object.values(world.operators).find(each => each.domain === domain)
      if (!operator) throw new Error('not a box of the trust space')
      return readMaildir(join(layout(operator.data).mailboxes, domain, local), mailboxKeyIn(operator.folder))
    },
    async [Symbol.asyncDispose]() {
      for (const db of opened.values()) await (await db).close()
      await world.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function serverOf(world: World, account: Account): Parameters<typeof submit>[0] {
  const { ports, domain } = world.operators[account.operator]
  return { port: ports.submission, ca: world.shared.anchors, servername: `smtp.${domain}`, account }
}

/** No column can move by itself any more. */
export function isSettled({ recipients, filings, message }: Timeline): boolean {
  const isQuiet = recipients.every(({ relay, receipt }) => (relay === 'sent' && receipt !== 'awaited') || relay === 'failed')
  const isRead = message.held_for_filing === 0 || filings.length > 0
  return isQuiet && isRead && filings.every(({ state }) => state !== 'pending')
}
