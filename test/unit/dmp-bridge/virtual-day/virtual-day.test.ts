import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FilingView } from '../../../../dmp-bridge/filing-view.ts'
import { policy } from '../bridge-world.ts'
import { register } from '../mutations/patients.ts'
import { known, type ProofWorld, startProofWorld } from '../mutations/world.ts'
import { type DayReport, liveDay } from './day.ts'
import { openDice } from './dice.ts'
import { type Letter, lettersOf, people } from './letters.ts'
import { EVERY } from './menu.ts'

/** `PLI_DAY_MESSAGES` and `PLI_DAY_SEED` make the day longer, or another. */
const COUNT = Number(process.env.PLI_DAY_MESSAGES ?? 300)
const SEED = Number(process.env.PLI_DAY_SEED ?? 1)
const HOUR = 3_600_000
const said = `PLI_DAY_SEED=${SEED} PLI_DAY_MESSAGES=${COUNT}`

let world: ProofWorld
let letters: Letter[]
let report: DayReport
let filings: FilingView[]

beforeAll(
  async () => {
    const dice = openDice(SEED)
    const patients = [...register, ...people.map(each => known(each))]
    world = await startProofWorld({ patients, policy: { ...policy, delayMs: 60_000 }, timing: { readers: 1 } })
    letters = await lettersOf(COUNT, dice, new Date(world.now))
    report = await liveDay(world, { letters, dice, outage: { from: 14 * HOUR, to: 16 * HOUR }, crashEvery: Math.ceil(COUNT / 6), days: 8 })
    filings = await world.bridge.orders.list({ limit: 100_000 })
    writeTable()
  },
  Math.max(600_000, COUNT * 1500),
)

afterAll(() => world?.[Symbol.asyncDispose]())

function writeTable(): void {
  const counts = new Map<string, number>()
  for (const { state, reasons, code } of filings) {
    const row = [state, reasons.join(' '), code ?? ''].join(' | ')
    counts.set(row, (counts.get(row) ?? 0) + 1)
  }
  const rows = [...counts].toSorted(([, a], [, b]) => b - a).map(([row, count]) => `| ${row} | ${count} |`)
  const head = `${said}: ${JSON.stringify({ ...report, sent: report.sent.length, filed: world.dmp.filed.length })}`
  if (process.env.PLI_REPORT)
    writeFileSync(
      `${process.env.PLI_REPORT}.day`,
      `${head}\n\n| state | reasons | code | documents |\n|---|---|---|---|\n${rows.join('\n')}\n`,
    )
}

test('the day was a hard one', () => {
  expect(report.crashes, said).toBeGreaterThanOrEqual(3)
  const failed = Object.values(report.faults).reduce((sum, each) => sum + each, 0)
  expect(failed / report.exchanges, said).toBeGreaterThan(0.15)
  expect(world.logs.filter(line => line.startsWith('bridge.dmp-trouble')).join(), said).toContain('"open":true')
  expect(
    world.logs.filter(line => line.startsWith('bridge.fault') && !line.includes('at day.ts')),
    said,
  ).toEqual([])
})

test('the DMP failed in every way of the error table', () => {
  expect(
    EVERY.filter(kind => report.faults[kind] === undefined),
    said,
  ).toEqual([])
})

test('nothing waits any more, and whatever is not filed says why', () => {
  expect(
    filings.filter(each => each.state === 'pending'),
    said,
  ).toEqual([])
  const silent = filings.filter(({ state, reasons }) => state !== 'filed' && reasons.length === 0)
  expect(silent, said).toEqual([])
  expect(
    filings.filter(({ state, reasons, code }) => state === 'refused' && reasons.length + (code ?? '').length === 0),
    said,
  ).toEqual([])
})

test('every document that may be filed has exactly one filing of its own, and the others are copies of it', () => {
  for (const { uniqueId } of letters.flatMap(each => each.made)) {
    const own = filings.filter(each => each.uniqueId === uniqueId)
    expect(own.filter(each => each.state !== 'ignored').length, `${said} ${uniqueId}`).toBeGreaterThanOrEqual(1)
    expect(own.filter(each => each.state === 'filed').length, `${said} ${uniqueId}`).toBeLessThanOrEqual(1)
  }
})

test('what is said to be filed is in the DMP once, octet by octet, under its patient', () => {
  const made = new Map(letters.flatMap(each => each.made).map(each => [each.uniqueId, each]))
  const ids = world.dmp.filed.map(each => each.uniqueId)
  expect(new Set(ids).size, said).toBe(ids.length)
  const wrong = world.dmp.filed.filter(({ uniqueId, patientId, bytes }) => {
    const own = made.get(uniqueId)
    return own === undefined || own.patientId !== patientId || !own.bytes.equals(bytes)
  })
  expect(
    wrong.map(each => each.uniqueId),
    said,
  ).toEqual([])
  const told = filings.filter(each => each.state === 'filed').map(each => each.uniqueId)
  expect(
    told.filter(each => !ids.includes(each ?? '')),
    said,
  ).toEqual([])
})

test('what is in the DMP without our being sure says so', () => {
  const told = new Set(filings.filter(each => each.state === 'filed').map(each => each.uniqueId))
  const others = world.dmp.filed.filter(each => !told.has(each.uniqueId)).map(each => each.uniqueId)
  const unsaid = filings.filter(
    each => others.includes(each.uniqueId ?? '') && each.state !== 'ignored' && !each.reasons.includes('may-be-filed'),
  )
  expect(
    unsaid.map(({ state, reasons, code, attempts }) => ({ state, reasons, code, attempts })),
    said,
  ).toEqual([])
})

test('most of what may be filed is filed, though a fifth of the exchanges failed', () => {
  const fileable = letters.flatMap(each => each.made).length
  expect(world.dmp.filed.length / fileable, said).toBeGreaterThan(0.75)
})

test('never more than five submissions in a second', () => {
  const sent = report.sent.toSorted((a, b) => a - b)
  const burst = sent.filter((at, index) => (sent[index + 5] ?? Number.POSITIVE_INFINITY) - at < 1000)
  expect(burst, said).toEqual([])
})

test('the ledger has heard the end of every document', () => {
  const heard = new Set(world.notes.map(({ message, kind, detail }) => `${message} ${detail.filing} ${kind} ${detail.reasons ?? ''}`))
  const untold = filings.filter(({ messageId, id, state, reasons }) => !heard.has(`${messageId} ${id} ${state} ${reasons.join(' ')}`))
  expect(
    untold.map(({ state, reasons }) => ({ state, reasons })),
    said,
  ).toEqual([])
})
