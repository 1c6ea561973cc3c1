import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { corpus, hasCorpus } from '../../support/corpus.ts'
import { canonicalize } from '../../world/dmp-simulator/canonical.ts'
import { at, parseXml, XmlFault } from '../../world/dmp-simulator/xml-tree.ts'

const inclusive = { exclusive: false, comments: true }
const exclusive = { exclusive: true, comments: false }
const parse = (text: string) => parseXml(Buffer.from(text))

test('the examples of Canonical XML 1.0 §3: comments, empty elements, attribute order, escapes', () => {
  const document = parse('<?pi   a?>\r\n<!-- c --><e b="2" a=\'1\t\r\n&lt;"\' xmlns:z="u:z" xmlns:a="u:a" z:a="x"/>\n<!--end-->')
  const body = '<e xmlns:a="u:a" xmlns:z="u:z" a="1  &lt;&quot;" b="2" z:a="x"></e>'
  expect(canonicalize(document, inclusive).toString()).toBe(`<?pi a?>\n<!-- c -->\n${body}\n<!--end-->`)
  expect(canonicalize(document, { ...inclusive, comments: false }).toString()).toBe(`<?pi a?>\n${body}`)
})

test('a subset carries its ancestors’ namespaces in the inclusive form and only those it uses in the exclusive one', () => {
  const document = parse('<a:r xmlns:a="u:a" xmlns="u:d" xml:lang="fr"><i xmlns:b="u:b"><a:k/></i></a:r>')
  const inner = at(document.root, 'u:d', 'i')
  expect(inner && canonicalize(inner, inclusive).toString()).toBe(
    '<i xmlns="u:d" xmlns:a="u:a" xmlns:b="u:b" xml:lang="fr"><a:k></a:k></i>',
  )
  expect(inner && canonicalize(inner, exclusive).toString()).toBe('<i xmlns="u:d"><a:k xmlns:a="u:a"></a:k></i>')
})

test.each(['<!DOCTYPE a><a/>', '<a>', '<a/><b/>', '<b:a/>', '<a x="1" x="2"/>', 'text', ''])('%j is refused', text => {
  expect(() => parse(text)).toThrow(XmlFault)
})

const hasXmllint = (() => {
  try {
    execFileSync('xmllint', ['--version'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
})()

describe.skipIf(!hasCorpus || !hasXmllint)('against xmllint', () => {
  const folder = corpus('cda/3-0')
  const files = readdirSync(folder).filter((_, index) => index % 6 === 0)
  test.each([
    ['--c14n', inclusive],
    ['--exc-c14n', { exclusive: true, comments: true }],
  ] as const)('%s of every sixth public document is the same octets', (option, form) => {
    for (const file of files) {
      const theirs = execFileSync('xmllint', ['--nonet', '--huge', option, `${folder}/${file}`], { maxBuffer: 2 ** 26 })
      expect(canonicalize(parseXml(readFileSync(`${folder}/${file}`)), form).equals(theirs), file).toBe(true)
    }
  })
})
