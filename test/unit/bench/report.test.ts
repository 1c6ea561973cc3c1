import { expect, test } from 'vitest'
import type { Figures } from '../../bench/measure.ts'
import { table } from '../../bench/report.ts'

test('shows medians, the worst round for losses, and the ratio of the first server to the second', () => {
  const runs = [
    ...[100, 900, 300].map((delivered, at) => ({ server: 'a', bytes: 10_000, round: at, figures: figures({ delivered, missing: at }) })),
    ...[200, 100].map((delivered, at) => ({ server: 'b', bytes: 10_000, round: at, figures: figures({ delivered }) })),
  ]
  const rows = table(runs)
    .split('\n')
    .map(line => line.split(/\s{2,}/))
  expect(rows.map(row => [row[1], row[3]])).toEqual([
    ['server', 'delivered/s'],
    ['a', '300'],
    ['b', '150'],
    ['a / b', '2.00'],
  ])
  expect(rows[1]?.at(-2)).toBe('2')
})

function figures(some: Partial<Figures>): Figures {
  return {
    accepted: 1,
    delivered: 1,
    deliveredUnderLoad: 1,
    bench: 0,
    others: 0,
    cpuPerMessage: 0.001,
    memory: 1e6,
    processes: 1,
    missing: 0,
    doubles: 0,
    refused: 0,
    ...some,
  }
}
