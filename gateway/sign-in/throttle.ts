import { Refusal, type RefusalReason } from '../refusals.ts'
import { Buckets } from './buckets.ts'
import type { FamiliarNetworks } from './familiar-networks.ts'
import { CONNECTIONS_PER_NETWORK, GUESSES, MESSAGES } from './limits.ts'
import { networkOf } from './network.ts'

export type Throttle = ReturnType<typeof openThrottle>

/** What only somebody does who has no right to the box, or whose software is broken. An expired token is none of it. */
const FORGED: ReadonlySet<RefusalReason> = new Set([
  'tokenMalformed',
  'tokenNotGenuine',
  'tokenForOthers',
  'tokenNotYourBox',
  'certificateRefused',
  'certificateNotRegistered',
])

interface PacedBox {
  readonly address: string
  readonly type: keyof typeof MESSAGES
}

/**
 * Bounds guessing, by box and network (`limits.ts` says how much, and why). In memory: after a restart everybody starts anew, but the networks where
 * a box has signed in are kept in rows, so that its holder is no stranger there. Several processes each count for themselves.
 * @param options.now milliseconds
 */
export function openThrottle({ familiar, now }: { familiar: FamiliarNetworks; now(): number }) {
  const strangers = new Buckets(GUESSES.stranger, now)
  const familiars = new Buckets(GUESSES.familiar, now)
  const networks = new Buckets(GUESSES.network, now)
  const boxes = new Buckets(GUESSES.box, now)
  const forgers = new Buckets(GUESSES.forged, now)
  const messages = Object.fromEntries(Object.entries(MESSAGES).map(([type, pace]) => [type, new Buckets(pace, now)]))
  const paced = (type: PacedBox['type']) => messages[type] as Buckets
  const connections = new Map<string, number>()
  const oneByOne = turns()

  async function guessOfStranger<T>(address: string, network: string, check: () => Promise<T | undefined>): Promise<T | undefined> {
    const pair = `${address} ${network}`
    letIn(strangers.wait(pair), networks.wait(network), boxes.wait(address))
    const found = await check()
    if (found === undefined) {
      strangers.add(pair)
      networks.add(network)
      boxes.add(address)
      return undefined
    }
    strangers.clear(pair)
    await familiar.saw(address, network)
    return found
  }

  async function guessOfFamiliar<T>(address: string, network: string, check: () => Promise<T | undefined>): Promise<T | undefined> {
    const pair = `${address} ${network}`
    letIn(familiars.wait(pair))
    const found = await check()
    if (found === undefined) familiars.add(pair)
    else {
      familiars.clear(pair)
      await familiar.saw(address, network)
    }
    return found
  }

  return {
    /**
     * Something that can be guessed: a password.
     * @param check returns undefined when it was wrong; what it throws counts nothing
     * @throws Refusal signInThrottled, with the time to wait, before anything is checked
     */
    async guess<T>(asked: { address: string; from: string }, check: () => Promise<T | undefined>): Promise<T | undefined> {
      const network = networkOf(asked.from)
      const { address } = asked
      // One after the other wherever they are counted, or a thousand connections would guess a thousand times before the first failure is counted,
      // and what they pour in at once would take days to be forgiven. The box before the network, always: so nobody waits in a ring.
      if (await familiar.has(address, network)) return oneByOne(`${address} ${network}`, () => guessOfFamiliar(address, network, check))
      return oneByOne(`box ${address}`, () => oneByOne(`network ${network}`, () => guessOfStranger(address, network, check)))
    },

    /**
     * Something that can't be guessed: a token, a certificate. It only closes a network where many are forged, and never to a box that has
     * signed in from there.
     * @throws Refusal, that of `check` included
     */
    async proof<T extends { readonly address: string }>(
      asked: { address?: string | undefined; from: string },
      check: () => Promise<T>,
    ): Promise<T> {
      const network = networkOf(asked.from)
      const isFamiliar = asked.address !== undefined && (await familiar.has(asked.address, network))
      if (!isFamiliar) letIn(forgers.wait(network))
      try {
        const box = await check()
        await familiar.saw(box.address, network)
        return box
      } catch (error) {
        if (error instanceof Refusal && FORGED.has(error.reason)) forgers.add(network)
        throw error
      }
    },

    /** MAIL of a box: a transaction that comes to nothing counts nothing. @throws Refusal sendingTooFast */
    maySend({ address, type }: PacedBox): void {
      const wait = paced(type).wait(address)
      if (wait > 0) throw new Refusal('sendingTooFast', `wait ${seconds(wait)}`)
    },

    /** A message of a box was accepted. */
    sent({ address, type }: PacedBox): void {
      paced(type).add(address)
    },

    /** A connection. @returns what to call when it has ended; undefined when its network holds too many at this door */
    connection(door: string, from: string): (() => void) | undefined {
      const key = `${door} ${networkOf(from)}`
      const open = connections.get(key) ?? 0
      if (open >= CONNECTIONS_PER_NETWORK) return undefined
      connections.set(key, open + 1)
      return () => {
        const left = (connections.get(key) ?? 1) - 1
        if (left > 0) connections.set(key, left)
        else connections.delete(key)
      }
    },
  }
}

function letIn(...waits: readonly number[]): void {
  const wait = Math.max(...waits)
  if (wait > 0) throw new Refusal('signInThrottled', `wait ${seconds(wait)}`)
}

function seconds(milliseconds: number): string {
  const count = Math.ceil(milliseconds / 1_000)
  return count === 1 ? '1 second' : `${count} seconds`
}

/** @returns what runs pieces of work that share a key one after the other; keys are forgotten when nothing waits */
function turns(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return async (key, work) => {
    const before = last.get(key) ?? Promise.resolve()
    const mine = before.then(work, work)
    last.set(key, mine)
    try {
      return await mine
    } finally {
      if (last.get(key) === mine) last.delete(key)
    }
  }
}
