import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../../dmp-bridge/caps.ts'
import { decide } from '../../../dmp-bridge/decide.ts'
import { authorAsFiler, authorAsSender } from '../../../dmp-bridge/inspect.ts'
import { recogniseFile } from '../../../dmp-bridge/recognise.ts'
import { corpus, hasCorpus } from '../../support/corpus.ts'
import { policy } from './samples.ts'

/** Every rule but those of the sender, who is taken to be the author: `file`, or the reasons. */
async function judge(file: string): Promise<string[]> {
  const recognition = await recogniseFile(file, readFileSync(file), DEFAULT_LIMITS)
  const outcomes = recognition.documents.map(document => {
    const verdict = decide(document, recognition, authorAsSender(document), authorAsFiler(document, policy))
    return verdict.action === 'file' ? 'file' : verdict.reasons.toSorted().join(' + ')
  })
  return outcomes.length > 0 ? outcomes : ['no document']
}

async function countOf(files: string[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const outcome of (await Promise.all(files.map(judge))).flat()) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}

function filesOf(...path: string[]): string[] {
  return readdirSync(corpus(...path))
    .sort()
    .map(name => corpus(...path, name))
}

/** What a plain text search finds in the header: another reader than ours. */
function searched(file: string): { id: string; type: string; matricule: string | undefined } {
  const bare = readFileSync(file, 'utf8').replace(/<!--[\s\S]*?-->/g, '')
  const header = bare.slice(bare.search(/<(\w+:)?ClinicalDocument[\s>]/)).split(/<(?:\w+:)?(?:structuredBody|nonXMLBody)/)[0] ?? ''
  const attribute = (tag: string | undefined, name: string) => new RegExp(`\\s${name}\\s*=\\s*["']([^"']*)`).exec(tag ?? '')?.[1]
  const ids = header.match(/<(?:\w+:)?id\s[^>]*>/g) ?? []
  const ins = ids.find(tag => /root\s*=\s*["']1\.2\.250\.1\.213\.1\.4\.(8|9|10|11)["']/.test(tag))
  return {
    id: attribute(ids[0], 'root') ?? '',
    type: attribute(/<(?:\w+:)?code\s[^>]*>/.exec(header)?.[0], 'code') ?? '',
    matricule: attribute(ins, 'extension'),
  }
}

describe.skipIf(!hasCorpus)('public examples', () => {
  describe.each(['3-0', '2-41'])('CDA %s', edition => {
    const files = hasCorpus ? filesOf('cda', edition) : []

    test.each(files.map(file => [basename(file), file]))('%s has the id, type and patient that stand in it', async (_name, file) => {
      const { documents, faults } = await recogniseFile(file, readFileSync(file), DEFAULT_LIMITS)
      expect(faults).toEqual([])
      expect(documents).toHaveLength(1)
      const cda = documents[0]?.cda
      expect({ id: cda?.uniqueId, type: cda?.typeCode.code, matricule: cda?.patient.ins?.matricule }).toEqual(searched(file))
      expect(Buffer.from(documents[0]?.content ?? []).equals(readFileSync(file))).toBe(true)
    })
  })

  test('decisions on CDA 3-0', async () => {
    expect(await countOf(filesOf('cda', '3-0'))).toEqual({
      file: 53,
      'active-content + identity-unclear': 1, // born in 1976, with the number of 1979
      'announce-first': 2,
      'authenticator-missing': 5,
      'author-structure': 2,
      'bad-ins-key': 5,
      'bad-ins-key + identity-unclear': 3, // certificates of children born after they were written
      'bad-ins-key + identity-unclear + version-order': 1, // the first version of what it replaces
      replacement: 5, // by a UUID, or an id with an extension
      'replacement + type-not-for-professionals': 1,
      'type-not-for-professionals': 1,
      'unknown-format': 4,
    })
  })

  test('decisions on CDA 2-41, whose ids are UUIDs', async () => {
    expect(await countOf(filesOf('cda', '2-41'))).toEqual({
      'active-content + bad-ins-key + id-not-oid': 1,
      'bad-ins-key + id-not-oid + replacement': 1,
      'bad-ins-key + id-not-oid + replacement + schema-invalid + traits-missing': 1,
      'bad-ins-key + id-not-oid + traits-missing': 3,
      'bad-ins-key + id-not-oid + identity-unclear + traits-missing': 1,
      'authenticator-missing + bad-ins-key + id-not-oid + traits-missing': 1,
      'authenticator-missing + id-not-oid': 5,
      'author-structure + id-not-oid': 4,
      'id-extension': 2,
      'announce-first + id-not-oid': 4,
      'id-not-oid': 27,
      'id-not-oid + unknown-format': 1, // a vaccination note of 2021
      'id-not-oid + replacement': 1,
      'id-not-oid + replacement + type-not-for-professionals': 1,
      'id-not-oid + type-not-for-professionals': 1,
    })
  })

  test('decisions on the French archives, whose ids have an extension', async () => {
    const files = filesOf('xdm', 'fr').flatMap(folder => readdirSync(folder).map(name => `${folder}/${name}`))
    expect(await countOf(files)).toEqual({ 'id-extension': 4, 'id-extension + unknown-format': 1 }) // a vaccination note of 2021
  })

  test('decisions on the American archives', async () => {
    const counts = await countOf(filesOf('xdm', 'us'))
    expect(counts['no document']).toBe(2) // their payload is a plain text
    const held = Object.entries(counts).filter(([outcome]) => outcome !== 'no document')
    expect(held.reduce((sum, [, count]) => sum + count, 0)).toBe(5)
    for (const [reasons] of held) expect(reasons.split(' + ')).toContain('no-ins')
    expect(held.filter(([reasons]) => reasons.includes('metadata-unreadable'))).toHaveLength(1) // ebXML 2.1
    expect(held.some(([reasons]) => reasons.includes('hash-mismatch') || reasons.includes('file-missing'))).toBe(false)
  })

  test('in production only the identities of the register remain', async () => {
    const files = filesOf('cda', '3-0')
    const strict = { ...policy, insOids: ['1.2.250.1.213.1.4.8', '1.2.250.1.213.1.4.9'] }
    let refused = 0
    for (const file of files) {
      const recognition = await recogniseFile(file, readFileSync(file), DEFAULT_LIMITS)
      const verdict = decide(recognition.documents[0]!, recognition, authorAsSender(recognition.documents[0]!), strict)
      if (verdict.action !== 'file' && verdict.reasons.includes('ins-oid-not-allowed')) refused += 1
    }
    expect(refused).toBe(73)
  })
})
