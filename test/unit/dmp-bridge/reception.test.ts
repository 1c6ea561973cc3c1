import { describe, expect, test } from 'vitest'
import type { BridgeOptions } from '../../../dmp-bridge/main.ts'
import { depositorOf } from '../../../dmp-bridge/metadata.ts'
import type { Sender } from '../../../dmp-bridge/policy.ts'
import { mayWrap } from '../../../dmp-bridge/wrap/judge.ts'
import { buildMail, sampleAuthor } from '../../world/letter.ts'
import { policy as bridgePolicy, sender, startBridgeWorld } from './bridge-world.ts'
import { cdaOf, letterOf, NOW, policy, read, verdicts } from './samples.ts'

const OTHER = '1999999999'
const received = { mode: 'reception' } as const
/** A box of ours that belongs to another structure than the author. */
const stranger: Sender = { address: 'dr.voisin@b.mssante.test', structures: [OTHER], declared: true, ...received }
const colleague: Sender = { ...stranger, address: 'dr.collegue@b.mssante.test', structures: [sampleAuthor.structure.id] }

/** @returns states after a letter that our boxes received */
async function statesOf(boxes: Partial<Sender>, options: Partial<BridgeOptions> & { eml?: Buffer } = {}): Promise<string[]> {
  const { eml, ...rest } = options
  await using world = await startBridgeWorld(rest)
  await world.send('m1', { sender: { ...received, ...boxes }, ...(eml && { eml }) })
  await world.pass(60_000)
  return world.states()
}

describe('what arrives from another operator is filed', () => {
  test('for a declared box of the structure of an author, and its ledger has no line of anything else', async () => {
    await using world = await startBridgeWorld()
    await world.send('m1', { sender: colleague })
    await world.pass(60_000)
    expect(await world.states()).toEqual(['filed'])
    expect(world.notes.map(({ kind }) => kind)).toEqual(['pending', 'filed'])
  })

  test('never for an author of a structure that we do not speak for: it is his to file', async () => {
    const elsewhere = { policy: { ...bridgePolicy, structure: OTHER, sites: [] } }
    expect(await statesOf({ ...stranger }, elsewhere)).toEqual(['ignored another-authors'])
    expect(await statesOf({}, elsewhere)).toEqual(['ignored another-authors'])
  })

  test('by a human where only the box is of another structure', async () => {
    await using world = await startBridgeWorld()
    await world.send('m1', { sender: stranger })
    await world.pass(60_000)
    expect(await world.states()).toEqual(['held reception-proposal'])
    const [filing] = await world.bridge.orders.list()
    await world.bridge.orders.release(filing?.id ?? '', { by: 'cli:test' })
    await world.pass(0)
    expect(await world.states()).toEqual(['filed'])
  })

  test('by a box that declared', async () => {
    expect(await statesOf({ ...colleague, declared: false })).toEqual(['held not-declared'])
    expect(await statesOf({ ...colleague }, { isDeclared: async () => false })).toEqual(['held not-declared'])
  })

  test('once, for the first of several boxes that may file it', async () => {
    expect(await statesOf({ ...stranger, others: [colleague, { ...colleague, address: 'x@b.mssante.test' }] })).toEqual(['filed'])
    const isDeclared = async (address: string) => address !== colleague.address
    expect(await statesOf({ ...stranger, others: [colleague] }, { isDeclared })).toEqual(['held reception-proposal'])
  })

  test('not again when it was filed at sending, nor when it comes twice', async () => {
    await using world = await startBridgeWorld()
    const { eml } = await letterOf()
    await world.send('m1', { eml })
    await world.pass(60_000)
    await world.send('m2', { eml, sender: colleague })
    await world.pass(60_000)
    expect(world.dmp.filed).toHaveLength(1)
    expect(await world.states()).toEqual(['filed', 'ignored already-filed'])
  })

  test('with its author as he stands in it, deposited by who answers for the processing', async () => {
    const cda = (await read('a.xml', cdaOf())).documents[0]?.cda
    const depositor = cda && depositorOf(cda, colleague, { ...policy, responsible: { idNatPs: '899', name: 'R' } })
    expect(depositor).toMatchObject({ structure: sampleAuthor.structure.id, idNatPs: '899' })
  })
})

describe('what is held or left', () => {
  test('a document masked to professionals does not travel by mail: nobody overrules that', async () => {
    await using world = await startBridgeWorld()
    const { eml } = await letterOf({ marks: ['MASQUE_PS'] })
    await world.send('m1', { eml, sender: colleague })
    await world.pass(60_000)
    expect(await world.states()).toEqual(['held marked masked-received'])
    const [filing] = await world.bridge.orders.list()
    await world.bridge.orders.release(filing?.id ?? '', { by: 'cli:test' })
    await world.pass(60_000)
    expect(await world.states()).toEqual(['held marked masked-received'])
    expect(world.dmp.filed).toEqual([])
  })

  test('the same anomaly is shown whoever wrote it, and never at sending', async () => {
    const recognition = await read('a.eml', (await letterOf({ marks: ['MASQUE_PS'] })).eml)
    expect(verdicts(recognition, stranger, { ...policy, structure: OTHER, sites: [] })).toEqual([
      ['another-authors', 'marked', 'masked-received'],
    ])
    expect(verdicts(recognition, sender)).toEqual([['marked']])
  })

  test('another mark holds our own document', async () => {
    const { eml } = await letterOf({ marks: ['INVISIBLE_PATIENT'] })
    expect(await statesOf({ ...colleague }, { eml })).toEqual(['held marked'])
  })

  test('what can not be read waits for nobody, since nobody was promised anything', async () => {
    const part = { type: 'application/zip', filename: 'IHE_XDM.zip', content: Buffer.from('PK\x03\x04broken') }
    const head = { from: 'a@a.mssante.test', to: 'b@b.mssante.test', subject: 'Lettre', date: NOW, messageId: 'm@a.mssante.test' }
    expect(await statesOf({ ...colleague }, { eml: buildMail({ ...head, parts: [part] }) })).toEqual(['ignored zip-malformed'])
  })

  test('no file is wrapped', () => {
    const person = { family: 'FICTIF', given: 'Éloi' }
    expect(mayWrap({ ...sender, person })).toBe(true)
    expect(mayWrap({ ...sender, person, mode: 'reception' })).toBe(false)
  })

  test("a wish in a stranger's header holds his own message, and no copy that waits here", async () => {
    await using world = await startBridgeWorld()
    const { eml } = await letterOf()
    await world.send('m1', { eml })
    await world.pass(0)
    const wishing = Buffer.concat([Buffer.from('X-Pli-DMP: non\r\n'), eml])
    await world.send('m2', { eml: wishing, sender: colleague })
    await world.pass(60_000)
    expect(await world.states()).toEqual(['filed', 'held author-request'])
  })
})
