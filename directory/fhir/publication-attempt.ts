import type { FhirClient } from './client.ts'
import { FhirFault } from './fault.ts'
import { type Change, type Known, plan, seen, type Wanted } from './publication-plan.ts'
import { CARRIERS, carriedBy, type Resource } from './resources.ts'

/** For the searches of one look, waiting for a turn included. */
const LOOK_MS = 30_000
/** A move is a look, a deletion and an insertion, each of which may meet one surprise. */
const MOST_ROUNDS = 6

/** Something that no further attempt would mend. The message is a code. */
export class Blocked extends Error {}

/** What an attempt has come to so far: it is written down however the attempt ends. */
export interface Progress {
  /** null: not in the annuaire. */
  published: Known | null
  /** Nobody knows whether the last patch was applied. */
  inDoubt: boolean
  operation?: Change['kind']
}

export interface Attempt {
  client: Pick<FhirClient, 'search' | 'patch'>
  address: string
  wanted: Wanted | undefined
  /** An earlier attempt was settled: that the box is absent is then known, not assumed. */
  wasSettled: boolean
  progress: Progress
  done: (change: Change) => void
}

/**
 * Looks, plans and patches until the annuaire shows what it should. An acknowledgement is believed without a look; a lost answer is not.
 * @throws FhirFault, Blocked
 */
export async function bringInLine(attempt: Attempt): Promise<void> {
  const { address, wanted, progress, wasSettled } = attempt
  const isKnownAbsent = progress.published === null && !wanted && wasSettled
  let mustLook = progress.inDoubt || (progress.published === null && !isKnownAbsent)
  let hasLooked = false
  for (let round = 0; round < MOST_ROUNDS; round++) {
    if (mustLook) {
      progress.published = await look(attempt)
      progress.inDoubt = false
      hasLooked = true
    }
    const step = plan(address, wanted, progress.published)
    if (step.kind === 'nothing') return
    if (step.kind === 'blocked') throw new Blocked(step.fault)
    mustLook = step.kind === 'look'
    if (step.kind === 'look') continue
    try {
      progress.published = await carryOut(attempt, step)
      hasLooked = false
      attempt.done(step)
    } catch (error) {
      // Our memory may be wrong: one look, and another plan. What was planned upon a look is refused for good.
      if (!(error instanceof FhirFault) || error.reason !== 'refused' || hasLooked) throw error
      mustLook = true
    }
  }
  throw new Blocked('never-in-line')
}

async function look({ client, address, wanted, progress }: Attempt): Promise<Known | null> {
  const signal = AbortSignal.timeout(LOOK_MS)
  for (const type of CARRIERS) {
    const carried = await client.search(type, address, { signal })
    if (carried) return seen(carried, wanted, progress.published)
  }
  return null
}

/** @returns what the annuaire says it now shows */
async function carryOut({ client, address, wanted, progress }: Attempt, change: Change): Promise<Known | null> {
  progress.operation = change.kind
  progress.inDoubt = true
  try {
    const known = acknowledged(address, change, await patch(client, change), wanted)
    progress.inDoubt = false
    return known
  } catch (error) {
    const isNotApplied = error instanceof FhirFault && ['refused', 'unauthorized', 'throttled', 'busy'].includes(error.reason)
    if (isNotApplied) progress.inDoubt = false
    throw error
  }
}

/** 412: several resources meet the condition; the logical id, where we know it, is the way that the contract gives. */
async function patch(client: Pick<FhirClient, 'patch'>, { carrier, where, id, parameters }: Change): Promise<Resource> {
  try {
    return await client.patch(carrier, where, parameters)
  } catch (error) {
    if (id === undefined || 'id' in where || !(error instanceof FhirFault) || error.status !== 412) throw error
    return client.patch(carrier, { id }, parameters)
  }
}

/** A 200 whose resource does not show the change is no acknowledgement. @throws FhirFault */
function acknowledged(address: string, change: Change, resource: Resource, wanted: Wanted | undefined): Known | null {
  const carried = carriedBy(resource, address)
  if (change.kind === 'delete') {
    if (carried) throw new FhirFault('malformed', { status: 200 })
    return null
  }
  const known = carried && wanted && { ...seen(carried, wanted, null), condition: wanted.condition, isOurs: true }
  if (!known || plan(address, wanted, known).kind !== 'nothing') throw new FhirFault('malformed', { status: 200 })
  return known
}
