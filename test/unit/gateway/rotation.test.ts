import { mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { silent } from '../../../config/index.ts'
import { addMasterKey, createMasterKeyFile, loadMasterKeys, type MasterKeys, openVault, type Vault } from '../../../crypto/index.ts'
import { checkUnused, countByKey, openRotation } from '../../../gateway/sealed.ts'
import { type Bytes, openBytes } from '../../../gateway/spool/index.ts'

const MORE_THAN_MEMORY = Buffer.alloc(300 * 1024, 'a line of a letter\r\n')

let data: string
let file: string
let masters: MasterKeys
let vault: Vault
let bytes: Bytes

beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'pli-rotation-'))
  file = join(data, 'master.keys')
  createMasterKeyFile(file)
  masters = loadMasterKeys({ file })
  vault = openVault(masters)
  bytes = await openBytes(join(data, 'messages'), vault)
})

const rotation = () => openRotation({ masters, vault, bytes, data, file, log: silent })
const pathOf = (id: string) => join(data, 'messages', id)
/** What a gateway that starts later sees: nothing in memory. */
const later = () => openBytes(join(data, 'messages'), openVault(loadMasterKeys({ file })))

describe('a rotation while mail flows', () => {
  test('leaves alone what is still being written, and puts it under the new key when it is whole', async () => {
    const look = rotation()
    const draft = bytes.create('m1')
    await draft.write(MORE_THAN_MEMORY)
    const added = addMasterKey({ file })
    await look()
    await draft.write(MORE_THAN_MEMORY)
    await draft.seal()
    expect(await (await later()).read('m1')).toEqual(Buffer.concat([MORE_THAN_MEMORY, MORE_THAN_MEMORY]))
    await look()
    expect([...(await countByKey(data, vault)).keys()]).toEqual([added])
    expect(await (await later()).read('m1')).toHaveLength(2 * MORE_THAN_MEMORY.length)
  })

  test('seals under the new key what was begun before it and has not left the memory', async () => {
    const draft = bytes.create('m1')
    await draft.write(Buffer.from('begun before'))
    const added = addMasterKey({ file })
    masters.reload()
    const [sealed] = await draft.seal()
    expect(vault.keyIdOf(Buffer.from(sealed?.bytes ?? []))).toBe(added)
  })

  test('goes past a damaged file, to the others and to the keys', async () => {
    const old = masters.current
    for (const id of ['m1', 'm2', 'm3']) writeFileSync(pathOf(id), vault.seal(id, Buffer.from(id)))
    writeFileSync(join(data, 'patients.key'), vault.seal('patients.key', Buffer.alloc(32)))
    const damaged = readFileSync(pathOf('m1'))
    damaged[30]! ^= 1
    writeFileSync(pathOf('m1'), damaged)
    const look = rotation()
    const added = addMasterKey({ file })
    await look()
    expect(await countByKey(data, vault)).toEqual(
      new Map([
        [added, 3],
        [old, 1],
      ]),
    )
    expect(readFileSync(pathOf('m1'))).toEqual(damaged)
  })

  test('by two processes at once leaves every message whole', async () => {
    const ids = ['m1', 'm2']
    for (const id of ids) writeFileSync(pathOf(id), vault.seal(id, MORE_THAN_MEMORY))
    const [mine, other] = [bytes, await openBytes(join(data, 'messages'), vault)]
    addMasterKey({ file })
    masters.reload()
    await Promise.all([mine.rewrap(), other.rewrap()])
    const fresh = await later()
    for (const id of ids) expect(await fresh.read(id)).toEqual(MORE_THAN_MEMORY)
  })
})

describe('a key that is to be removed', () => {
  test('stays while something is under it, or nobody can tell', async () => {
    const { current } = masters
    await expect(checkUnused(data, vault, current, 0)).resolves.toBeUndefined()
    await expect(checkUnused(data, vault, current, 1)).rejects.toThrow('1 gateways still seal under')
    writeFileSync(pathOf('m1'), vault.seal('m1', Buffer.from('m1')))
    await expect(checkUnused(data, vault, current, 0)).rejects.toThrow('1 files are still under')
    renameSync(join(data, 'messages'), join(data, 'elsewhere'))
    await expect(checkUnused(data, vault, current, 0)).rejects.toThrow('cannot be counted')
    writeFileSync(join(data, 'messages'), 'no folder')
    await expect(checkUnused(data, vault, current, 0)).rejects.toThrow('ENOTDIR')
  })
})
