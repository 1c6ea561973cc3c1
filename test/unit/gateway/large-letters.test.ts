import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { forThread, sharedConcat, sharedOctets } from '../../../config/index.ts'
import type { Vault } from '../../../crypto/index.ts'
import { type Bytes, openBytes } from '../../../gateway/spool/index.ts'
import { newVault } from '../../support/vault.ts'

const LARGE = randomBytes(2_000_000)

/** Turns of the event loop so far: what an SMTP dialogue would have had. */
let turns: number
let counting: NodeJS.Immediate
const count = () => {
  turns++
  counting = setImmediate(count)
}
beforeEach(() => {
  turns = 0
  count()
})
afterEach(() => clearImmediate(counting))

describe('a large letter that is read back', () => {
  let folder: string
  let bytes: Bytes
  /** The turn in which each of its records was opened. */
  let openedIn: number[]
  let whenOpened: () => void

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pli-large-'))
    openedIn = []
    whenOpened = () => {}
    const vault = newVault()
    const watched: Vault = {
      ...vault,
      async *records(name, take) {
        for await (const record of vault.records(name, take)) {
          openedIn.push(turns)
          whenOpened()
          yield record
        }
      },
    }
    bytes = await openBytes(folder, watched)
    const draft = bytes.create('m1')
    await draft.write(LARGE) // in one go, as a report brings it
    await draft.seal()
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('is opened a record at a time, and others have their turn before the next', async () => {
    expect((await bytes.read('m1')).equals(LARGE)).toBe(true)
    expect(openedIn.length).toBeGreaterThanOrEqual(4)
    expect(new Set(openedIn).size).toBe(openedIn.length)
  })

  test('is never shorter than what was written, also when its file grows under the hand that reads it', async () => {
    const file = join(folder, 'm1')
    const all = readFileSync(file)
    truncateSync(file, 600_000) // more than a record
    whenOpened = () => writeFileSync(file, all, { flag: 'r+' })
    const read = bytes.read('m1').then(
      octets => (octets.equals(LARGE) ? 'whole' : 'cut'),
      error => (error as Error).name,
    )
    expect(await read).not.toBe('cut')
  })

  test('lies where threads see it without a copy', async () => {
    const octets = await bytes.read('m1')
    expect(octets.buffer).toBeInstanceOf(SharedArrayBuffer)
    expect(forThread(octets).octets).toBe(octets)
    expect(forThread(octets).transferList).toEqual([])
  })
})

describe('octets for a thread', () => {
  test('of an ordinary buffer are its own, and handed over', () => {
    const mine = Buffer.from('neighbours in one piece of memory').subarray(3, 9)
    const { octets, transferList } = forThread(mine)
    expect(Buffer.from(octets).equals(mine)).toBe(true)
    expect(transferList).toEqual([octets.buffer])
    expect(octets.buffer.byteLength).toBe(6)
  })

  test('come back from one in one piece', () => {
    const whole = sharedConcat([Buffer.from('ab'), sharedOctets(1), Buffer.from('c')])
    expect(whole.toString()).toBe('ab\0c')
    expect(whole.buffer).toBeInstanceOf(SharedArrayBuffer)
  })
})
