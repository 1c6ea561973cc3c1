import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Configuration, type Database, type Log, packageRoot } from '../config/index.ts'
import { type Anchors, formatName, type ListDates, openAudit, openAuditKeeper } from '../crypto/index.ts'
import type { AuditNotes } from './audit-notes.ts'
import { openAuditStamps } from './audit-stamps.ts'
import type { Identities } from './certificates/identities.ts'
import { layout } from './data.ts'

/** Of one turn: each removes the lines up to the next checkpoint, and mail is waiting for the database. */
const MOST_REMOVALS = 5

/**
 * Keeps the audit log: writes down when we start and stop and under which configuration, and what happens by itself; signs it, puts the checkpoints into the
 * file that is shipped elsewhere, removes what is too old.
 */
export function openAuditUpkeep(options: {
  db: Database
  configuration: Configuration
  identities: Identities
  /** The authorities of the certificate that attests. */
  anchors: Anchors
  notes: AuditNotes
  /** What we run with beside the configuration: versions and ids. */
  inForce(): Record<string, string>
  /** The revocation lists in use. */
  lists(): ListDates[]
  now(): number
  log: Log
}) {
  const { db, configuration, identities, anchors, notes, now, log } = options
  const { hostname, data } = configuration
  const file = layout(data).checkpoints
  const identity = identities.signature
  const audit = openAudit(db, { now })
  const { checkpointEvery: every, checkpointInterval: interval, keepFor } = configuration.audit
  const keeper = openAuditKeeper({ db, audit, operator: hostname, every, interval, keepFor, now })
  const stamps = openAuditStamps({ db, authority: configuration.timeStamp, now, log })
  let toldBefore = ''

  async function sign(anyhow: boolean): Promise<void> {
    const made = await keeper.sign(identity(), { anyhow })
    if (made) {
      log.info('audit-checkpoint', { number: made.number, line: made.line, hash: made.hash })
      stamps.ask()
    }
    const unfiled = await keeper.unfiled()
    if (unfiled.length === 0) return
    await append(file, unfiled.map(({ text }) => `${text}\n`).join(''))
    await keeper.filed(unfiled)
  }

  async function removeOld(): Promise<void> {
    const trust = { anchors, signers: [formatName(identity().facts.subject)], at: new Date(now()) }
    const announced = await keeper.announce(trust)
    if (announced !== undefined) log.info('audit-removal-announced', { to: announced })
    let begins: number | undefined
    for (let turn = 0; turn < MOST_REMOVALS; turn++) {
      const line = await keeper.prune(trust)
      if (line === undefined) break
      begins = line
    }
    if (begins !== undefined) log.info('audit-removed', { to: begins })
  }

  /** A fault is told once; what else upkeep does goes on. */
  async function attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      const { message } = error as Error
      if (message !== toldBefore) log.error('audit-fault', {}, error)
      toldBefore = message
    }
  }

  /** One that has ended stops trust, and one that came back brings it again; that it was fetched is in the log. */
  function watchLists(): void {
    const dates = new Map<string, Date[]>()
    for (const { authority, nextUpdate } of options.lists())
      if (nextUpdate) dates.set(authority, [...(dates.get(authority) ?? []), nextUpdate])
    for (const [object, ends] of dates) {
      const until = new Date(Math.min(...ends.map(Number)))
      const entry = { by: 'gateway', action: 'revocation-list.state', object, detail: { until: until.toISOString() } }
      if (now() > until.getTime()) notes.note({ ...entry, result: 'refused' })
      else notes.over(entry)
    }
  }

  const say = (action: string, object: string, detail: Record<string, string> = {}) =>
    audit.append({ by: 'gateway', action, object, detail })

  return {
    /** @throws when it cannot be written down: then we do not start */
    async start(): Promise<void> {
      await say('gateway.start', hostname, { ...digestsOf(configuration), ...certificatesOf(identities), ...options.inForce() })
      notes.begin(audit)
      await attempt(() => sign(true))
    },
    /** Certificates of ours that were replaced or taken away while we run, by their places. */
    renewed: (places: readonly string[]): void => {
      const all = certificatesOf(identities)
      for (const place of places)
        notes.write(
          all[place] === undefined
            ? { by: 'gateway', action: 'certificate.remove', object: place }
            : { by: 'gateway', action: 'certificate.renew', object: place, detail: { certificate: all[place] } },
        )
    },
    /** Somebody who may send us signals told us to look at our files; the configuration itself could be read, or not. */
    reloaded: (isRead: boolean): void => {
      notes.write({ by: 'gateway', action: 'gateway.reload', object: hostname, result: isRead ? 'done' : 'refused' })
    },
    async tick(): Promise<void> {
      watchLists()
      await notes.flush()
      await attempt(() => sign(false))
      await attempt(removeOld)
    },
    /** At a clean stop: what was written is signed. */
    async stop(): Promise<void> {
      await stamps.stop()
      await notes.end()
      await attempt(() => say('gateway.stop', hostname))
      await attempt(() => sign(true))
    },
  }
}

/** What we run with: the program, the configuration as it was completed, the key of the mailboxes, and the rules of this operator; SHA-256. */
function digestsOf(configuration: Configuration): Record<string, string> {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
  const rules = configuration.dmp?.rules
  return {
    version,
    configuration: sha256(JSON.stringify(configuration)),
    mailboxKey: sha256(readFileSync(configuration.mailboxes.publicKey)),
    ...(rules === undefined ? {} : { rules: sha256(readFileSync(rules)) }),
  }
}

function certificatesOf({ held }: Identities): Record<string, string> {
  return Object.fromEntries(held.map(({ place, current }) => [place, current().facts.fingerprint256]))
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

/** Whole lines, and the disk has them: what a crash cut off is cut back, since its checkpoint is appended again. */
async function append(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const handle = await open(file, 'a+', 0o600)
  try {
    const { size } = await handle.stat()
    const tail = Buffer.alloc(Math.min(size, 64 * 1024))
    await handle.read(tail, 0, tail.length, size - tail.length)
    const whole = size - tail.length + tail.lastIndexOf('\n') + 1
    if (whole < size) await handle.truncate(whole)
    await handle.appendFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
