import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { canonicalise } from '../../crypto/xml/canonical.ts'
import { corpus, hasCorpus } from '../support/corpus.ts'
import { has, tool } from '../support/tools.ts'

const folder = mkdtempSync(join(tmpdir(), 'pli-c14n-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** libxml2's canonical forms, both with comments. */
function xmllint(file: string, form: '--c14n' | '--exc-c14n'): string {
  return execFileSync(tool('xmllint'), ['--huge', form, file], { encoding: 'utf8', maxBuffer: 1 << 28 })
}

const cases: Record<string, string> = {
  'comments and instructions around the root': '<!-- a --><?pi some  data ?>\n<r><!-- b --><?x?></r>\n<!-- c -->\n<?y z?>',
  'declarations that repeat, hide and undo each other':
    '<r xmlns="urn:a" xmlns:p="urn:p"><p:x xmlns:p="urn:p"/><y xmlns=""><z xmlns="urn:a"/></y><p:w xmlns:p="urn:q" p:b="1" a="2"/></r>',
  'attributes to be sorted': '<r xmlns:b="urn:1" xmlns:a="urn:2" a:x="1" b:y="2" z="3" b:a="4" c="5" xml:lang="fr"/>',
  'character data to be escaped': '<r a="&lt;&amp;&quot;&gt;&#9;&#10;&#13; \t x">&lt;&amp;&gt;&#13;"\'<![CDATA[<a> & ]]>é\u{1F600}</r>',
  'line ends of three kinds': '<r a="1\r\n2">x\r\ny\rz\n</r>',
  'unused declarations': '<r xmlns:u="urn:u" xmlns:v="urn:v"><v:a><b v:c=""/></v:a></r>',
}

describe.skipIf(!has('xmllint'))('our canonical XML is that of libxml2', () => {
  test.each(Object.entries(cases))('%s', (_, xml) => {
    const file = join(folder, 'case.xml')
    writeFileSync(file, xml)
    expect(canonicalise(xml, { exclusive: false, comments: true })).toBe(xmllint(file, '--c14n'))
    expect(canonicalise(xml, { exclusive: true, comments: true })).toBe(xmllint(file, '--exc-c14n'))
  })

  describe.skipIf(!hasCorpus)('for real documents', () => {
    test.each(['3-0', '2-41'])('CDA %s', edition => {
      const names = readdirSync(corpus('cda', edition)).filter(name => /\.xml$/i.test(name))
      expect(names.length).toBeGreaterThan(50)
      for (const name of names) {
        const file = corpus('cda', edition, name)
        const xml = readFileSync(file, 'utf8')
        expect.soft(canonicalise(xml, { exclusive: false, comments: true }) === xmllint(file, '--c14n'), `${name} inclusive`).toBe(true)
        expect.soft(canonicalise(xml, { exclusive: true, comments: true }) === xmllint(file, '--exc-c14n'), `${name} exclusive`).toBe(true)
      }
    })

    test('the white list', () => {
      const file = corpus('whitelist', 'valid', 'listeblanchemssante.xml')
      expect(canonicalise(readFileSync(file, 'utf8'), { exclusive: true, comments: true }) === xmllint(file, '--exc-c14n')).toBe(true)
    })
  })
})
