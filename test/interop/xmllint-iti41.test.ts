import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../dmp-bridge/caps.ts'
import { decide } from '../../dmp-bridge/decide.ts'
import type { Signers } from '../../dmp-bridge/envelope.ts'
import { buildLookup } from '../../dmp-bridge/lookup.ts'
import { recogniseFile } from '../../dmp-bridge/recognise.ts'
import { buildSubmission } from '../../dmp-bridge/submission.ts'
import { hasCorpus } from '../support/corpus.ts'
import { prepareSchemas, schemaFaults, soapBody, withAttachments } from '../support/schemas.ts'
import { has } from '../support/tools.ts'
import { contextOf, signing } from '../unit/dmp-bridge/dmp-world.ts'
import { cdaOf, policy, sender } from '../unit/dmp-bridge/samples.ts'
import { readPackage } from '../world/dmp-simulator/multipart.ts'

const now = new Date()
let folder: string
let signers: Signers

beforeAll(async () => {
  if (!hasCorpus) return
  folder = mkdtempSync(join(tmpdir(), 'pli-xsd-'))
  prepareSchemas(folder)
  signers = (await signing(now)).signers
})

afterAll(() => {
  if (folder) rmSync(folder, { recursive: true })
})

function bodyOf(contentType: string, body: Buffer): string {
  const { root, parts } = readPackage(contentType, body)
  return soapBody(withAttachments(root.toString(), parts))
}

const faultsOf = (schema: string, texts: Record<string, string>) => schemaFaults(folder, schema, texts)

async function requestOf(bytes: Buffer): Promise<string> {
  const recognition = await recogniseFile('a.xml', bytes, DEFAULT_LIMITS)
  const document = recognition.documents[0]!
  expect(decide(document, recognition, sender, policy)).toEqual({ action: 'file' })
  const request = buildSubmission(document, contextOf(signers, now))
  return bodyOf(request.contentType, request.body)
}

describe.skipIf(!hasCorpus || !has('xmllint'))('xmllint with the schemas of ITI-41', () => {
  test('accepts characters that XML reserves, and refuses what is out of order', async () => {
    const request = await requestOf(Buffer.from(cdaOf({ title: '« é » & <b> "x" \'y\'' })))
    expect(faultsOf('IHE/IHEXDSB.xsd', { reserved: request })).toBe('')
    const late = request.replace(/(<rim:Name>.*?<\/rim:Name>)(<rim:Classification.*?<\/rim:Classification>)/, '$2$1')
    expect(late).not.toBe(request)
    expect(faultsOf('IHE/IHEXDSB.xsd', { late })).toMatch(/rim:|Name/)
  })

  test('accepts the query of TD3.1b', () => {
    const { envelope } = buildLookup('1.2.3', {
      ...contextOf(signers, now),
      ins: { matricule: '279035121518989', oid: '1.2.250.1.213.1.4.10' },
    })
    expect(faultsOf('ebRS30/query.xsd', { lookup: soapBody(envelope) })).toBe('')
  })
})
