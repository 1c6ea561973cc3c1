import { expect, test } from 'vitest'
import { migrations } from '../../../gateway/data.ts'
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
