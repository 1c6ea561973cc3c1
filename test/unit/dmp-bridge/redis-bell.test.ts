import { Queue } from 'bullmq'
import { expect, test, vi } from 'vitest'
import { redisBell } from '../../../dmp-bridge/redis-bell.ts'
import { freePort } from '../../world/ports.ts'

test('rings that Redis cannot hear are heard here, and keep no memory', async () => {
  const port = await freePort()
  const added = vi.spyOn(Queue.prototype, 'add')
  let faults = 0
  let heard = 0
  const bell = redisBell({ url: `redis://127.0.0.1:${port}`, onFault: () => faults++ })
  bell.listen(() => heard++)
  for (let ring = 0; ring < 1_000; ring++) bell.ring()
  await vi.waitFor(() => expect(faults).toBe(1), { timeout: 40_000 })
  expect(heard).toBe(1_000)
  expect(added.mock.calls.length).toBeLessThanOrEqual(2)
  await bell.close()
  added.mockRestore()
})
