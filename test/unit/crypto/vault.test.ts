import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  addMasterKey,
  createMasterKeyFile,
  loadMasterKeys,
  openVault,
  removeMasterKey,
  SEAL_HEADER_BYTES,
  SealFault,
} from '../../../crypto/index.ts'

const newFile = () => join(mkdtempSync(join(tmpdir(), 'pli-seal-')), 'keys', 'master.keys')

function vaultIn(file = newFile()) {
  if (!existsSync(file)) createMasterKeyFile(file)
  const masters = loadMasterKeys({ file })
  return { file, masters, vault: openVault(masters) }
}

const LETTER = Buffer.from('Cher confrère, '.repeat(40))

describe('what is sealed', () => {
  test('opens to the same octets, however they came', () => {
    const { vault } = vaultIn()
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 8 }), chunks => {
        const sealer = vault.sealer('one')
        const sealed = Buffer.concat(chunks.map((chunk, index) => sealer.seal(chunk, index === chunks.length - 1)))
        expect(vault.open('one', sealed)).toEqual(Buffer.concat(chunks))
      }),
      { numRuns: 50 },
    )
  })

  test('may be longer than one record', () => {
    const { vault } = vaultIn()
    const long = randomBytes(0xffffff + 5)
    expect(vault.open('long', vault.seal('long', long)).equals(long)).toBe(true)
    const exact = long.subarray(0, 0xffffff)
    expect(vault.open('exact', vault.seal('exact', exact)).equals(exact)).toBe(true)
  })

  test('shows nothing, and never the same octets twice', () => {
    const { vault } = vaultIn()
    const [one, two] = [vault.seal('one', LETTER), vault.seal('one', LETTER)]
    expect(one.includes('confr')).toBe(false)
    expect(one.subarray(8).equals(two.subarray(8))).toBe(false)
    expect(one).toHaveLength(LETTER.length + SEAL_HEADER_BYTES + 20)
  })

  test('cannot be opened with any octet changed', () => {
    const { vault } = vaultIn()
    const sealed = vault.seal('one', LETTER)
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed)
      changed[at]! ^= 1
      expect(() => vault.open('one', changed), `octet ${at}`).toThrow(SealFault)
    }
  })

  test('cannot be opened cut off at any place, nor with anything behind it', () => {
    const { vault } = vaultIn()
    const sealer = vault.sealer('one')
    const sealed = Buffer.concat([sealer.seal(LETTER, false), sealer.seal(LETTER, false), sealer.seal(Buffer.alloc(0), true)])
    for (let end = 0; end < sealed.length; end++) expect(() => vault.open('one', sealed.subarray(0, end))).toThrow(SealFault)
    expect(() => vault.open('one', Buffer.concat([sealed, Buffer.from('x')]))).toThrow('something follows')
  })

  test('can be read a record at a time: the next is asked for when the one before has been taken, and every fault is seen', async () => {
    const { vault } = vaultIn()
    const sealer = vault.sealer('one')
    const sealed = Buffer.concat(['a', 'b', ''].map((text, index) => sealer.seal(Buffer.from(text), index === 2)))
    const read = async (octets: Buffer, name = 'one') => {
      const seen: (number | string)[] = []
      let at = 0
      const take = async (count: number) => {
        seen.push(count)
        at += count
        return octets.subarray(at - count, at)
      }
      for await (const record of vault.records(name, take)) seen.push(record.toString())
      return seen
    }
    expect(await read(sealed)).toEqual([SEAL_HEADER_BYTES, 4, 17, 'a', 4, 17, 'b', 4, 16, '', 1])
    for (let end = 0; end < sealed.length; end++) await expect(read(sealed.subarray(0, end)), `${end} octets`).rejects.toThrow(SealFault)
    await expect(read(Buffer.concat([sealed, Buffer.from('x')]))).rejects.toThrow('something follows')
    await expect(read(sealed, 'two')).rejects.toThrow('altered, or is another')
  })

  test('cannot be opened with its records in another order, or one left out', () => {
    const { vault } = vaultIn()
    const sealer = vault.sealer('one')
    const [first, second, third] = ['a', 'b', 'c'].map((text, index) => sealer.seal(Buffer.from(text), index === 2)) as [
      Buffer,
      Buffer,
      Buffer,
    ]
    const [header, one] = [first.subarray(0, SEAL_HEADER_BYTES), first.subarray(SEAL_HEADER_BYTES)]
    expect(vault.open('one', Buffer.concat([header, one, second, third])).toString()).toBe('abc')
    for (const records of [
      [second, one, third],
      [one, third],
      [one, one, second, third],
    ])
      expect(() => vault.open('one', Buffer.concat([header, ...records]))).toThrow(SealFault)
  })

  test('is not what another name says', () => {
    const { vault } = vaultIn()
    expect(() => vault.open('two', vault.seal('one', LETTER))).toThrow('altered, or is another')
  })

  test('takes nothing after its end', () => {
    const sealer = vaultIn().vault.sealer('one')
    sealer.seal(LETTER, true)
    expect(() => sealer.seal(LETTER, true)).toThrow('has ended')
  })

  test('is nothing without its master key, which is named', () => {
    const { vault, masters } = vaultIn()
    const sealed = vault.seal('one', LETTER)
    expect(() => vaultIn().vault.open('one', sealed)).toThrow(`master key ${masters.current} is not among those configured`)
  })
})

describe('rotation', () => {
  test('a new key seals, the old one opens until everything is rewrapped, then it may go', () => {
    const { file, masters, vault } = vaultIn()
    const old = masters.current
    const sealed = vault.seal('one', LETTER)
    const added = addMasterKey({ file })
    expect(masters.reload()).toBe(true)
    expect(masters.ids).toEqual([added, old])
    expect(vault.isUnderAnother(sealed)).toBe(true)
    expect(vault.open('one', sealed)).toEqual(LETTER)
    const rewrapped = vault.rewrapped('one', sealed)!
    expect(vault.keyIdOf(rewrapped)).toBe(added)
    expect(vault.rewrapped('one', rewrapped)).toBeUndefined()
    removeMasterKey({ file }, old)
    const fresh = openVault(loadMasterKeys({ file }))
    expect(fresh.open('one', rewrapped)).toEqual(LETTER)
    expect(() => fresh.open('one', sealed)).toThrow(old)
  })

  test('the key that seals stays, and so does one that is not there', () => {
    const { file, masters } = vaultIn()
    expect(() => removeMasterKey({ file }, masters.current)).toThrow('rotate first')
    expect(() => removeMasterKey({ file }, '00000000')).toThrow('has no key 00000000')
  })

  test('one that was cut off is seen, and the file is as it was', () => {
    const { file } = vaultIn()
    const before = readFileSync(file)
    writeFileSync(`${file}.new`, '')
    expect(() => addMasterKey({ file })).toThrow('another rotation is under way')
    expect(readFileSync(file)).toEqual(before)
  })

  test('a file that became unreadable changes nothing for who runs', () => {
    const { file, masters, vault } = vaultIn()
    const sealed = vault.seal('one', LETTER)
    writeFileSync(file, '')
    expect(() => masters.reload()).toThrow('holds no key')
    expect(vault.open('one', sealed)).toEqual(LETTER)
  })
})

describe('the file of the keys', () => {
  test('is for its owner alone, and never written over', () => {
    const { file } = vaultIn()
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(() => createMasterKeyFile(file)).toThrow('is there already')
    chmodSync(file, 0o640)
    expect(() => loadMasterKeys({ file })).toThrow('chmod 600')
  })

  const KEY = /^[0-9a-f]{8} \S{44}$/m
  test.each([
    ['a key of another length', () => `00000000 ${Buffer.alloc(16).toString('base64')}\n`, 'is no key of 32 octets'],
    ['a damaged key', (line: string) => line.replace(/ ./, match => (match === ' A' ? ' B' : ' A')), 'is damaged'],
    ['the same key twice', (line: string) => `${line}\n${line}\n`, 'holds a key twice'],
    ['no key', () => '# nothing\n\n', 'holds no key'],
  ])('with %s is refused, and the key is not in the sentence', (_what, change, why) => {
    const { file } = vaultIn()
    const line = KEY.exec(readFileSync(file, 'utf8'))![0]
    writeFileSync(file, change(line))
    const load = () => loadMasterKeys({ file })
    expect(load).toThrow(why)
    expect(load).not.toThrow(line.slice(10, 40))
  })

  test('that is missing says how to make one', () => {
    expect(() => loadMasterKeys({ file: newFile() })).toThrow('is missing: put it back, or make one with `pli keys create`')
  })

  test('may be a variable of the environment', () => {
    const { file, vault } = vaultIn()
    process.env.PLI_TEST_MASTER_KEYS = readFileSync(file, 'utf8')
    expect(openVault(loadMasterKeys({ environment: 'PLI_TEST_MASTER_KEYS' })).open('one', vault.seal('one', LETTER))).toEqual(LETTER)
    delete process.env.PLI_TEST_MASTER_KEYS
    expect(() => loadMasterKeys({ environment: 'PLI_TEST_MASTER_KEYS' })).toThrow('is not set')
  })
})
