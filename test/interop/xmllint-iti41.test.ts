import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../dmp-bridge/caps.ts'
import { decide } from '../../dmp-bridge/decide.ts'
import type { Signers } from '../../dmp-bridge/envelope.ts'
import { authorAsFiler, authorAsSender } from '../../dmp-bridge/inspect.ts'
import { buildLookup } from '../../dmp-bridge/lookup.ts'
import { recogniseFile } from '../../dmp-bridge/recognise.ts'
import { buildSubmission } from '../../dmp-bridge/submission.ts'
import { corpus, hasCorpus } from '../support/corpus.ts'
import { has, tool } from '../support/tools.ts'
import { contextOf, signing } from '../unit/dmp-bridge/dmp-world.ts'
import { cdaOf, policy, sender } from '../unit/dmp-bridge/samples.ts'

const now = new Date()
let folder: string
let signers: Signers

beforeAll(async () => {
  if (!hasCorpus) return
  folder = mkdtempSync(join(tmpdir(), 'pli-xsd-'))
  cpSync(corpus('schema', 'ipf', 'wsdl', 'schema'), join(folder, 'schema'), { recursive: true })
  // libxml2 skips the import of a namespace that it has met already: xcf.xsd must be included by name.
  const main = join(folder, 'schema', 'IHE', 'IHEXDSB.xsd')
  writeFileSync(main, readFileSync(main, 'utf8').replace(/(<xs:schema [^>]*>)/, '$1<xs:include schemaLocation="xcf.xsd"/>'))
  signers = (await signing(now)).signers
})

afterAll(() => {
  if (folder) rmSync(folder, { recursive: true })
})

/** @returns what xmllint says of these texts, empty when all are valid */
function faultsOf(schema: string, texts: Record<string, string>): string {
  const files = Object.entries(texts).map(([name, text]) => {
    const file = join(folder, `${name}.request`)
    writeFileSync(file, text)
    return file
  })
  const { status, stderr } = spawnSync(tool('xmllint'), ['--noout', '--nonet', '--schema', join(folder, 'schema', schema), ...files], {
    encoding: 'utf8',
  })
  return status === 0 ? '' : stderr
}

/** The body of the request, its attachments put back in the place of the references (what MTOM means: XOP 1.0 §1). */
function bodyOf(contentType: string, body: Buffer): string {
  const boundary = /boundary="([^"]+)"/.exec(contentType)?.[1]
  const [root = '', ...attached] = body.toString('latin1').split(`--${boundary}`).slice(1, -1)
  const contents = attached.map(part => part.slice(part.indexOf('\r\n\r\n') + 4, -2))
  const xml = Buffer.from(root, 'latin1').toString()
  let index = 0
  const inlined = xml.replace(/<xop:Include [^>]*\/>/g, () => Buffer.from(contents[index++] ?? '', 'latin1').toString('base64'))
  return inlined.slice(inlined.indexOf('<env:Body>') + '<env:Body>'.length, inlined.lastIndexOf('</env:Body>'))
}

async function requestOf(name: string, bytes: Buffer, isStrict = false): Promise<string | undefined> {
  const recognition = await recogniseFile(name, bytes, DEFAULT_LIMITS)
  const document = recognition.documents[0]!
  const [who, what] = isStrict ? [sender, policy] : [authorAsSender(document), authorAsFiler(document, policy)]
  if (decide(document, recognition, who, what).action !== 'file') return undefined
  const request = buildSubmission(document, contextOf(signers, now, { sender: who, policy: what }))
  return bodyOf(request.contentType, request.body)
}

describe.skipIf(!hasCorpus || !has('xmllint'))('xmllint with the schemas of ITI-41', () => {
  test('accepts the request of every public example that would be filed', async () => {
    const names = readdirSync(corpus('cda', '3-0')).sort()
    const requests: Record<string, string> = {}
    for (const name of names) {
      const request = await requestOf(name, readFileSync(corpus('cda', '3-0', name)))
      if (request) requests[basename(name, '.xml')] = request
    }
    expect(Object.keys(requests)).toHaveLength(50)
    expect(faultsOf('IHE/IHEXDSB.xsd', requests)).toBe('')
  })

  test('accepts characters that XML reserves, and refuses what is out of order', async () => {
    const request = (await requestOf('a.xml', Buffer.from(cdaOf({ title: '« é » & <b> "x" \'y\'' })), true)) ?? ''
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
    const body = envelope.slice(envelope.indexOf('<env:Body>') + '<env:Body>'.length, envelope.lastIndexOf('</env:Body>'))
    expect(faultsOf('ebRS30/query.xsd', { lookup: body })).toBe('')
  })
})
