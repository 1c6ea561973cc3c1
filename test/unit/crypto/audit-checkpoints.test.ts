import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { signCheckpoint } from '../../../crypto/audit/checkpoint.ts'
import { createIdentity, loadAnchors, openAuditKeeper } from '../../../crypto/index.ts'
import { type AuditWorld, DAY, makeSigners, NOW, OPERATOR, openAuditWorld, type Signers } from './audit-world.ts'

type Row = Record<string, string | number>

let signers: Signers
let world: AuditWorld

let restore: () => Promise<void>

beforeAll(async () => {
  signers = await makeSigners()
  world = await openAuditWorld(signers)
  restore = await world.snapshot()
})

afterEach(() => restore())
afterAll(() => world[Symbol.asyncDispose]())

const checkpointed = async () => (await world.tamper('SELECT line FROM audit_checkpoint ORDER BY number')).map(({ line }) => line)

describe('the log is signed', () => {
  test('at its first line, after so many lines, and after an hour when anything was written', async () => {
    await world.sign()
    expect(await checkpointed()).toEqual([])
    await world.write(7)
    expect(await checkpointed()).toEqual([1, 4, 7])
    world.now += 3_600_000
    await world.sign()
    expect(await checkpointed()).toEqual([1, 4, 7])
    await world.write(1)
    expect(await checkpointed()).toEqual([1, 4, 7, 8])
    expect(await world.verify()).toMatchObject({
      lines: 8,
      notes: [],
      checkpoints: { count: 4, last: { number: 4, line: 8 }, unsigned: 0, signers: [expect.stringContaining('O=OPÉRATEUR\\, FICTIF')] },
    })
  })

  test('lines that nobody has signed for hours are told: checkpoints may have been taken away', async () => {
    await world.write(7)
    await world.tamper('DELETE FROM audit_checkpoint WHERE number > 1')
    expect((await world.verify()).notes).toEqual([])
    world.now += 3 * 3_600_000
    const why = 'because no gateway ran, or checkpoints were removed'
    expect((await world.verify()).notes).toEqual([`6 lines are not signed, the first is of 2026-11-20T08:00:01.000Z: ${why}`])
    await world.tamper('DELETE FROM audit_checkpoint')
    expect((await world.verify()).notes).toEqual([`7 lines are not signed, the first is of 2026-11-20T08:00:00.000Z: ${why}`])
  })

  test('at a clean stop, as soon as there is one line more', async () => {
    await world.write(2)
    await world.keeper.sign(signers.identity, { anyhow: true })
    expect(await checkpointed()).toEqual([1, 2])
    expect(await world.keeper.sign(signers.identity, { anyhow: true })).toBeUndefined()
  })

  test('once, by whichever process is faster', async () => {
    await world.audit.append({ by: 'x', action: 'y', object: 'z' })
    const other = openAuditKeeper({
      ...{ db: world.db, audit: world.audit, operator: OPERATOR, every: 3, interval: 3_600_000, keepFor: 200 * DAY },
      now: () => world.now,
    })
    const made = await Promise.all([world.keeper.sign(signers.identity), other.sign(signers.identity)])
    expect(made.filter(Boolean)).toHaveLength(1)
    expect(await checkpointed()).toEqual([1])
  })

  test('never with a certificate that has ended: nobody would believe it', async () => {
    await world.audit.append({ by: 'x', action: 'y', object: 'z' })
    world.now = NOW + 4 * 365 * DAY
    await expect(world.keeper.sign(signers.identity)).rejects.toThrow('the certificate that signs is valid from')
  })

  test('never behind a log that was cut: that would hide it', async () => {
    await world.write(4)
    await world.tamper('DELETE FROM audit WHERE line > 3')
    await world.audit.append({ by: 'x', action: 'y', object: 'z' })
    await world.audit.append({ by: 'x', action: 'y', object: 'z' })
    await expect(world.keeper.sign(signers.identity, { anyhow: true })).rejects.toThrow(
      'line 4 of the audit log is not the one that checkpoint 2 signed: nothing more is signed',
    )
  })
})

describe('tampering is found, and its place is told', () => {
  /** Checkpoints at 1, 4, 7; lines up to 8. */
  beforeEach(() => world.write(8))

  const REWRITTEN = /^it is not the one that checkpoint 2 signed: something was written anew between lines 2 and 4$/
  test.each<[string, string[], number[], { line?: number; checkpoint?: number; why: unknown }]>([
    [
      'a changed line',
      ["UPDATE audit SET object = 'x' WHERE line = 3"],
      [],
      { line: 3, why: expect.stringContaining('not what was written') },
    ],
    ['a changed line, all hashes behind it made anew', ["UPDATE audit SET object = 'x' WHERE line = 3"], [3], { line: 4, why: REWRITTEN }],
    ['everything written anew', ['UPDATE audit SET at = at + 1 WHERE line > 0'], [1], { line: 1, why: /checkpoint 1 signed/ }],
    ['a removed line', ['DELETE FROM audit WHERE line = 5'], [], { line: 5, why: 'it is missing' }],
    [
      'a removed line, the others renumbered, hashes made anew',
      ['DELETE FROM audit WHERE line = 2', 'UPDATE audit SET line = line - 1 WHERE line > 2'],
      [2],
      { line: 4, why: REWRITTEN },
    ],
    [
      'two lines in the place of one another, hashes made anew',
      [
        'UPDATE audit SET line = -2 WHERE line = 2',
        'UPDATE audit SET line = 2 WHERE line = 3',
        'UPDATE audit SET line = 3 WHERE line = -2',
      ],
      [2],
      { line: 4, why: REWRITTEN },
    ],
    [
      'an inserted line, hashes made anew',
      [
        'UPDATE audit SET line = -line WHERE line > 2',
        'UPDATE audit SET line = 1 - line WHERE line < 0',
        "INSERT INTO audit VALUES (3, 5, 'x', 'y', 'z', 'done', '{}', '')",
      ],
      [3],
      { line: 4, why: REWRITTEN },
    ],
    [
      'the end cut off',
      ['DELETE FROM audit WHERE line > 5'],
      [],
      { line: 6, why: 'the lines up to 7, which checkpoint 3 signs, are missing' },
    ],
    ['the beginning taken away', ['DELETE FROM audit WHERE line < 4'], [], { line: 0, why: 'the beginning of the log is missing' }],
    [
      'the beginning taken away, as retention would do it',
      [
        "UPDATE audit SET at = 0, by = '', action = '', object = '', result = '', detail = '{}' WHERE line = 4",
        'DELETE FROM audit WHERE line < 4',
        'DELETE FROM audit_checkpoint WHERE number < 2',
      ],
      [],
      { line: 4, why: 'the log begins here, though no signed line says that what was before may be removed' },
    ],
    ['a removed checkpoint', ['DELETE FROM audit_checkpoint WHERE number = 2'], [], { checkpoint: 2, why: 'it is missing' }],
    ['the first checkpoint removed', ['DELETE FROM audit_checkpoint WHERE number = 1'], [], { checkpoint: 1, why: 'it is missing' }],
    [
      'a checkpoint removed, the others renumbered',
      ['DELETE FROM audit_checkpoint WHERE number = 2', 'UPDATE audit_checkpoint SET number = 2 WHERE number = 3'],
      [],
      { checkpoint: 2, why: 'it is another one than its number, its line and its time say' },
    ],
    [
      'a checkpoint that says another line',
      ['UPDATE audit_checkpoint SET line = 5 WHERE number = 2'],
      [],
      { checkpoint: 2, why: 'it is another one than its number, its line and its time say' },
    ],
    [
      'a checkpoint in the place of another',
      ['UPDATE audit_checkpoint SET cms = (SELECT cms FROM audit_checkpoint WHERE number = 1) WHERE number = 2'],
      [],
      { checkpoint: 2, why: 'it is another one than its number, its line and its time say' },
    ],
    [
      'a checkpoint that is no signature',
      ["UPDATE audit_checkpoint SET cms = 'AAAA' WHERE number = 3"],
      [],
      { checkpoint: 3, why: /^it is not as it was signed: / },
    ],
    [
      'a checkpoint that is no base64',
      ["UPDATE audit_checkpoint SET cms = cms || ' ' WHERE number = 3"],
      [],
      { checkpoint: 3, why: 'it cannot be read' },
    ],
  ])('%s', async (_, statements, [forgedFrom], fault) => {
    for (const sql of statements) await world.tamper(sql)
    if (forgedFrom !== undefined) await world.forge(forgedFrom)
    const why = fault.why instanceof RegExp ? expect.stringMatching(fault.why) : fault.why
    expect((await world.verify()).fault).toEqual({ ...fault, why })
  })

  test('the end cut off, checkpoints too, for whoever kept copies', async () => {
    await world.tamper('DELETE FROM audit WHERE line > 5')
    await world.tamper('DELETE FROM audit_checkpoint WHERE number > 2')
    expect((await world.verify()).fault).toBeUndefined() // nothing that is left here can tell: that is what copies are for
    expect((await world.verifyWith(world.filed)).fault).toEqual({ checkpoint: 3, why: 'it is missing, kept has it: there were 7 lines' })
  })

  test('all of it written anew and signed again by who has the key, for whoever kept copies', async () => {
    const copies = world.filed
    await world.tamper('DELETE FROM audit_checkpoint')
    await world.tamper("UPDATE audit SET object = 'x' WHERE line = 3")
    await world.forge(3)
    world.filed = []
    await world.sign()
    expect((await world.verify()).fault).toBeUndefined()
    expect((await world.verifyWith(copies)).fault).toEqual({
      checkpoint: 1,
      why: 'it is not the one that kept has: all from there on may have been written anew',
    })
  })

  test('checkpoints of somebody else, of the same authority', async () => {
    await world.audit.append({ by: 'x', action: 'y', object: 'z' })
    world.now += 3_600_000
    await world.sign(signers.stranger)
    expect((await world.verify()).fault).toEqual({
      checkpoint: 4,
      why: expect.stringMatching(/^it was signed by .*O=AUTRE.*, who is not this operator$/),
    })
  })

  test('a checkpoint signed again by who has the key: the one behind it does not follow', async () => {
    const [{ hash } = {}] = await world.tamper('SELECT hash FROM audit WHERE line = 1')
    const again = { number: 1, line: 1, hash: String(hash), at: NOW + 1_000, operator: OPERATOR, previous: '0'.repeat(64) }
    const cms = signCheckpoint(again, signers.identity).toString('base64') // an elliptic curve never signs twice alike
    await world.tamper('UPDATE audit_checkpoint SET cms = ? WHERE number = 1', cms)
    expect((await world.verify()).fault).toEqual({ checkpoint: 2, why: 'it does not follow checkpoint 1, as that is kept here' })
  })

  test('copies that say nothing, or were changed', async () => {
    const [first = '', second = ''] = world.filed
    expect((await world.verifyWith(world.filed)).fault).toBeUndefined()
    expect((await world.verifyWith([first, 'no checkpoint'])).fault).toEqual({ why: 'line 2 of kept is no checkpoint' })
    const changed = second.replace('"line":4', '"line":5')
    expect((await world.verifyWith([first, changed])).fault).toBeUndefined() // the signature is what counts
    const broken = second.replace(/(.{40})(.{44})(.{4}"\})$/, '$2$1$3') // the end may be padding
    expect((await world.verifyWith([first, broken])).fault).toEqual({
      checkpoint: 2,
      why: expect.stringMatching(/^its copy on line 2 of kept is wrong: /),
    })
  })

  test('whatever octet of whatever row is changed', async () => {
    const tables = {
      audit: (await world.tamper('SELECT rowid, * FROM audit')) as Row[],
      audit_checkpoint: (await world.tamper('SELECT rowid, number, line, at, cms FROM audit_checkpoint')) as Row[],
    }
    const place = fc.record({ row: fc.nat(), column: fc.nat(), at: fc.nat(), flip: fc.integer({ min: 1, max: 127 }) })
    const change = async (table: keyof typeof tables, { row, column, at, flip }: Record<'row' | 'column' | 'at' | 'flip', number>) => {
      const { rowid, ...chosen } = tables[table][row % tables[table].length]!
      const [name, before] = Object.entries(chosen)[column % Object.keys(chosen).length]!
      const octets = Buffer.from(String(before))
      if (octets.length > 0) octets[at % octets.length]! ^= flip
      const after = octets.toString('latin1')
      if (after === String(before) || (typeof before === 'number' && Number(after) === before)) return
      const set = (value: string | number) => world.tamper(`UPDATE ${table} SET "${name}" = ? WHERE rowid = ?`, value, rowid)
      const isTaken = await set(after).then(
        () => false,
        () => true, // the number of another row
      )
      if (isTaken) return
      const { fault } = await world.verifyWith(world.filed)
      expect(fault, `${table}.${name}: ${JSON.stringify(before)} is ${JSON.stringify(after)}`).toBeDefined()
      await set(before)
    }
    await fc.assert(
      fc.asyncProperty(place, fc.constantFrom('audit', 'audit_checkpoint'), (where, table) => change(table, where)),
      { numRuns: 200 },
    )
    expect((await world.verifyWith(world.filed)).fault).toBeUndefined()
  })
})

describe('certificates of then', () => {
  const revoking = (on: Date) => {
    signers.pki.revoke(signers.issued, on)
    return signers.pki.write(join(world.folder, `revoked-${on.getTime()}`), { nextUpdate: new Date(NOW + 2_000 * DAY) })
  }

  test('one that has ended since is good for what it signed before', async () => {
    await world.write(1)
    world.now = NOW + 4 * 365 * DAY
    expect((await world.verify()).fault).toBeUndefined()
  })

  test.each([
    ['before is not', -3_600_000, 2, { fault: { checkpoint: 1, why: expect.stringContaining('certificate was revoked on 2026-11-20') } }],
    [
      'later is, and it is told',
      DAY,
      2,
      { notes: [expect.stringMatching(/^a certificate was revoked on 2026-11-21: if its key was stolen/)] },
    ],
    [
      'later is, and it is told when it has ended as well',
      DAY,
      4 * 365,
      { notes: [expect.stringMatching(/^a certificate was revoked on 2026-11-21: if its key was stolen/)] },
    ],
  ])('one that was revoked %s', async (_, after, days, expected) => {
    await world.write(1)
    const paths = await revoking(new Date(NOW + after))
    world.now += days * DAY
    expect(await world.verify({ trust: { ...world.trust(), anchors: loadAnchors(paths) } })).toMatchObject(expected)
  })

  test('without current lists nothing is believed', async () => {
    await world.write(1)
    world.now += 3_000 * DAY
    expect((await world.verify()).fault).toEqual({ checkpoint: 1, why: expect.stringContaining('ended on') })
  })

  test('a renewed one of the same name goes on; one of another name has to be named', async () => {
    await world.write(3)
    const renewed = await signers.pki.issue({
      ...{ kind: 'signature', commonName: 'OPÉRATEUR, FICTIF', organization: 'OPÉRATEUR, FICTIF', structure: '1750000001', key: 'ec' },
    })
    await world.audit.append({ by: 'x', action: 'y', object: 'z' })
    world.now += 3_600_000
    await world.sign(createIdentity(renewed, new Date(NOW)))
    expect(await world.verify()).toMatchObject({ checkpoints: { count: 2 } })
    expect((await world.verify()).fault).toBeUndefined()
    const { trust } = world
    expect((await world.verify({ trust: { ...trust(), signers: [] } })).fault).toMatchObject({ checkpoint: 1 })
  })
})
