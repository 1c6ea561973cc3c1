import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createIdentity, type Identity, loadAnchors, signEnveloped, signSubmissionSet, verifyEnveloped } from '../../crypto/index.ts'
import { parseTree } from '../../crypto/xml/tree.ts'
import { corpus, hasCorpus } from '../support/corpus.ts'
import { has, tool } from '../support/tools.ts'
import { ASSERTION_IDS, isVerified, SUBMISSION_IDS } from '../support/xmlsec.ts'
import { createPki, type Pki } from '../world/pki.ts'

const now = new Date()
const ASSERTION =
  '<saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a1" Version="2.0"><saml2:Issuer>x</saml2:Issuer><saml2:Subject/></saml2:Assertion>'

let folder: string
let pki: Pki
let identity: Identity

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-xmlsec-'))
  pki = await createPki({ now })
  const issued = await pki.issue({
    kind: 'signature',
    organization: 'CABINET FICTIF',
    structure: '1750000001',
    commonName: 'signature.test',
  })
  identity = createIdentity({ certificatePem: issued.certificatePem + pki.authorities[1], keyPem: issued.keyPem })
  await writeFile(join(folder, 'trusted.pem'), pki.authorities[0]!)
  await writeFile(join(folder, 'organisations.pem'), pki.authorities[1]!)
})

afterAll(() => rm(folder, { recursive: true }))

/** @returns whether xmlsec1 accepts the signature with a chain to our test root */
async function accepts(xml: string, ...options: string[]): Promise<boolean> {
  const file = join(folder, 'signed.xml')
  await writeFile(file, xml)
  return isVerified(file, { root: join(folder, 'trusted.pem'), authority: join(folder, 'organisations.pem') }, ...options)
}

describe.skipIf(!has('xmlsec1'))('xmlsec1', () => {
  test('verifies our signed list and refuses it altered', async () => {
    const list = '<List xmlns="urn:list" xmlns:u="urn:unused"><!-- note --><Name u:a="1" b="&#9;">é &amp; b&#13;</Name>\n</List>'
    const signed = signEnveloped(list, { identity, where: 'end-of-root' })
    expect(await accepts(signed)).toBe(true)
    expect(await accepts(signed.replace('é', 'e'))).toBe(false)
  })

  test('verifies our signed assertion and refuses it altered', async () => {
    const signed = signEnveloped(ASSERTION, { identity, referenceId: '_a1', where: { afterChild: 'Issuer' } })
    expect(await accepts(signed, ...ASSERTION_IDS)).toBe(true)
    expect(await accepts(signed.replace('>x<', '>y<'), ...ASSERTION_IDS)).toBe(false)
    const embedded = `<s:Envelope xmlns:s="urn:soap" xmlns:ds="urn:other" xmlns="urn:default">\n${signed}</s:Envelope>`
    expect(await accepts(embedded, ...ASSERTION_IDS)).toBe(true)
  })

  test('signs a list that we verify', async () => {
    const template = signEnveloped('<List xmlns="urn:list"><Name>é</Name></List>', { identity, where: 'end-of-root' })
      .replace(/(<ds:(DigestValue|SignatureValue)>)[^<]*/g, '$1')
      .replace(/<ds:X509Certificate>[^<]*<\/ds:X509Certificate>/, '')
    const issued = await pki.issue({ kind: 'signature', organization: 'LISTE FICTIVE', structure: '3000000000000', commonName: 'alb.test' })
    await writeFile(join(folder, 'template.xml'), template)
    await writeFile(join(folder, 'alb.pem'), issued.certificatePem)
    await writeFile(join(folder, 'alb.key.pem'), issued.keyPem)
    const key = `${join(folder, 'alb.key.pem')},${join(folder, 'alb.pem')}`
    const signed = execFileSync(tool('xmlsec1'), ['--sign', '--privkey-pem', key, join(folder, 'template.xml')], { encoding: 'utf8' })
    const anchors = loadAnchors(await pki.write(join(folder, 'authorities')))
    expect(verifyEnveloped(signed, { anchors, at: now, signerName: 'alb.test' }).signed).toBe(
      '<List xmlns="urn:list"><Name>é</Name></List>',
    )
  })

  test.each(['sha256', 'sha1'] as const)('verifies our signature of a submission set (%s) and refuses it altered', async algorithm => {
    const documents = [{ uniqueId: '1.2.250.1.999.2', content: Buffer.from('<?xml version="1.0"?><?pi x?><a b="1"><!-- c --></a>') }]
    const signed = signSubmissionSet({
      identity,
      submissionSetUniqueId: '1.2.250.1.999.1',
      documents,
      now,
      signatureId: 'Signature01',
      algorithm,
    })
    expect(await accepts(signed, ...SUBMISSION_IDS)).toBe(true)
    expect(await accepts(signed.replace('1.2.250.1.999.2', '1.2.250.1.999.3'), ...SUBMISSION_IDS)).toBe(false)
    expect(await accepts(signed.replace('<xades:SigningTime>2', '<xades:SigningTime>3'), ...SUBMISSION_IDS)).toBe(false)
  })
})

describe.skipIf(!has('xmllint') || !hasCorpus)('the manifest', () => {
  test('holds the digest of what libxml2 takes for the canonical form of each document', async () => {
    const names = (await readdir(corpus('cda', '3-0'))).filter(name => /\.xml$/i.test(name)).slice(0, 5)
    const contents = await Promise.all(names.map(name => readFile(corpus('cda', '3-0', name))))
    const documents = contents.map((content, index) => ({ uniqueId: `1.2.250.1.999.2.${index}`, content }))
    const signed = signSubmissionSet({ identity, submissionSetUniqueId: '1.2.250.1.999.1', documents, now, signatureId: 'Signature01' })
    const manifest = parseTree(signed)
      .children.flatMap(({ children }) => children)
      .find(({ name }) => name === 'Manifest')!
    const digests = Object.fromEntries(manifest.children.map(({ attributes, children }) => [attributes.URI, children.at(-1)!.text]))
    const canonical = (name: string) => execFileSync(tool('xmllint'), ['--c14n', corpus('cda', '3-0', name)], { maxBuffer: 1 << 28 })
    const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('base64')
    expect(digests).toEqual({
      'urn:oid:1.2.250.1.999.1': 'AA==',
      ...Object.fromEntries(names.map((name, index) => [`urn:oid:1.2.250.1.999.2.${index}`, sha256(canonical(name))])),
    })
  })
})
