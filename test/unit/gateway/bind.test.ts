import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { bind } from '../../../gateway/bind.ts'

const listen = { host: '127.0.0.1', port: 0, place: 'listen.reception' }

test('a port that is taken is named, with the place of the configuration that asks for it', async () => {
  const [first, second] = [createServer(), createServer()]
  const port = await bind(first, listen)
  try {
    await expect(bind(second, { ...listen, port })).rejects.toThrow(
      `listen.reception: cannot listen at 127.0.0.1, port ${port}: another program has it already (EADDRINUSE)`,
    )
  } finally {
    first.close()
  }
})

test('so is an address of another machine', async () => {
  await expect(bind(createServer(), { ...listen, host: '192.0.2.1' })).rejects.toThrow(
    /192\.0\.2\.1.*this machine does not have that address/,
  )
})
