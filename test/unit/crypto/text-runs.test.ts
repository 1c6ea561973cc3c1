import fc from 'fast-check'
import { SaxesParser } from 'saxes'
import { describe, expect, test } from 'vitest'
import { readingRuns } from '../../../crypto/xml/text-runs.ts'
import { decodeUtf8 } from '../../../crypto/xml/utf8.ts'

/** Everything that a parser reports, neighbouring texts joined; an error ends it, and what of a text was told before it says nothing. */
function report(parser: SaxesParser<{ xmlns: true; position: true }>, chunks: readonly string[]): unknown[] {
  const events: unknown[][] = []
  const text = (kind: string) => (value: string) => {
    const last = events.at(-1)
    if (last?.[0] === kind) last[1] = `${last[1]}${value}`
    else events.push([kind, value])
  }
  parser.on('text', text('text'))
  parser.on('cdata', text('cdata'))
  parser.on('comment', value => events.push(['comment', value]))
  parser.on('processinginstruction', each => events.push(['instruction', { ...each }]))
  parser.on('opentag', tag => events.push(['open', tag.name, JSON.stringify(tag.attributes), parser.position, parser.line]))
  parser.on('closetag', tag => events.push(['close', tag.name, parser.position, parser.line]))
  parser.on('error', () => {
    throw new Error('malformed')
  })
  try {
    for (const chunk of chunks) parser.write(chunk)
    parser.close()
  } catch (error) {
    if (events.at(-1)?.[0] === 'text') events.pop()
    events.push(['error', (error as Error).message])
  }
  return events
}

const options = { xmlns: true, position: true } as const
const both = (...chunks: string[]) => [
  report(readingRuns(new SaxesParser(options)), chunks),
  report(new SaxesParser(options) as SaxesParser<typeof options>, chunks),
]

const base64 = fc.string({ unit: fc.constantFrom(...'ABCxyz019+/= \n\r\t'), minLength: 60, maxLength: 300 })
const piece = fc.oneof(
  { weight: 4, arbitrary: base64 },
  fc.constantFrom(
    '<a>',
    '</a>',
    '<b x="1&amp;">',
    '</b>',
    '<c/>',
    '&lt;',
    '&#13;',
    '&nope;',
    ']]>',
    ']',
    '>',
    '"',
    "'",
    '\r',
    '\n',
    '\r\n',
  ),
  fc.constantFrom('<![CDATA[', ']]>', '<!--', '-->', '<?p ', '?>', 'é', '’', '\u{1F600}', '\u0001', '\u0085', '\u2028', '\ufffe', '<a x="'),
)

describe('a parser that takes text by runs', () => {
  test('is the one of saxes that its insides were read in', () => {
    expect('handleTextInRoot' in SaxesParser.prototype).toBe(true)
  })

  test('reports what the plain one reports, whatever the text', () => {
    const property = fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
      const [ours, theirs] = both(`<r>${pieces.join('')}</r>`)
      expect(ours).toEqual(theirs)
    })
    fc.assert(property, { numRuns: 3000 })
  })

  test('and wherever the text is cut into chunks', () => {
    const property = fc.property(fc.array(piece, { maxLength: 6 }), fc.nat(), (pieces, at) => {
      const text = `<r>${pieces.join('')}</r>`
      const [ours, theirs] = both(text.slice(0, at % text.length), text.slice(at % text.length))
      expect(ours).toEqual(theirs)
    })
    fc.assert(property, { numRuns: 1000 })
  })

  test('takes a million characters in two pieces', () => {
    const pieces: number[] = []
    const parser = readingRuns(new SaxesParser(options))
    parser.on('text', value => pieces.push(value.length))
    parser.write(`<r>${'QUJD'.repeat(250_000)}</r>`).close()
    expect(pieces).toEqual([999_999, 1])
  })
})

describe('decodeUtf8', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true })

  test('is TextDecoder for every text, at every place of a block', () => {
    const text = fc.tuple(fc.integer({ min: 65_530, max: 65_540 }), fc.string({ unit: 'grapheme', maxLength: 20 }), fc.boolean())
    const property = fc.property(text, ([ahead, tail, isMarked]) => {
      const bytes = Buffer.from(`${isMarked ? '\ufeff' : ''}${'A'.repeat(ahead)}${tail}é${tail}`)
      expect(decodeUtf8(bytes)).toBe(decoder.decode(bytes))
    })
    fc.assert(property, { numRuns: 200 })
    expect(decodeUtf8(new Uint8Array())).toBe('')
  })

  test('refuses what TextDecoder refuses', () => {
    for (const bytes of [[0xe9], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0x80]]) {
      expect(() => decoder.decode(Uint8Array.from(bytes))).toThrow(TypeError)
      expect(() => decodeUtf8(Uint8Array.from(bytes))).toThrow(TypeError)
    }
  })
})
