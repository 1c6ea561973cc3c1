import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Inspection } from '../../dmp-bridge/index.ts'
import { pli, pliWith } from '../support/cli.ts'
import { corpus, hasCorpus } from '../support/corpus.ts'
import { prepareSchemas, schemaFaults, soapBody, withAttachments } from '../support/schemas.ts'
import { has } from '../support/tools.ts'
import { ASSERTION_IDS, isVerified, SUBMISSION_IDS, type Trust } from '../support/xmlsec.ts'
import { type Package, readPackage } from '../world/dmp-simulator/multipart.ts'
import { issueKeys, writeConfiguration } from '../world/operator.ts'
import { createPki } from '../world/pki.ts'

/** Examples spread over the list: of all of them, `dmp-submissions` judges the same requests without a process for each. */
const COUNT = 4

let folder: string
let configuration: string
let trust: Trust
const inspections = new Map<string, Inspection['documents'][number]>()

/** What `pli dmp submission` wrote for one file, taken apart by the code of the DMP simulator, which knows nothing of ours. */
interface Written extends Package {
  file: string
  uniqueId: string
  document: Buffer
  signature: Buffer
  envelope: string
}

beforeAll(async () => {
  if (!hasCorpus) return
  folder = mkdtempSync(join(tmpdir(), 'pli-submission-cli-'))
  prepareSchemas(folder)
  ;({ configuration, trust } = await installOperator())
  const files = readdirSync(corpus('cda', '3-0')).map(name => corpus('cda', '3-0', name))
  const { stdout } = await pli('dmp', 'inspect', ...files, '--json')
  for (const { file, documents } of JSON.parse(stdout) as Inspection[]) if (documents[0]) inspections.set(file, documents[0])
})

afterAll(() => {
  if (folder) rmSync(folder, { recursive: true })
})

describe.skipIf(!hasCorpus || !has('xmllint') || !has('xmlsec1'))('pli dmp submission', () => {
  const written: Written[] = []

  test('writes a request for every kind of document that would be filed', async () => {
    const files = filesThat('file')
    expect(files.length).toBeGreaterThan(COUNT)
    const some = Array.from({ length: COUNT }, (_, index) => files[Math.floor((index * files.length) / COUNT)] as string)
    for (const pair of pairsOf(some)) written.push(...(await Promise.all(pair.map(file => writeRequest(file, '-c', configuration)))))
    expect(written).toHaveLength(COUNT)
  }, 120_000)

  test('its SOAP body is valid by the schemas of ITI-41', () => {
    const bodies = written.map(({ file, envelope, parts }) => [basename(file, '.xml'), soapBody(withAttachments(envelope, parts))])
    expect(schemaFaults(folder, 'IHE/IHEXDSB.xsd', Object.fromEntries(bodies))).toBe('')
  })

  test('it carries the document octet by octet, under its own uniqueId', () => {
    for (const { file, document, uniqueId, envelope } of written) {
      expect(document.equals(readFileSync(file)), file).toBe(true)
      expect(uniqueId).toBe(inspections.get(basename(file))?.document?.uniqueId)
      expect(envelope).toContain(`value="${uniqueId}"`)
    }
  })

  test('xmlsec1 verifies the signature of the VIHF, inside its envelope', () => {
    for (const { file, envelope } of written) {
      expect(isVerified(saved(envelope), trust, ...ASSERTION_IDS), file).toBe(true)
      expect(isVerified(saved(envelope.replace('urn:dmp', 'urn:dmq')), trust, ...ASSERTION_IDS), file).toBe(false)
    }
  })

  test('xmlsec1 verifies the XAdES signature of the submission set', () => {
    for (const { file, signature, uniqueId } of written) {
      const xml = signature.toString()
      expect(xml).toContain(`urn:oid:${uniqueId}"`)
      expect(isVerified(saved(xml), trust, ...SUBMISSION_IDS), file).toBe(true)
      expect(isVerified(saved(xml.replace(`urn:oid:${uniqueId}"`, 'urn:oid:1.2.3"')), trust, ...SUBMISSION_IDS), file).toBe(false)
    }
  })

  test('without a configuration it signs with test keys, and leaves none behind', async () => {
    const TMPDIR = mkdtempSync(join(folder, 'tmp-'))
    const out = join(folder, 'desk.mtom')
    const { status, stdout } = await pliWith({ TMPDIR }, 'dmp', 'submission', newFile(), '--out', out)
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^Content-Type: multipart\/related; [^\n]*\n$/) })
    expect(readFileSync(out, 'latin1').match(/<ds:SignatureValue>/g)).toHaveLength(2)
    expect(readdirSync(TMPDIR)).toEqual([])
  })

  test('refuses what would be held, in one sentence, and writes nothing', async () => {
    const out = join(folder, 'refused.mtom')
    for (const file of [filesThat('hold')[0] as string, corpus('xdm', 'us', 'nist_xdm.zip')]) {
      const { status, stdout, stderr } = await pli('dmp', 'submission', file, '--out', out, '-c', configuration)
      expect({ status, stdout, lines: stderr.trim().split('\n').length }).toEqual({ status: 1, stdout: '', lines: 1 })
      const reasons = inspections.get(basename(file))?.reasons.map(({ reason }) => reason)
      if (reasons) expect(stderr).toBe(`pli: it would not be sent: hold, ${reasons.join(', ')}\n`)
      else expect(stderr).toMatch(/^pli: no document in .*: text/)
    }
    expect(readdirSync(folder)).not.toContain('refused.mtom')
  })
})

/** An operator's configuration with keys of a fictional IGC, and what xmlsec1 needs to trust them. */
async function installOperator(): Promise<{ configuration: string; trust: Trust }> {
  const pki = await createPki({ now: new Date() })
  const { anchors, crls } = await pki.write(join(folder, 'pki'))
  const keys = await issueKeys(pki, 'alpha', join(folder, 'keys'))
  const [whiteList, directory] = [join(folder, 'list.xml'), join(folder, 'directory.sqlite')]
  for (const file of [whiteList, directory]) writeFileSync(file, '') // must be there, and are not read
  const files = await writeConfiguration({
    name: 'alpha',
    folder: join(folder, 'alpha'),
    ports: { submission: 587, submissions: 465, reception: 25 },
    keys,
    shared: { anchors, crls, whiteList, directory, whiteListSigner: 'liste-blanche.pli.example' },
    routes: {},
    dmpUrl: 'https://dmp.invalid',
  })
  const [root = '', authority = ''] = pki.authorities.map((pem, index) => {
    const file = join(folder, `authority-${index}.pem`)
    writeFileSync(file, pem)
    return file
  })
  return { configuration: files.configuration, trust: { root, authority } }
}

/** One that replaces no other. */
function newFile(): string {
  return filesThat('file').find(file => !inspections.get(basename(file))?.document?.replaces) as string
}

function filesThat(decision: 'file' | 'hold'): string[] {
  const names = [...inspections].filter(([, document]) => document.decision === decision).map(([name]) => name)
  return names.sort().map(name => corpus('cda', '3-0', name))
}

async function writeRequest(file: string, ...options: string[]): Promise<Written> {
  const out = join(folder, `${basename(file)}.mtom`)
  const replaces = inspections.get(basename(file))?.document?.replaces
    ? ['--replaces', 'urn:uuid:1b0c2f0e-5d0c-4c55-9d06-0d6c7b6c6c11']
    : []
  const { status, stdout, stderr } = await pli('dmp', 'submission', file, '--out', out, '--json', ...replaces, ...options)
  if (status !== 0) throw new Error(`${basename(file)}: ${stderr}`)
  const { contentType, uniqueIds } = JSON.parse(stdout) as { contentType: string; uniqueIds: [string] }
  const { root, parts } = readPackage(contentType, readFileSync(out))
  const [document, signature] = [...parts.values()]
  if (!document || !signature || parts.size !== 2) throw new Error(`${basename(file)}: not two parts`)
  return { file, uniqueId: uniqueIds[0], root, parts, document, signature, envelope: root.toString() }
}

function saved(xml: string): string {
  const file = join(folder, 'signed.xml')
  writeFileSync(file, xml)
  return file
}

function pairsOf<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / 2) }, (_, index) => items.slice(2 * index, 2 * index + 2))
}
