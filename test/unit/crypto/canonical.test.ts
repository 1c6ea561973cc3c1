import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalise, escapeAttribute, escapeText } from '../../../crypto/xml/canonical.ts'
import { XmlFault } from '../../../crypto/xml/parse.ts'
import { parseTree } from '../../../crypto/xml/tree.ts'
import { cpuClock } from '../../support/cpu-time.ts'

const exclusive = { exclusive: true, comments: false }

describe('the canonical form', () => {
  test('of a part takes what its ancestors declare: all of it, or only what it uses', () => {
    const xml = '<a xmlns="urn:a" xmlns:p="urn:p" xmlns:q="urn:q" xml:lang="fr"><p:b Id="x"><c/></p:b></a>'
    const apex = (tag: { attributes: Record<string, unknown> }) => tag.attributes.Id !== undefined
    expect(canonicalise(xml, { exclusive: true, comments: false, apex })).toBe('<p:b xmlns:p="urn:p" Id="x"><c xmlns="urn:a"></c></p:b>')
    expect(canonicalise(xml, { exclusive: false, comments: false, apex })).toBe(
      '<p:b xmlns="urn:a" xmlns:p="urn:p" xmlns:q="urn:q" Id="x" xml:lang="fr"><c></c></p:b>',
    )
  })

  test('leaves out what it is told to, with all that it holds', () => {
    const leaveOut = (tag: { local: string }) => tag.local === 'out'
    expect(canonicalise('<a>1<out><!-- x --><b>2</b></out>3</a>', { ...exclusive, leaveOut })).toBe('<a>13</a>')
  })

  test('of a canonical form is itself', () => {
    const text = fc.string({ unit: 'grapheme' }).map(value => value.replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/g, ''))
    fc.assert(
      fc.property(text, text, (value, attribute) => {
        const xml = `<a b="${escapeAttribute(attribute)}">${escapeText(value)}</a>`
        expect(canonicalise(xml, exclusive)).toBe(xml)
        expect(parseTree(xml)).toMatchObject({ text: value, attributes: { b: attribute } })
      }),
    )
  })
})

function namespaces(count: number, level: number): string {
  return Array.from({ length: count }, (_, each) => `xmlns:p${level}_${each}="u"`).join(' ')
}

describe('the time', () => {
  const levels = Array.from({ length: 28 }, (_, level) => level)
  const nested = (inner: string) => levels.reduceRight((within, level) => `<a ${namespaces(9, level)}>${within}</a>`, inner)

  test('does not grow with what ancestors declare', () => {
    const inner = '<y xmlns:q="v"></y>'.repeat(20_000)
    const spent = cpuClock()
    const canonical = canonicalise(nested(inner), { exclusive: false, comments: true })
    expect(spent()).toBeLessThan(3000)
    expect(canonical.endsWith(`${inner}${'</a>'.repeat(28)}`)).toBe(true)
  })

  test('declarations beside one another are not added up', () => {
    expect(canonicalise(`<a>${`<b ${namespaces(50, 1)}></b>`.repeat(50)}</a>`, exclusive)).toBe(`<a>${'<b></b>'.repeat(50)}</a>`)
  })

  test('a prefix that is declared again, or not at all any more, is written where that changes', () => {
    const xml = '<a xmlns="u" xmlns:p="1"><b xmlns=""><c xmlns="u" xmlns:p="1"><p:d xmlns:p="2"></p:d></c></b></a>'
    const canonical = '<a xmlns="u" xmlns:p="1"><b xmlns=""><c xmlns="u"><p:d xmlns:p="2"></p:d></c></b></a>'
    expect(canonicalise(xml, { exclusive: false, comments: true })).toBe(canonical)
  })
})

describe('XML is refused', () => {
  test.each([
    ['with a document type', '<!DOCTYPE a><a/>', 'doctype'],
    ['with an entity bomb', '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>', 'doctype'],
    ['with an unknown entity', '<a>&b;</a>', 'malformed'],
    ['when nested without end', '<a>'.repeat(100_000), 'too-complex'],
    [
      'with more namespaces in scope than anybody needs',
      `${Array.from({ length: 30 }, (_, level) => `<a ${namespaces(9, level)}>`).join('')}`,
      'too-complex',
    ],
    ['with two roots', '<a/><b/>', 'malformed'],
    ['with a prefix that nobody declared', '<p:a/>', 'malformed'],
    ['with an attribute twice', '<a xmlns:p="u" xmlns:q="u" p:x="1" q:x="2"/>', 'malformed'],
    ['with a control character', '<a>\u0001</a>', 'malformed'],
    ['with a NUL', '<a>\0</a>', 'malformed'],
    ['of version 1.1', '<?xml version="1.1"?><a/>', 'malformed'],
    ['in another encoding', '<?xml version="1.0" encoding="ISO-8859-1"?><a/>', 'malformed'],
    ['when empty', '', 'malformed'],
  ])('%s', (_, xml, reason) => {
    expect(() => canonicalise(xml, exclusive)).toThrow(expect.objectContaining({ name: 'XmlFault', reason }))
  })

  test('without quoting it', () => {
    for (const xml of ['<a>DUPONT</b>', '<DUPONT><a></DUPONT>', '<a DUPONT="1" DUPONT="2"/>', '<a>&DUPONT;</a>', '<DUPONT:a/>']) {
      expect(() => canonicalise(xml, exclusive)).toThrow(XmlFault)
      expect(() => canonicalise(xml, exclusive)).not.toThrow(/DUPONT/)
    }
  })
})
