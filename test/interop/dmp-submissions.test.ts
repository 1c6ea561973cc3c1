import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../dmp-bridge/caps.ts'
import { decide } from '../../dmp-bridge/decide.ts'
import type { FoundDocument } from '../../dmp-bridge/facts.ts'
import { authorAsFiler, authorAsSender } from '../../dmp-bridge/inspect.ts'
import { recogniseFile } from '../../dmp-bridge/recognise.ts'
import { buildSubmission } from '../../dmp-bridge/submission.ts'
import { corpus, hasCorpus } from '../support/corpus.ts'
import { askOracle, type OracleHeader, type OracleRequest, openRequests } from '../support/oracle.ts'
import { fileFaults, prepareSchemas } from '../support/schemas.ts'
import { has } from '../support/tools.ts'
import { ASSERTION_IDS, isVerified, manifestVerdicts, signatureVerdicts, type Trust } from '../support/xmlsec.ts'
import { contextOf, signing } from '../unit/dmp-bridge/dmp-world.ts'
import { policy } from '../unit/dmp-bridge/samples.ts'

/** One request built from a document of the samples. */
interface Built {
  name: string
  file: string
  document: FoundDocument
  header: OracleHeader
  /** by the rules; a document may be built and held all the same */
  fileable: boolean
  set: string
  request: OracleRequest
}

const PARENT = 'urn:uuid:1b0c2f0e-5d0c-4c55-9d06-0d6c7b6c6c11'
const RPLC = 'urn:ihe:iti:2007:AssociationType:RPLC'

describe.skipIf(!hasCorpus || !has('python3') || !has('xmllint') || !has('xmlsec1'))('every submission that the samples give', () => {
  const built: Built[] = []
  let folder: string
  let trust: Trust

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pli-submissions-'))
    prepareSchemas(folder)
    trust = await buildAll(folder, built)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const at = (each: Built, ending: string) => join(folder, `${each.name}.${ending}`)

  test('those that would be filed are all here', () => {
    expect(built.filter(({ fileable }) => fileable).length).toBeGreaterThan(50)
    expect(built.length).toBeGreaterThan(built.filter(({ fileable }) => fileable).length)
  })

  test('carries its document octet by octet after MTOM reassembly, and nothing but it and the signature', () => {
    for (const { name, document, request } of built) {
      expect
        .soft(
          request.documents.map(({ id }) => id),
          name,
        )
        .toEqual(['Document01', 'Signature01'])
      expect.soft(request.documents[0]?.sha256, name).toBe(document.sha256)
    }
  })

  test('is valid by the schemas of ITI-41', () => {
    expect(
      fileFaults(
        join(folder, 'schema/IHE/IHEXDSB.xsd'),
        built.map(each => at(each, 'body')),
      ),
    ).toBe('')
  })

  test('carries a CDA that is valid by the extended schema of the ANS', () => {
    const files = built.filter(({ fileable }) => fileable).map(each => at(each, 'Document01.part'))
    expect(fileFaults(corpus('schema/infrastructure/cda/CDA_extended.xsd'), files)).toBe('')
  })

  test('says of its document what the oracle reads in it', () => {
    for (const { name, header, request } of built) {
      const { replaces, uniqueId, ...rest } = header
      const expected = { ...rest, uniqueId: uniqueId.split('^')[0], confidentiality: [header.confidentiality] }
      expect.soft(request.entries[0], name).toMatchObject(expected)
      const replacements = request.associations.filter(([type]) => type === RPLC)
      expect.soft(replacements, name).toEqual(replaces === null ? [] : [[RPLC, 'Document01', PARENT]])
    }
  })

  test('has a XAdES signature that xmlsec1 verifies, with the digest of the document that it computes itself', () => {
    const good = { verified: true, manifests: '1/2' }
    for (const group of groups(built)) expect(verdictsOf(group)).toEqual(group.map(() => good))
    const [one, other] = built as [Built, Built]
    expect(verdictsOf([one], at(other, 'Document01.part'))).toEqual([{ verified: true, manifests: '0/2' }])
  })

  const verdictsOf = (group: readonly Built[], instead?: string) => {
    const named = group.flatMap(each => [
      [uniqueIdOf(each), instead ?? at(each, 'Document01.part')] as const,
      [each.set, undefined] as const,
    ])
    const signatures = group.map(each => at(each, 'Signature01.part'))
    return manifestVerdicts(signatures, trust, Object.fromEntries(named))
  }

  test('has a VIHF that xmlsec1 verifies', () => {
    const envelopes = built.map(each => at(each, 'envelope'))
    expect(signatureVerdicts(envelopes, trust, ...ASSERTION_IDS)).toEqual(built.map(() => ({ verified: true, manifests: '0/0' })))
    const forged = join(folder, 'forged')
    writeFileSync(forged, readFileSync(envelopes[0] ?? '', 'utf8').replace('urn:dmp<', 'urn:dmq<'))
    expect(isVerified(forged, trust, ...ASSERTION_IDS)).toBe(false)
  })
})

function uniqueIdOf({ request }: Built): string {
  return request.entries[0]?.uniqueId ?? ''
}

/** Groups in which every uniqueId is of one document: samples use some of them twice. */
function groups(built: readonly Built[]): Built[][] {
  const all: Map<string, Built>[] = []
  for (const each of built) {
    const free = all.find(group => !group.has(uniqueIdOf(each)))
    if (free) free.set(uniqueIdOf(each), each)
    else all.push(new Map([[uniqueIdOf(each), each]]))
  }
  return all.map(group => [...group.values()])
}

/** Builds a request of every document of the samples that the builder takes, as `pli dmp submission` would. */
async function buildAll(folder: string, built: Built[]): Promise<Trust> {
  const now = new Date()
  const { pki, signers } = await signing(now)
  const headers = askOracle(corpus()).flatMap(({ file, documents }) => documents.map(each => ({ file, ...each })))
  for (const file of new Set(headers.filter(({ french }) => french).map(each => each.file))) {
    const recognition = await recogniseFile(file, readFileSync(corpus(file)), DEFAULT_LIMITS)
    for (const document of recognition.documents) {
      const header = headers.find(each => each.file === file && each.sha256 === document.sha256)?.header
      if (!header) continue
      const [who, what] = [authorAsSender(document), authorAsFiler(document, policy)]
      const replaces = document.cda?.replaces === undefined ? {} : { replaces: PARENT }
      const request = attempt(() => buildSubmission(document, contextOf(signers, now, { sender: who, policy: what, ...replaces })))
      const fileable = decide(document, recognition, who, what).action === 'file'
      if (!request && fileable) throw new Error(`${file} would be filed, and can't be built`)
      if (!request) continue
      const name = `request-${built.length + 1}`
      writeFileSync(join(folder, `${name}.type`), request.contentType)
      writeFileSync(join(folder, `${name}.request`), request.body)
      built.push({ name, file, document, header, fileable, set: request.submissionSetUniqueId, request: undefined as never })
    }
  }
  const opened = openRequests(
    folder,
    built.map(({ name }) => name),
  )
  for (const [index, each] of built.entries()) each.request = opened[index] as OracleRequest
  return savedTrust(folder, pki.authorities)
}

function savedTrust(folder: string, authorities: readonly string[]): Trust {
  const [root = '', authority = ''] = authorities.map((pem, index) => {
    const file = join(folder, `authority-${index}.pem`)
    writeFileSync(file, pem)
    return file
  })
  return { root, authority }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
