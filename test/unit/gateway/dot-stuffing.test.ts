import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stuffed } from '../../../gateway/couriers/dot-stuffing.ts'

/** RFC 5321 §4.5.2, said in one line. */
const expected = (text: string) => text.replace(/(^|\r\n)\./g, '$1..')

function inPieces(text: string, cuts: readonly number[]): string {
  const bytes = Buffer.from(text, 'latin1')
  const places = [0, ...cuts.map(cut => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  let last: number | false = false
  let sent = ''
  for (const [index, end] of places.entries()) {
    const chunk = bytes.subarray(places[index - 1] ?? 0, end)
    sent += Buffer.concat(stuffed(chunk, last)).toString('latin1')
    last = chunk.at(-1) ?? last
  }
  return sent
}

test('every dot that starts a line is doubled, wherever the message is cut', () => {
  const lines = fc.array(fc.stringMatching(/^[.a]{0,4}$/), { maxLength: 12 })
  fc.assert(
    fc.property(lines, fc.array(fc.nat(), { maxLength: 4 }), (parts, cuts) => {
      const text = parts.join('\r\n')
      expect(inPieces(text, cuts)).toBe(expected(text))
    }),
  )
})

test('a message without such dots passes as it is, uncopied', () => {
  const bytes = Buffer.from('Subject: a\r\n\r\nno dot. at the start\r\n')
  expect(stuffed(bytes, false)).toEqual([bytes])
  expect(stuffed(bytes, false)[0]?.buffer).toBe(bytes.buffer)
})
