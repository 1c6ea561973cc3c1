import { expect, test } from 'vitest'
import { configuration } from '../../../config/schema.ts'

test('one exchange with the DMP ends well within the lease of a claim', () => {
  const { timeout } = configuration.shape.dmp.unwrap().shape
  expect(timeout.parse(undefined)).toBe(60_000)
  expect(timeout.parse('5m')).toBe(300_000)
  for (const text of ['301s', '6m', '1h', 'soon']) expect(timeout.safeParse(text).success).toBe(false)
})
