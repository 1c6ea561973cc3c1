import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AuditWorld, makeSigners, NOW, openAuditWorld } from './audit-world.ts'

let world: AuditWorld
let whole: string[]

beforeAll(async () => {
  world = await openAuditWorld(await makeSigners())
  await world.write(11) // a second apart; checkpoints at 1, 4, 7, 10
  whole = await world.exported()
})

afterAll(() => world[Symbol.asyncDispose]())

const linesIn = (text: readonly string[]) => text.flatMap(line => /^\{"line":(\d+),/.exec(line)?.[1] ?? []).map(Number)
const checkpointsIn = (text: readonly string[]) => text.flatMap(line => /^\{"checkpoint":(\d+),/.exec(line)?.[1] ?? []).map(Number)

test('all of it', async () => {
  expect(linesIn(whole)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  expect(checkpointsIn(whole)).toEqual([1, 2, 3, 4])
  expect(await world.verifyExported(whole)).toMatchObject({ lines: 11, head: { line: 11 }, checkpoints: { count: 4, unsigned: 1 } })
})

test.each([
  ['since', { since: NOW + 4_000 }, [5, 6, 7, 8, 9, 10, 11], [2, 3, 4]],
  ['until', { until: NOW + 4_000 }, [1, 2, 3, 4, 5, 6, 7], [1, 2, 3]],
  ['between', { since: NOW + 4_000, until: NOW + 4_500 }, [5, 6, 7], [2, 3]],
  ['behind the last line', { since: NOW + 60_000 }, [11], [4]],
  ['before the first line', { until: NOW - 60_000 }, [1], [1]],
])('a part, from a checkpoint to a checkpoint: %s', async (_, range, lines, checkpoints) => {
  const part = await world.exported(range)
  expect(linesIn(part)).toEqual(lines)
  expect(checkpointsIn(part)).toEqual(checkpoints)
  expect((await world.verifyExported(part)).fault).toBeUndefined()
})

const place = (prefix: string) => whole.findIndex(line => line.startsWith(prefix))
const without = (prefix: string) => whole.filter(line => !line.startsWith(prefix))
const replaced = (prefix: string, change: (line: string) => string) => whole.map(line => (line.startsWith(prefix) ? change(line) : line))

test.each<[string, () => string[], unknown]>([
  ['a changed line', () => replaced('{"line":3', line => line.replace('box.change', 'box.closed')), { line: 3, why: expect.any(String) }],
  ['a removed line', () => without('{"line":3'), { line: 3, why: 'it is missing' }],
  ['a removed checkpoint', () => without('{"checkpoint":2'), { checkpoint: 2, why: 'it is missing' }],
  ['all checkpoints removed', () => without('{"checkpoint":'), { why: 'no checkpoint is in it: nothing of it is signed' }],
  ['a removed end', () => whole.slice(0, place('{"line":9')), { line: 9, why: 'the export ends at line 8, its heading says 11' }],
  [
    'the lines of its end alone',
    () => without('{"line":10').filter(line => !line.startsWith('{"line":11')),
    expect.objectContaining({ line: 10 }),
  ],
  ['a removed beginning', () => whole.filter(line => !/^\{"line":[12],/.test(line)), { line: 1, why: 'it is missing' }],
  [
    'a removed beginning, and a heading that fits',
    () => [
      whole[0]!.replace(/"from":\{[^}]*\}/, `"from":{"line":2,"hash":"${JSON.parse(whole[place('{"line":2')]!).hash}"}`),
      ...whole.slice(place('{"line":3')),
    ],
    { line: 2, why: 'the log begins here, where no checkpoint is' },
  ],
])('tampering is found: %s', async (_, change, fault) => {
  expect((await world.verifyExported(change())).fault).toEqual(fault)
})

test.each([
  ['another file', ['{}'], 'it is no export of an audit log'],
  ['an empty one', [], 'it is no export of an audit log'],
])('%s is no export', async (_, lines, words) => {
  await expect(world.verifyExported(lines)).rejects.toThrow(words)
})

test('a line that says the same in other octets is refused: who checks the text itself would see something else', async () => {
  const spaced = replaced('{"line":3', line => line.replace('"box.change",', '"box.change", '))
  await expect(world.verifyExported(spaced)).rejects.toThrow('line 5 of the export is neither a line of the log nor a checkpoint')
})
