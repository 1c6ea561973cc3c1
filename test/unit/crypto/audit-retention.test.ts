import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type AuditWorld, DAY, makeSigners, openAuditWorld } from './audit-world.ts'

let world: AuditWorld
let restore: () => Promise<void>

beforeAll(async () => {
  world = await openAuditWorld(await makeSigners())
  restore = await world.snapshot()
})

afterEach(() => restore())
afterAll(() => world[Symbol.asyncDispose]())

/** Removes all that may be removed now. */
async function prune(): Promise<(number | undefined)[]> {
  const lines = []
  for (let line = await world.keeper.prune(world.trust()); line !== undefined; line = await world.keeper.prune(world.trust()))
    lines.push(line)
  return lines
}

const announce = () => world.keeper.announce(world.trust())

describe('old lines are removed', () => {
  beforeEach(async () => {
    await world.write(8) // checkpoints at 1, 4, 7
    world.now += 150 * DAY
    await world.write(5) // checkpoints at 9, 12
    expect(await announce()).toBeUndefined()
    world.now += 52 * DAY
  })

  test('announced in a line first, and only when a checkpoint has signed that line', async () => {
    expect(await announce()).toBe(7)
    expect(await world.audit.list({ object: 'audit' })).toMatchObject([
      { line: 14, by: 'gateway', action: 'audit.prune', detail: { to: '7', checkpoint: '3', keepFor: '200d' } },
    ])
    expect(await announce()).toBeUndefined()
    expect(await prune()).toEqual([])
    await world.sign()
    expect(await prune()).toEqual([1, 4, 7])
    const verdict = await world.verifyWith(world.filed)
    expect(verdict).toMatchObject({ lines: 7, from: { line: 7 }, head: { line: 14 }, checkpoints: { count: 4, last: { line: 14 } } })
    expect(verdict.fault).toBeUndefined()
    expect((await world.audit.list()).map(({ line }) => line)).toEqual([8, 9, 10, 11, 12, 13, 14])
  })

  test('one checkpoint after the other: at each step the log is whole', async () => {
    await announce()
    await world.sign()
    for (const from of [1, 4, 7]) {
      await world.keeper.prune(world.trust())
      const { fault, ...verdict } = await world.verifyWith(world.filed)
      expect(fault).toBeUndefined()
      expect(verdict.from.line).toBe(from)
    }
  })

  test('again, when more is too old; the log goes on', async () => {
    await announce()
    await world.sign()
    await prune()
    world.now += 160 * DAY
    expect(await announce()).toBe(12)
    await world.sign()
    expect(await prune()).toEqual([9, 12])
    expect((await world.verifyWith(world.filed)).fault).toBeUndefined()
    await world.write(3)
    expect(await world.verify()).toMatchObject({ from: { line: 12 }, head: { line: 18 } })
  })

  test('not when they are not whole: evidence stays', async () => {
    await world.tamper("UPDATE audit SET object = 'x' WHERE line = 3")
    await expect(announce()).rejects.toThrow(
      'old lines of the audit log are not removed: line 3 of the audit log: it is not what was written',
    )
  })

  test('not on the word of a row that somebody else wrote', async () => {
    world.now -= 10 * DAY // seven lines are 192 days old, and are kept for 200
    await world.audit.append({ by: 'gateway', action: 'audit.prune', object: 'audit', detail: { to: '12' } })
    await world.sign()
    expect(await prune()).toEqual([])
  })

  test('a time in a row says nothing: the signed one counts', async () => {
    await world.tamper('UPDATE audit_checkpoint SET at = 0')
    expect(await announce()).toBeUndefined()
    await world.audit.append({ by: 'gateway', action: 'audit.prune', object: 'audit', detail: { to: '12' } })
    await world.sign()
    expect(await prune()).toEqual([1, 4, 7]) // these are old enough by what was signed, the others are not
  })
})

describe('what somebody else removed is found', () => {
  const remove = (number: number, line: number) => [
    `UPDATE audit SET at = 0, by = '', action = '', object = '', result = '', detail = '{}' WHERE line = ${line}`,
    `DELETE FROM audit WHERE line < ${line}`,
    `DELETE FROM audit_checkpoint WHERE number < ${number}`,
  ]
  const TOO_EARLY = 'the log begins here: what was before was removed too early'

  test('up to a checkpoint, with a line that says so, before its time', async () => {
    await world.write(8)
    await world.audit.append({ by: 'gateway', action: 'audit.prune', object: 'audit', detail: { to: '4' } })
    world.now += 10 * DAY
    await world.sign()
    for (const sql of remove(2, 4)) await world.tamper(sql)
    expect((await world.verify()).fault).toEqual({ line: 4, why: TOO_EARLY })
  })

  test('what the law lets go, but the configuration keeps', async () => {
    await world.write(8)
    world.now += 190 * DAY
    await world.audit.append({ by: 'gateway', action: 'audit.prune', object: 'audit', detail: { to: '4' } })
    await world.sign()
    for (const sql of remove(2, 4)) await world.tamper(sql)
    const { fault, notes } = await world.verify({ keepFor: 200 * DAY })
    expect(fault).toBeUndefined()
    expect(notes).toContain('lines were removed that the configuration of now keeps: the oldest are kept for 200 days')
    expect((await world.verify({ keepFor: 190 * DAY })).notes).toEqual([])
  })

  test('more than the line says', async () => {
    await world.write(8)
    world.now += 202 * DAY
    await world.audit.append({ by: 'gateway', action: 'audit.prune', object: 'audit', detail: { to: '4' } })
    await world.sign()
    for (const sql of remove(3, 7)) await world.tamper(sql)
    expect((await world.verify()).fault).toEqual({ line: 7, why: expect.stringContaining('no signed line says') })
  })

  test('and the checkpoint at which the log begins', async () => {
    await world.write(8)
    world.now += 202 * DAY
    await announce()
    await world.sign()
    await prune()
    await world.tamper('DELETE FROM audit_checkpoint WHERE line = 7')
    expect((await world.verify()).fault).toEqual({ line: 7, why: 'the log begins here, where no checkpoint is' })
  })
})
