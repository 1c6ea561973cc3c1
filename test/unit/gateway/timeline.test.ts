import { expect, test } from 'vitest'
import { migrations } from '../../../gateway/data.ts'
import { proofOf } from '../../../gateway/proof.ts'
import { timelineOf } from '../../../gateway/timeline.ts'
import { openSpoolWorld } from './spool-world.ts'

test('nowhere is a patient named who wrote, or was written to', async () => {
  await using world = await openSpoolWorld(migrations)
  const patient = '299019912345603'
  const sender = `${patient}@patient.mssante.fr`
  const recipients = [{ address: sender, domain: 'patient.mssante.fr' }]
  const { id } = await world.accept({ sender, origin: 'reception', recipients })
  const timeline = await timelineOf(world.db, id)
  expect(timeline?.message.sender).toBe('***@patient.mssante.fr')
  expect(JSON.stringify(timeline)).not.toContain(patient)
})

test('of two patients each has his own receipts, although both are masked', async () => {
  await using world = await openSpoolWorld(migrations)
  const recipients = ['299019912345603', '155042004801270'].map(local => ({
    address: `${local}@patient.mssante.fr`,
    domain: 'patient.mssante.fr',
  }))
  const { id } = await world.accept({ recipients })
  await world.db.run(world.spool.event(id, 1, 'relayed', { peer: 'CN=b' }))
  await world.db.run(world.spool.event(id, 1, 'delivered', {}))
  const timeline = (await timelineOf(world.db, id))!
  const proof = proofOf(timeline, { name: 'Alpha', hostname: 'alpha' }, new Date())
  expect(proof.recipients.map(({ relayed, receipts }) => [relayed?.what, receipts.map(({ what }) => what)])).toEqual([
    [undefined, []],
    ['relayed', ['delivered']],
  ])
})
