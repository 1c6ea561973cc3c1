import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../../dmp-bridge/caps.ts'
import { openRecogniser, type Recogniser } from '../../../dmp-bridge/recogniser.ts'
import { cdaOf, letterOf, UNIQUE_ID } from './samples.ts'

let recogniser: Recogniser | undefined

afterEach(async () => {
  await recogniser?.close()
  recogniser = undefined
})

function open(options: { timeoutMs?: number; script?: string; threads?: number; ansFiles?: string } = {}): Recogniser {
  recogniser = openRecogniser({ threads: 2, limits: DEFAULT_LIMITS, timeoutMs: 30_000, ...options })
  return recogniser
}

test('a message and a file are recognised in a thread, and the caller keeps its bytes', async () => {
  const { eml, uniqueId, xdm } = await letterOf()
  const before = Buffer.from(eml)
  const found = await open().message(eml)
  expect(found.documents).toMatchObject([{ cda: { uniqueId }, faults: [] }])
  expect(eml.equals(before)).toBe(true)
  expect((await recogniser!.file('IHE_XDM.zip', xdm)).documents).toHaveLength(1)
  expect((await recogniser!.file('a.xml', Buffer.from(cdaOf()))).documents).toMatchObject([{ cda: { uniqueId: UNIQUE_ID } }])
})

test('the bytes of documents and of broken archives come back whole', async () => {
  const cda = Buffer.from(cdaOf())
  expect(Buffer.from((await open().file('a.xml', cda)).documents[0]?.content ?? []).equals(cda)).toBe(true)
  const broken = Buffer.from('PK\x03\x04 nothing')
  expect(Buffer.from((await recogniser!.file('a.zip', broken)).documents[0]?.content ?? []).equals(broken)).toBe(true)
})

test('while the schema that an operator installed is away, nothing is judged without it', async () => {
  const ansFiles = mkdtempSync(join(tmpdir(), 'pli-ans-'))
  mkdirSync(join(ansFiles, 'schema'))
  writeFileSync(join(ansFiles, 'schema/CDA_extended.xsd'), '<schema xmlns="http://www.w3.org/2001/XMLSchema"/>')
  open({ ansFiles })
  rmSync(join(ansFiles, 'schema'), { recursive: true })
  expect(await recogniser!.file('a.xml', Buffer.from(cdaOf()))).toEqual({ documents: [], ignored: [], faults: ['reading-failed'] })
  rmSync(ansFiles, { recursive: true })
})

test('many at once are all answered', async () => {
  const { eml } = await letterOf()
  const found = await Promise.all(Array.from({ length: 20 }, () => recogniser?.message(eml) ?? open().message(eml)))
  expect(found.every(each => each.documents.length === 1)).toBe(true)
})

test('a thread that is stuck is ended, its message is a fault, and the next is answered', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pli-thread-'))
  const script = join(folder, 'stuck.mjs')
  writeFileSync(
    script,
    "export default ({ name }) => { if (name === 'stuck') for (;;); return { documents: [], ignored: [], faults: [] } }",
  )
  try {
    const { file } = open({ script, timeoutMs: 4000, threads: 1 })
    const [stuck, next] = await Promise.all([file('stuck', Buffer.alloc(1)), file('next', Buffer.alloc(1))])
    expect(stuck).toEqual({ documents: [], ignored: [], faults: ['reading-timed-out'] })
    expect(next.faults).toEqual([])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a thread that dies or throws is a fault', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pli-thread-'))
  const script = join(folder, 'dies.mjs')
  writeFileSync(script, "export default ({ name }) => { if (name === 'dies') process.exit(1); throw new Error('no') }")
  try {
    const { file } = open({ script })
    expect((await file('dies', Buffer.alloc(1))).faults).toEqual(['reading-failed'])
    expect((await file('throws', Buffer.alloc(1))).faults).toEqual(['reading-failed'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
