import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientTls, createIdentity, loadAnchors } from '../../../crypto/index.ts'
import { DEFAULT_LIMITS } from '../../../dmp-bridge/caps.ts'
import { decide, type Policy } from '../../../dmp-bridge/decide.ts'
import type { Dmp } from '../../../dmp-bridge/dmp.ts'
import { dmpClient } from '../../../dmp-bridge/dmp-client.ts'
import type { Signers } from '../../../dmp-bridge/envelope.ts'
import { authorAsFiler, authorAsSender } from '../../../dmp-bridge/inspect.ts'
import { recogniseFile } from '../../../dmp-bridge/recognise.ts'
import { buildSubmission, prepareSubmission } from '../../../dmp-bridge/submission.ts'
import { corpus, hasCorpus } from '../../support/corpus.ts'
import { type DmpSimulator, startDmpSimulator } from '../../world/dmp-simulator/index.ts'
import { sampleAuthor, samplePatient } from '../../world/letter.ts'
import { contextOf, signersOf, software } from './dmp-world.ts'
import { cdaOf, ids, otherPatient, policy, read, sender, UNIQUE_ID } from './samples.ts'

const now = new Date(Math.floor(Date.now() / 1000) * 1000)
/** Of the 83 examples, without those that replace another (corpus.test.ts says why the others are held). */
const FILEABLE = 50
const SITE = '1120459876'
const examples = hasCorpus
  ? readdirSync(corpus('cda', '3-0'))
      .sort()
      .map(name => corpus('cda', '3-0', name))
  : []
let folder: string
let dmp: DmpSimulator
let client: Dmp
let signers: Signers

beforeAll(async () => {
  const { createPki } = await import('../../world/pki.ts')
  folder = await mkdtemp(join(tmpdir(), 'pli-submission-'))
  const pki = await createPki({ now })
  const issue = (kind: 'server' | 'client' | 'signature') =>
    pki.issue({ kind, commonName: 'localhost', organization: 'Cabinet Fictif & fils', structure: policy.structure })
  const [server, tls, signature] = await Promise.all([issue('server'), issue('client'), issue('signature')])
  const identityOf = (issued: { certificatePem: string; keyPem: string }) =>
    createIdentity({ certificatePem: issued.certificatePem + pki.authorities[1], keyPem: issued.keyPem })
  signers = signersOf(identityOf(signature))
  dmp = await startDmpSimulator({
    tls: { ...server, chainPem: pki.authorities.slice(1), anchors: pki.authorities, crls: pki.crls() },
    now: () => now.getTime(),
    patients: 'any',
    requireHomologation: software.homologation,
    sites: { [policy.structure]: [SITE, ...(await corpusStructures())] },
  })
  const anchors = loadAnchors(await pki.write(folder))
  client = dmpClient({
    baseUrl: dmp.url,
    tls: () => clientTls({ identity: identityOf(tls), anchors, identifiedBy: 'name' }),
    software,
    signers,
    timeoutMs: 20_000,
  })
})

/** The structures of the authors of the public examples: the fictional certificate speaks for all of them. */
async function corpusStructures(): Promise<string[]> {
  const documents = await Promise.all(
    examples.map(async file => (await recogniseFile(file, readFileSync(file), DEFAULT_LIMITS)).documents[0]),
  )
  return [...new Set(documents.flatMap(each => each?.cda?.authors.flatMap(author => author.structures) ?? []))]
}

afterAll(async () => {
  await client?.close()
  await dmp?.close()
  if (folder) await rm(folder, { recursive: true })
})

async function submit(name: string, bytes: string | Buffer, what: Policy = policy, who = sender): Promise<unknown> {
  const recognition = await recogniseFile(name, Buffer.from(bytes as string), DEFAULT_LIMITS)
  const request = await client.prepare([recognition.documents[0]!], { sender: who, policy: what, now, newId: randomUUID })
  if ('unfit' in request) return request
  const outcome = await client.file(request)
  return outcome.kind === 'filed' ? 'filed' : [outcome, dmp.requests.at(-1)?.problems ?? dmp.requests.at(-1)?.reason]
}

describe('a DMP that was written without us', () => {
  test('takes an ordinary letter, byte for byte, and knows it again', async () => {
    const crlf = cdaOf({ now }).replaceAll('\n', '\r\n')
    expect(await submit('a.xml', crlf)).toBe('filed')
    const filed = dmp.filed.find(each => each.uniqueId === UNIQUE_ID)
    expect(filed?.bytes.equals(Buffer.from(crlf))).toBe(true)
    const ins = { matricule: samplePatient.ins ?? '', oid: samplePatient.insOid }
    const context = { sender, policy, now, newId: randomUUID }
    expect(await client.findByUniqueId(UNIQUE_ID, ins, context)).toEqual({ kind: 'found', entryUuid: filed?.entryUUID })
    expect(await client.findByUniqueId('2.25.404', ins, context)).toEqual({ kind: 'absent' })
    expect(await client.exists(ins, context)).toMatchObject({ kind: 'status', status: 'active' })
  })

  test('takes names, titles and structures with every character that XML and HL7 reserve', async () => {
    const structure = { ...sampleAuthor.structure, name: 'L’été & <fils> ^"^ |~\\' }
    const author = { ...sampleAuthor, lastName: "D'ÉTÉ & ^FILS^", structure }
    const patient = { ...samplePatient, birthName: 'O’TEST & <"^|~\\>' }
    expect(
      await submit('a.xml', cdaOf({ now, uniqueId: '2.25.71', author, patient, title: 'Lettre « é » & <b>"x"</b>\n à la ligne' })),
    ).toBe('filed')
  })

  test('takes the letter that an organisation’s box sends for its author', async () => {
    const { idNatPs: _, ...box } = sender
    expect(await submit('a.xml', cdaOf({ now, uniqueId: '2.25.72' }), policy, box)).toBe('filed')
  })

  test('takes the letter of a site of the legal entity', async () => {
    const site = { ...sampleAuthor, structure: { ...sampleAuthor.structure, id: SITE } }
    const what = { ...policy, sites: [SITE] }
    expect(await submit('a.xml', cdaOf({ now, uniqueId: '2.25.73', author: site }), what)).toBe('filed')
  })
})

describe.skipIf(!hasCorpus)('public examples that are decided to be filed', () => {
  test('are taken by the DMP', async () => {
    const outcomes: Record<string, unknown> = {}
    for (const file of examples) {
      const bytes = readFileSync(file)
      const recognition = await recogniseFile(file, bytes, DEFAULT_LIMITS)
      const document = recognition.documents[0]!
      const [who, what] = [authorAsSender(document), authorAsFiler(document, policy)]
      const isNew = document.cda?.replaces === undefined // the parents of the others are in no DMP
      if (isNew && decide(document, recognition, who, what, { now }).action === 'file')
        outcomes[basename(file)] = await submit(file, bytes, what, who)
    }
    expect(Object.entries(outcomes).filter(([, outcome]) => outcome !== 'filed')).toEqual([])
    expect(Object.keys(outcomes)).toHaveLength(FILEABLE)
  })
})

describe('one request', () => {
  const documentOf = async (xml: string) => (await read('a.xml', xml)).documents[0]!

  test('has a new submission set each time, and the document’s own id for ever', async () => {
    const document = await documentOf(cdaOf())
    const [one, two] = [
      buildSubmission(document, contextOf(signers, now)),
      buildSubmission(document, contextOf(signers, now, { newId: randomUUID })),
    ]
    expect(one.uniqueIds).toEqual([UNIQUE_ID])
    expect(two.uniqueIds).toEqual([UNIQUE_ID])
    expect(one.submissionSetUniqueId).toMatch(/^2\.25\.\d+$/)
    expect(one.submissionSetUniqueId).not.toBe(two.submissionSetUniqueId)
  })

  test('of a document whose XML is nested beyond any sense is told as data, not thrown', async () => {
    const deep = cdaOf().replace('</ClinicalDocument>', `${'<x>'.repeat(600)}${'</x>'.repeat(600)}</ClinicalDocument>`)
    const document = { ...(await documentOf(cdaOf())), content: Buffer.from(deep) }
    expect(prepareSubmission([document], contextOf(signers, now))).toEqual({ unfit: 'too-complex' })
    expect(() => prepareSubmission([{ ...document, content: Buffer.from('<a>') }], contextOf(signers, now))).toThrow('well-formed')
  })

  test('is of one patient, one depositor, and each document once; what replaces another goes alone', async () => {
    const [one, two] = [await documentOf(cdaOf()), await documentOf(cdaOf({ uniqueId: '2.25.2' }))]
    const { uniqueIds } = buildSubmission([one, two], contextOf(signers, now))
    expect(uniqueIds).toEqual([UNIQUE_ID, '2.25.2'])
    const other = await documentOf(cdaOf({ uniqueId: '2.25.3', patient: otherPatient }))
    const replacing = { ...two, cda: { ...two.cda!, replaces: '2.25.9' } }
    for (const [lot, replaces] of [
      [[one, one]],
      [[one, other]],
      [[]],
      [[one, replacing]],
      [[replacing, { ...replacing }], 'urn:uuid:1'],
    ] as const)
      expect(() => buildSubmission(lot, contextOf(signers, now, replaces ? { replaces } : {}))).toThrow()
  })

  test('is the same, bit for bit, when time and ids are', async () => {
    const document = await documentOf(cdaOf())
    const build = () => buildSubmission(document, contextOf(signers, now, { newId: ids() }))
    expect(build()).toEqual(build())
  })

  test('carries the exact bytes of the document, once', async () => {
    const xml = cdaOf().replaceAll('\n', '\r\n')
    const { body } = buildSubmission(await documentOf(xml), contextOf(signers, now))
    const at = body.indexOf(Buffer.from(xml))
    expect(at).toBeGreaterThan(0)
    expect(body.indexOf(Buffer.from(xml), at + 1)).toBe(-1)
  })

  test('is never built for what would be held for its patient or its codes', async () => {
    for (const xml of [cdaOf({ patient: { ...samplePatient, ins: '' } }), cdaOf({ type: { code: 'x', label: 'x' } }), 'x']) {
      const { documents } = await read('a.xml', xml)
      expect(() => buildSubmission(documents[0] ?? ({ faults: [] } as never), contextOf(signers, now))).toThrow()
    }
    const document = await documentOf(cdaOf())
    expect(() => buildSubmission(document, contextOf(signers, now, { policy: { ...policy, structure: '1750000018' } }))).toThrow()
  })
})
