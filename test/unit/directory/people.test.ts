import { expect, test } from 'vitest'
import { isFiness, isRpps } from '../../../directory/index.ts'
import { buildPeople, DOMAINS, publishedAuthor } from '../../world/people.ts'

test('the fictional boxes are always the same, each under an address of its own', () => {
  const people = buildPeople()
  expect(people).toEqual(buildPeople())
  expect(new Set(people.map(({ address }) => address)).size).toBe(people.length)
  expect(buildPeople({ seed: 2 })[2]).not.toEqual(people[2])
})

test('more professionals than names still have an address each', () => {
  const people = buildPeople({ count: 3000 })
  expect(new Set(people.map(({ address }) => address)).size).toBe(people.length)
})

test('their numbers have right keys, one RPPS a person', () => {
  const people = buildPeople()
  const numbers = people.flatMap(({ person }) => (person ? [person.rpps] : []))
  expect(numbers.every(isRpps)).toBe(true)
  expect(new Set(numbers).size).toBe(numbers.length)
  expect(people.every(({ place }) => isFiness(place.finess))).toBe(true)
})

test('both operators host people, and the author of published examples is at alpha', () => {
  const people = buildPeople()
  for (const operator of ['alpha', 'beta'] as const) {
    const hosted = people.filter(box => box.operator === operator)
    expect(hosted.length).toBeGreaterThan(100)
    expect(hosted.every(({ address }) => address.endsWith(`@${DOMAINS[operator]}`))).toBe(true)
  }
  expect(publishedAuthor).toMatchObject({ operator: 'alpha', person: { rpps: '01234567897' }, place: { idNatStruct: '1750803447' } })
})
