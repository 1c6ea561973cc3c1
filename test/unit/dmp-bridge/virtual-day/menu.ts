import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../../../config/paths.ts'
import type { FaultKind } from '../../../world/dmp-simulator/index.ts'
import type { Dice } from './dice.ts'

export type Path = '/repository' | '/registry' | '/patients'

const table = JSON.parse(readFileSync(join(packageRoot, 'dmp-bridge/tables/dmp-errors.json'), 'utf8')) as { codes: Record<string, string> }
/**
 * Every code of the error table but one: who says duplicate has the document (a DMP that lies about it is none that fails). And one that the
 * table does not hold.
 */
const codes = Object.keys(table.codes).filter(each => each.startsWith('XDS') || each.startsWith('DMP'))
const CODES = [...codes, 'DMPSomethingNew'].filter(each => table.codes[each] !== 'already-filed').map((each): FaultKind => `code:${each}`)

const CUT: readonly FaultKind[] = ['down', 'tls-refusal', 'reset-mid-body', 'reset-after-commit', 'reset-after-commit']
/** Silence and slowness cost real time, so they are rarer. */
const LOST: readonly FaultKind[] = ['truncated-mtom', 'garbage', 'contradictory', 'timeout-before-commit', 'timeout-after-commit', 'slow']
const LATER: readonly FaultKind[] = [
  ...(['busy', 'http-500', 'http-502', 'http-503', 'http-408', 'http-429', 'soap:Receiver', 'code:XDSRegistryBusy'] as const),
  ...(['soap-fault', 'http-401', 'http-403', 'http-404', 'soap:VersionMismatch', 'soap:MustUnderstand'] as const),
]
const REFUSED: readonly FaultKind[] = [...CODES, 'closed', 'http-413', 'http-400', 'soap:Sender']

/** Every way of failing, once. */
export const EVERY = [...new Set([...CUT, ...LOST, ...LATER, ...REFUSED])]

/**
 * A fifth of all exchanges fail; submissions more often until they have met every way of failing, so that a short day meets them too.
 * @returns the fault of an exchange, or none: every one of the menu first, in any order; then a cut, a lost answer, a "later", or a refusal
 */
export function openMenu(dice: Dice): (path: Path) => FaultKind | undefined {
  const deck = [...EVERY]
  return path => {
    const isDealt = path === '/repository' && deck.length > 0
    if (dice.next() >= (isDealt ? 0.3 : 0.15)) return undefined
    if (isDealt) return deck.splice(dice.below(deck.length), 1)[0]
    if (path === '/registry' && dice.next() < 0.1) return 'other-patient'
    return dice.pick(dice.pick([CUT, CUT, LOST, LATER, LATER, REFUSED]))
  }
}
