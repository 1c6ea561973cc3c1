import { expect, test } from 'vitest'
import { type BoxUse, type Listing, rankByUse } from '../../../directory/index.ts'

const DAY = 86_400_000
const NOW = Date.parse('2026-03-02T05:00:00Z')
const listings: Listing[] = ['a', 'b', 'c', 'd', 'e'].map(name => ({ address: `${name}@beta.mssante.example`, type: 'ORG', name }))
const uses = (known: Record<string, Omit<BoxUse, 'address'>>) =>
  new Map(Object.entries(known).map(([name, use]) => [`${name}@beta.mssante.example`, { address: `${name}@beta.mssante.example`, ...use }]))
const order = (known: Record<string, Omit<BoxUse, 'address'>>, purpose?: BoxUse['purposes'][number]) =>
  rankByUse(listings, uses(known), { now: NOW, ...(purpose && { purpose }) })
    .map(({ name }) => name)
    .join('')

test('without anything known, the order of the words stays', () => {
  expect(order({})).toBe('abcde')
})

test('who reads comes before who receives, then the unknown, then the refused', () => {
  const purposes = [] as const
  expect(
    order({
      a: { purposes, refusedAt: NOW - DAY, receivedAt: NOW - 2 * DAY },
      c: { purposes, receivedAt: NOW - DAY },
      e: { purposes, receivedAt: NOW - 9 * DAY, acknowledgedAt: NOW - 9 * DAY },
    }),
  ).toBe('ecbda')
})

test('a sign of last year says nothing', () => {
  expect(order({ b: { purposes: [], acknowledgedAt: NOW - 400 * DAY } })).toBe('abcde')
})

test('a box for what is asked comes first, one for something else only comes last', () => {
  const known = { b: { purposes: ['secretariat'] }, d: { purposes: ['results', 'referrals'] } } as const
  expect(order(known, 'referrals')).toBe('daceb')
  expect(order(known)).toBe('abcde')
})

test('an entry tells its use', () => {
  const [first] = rankByUse(listings.slice(0, 1), uses({ a: { purposes: ['results'], receivedAt: NOW } }), { now: NOW })
  expect(first?.use).toMatchObject({ purposes: ['results'], receivedAt: NOW })
})
