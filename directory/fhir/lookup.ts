import { AnnuaireUnavailable, type LookedUp, type Lookup } from '../annuaire.ts'
import { Breaker } from './breaker.ts'
import type { FhirClient } from './client.ts'
import { FhirFault } from './fault.ts'
import { CARRIERS, type Carried, isInUse, listingOf } from './resources.ts'

export interface LookupOptions {
  client: Pick<FhirClient, 'search'>
  /** Milliseconds since epoch. */
  now: () => number
  /** Milliseconds that one look-up may take, its turns and its three questions included. */
  timeout: number
  /** Milliseconds for which an answer is not asked again. */
  cacheFor: number
  /** Told at each failure that may interest the operator. Nothing of the address. */
  onFault?: (fault: FhirFault) => void
  breaker?: Breaker
  /** Answers kept. */
  most?: number
}

/** Somebody who is not listed may be tomorrow, or in a minute: his box was just opened. */
const NEGATIVE_MS = 5 * 60_000
/** While the service is down, what it once said of a recipient is good for so long after its time. */
const STALE_MS = 7 * 86_400_000

interface Kept {
  answer: LookedUp | undefined
  until: number
}

/**
 * Asks the Annuaire Santé for one address: Organization first (the extract has no APP box, so they are the usual question), then Practitioner, then
 * PractitionerRole. Answers are kept; everyone who asks for the same address at the same time waits for one look-up.
 */
export function openLookup(options: LookupOptions): Lookup {
  const { client, now, timeout, cacheFor, onFault, breaker = new Breaker(), most = 20_000 } = options
  const kept = new Map<string, Kept>()
  const flights = new Map<string, Promise<LookedUp | undefined>>()

  async function ask(address: string): Promise<LookedUp | undefined> {
    const signal = AbortSignal.timeout(timeout)
    for (const type of CARRIERS) {
      const carried = await client.search(type, address, { urgent: true, signal })
      if (carried && isInUse(carried, now())) return lookedUp(carried, now())
    }
    return undefined
  }

  /** One flight for an address. It keeps its answer, and tells the breaker. */
  function fly(address: string): Promise<LookedUp | undefined> {
    const flight = ask(address)
      .then(answer => {
        breaker.answered()
        keep(address, answer)
        return answer
      })
      .catch(error => {
        throw failed(error)
      })
      .finally(() => flights.delete(address))
    flights.set(address, flight)
    return flight
  }

  function keep(address: string, answer: LookedUp | undefined): void {
    kept.delete(address) // to the end of the map: the oldest goes first
    kept.set(address, { answer, until: now() + (answer ? cacheFor : Math.min(NEGATIVE_MS, cacheFor)) })
    if (kept.size > most) kept.delete(kept.keys().next().value as string)
  }

  /** An answer that would be good for longer than any is was kept before the clock was set back. */
  function isFresh({ until }: Kept): boolean {
    return now() < until && until <= now() + cacheFor
  }

  function failed(error: unknown): AnnuaireUnavailable {
    const fault = error instanceof FhirFault ? error : undefined
    if (fault?.isOutage) breaker.failed(now())
    else if (fault?.isAnswer) breaker.answered()
    if (fault) onFault?.(fault)
    return new AnnuaireUnavailable('The Annuaire Santé cannot be asked now', { cause: error })
  }

  /** What was said before is better than nothing, when it was a yes. */
  function orElse(address: string, unavailable: AnnuaireUnavailable): LookedUp {
    const old = kept.get(address)
    if (old?.answer && now() < old.until + STALE_MS) return old.answer
    throw unavailable
  }

  return {
    find(address) {
      const known = kept.get(address)
      if (known && isFresh(known)) return known.answer
      const flying = flights.get(address)
      if (!breaker.isOpen) return (flying ?? fly(address)).catch(error => orElse(address, error))
      // Nobody waits for a probe: whoever it is made for gets the same answer as the others.
      if (!flying && breaker.takesProbe(now())) fly(address).catch(() => {})
      return orElse(address, new AnnuaireUnavailable('The Annuaire Santé is out'))
    },
  }
}

function lookedUp(carried: Carried, at: number): LookedUp {
  return { listing: listingOf(carried), redListed: carried.mailbox.redListed, at }
}
