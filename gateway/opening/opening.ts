import { Piscina } from 'piscina'
import { compiled } from '../../config/paths.ts'
import { forThread } from '../../config/threads.ts'
import { type Anchors, type Identity, packIdentity } from '../../crypto/index.ts'
import { Refusal } from '../refusals.ts'
import { judgePort } from './judge-port.ts'
import { judgeWith, type Seen } from './look.ts'
import type { LookTask } from './look-thread.ts'
import { openPlaces } from './places.ts'
import type { ClaimedProtection } from './protection.ts'

export interface OpeningOptions {
  /** Those that opens what is encrypted to us, asked for each time. */
  identities(): readonly Identity[]
  /** Authorities that signers must come from. */
  anchors: Anchors
  /** Octets, of a mail and of each layer of it. */
  most: number
  /** Mails in hand at once, a thread for each; the others wait on the disk. */
  threads?: number
  now(): number
}

export type Opening = ReturnType<typeof openOpening>

/** Milliseconds. Together below the five minutes after which our own listener gives a silent connection up (a client waits ten, RFC 5321 §4.5.3.2.6). */
const PATIENCE = { place: 3 * 60_000, work: 60_000 }
const MEGABYTE = 1024 * 1024

/** Looks into protected mail, in threads: arithmetic and parsing of a large letter never hold up an SMTP dialogue. */
export function openOpening({ identities, anchors, most, threads = 2, now }: OpeningOptions) {
  const places = openPlaces(threads)
  const pool = new Piscina<LookTask, Seen>({
    filename: compiled('gateway/opening/look-thread'),
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: 60_000,
    // A letter lies there as text too, once for each layer that is being taken off.
    resourceLimits: { maxOldGenerationSizeMb: 128 + Math.ceil((8 * most) / MEGABYTE) },
  })
  pool.on('error', () => {}) // a thread that cannot start: its mail is deferred, nothing else falls with it

  async function lookInto(octets: Buffer): Promise<Seen> {
    const { octets: mail, transferList } = forThread(octets)
    const { port, close } = judgePort(judgeWith(anchors, now))
    const task: LookTask = { mail, identities: identities().map(packIdentity), most, judge: port }
    try {
      return await pool.run(task, { signal: AbortSignal.timeout(PATIENCE.work), transferList: [...transferList, port] })
    } finally {
      close()
    }
  }

  /** A mail that may be encrypted to us waits for better times; a signature that could not be looked at is no reason to. */
  async function seenIn(read: () => Promise<Buffer>, protection: ClaimedProtection): Promise<Seen> {
    try {
      return await lookInto(await read())
    } catch (cause) {
      return unseen(protection, cause)
    }
  }

  return {
    /**
     * @param read gives the mail, when it is its turn
     * @param use does what follows while the place is held, so that so many mails are in memory and no more
     * @throws Refusal 451 when it can't be looked into now, and may be encrypted to us
     */
    async within<T>(protection: ClaimedProtection, read: () => Promise<Buffer>, use: (seen: Seen) => Promise<T>): Promise<T> {
      const release = await places.take(PATIENCE.place)
      if (!release) return use(unseen(protection, new Error('no thread was free for too long')))
      try {
        return await use(await seenIn(read, protection))
      } finally {
        release()
      }
    },

    close: () => pool.close({ force: true }),
  }
}

function unseen(protection: ClaimedProtection, cause: unknown): Seen {
  if (protection === 'encrypted') throw new Refusal('openingUnavailable', undefined, { cause })
  return { kind: 'unseen' }
}
