import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packageRoot } from '../../../config/paths.ts'
import type { FaultKind } from '../../world/dmp-simulator/index.ts'
import { type SimulatedWorld, startSimulatedWorld } from './simulated-dmp.ts'

const { codes } = JSON.parse(readFileSync(join(packageRoot, 'dmp-bridge/tables/dmp-errors.json'), 'utf8')) as {
  codes: Record<string, string>
}
const DUPLICATE = 'XDSDuplicateUniqueIdInRegistry'

/** What becomes of a document whose first submission meets a fault. `times` is how often it is in the DMP afterwards. */
interface Ending {
  state: 'filed' | 'refused'
  code?: string
  reasons?: string[]
  submissions: number
  times: number
}

const again: Ending = { state: 'filed', submissions: 2, times: 1 }
const twice: Ending = { state: 'filed', code: DUPLICATE, submissions: 2, times: 1 }
const refused = (code: string, reason: string): Ending => ({ state: 'refused', code, reasons: [reason], submissions: 1, times: 0 })

/** The words of the table (spec dmp §1.10). */
function endingOf(code: string, meaning: string): Ending {
  if (meaning === 'already-filed') return { state: 'filed', code, submissions: 1, times: 0 } // as the DMP says
  if (['retry', 'misconfigured', 'ambiguous'].includes(meaning)) return again
  return refused(code, meaning)
}

const ofTable = Object.entries(codes)
  .filter(([code]) => /^(XDS|DMP)/.test(code))
  .map(([code, meaning]): [FaultKind, Ending] => [`code:${code}`, endingOf(code, meaning)])

const others: [FaultKind, Ending][] = [
  ['code:XDSSomethingNew', refused('XDSSomethingNew', 'unknown')],
  ...(['down', 'tls-refusal', 'reset-mid-body', 'timeout-before-commit', 'busy'] as const).map((each): [FaultKind, Ending] => [
    each,
    again,
  ]),
  ...(['http-500', 'http-502', 'http-503', 'http-429', 'http-401', 'http-403', 'http-404'] as const).map((each): [FaultKind, Ending] => [
    each,
    again,
  ]),
  ['http-400', refused('http-400', 'defect')],
  ['http-413', refused('http-413', 'human-content')],
  ['soap-fault', again],
  ['soap:Receiver', again],
  ['soap:VersionMismatch', again],
  ['soap:MustUnderstand', again],
  ['soap:Sender', refused('soap-sender', 'defect')],
  ['soap:Sender/DMPInvalidCertificate', again],
  ['soap:Sender/DMPSomethingNew', refused('DMPSomethingNew', 'unknown')],
  ['closed', refused('DMPClosed', 'human-patient')],
  ...(['timeout-after-commit', 'reset-after-commit', 'truncated-mtom', 'garbage'] as const).map((each): [FaultKind, Ending] => [
    each,
    twice,
  ]),
  ['slow', { state: 'filed', submissions: 1, times: 1 }],
  ['contradictory', { state: 'filed', code: 'contradictory-answer', submissions: 1, times: 1 }],
]

let world: SimulatedWorld
beforeAll(async () => {
  world = await startSimulatedWorld()
  await world.send('first') // the patient is known from now on
  await world.pass(2 * 60_000)
  expect(await world.states()).toEqual(['filed'])
}, 60_000)
afterAll(() => world[Symbol.asyncDispose]())

test.each([...ofTable, ...others])('%s', async (fault, ending) => {
  const id = `after ${fault}`
  const uniqueId = await world.send(id)
  const before = world.simulator.requests.length
  let met = false
  world.simulator.planFaults(path => {
    if (met || path !== '/repository') return undefined
    met = true
    return fault
  })
  await world.pass(10 * 60_000)
  world.simulator.planFaults(undefined)
  expect(met).toBe(true)
  const [filing] = await world.bridge.orders.list({ messageId: id })
  expect([filing?.state, filing?.code, filing?.reasons]).toEqual([ending.state, ending.code, ending.reasons ?? []])
  const submissions = world.simulator.requests.slice(before).filter(({ path }) => path === '/repository')
  expect(submissions).toHaveLength(ending.submissions)
  expect(world.simulator.filed.filter(each => each.uniqueId === uniqueId)).toHaveLength(ending.times)
})
