import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { openWhiteList, parseDn, type WhiteListFault } from '../../../directory/index.ts'
import { buildWhiteList } from '../../world/white-list.ts'

const folder = mkdtempSync(join(tmpdir(), 'pli-live-list-'))
const file = join(folder, 'list.xml')
const DN = parseDn('CN=mx.fictif.example,OU=1809991013,O=FICTIF,C=FR')
const START = Date.parse('2026-03-02T05:00:00Z')

function write(domains: string[], generatedAt = START): void {
  const entries = domains.map(domain => ({ domain, dn: DN.rdns }))
  writeFileSync(`${file}.new`, buildWhiteList({ entries, generatedAt: new Date(generatedAt), sign: xml => xml }))
  renameSync(`${file}.new`, file)
}

let now: number
let verified: number
let settled: Promise<unknown>
const faults: WhiteListFault[] = []

/** The list, and a promise that ends when a load that it started has ended. */
async function openList() {
  let settle: (value?: unknown) => void = () => {}
  settled = new Promise(resolve => {
    settle = resolve
  })
  return openWhiteList(file, {
    now: () => now,
    everyMs: 3000,
    verify: xml => {
      verified++
      return { signed: xml }
    },
    onFault: fault => {
      faults.push(fault)
      settle()
    },
    onReload: settle,
  })
}

afterAll(() => rmSync(folder, { recursive: true }))

beforeEach(() => {
  now = START
  verified = 0
  faults.length = 0
  write(['a.mssante.example', 'b.mssante.example', 'c.mssante.example'])
})

describe('a list that follows its file', () => {
  test('takes the new list some seconds after the file was replaced', async () => {
    const list = await openList()
    write(['a.mssante.example', 'd.mssante.example'], START + 1000)
    expect(list.allows('d.mssante.example', DN)).toBe(false)
    now += 3000
    expect(list.allows('d.mssante.example', DN)).toBe(false) // asked while the new one is being verified
    await settled
    expect(list.allows('d.mssante.example', DN)).toBe(true)
    expect(list.allows('b.mssante.example', DN)).toBe(false)
    expect(list.entries).toBe(2)
  })

  test('also after the clock was set back', async () => {
    const list = await openList()
    now -= 3_600_000
    write(['d.mssante.example', 'e.mssante.example'], START + 1000)
    list.lists(DN)
    await vi.waitFor(() => expect(list.entries).toBe(2), { timeout: 40_000 })
  })

  test('does not verify again a file that did not change', async () => {
    const list = await openList()
    for (let look = 0; look < 5; look++) {
      now += 60_000
      expect(list.lists(DN)).toBe(true)
      await readFile(file) // time enough for the look at the file that the question started
    }
    expect(verified).toBe(1)
    await list.refresh()
    expect(verified).toBe(2)
  })

  test('keeps the last good list when the new one is cut, and says so once', async () => {
    const list = await openList()
    writeFileSync(file, '<ListeBlancheMSSante')
    now += 3000
    list.lists(DN)
    await settled
    await list.refresh() // joins the load that has just told its fault
    expect(await list.refresh()).toBe(false)
    expect(faults.map(({ reason }) => reason)).toEqual(['not-well-formed'])
    expect(list.allows('c.mssante.example', DN)).toBe(true)
  })

  test('keeps the last good list when the file disappears, and takes it again when it is back', async () => {
    const list = await openList()
    rmSync(file)
    expect(await list.refresh()).toBe(false)
    expect(list.allows('a.mssante.example', DN)).toBe(true)
    write(['a.mssante.example', 'b.mssante.example'], START)
    expect(await list.refresh()).toBe(true)
    expect(faults.map(({ reason }) => reason)).toEqual(['unreadable'])
  })

  test('refuses an older list: a certificate taken out of the list does not come back', async () => {
    const list = await openList()
    write(['a.mssante.example', 'old.mssante.example'], START - 1000)
    expect(await list.refresh()).toBe(false)
    expect(faults[0]?.reason).toBe('older')
    expect(list.allows('old.mssante.example', DN)).toBe(false)
  })

  test('refuses a list that lost more than half of its entries', async () => {
    const list = await openList()
    write(['a.mssante.example'], START + 1000)
    expect(await list.refresh()).toBe(false)
    expect(faults[0]?.reason).toBe('shrunk')
  })

  test('does not open without a list', async () => {
    writeFileSync(file, 'nothing')
    await expect(openList()).rejects.toMatchObject({ reason: 'not-well-formed' })
  })
})
