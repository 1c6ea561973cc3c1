import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { isHeldByAuthor } from '../../../dmp-bridge/author-wish.ts'
import { buildLetter, sampleAuthor, samplePatient } from '../../world/letter.ts'
import { startBridgeWorld } from './bridge-world.ts'

const UNIQUE_ID = '2.25.4711'
const letter = (fields = '') =>
  buildLetter({
    from: 'Dr Éloi FICTIF <dr.fictif@a.mssante.test>',
    to: 'dr.autre@b.mssante.test',
    author: sampleAuthor,
    patient: samplePatient,
    now: new Date(Date.UTC(2026, 0, 5, 9, 30)),
    newId: randomUUID,
    cda: { uniqueId: UNIQUE_ID },
  }).then(({ eml }) => Buffer.concat([Buffer.from(fields), eml]))

describe('X-Pli-DMP, the word of the author’s software (EX_GEN-1060)', () => {
  test.each([
    ['', false],
    ['X-Pli-DMP: oui', false],
    ['x-pli-dmp:\r\n Oui ', false],
    ['X-Pli-DMP: non', true],
    ['X-PLI-DMP: No', true],
    ['X-Pli-DMP: hold', true],
    ['X-Pli-DMP: plus tard', true],
    ['X-Pli-DMP:', true],
    ['X-Pli-DMP: oui\r\nX-Pli-DMP: non', true],
    ['X-Pli-DMP : non', true],
    ['Subject: X-Pli-DMP: non', false],
    ['Subject: essai\r\n\r\nX-Pli-DMP: non', false],
  ])('%j', (fields, held) => {
    expect(isHeldByAuthor(Buffer.from(`From: <a@b.test>\r\n${fields}\r\nTo: <c@d.test>\r\n\r\nBonjour\r\n`))).toBe(held)
  })

  test('holds every document of its message', async () => {
    await using world = await startBridgeWorld()
    await world.send('m1', { eml: await letter('X-Pli-DMP: non\r\n') })
    await world.pass(120_000)
    expect(await world.states()).toEqual(['held author-request'])
    expect(world.dmp.filed).toEqual([])
  })

  test('a copy that waits from an earlier letter waits too', async () => {
    await using world = await startBridgeWorld()
    const eml = await letter()
    await world.send('m1', { eml })
    await world.pass(1_000)
    await world.send('m2', { eml: Buffer.concat([Buffer.from('X-Pli-DMP: non\r\n'), eml]) })
    await world.pass(120_000)
    expect(await world.states()).toEqual(['held author-request', 'held author-request'])
  })

  test('who releases the document answers for it', async () => {
    await using world = await startBridgeWorld()
    await world.send('m1', { eml: await letter('X-Pli-DMP: non\r\n') })
    await world.pass(1_000)
    const [filing] = await world.bridge.orders.list()
    await world.bridge.orders.release(filing?.id ?? '', { by: 'test' })
    await world.pass(120_000)
    expect(await world.states()).toEqual(['filed'])
  })
})

describe('the declaration of the box (decision 7)', () => {
  test('taken back while a document waits: the document is held', async () => {
    let declared = true
    await using world = await startBridgeWorld({ isDeclared: async () => declared })
    await world.send('m1', { eml: await letter() })
    await world.pass(1_000)
    declared = false
    await world.pass(120_000)
    expect(await world.states()).toEqual(['held not-declared'])
    expect(world.dmp.filed).toEqual([])
  })

  test('made after the letter was sent, it files nothing of before', async () => {
    await using world = await startBridgeWorld({ isDeclared: async () => true })
    await world.send('m1', { eml: await letter(), sender: { declared: false } })
    await world.pass(120_000)
    expect(await world.states()).toEqual(['held not-declared'])
  })

  test('when nobody can tell, nothing goes', async () => {
    await using world = await startBridgeWorld({ isDeclared: () => Promise.reject(new Error('no database')) })
    await world.send('m1', { eml: await letter() })
    await world.pass(24 * 3_600_000)
    expect(await world.states()).toEqual(['held internal-error'])
    expect(world.dmp.filed).toEqual([])
  })
})
