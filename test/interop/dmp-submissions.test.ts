import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Built, buildRequests, PARENT } from '../support/built-requests.ts'
import { corpus, hasCorpus } from '../support/corpus.ts'
import { fileFaults, prepareSchemas, schemaFaults, soapBody } from '../support/schemas.ts'
import { has } from '../support/tools.ts'
import { ASSERTION_IDS, isVerified, manifestVerdicts, signatureVerdicts, type Trust } from '../support/xmlsec.ts'

const RPLC = 'urn:ihe:iti:2007:AssociationType:RPLC'
const HAS_MEMBER = 'urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember'

describe.skipIf(!hasCorpus || !has('python3') || !has('xmllint') || !has('xmlsec1'))('every submission that the samples give', () => {
  let folder: string
  let single: Built[]
  let sets: Built[]
  let all: Built[]
  let deletion: string
  let trust: Trust

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pli-submissions-'))
    prepareSchemas(folder)
    ;({ single, sets, deletion, trust } = await buildRequests(folder))
    all = [...single, ...sets]
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const at = ({ name }: Built, ending: string) => join(folder, `${name}.${ending}`)
  const partOf = (each: Built, index: number) => at(each, `${idsOf(each)[index]}.part`)

  test('is here: each document that would be filed, alone and in sets, in both versions of the VIHF', () => {
    const fileable = single.filter(({ samples }) => samples[0]?.fileable).length
    expect(fileable).toBeGreaterThan(50)
    expect(single.length).toBeGreaterThan(fileable)
    expect(sets.length).toBeGreaterThan(3)
    expect(Math.max(...sets.map(({ samples }) => samples.length))).toBeGreaterThan(2)
    for (const each of all) {
      expect.soft(readFileSync(at(each, 'envelope'), 'utf8')).toContain(`<saml2:AttributeValue>${each.vihf}</saml2:AttributeValue>`)
    }
  })

  test('carries its documents octet by octet after MTOM reassembly, and nothing but them and the signature', () => {
    for (const { name, samples, request } of all) {
      expect.soft(request.documents.at(-1)?.id, name).toBe('Signature01')
      const carried = request.documents.slice(0, -1).map(({ sha256 }) => sha256)
      expect.soft(carried, name).toEqual(samples.map(({ document }) => document.sha256))
    }
  })

  test('is valid by the schemas of ITI-41', () => {
    const bodies = all.map(each => at(each, 'body'))
    expect(fileFaults(join(folder, 'schema/IHE/IHEXDSB.xsd'), bodies)).toBe('')
  })

  test('carries CDA that are valid by the extended schema of the ANS', () => {
    const files = single.filter(({ samples }) => samples[0]?.fileable).map(each => partOf(each, 0))
    expect(fileFaults(corpus('schema/infrastructure/cda/CDA_extended.xsd'), files)).toBe('')
  })

  test('says of its documents what the oracle reads in them', () => {
    for (const each of all) {
      const { name, samples, request } = each
      for (const [index, { header }] of samples.entries()) {
        const { replaces: _, uniqueId, ...rest } = header
        const expected = { ...rest, uniqueId: uniqueId.split('^')[0], confidentiality: [header.confidentiality] }
        expect.soft(request.entries[index], name).toMatchObject(expected)
      }
      const of = (type: string) => request.associations.filter(([kind]) => kind === type).map(([, source, target]) => [source, target])
      expect.soft(of(RPLC), name).toEqual(samples.flatMap(({ header }, index) => (header.replaces ? [[idsOf(each)[index], PARENT]] : [])))
      expect
        .soft(
          of(HAS_MEMBER).map(([, target]) => target),
          name,
        )
        .toEqual(idsOf(each))
    }
  })

  test('has a XAdES signature that xmlsec1 verifies, with the digest of each document that it computes itself', () => {
    for (const group of groups(all)) expect(verdictsOf(group)).toEqual(group.map(goodVerdict))
    const [one, other] = single as [Built, Built]
    expect(verdictsOf([one], partOf(other, 0))).toEqual([{ verified: true, manifests: '0/2' }])
  })

  const verdictsOf = (group: readonly Built[], instead?: string) => {
    const named = group.flatMap(each => [
      ...each.samples.map((_, index) => [uniqueIdsOf(each)[index] ?? '', instead ?? partOf(each, index)] as const),
      [each.submissionSet, undefined] as const,
    ])
    const signatures = group.map(each => at(each, 'Signature01.part'))
    return manifestVerdicts(signatures, trust, Object.fromEntries(named))
  }

  test('has a VIHF that xmlsec1 verifies', () => {
    const envelopes = all.map(each => at(each, 'envelope'))
    expect(signatureVerdicts(envelopes, trust, ...ASSERTION_IDS)).toEqual(all.map(() => ({ verified: true, manifests: '0/0' })))
    expect(isVerified(saved(readFileSync(envelopes[0] ?? '', 'utf8').replace('urn:dmp<', 'urn:dmq<')), trust, ...ASSERTION_IDS)).toBe(false)
  })

  test('can be taken back: the order to delete is valid by the schema of ITI-57, and xmlsec1 verifies its VIHF', () => {
    expect(schemaFaults(folder, 'ebRS30/lcm.xsd', { deletion: soapBody(deletion) })).toBe('')
    expect(isVerified(saved(deletion), trust, ...ASSERTION_IDS)).toBe(true)
  })

  function saved(xml: string): string {
    const file = join(folder, 'saved.envelope')
    writeFileSync(file, xml)
    return file
  }
})

function idsOf({ request }: Built): string[] {
  return request.documents.map(({ id }) => id)
}

function uniqueIdsOf({ samples, request }: Built): string[] {
  return request.entries.slice(0, samples.length).map(({ uniqueId }) => uniqueId)
}

/** All but the dummy digest of the set itself. */
function goodVerdict({ samples }: Built) {
  return { verified: true, manifests: `${samples.length}/${samples.length + 1}` }
}

/** Groups in which every uniqueId is of one document: samples use some of them twice. */
function groups(built: readonly Built[]): Built[][] {
  const found: { ids: Set<string>; group: Built[] }[] = []
  for (const each of built) {
    const ids = uniqueIdsOf(each)
    const free = found.find(other => !ids.some(id => other.ids.has(id)))
    if (free) {
      for (const id of ids) free.ids.add(id)
      free.group.push(each)
    } else found.push({ ids: new Set(ids), group: [each] })
  }
  return found.map(({ group }) => group)
}
