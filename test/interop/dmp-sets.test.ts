import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../dmp-bridge/caps.ts'
import { buildDeletion } from '../../dmp-bridge/deletion-request.ts'
import type { Signers } from '../../dmp-bridge/envelope.ts'
import { recogniseFile } from '../../dmp-bridge/recognise.ts'
import { buildSubmission } from '../../dmp-bridge/submission.ts'
import { hasCorpus } from '../support/corpus.ts'
import { prepareSchemas, schemaFaults, soapBody, withAttachments } from '../support/schemas.ts'
import { has } from '../support/tools.ts'
import { ASSERTION_IDS, isVerified, manifestVerdicts, type Trust } from '../support/xmlsec.ts'
import { contextOf, signing } from '../unit/dmp-bridge/dmp-world.ts'
import { cdaOf, policy } from '../unit/dmp-bridge/samples.ts'
import { type Package, readPackage } from '../world/dmp-simulator/multipart.ts'
import { samplePatient } from '../world/letter.ts'

const now = new Date()
const SET = ['2.25.1', '2.25.2', '2.25.3']
let folder: string
let signers: Signers
let trust: Trust
let request: Package

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pli-sets-'))
  if (hasCorpus) prepareSchemas(folder)
  const signed = await signing(now)
  signers = signed.signers
  const [root = '', authority = ''] = signed.pki.authorities
  trust = { root: saved('root.pem', root), authority: saved('authority.pem', authority) }
  const documents = await Promise.all(
    SET.map(async uniqueId => (await recogniseFile('a.xml', Buffer.from(cdaOf({ uniqueId, now })), DEFAULT_LIMITS)).documents[0]!),
  )
  const { contentType, body } = buildSubmission(documents, contextOf(signers, now))
  request = readPackage(contentType, body)
})

afterAll(() => rmSync(folder, { recursive: true }))

function saved(name: string, content: string | Buffer): string {
  const file = join(folder, name)
  writeFileSync(file, content)
  return file
}

function deletion(vihf: '3.0' | '4.0'): string {
  const target = {
    entryUuid: 'urn:uuid:1b0c2f0e-5d0c-4c55-9d06-0d6c7b6c6c11',
    ins: { matricule: samplePatient.ins ?? '', oid: samplePatient.insOid },
    structure: policy.structure,
  }
  return buildDeletion(target, { ...contextOf(signers, now), vihf }).envelope
}

describe.skipIf(!hasCorpus || !has('xmllint'))('xmllint', () => {
  test('accepts a submission of three documents', () => {
    const body = soapBody(withAttachments(request.root.toString(), request.parts))
    expect(body.match(/<rim:ExtrinsicObject /g)).toHaveLength(4)
    expect(body.match(/AssociationType:HasMember/g)).toHaveLength(4)
    expect(schemaFaults(folder, 'IHE/IHEXDSB.xsd', { set: body })).toBe('')
  })

  test('accepts the request of TD3.3c', () => {
    expect(schemaFaults(folder, 'ebRS30/lcm.xsd', { deletion: soapBody(deletion('3.0')) })).toBe('')
  })
})

describe.skipIf(!has('xmlsec1'))('xmlsec1', () => {
  test('verifies the one signature of three documents, and digests each of them', () => {
    const parts = [...request.parts.values()]
    expect(parts).toHaveLength(4)
    const files = parts.map((part, index) => saved(`part-${index}`, part))
    const set = /urn:oid:([\d.]+)"[^<]*>(?:(?!urn:oid:).)*AA==/s.exec(parts[3]?.toString() ?? '')?.[1] ?? ''
    const named = Object.fromEntries([...SET.map((uniqueId, index) => [uniqueId, files[index]] as const), [set, undefined]])
    expect(manifestVerdicts([files[3] ?? ''], trust, named)).toEqual([{ verified: true, manifests: '3/4' }])
    const swapped = { ...named, [SET[1] ?? '']: files[0] }
    expect(manifestVerdicts([files[3] ?? ''], trust, swapped)).toEqual([{ verified: true, manifests: '2/4' }])
  })

  test.each(['3.0', '4.0'] as const)('verifies a VIHF %s', vihf => {
    const envelope = deletion(vihf)
    expect(envelope).toContain(`<saml2:AttributeValue>${vihf}<`)
    expect(isVerified(saved('signed.xml', envelope), trust, ...ASSERTION_IDS)).toBe(true)
    expect(isVerified(saved('forged.xml', envelope.replace(`>${vihf}<`, '>5.0<')), trust, ...ASSERTION_IDS)).toBe(false)
  })
})
