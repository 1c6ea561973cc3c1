import { expect, test } from 'vitest'
import { oneAfterTheOther } from '../../../gateway/filing/dmp.ts'

test('requests are prepared one after the other, and one that fails stops no other', async () => {
  const inTurn = oneAfterTheOther()
  const order: string[] = []
  let finish = () => {}
  const slow = inTurn(async () => {
    order.push('slow')
    await new Promise<void>(resolve => {
      finish = resolve
    })
    throw new Error('slow')
  })
  const next = inTurn(async () => order.push('next'))
  await new Promise(setImmediate)
  expect(order).toEqual(['slow'])
  finish()
  await expect(slow).rejects.toThrow('slow')
  await next
  expect(order).toEqual(['slow', 'next'])
})
