import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { DmpSimulator } from '../../world/dmp-simulator/index.ts'
import { createPki, type Issued } from '../../world/pki.ts'
import { type Draft, vihf, xades } from './dmp-request.ts'
import { closed, type DmpWorld, ins, now, openDmpWorld, otherStructure, structure, swap } from './dmp-world.ts'

let world: DmpWorld
let dmp: DmpSimulator
let draft: Draft

beforeAll(async () => {
  world = await openDmpWorld()
  dmp = world.dmp
})
afterAll(() => world[Symbol.asyncDispose]())
beforeEach(() => {
  dmp.setFault(undefined)
  draft = world.draft()
})

const send = (changes: Partial<Draft> = {}, client?: Issued) => world.send({ ...draft, ...changes }, client)

const named = swap('>Responsable<', '>810000000000<')
const professional = swap('code="AUTOMATE" codeSystem="1.2.250.1.213.1.1.4.6"', 'code="10" codeSystem="1.2.250.1.71.1.2.7"')

describe('signatures', () => {
  test.each([
    ['VIHF version', 'VIHF', swap('>3.0<', '>1.0<')],
    ['mode', 'VIHF', swap('INDIRECTE', 'DIRECTE')],
    ['structure', 'VIHF', swap(`>${structure}<`, `>${otherStructure}<`)],
    ['sector', 'VIHF', swap('SA07^', 'XX^')],
    ['role', 'VIHF', swap('AUTOMATE', 'ROBOT')],
    ['purpose', 'VIHF', swap('"normal"', '"urgence"')],
    ['authentication context', 'VIHF', swap(':unspecified', ':Password')],
    ['product', 'VIHF', swap(/<saml2:Attribute Name="LPS_ID_HOMOLOGATION_DMP">.*?<\/saml2:Attribute>/, '')],
    ['local time', 'VIHF', swap(/(?<=IssueInstant="[^"]*)Z/, '+01:00')],
    ['old assertion', 'VIHF', swap(/(?<=IssueInstant=")\d{4}/, '2020')],
  ])('a VIHF with a wrong %s is a SOAP fault', async (_, reason, vihf) => {
    const reply = await send({ bend: { vihf } })
    expect(reply).toMatchObject({ status: 400, codes: ['Sender'] })
    expect(reply.text).toContain(reason)
  })

  test.each([
    ['4.0 without a PS_IdNat', 'NameID', [swap('>3.0<', '>4.0<')]],
    ['4.0 of an automate without its service', 'subject-id', [swap('>3.0<', '>4.0<'), named, swap('Essai, modèle, service', 'Essai')]],
    [
      '4.0 of an automate that signed in',
      'Authentification_Mode',
      [swap('>3.0<', '>4.0<'), named, swap('INDIRECTE', 'INDIRECTE_RENFORCEE')],
    ],
    ['4.0 of a professional who did not', 'Authentification_Mode', [swap('>3.0<', '>4.0<'), named, professional]],
    ['3.0 of a professional who signed in', 'Authentification_Mode', [swap('INDIRECTE', 'INDIRECTE_RENFORCEE')]],
  ] as const)('a VIHF %s is a SOAP fault', async (_, reason, bends) => {
    const reply = await send({ bend: { vihf: text => bends.reduce((bent, bend) => bend(bent), text) } })
    expect(reply).toMatchObject({ status: 400, codes: ['Sender'] })
    expect(reply.text).toContain(reason)
  })

  test('a VIHF 4.0 of a named automate is taken, and of a professional who has signed in', async () => {
    const versioned = (text: string) => named(swap('>3.0<', '>4.0<')(text))
    expect((await send({ bend: { vihf: versioned } })).codes).toEqual([])
    draft = world.draft()
    expect((await send({ bend: { vihf: text => professional(swap('INDIRECTE', 'INDIRECTE_RENFORCEE')(versioned(text))) } })).codes).toEqual(
      [],
    )
  })

  test('a VIHF changed after signing, or for another patient, is refused', async () => {
    expect((await send({ bend: { signedVihf: swap('SA07', 'SA08') } })).text).toContain('DigestValue')
    expect((await send({ bend: { vihf: swap(ins, closed) } })).codes).toEqual(['XDSPatientIdDoesNotMatch'])
  })

  test('a certificate of the wrong kind, revoked, of another structure or another authority is refused', async () => {
    const stranger = await (await createPki({ now, label: 'AUTRE' })).issue({
      kind: 'signature',
      commonName: 'x',
      organization: 'x',
      structure,
    })
    const revoked = await world.pki.issue({ kind: 'signature', commonName: 'x', organization: 'x', structure })
    world.pki.revoke(revoked)
    dmp.updateRevocations(world.pki.crls())
    for (const signer of [world.issued.client, revoked, stranger])
      expect(await send({ signer })).toMatchObject({ status: 400, codes: ['Sender', 'DMPInvalidCertificate'] })
    expect((await send({ signer: world.issued.other })).codes).toEqual(['Sender'])
  })

  test('an Issuer that is not the subject of the certificate is refused', async () => {
    expect((await send({ bend: { vihf: swap('CN=essai', 'CN=autre') } })).codes).toEqual(['Sender', 'DMPInvalidCertificate'])
  })

  test.each([
    ['its value', swap(/(?<=<SignatureValue>)..../, 'AAAA')],
    ['the digest of the document', swap(/(?<=c14n-20010315#WithComments"\/><\/Transforms>.*?<DigestValue>)..../, 'AAAA')],
    ['its purpose', swap('1.2.840.10065.1.12.1.14', '1.2.840.10065.1.12.1.1')],
    ['the certificate’s serial number', swap(/(?<=X509SerialNumber xmlns="[^"]*">)\d/, '0')],
  ])('the signature of the set is refused when %s is wrong', async (_, xades) => {
    expect((await send({ bend: { xades } })).codes).toEqual(['XDSRepositoryMetadataError'])
  })

  test.each([
    ['the submission set', swap('AA==', 'AB==')],
    ['the document', swap(/<Reference URI="urn:oid:[\d.]+"><Transforms>.*?<\/Reference>/, '')],
    ['the document after c14n WithComments', swap(/<Transforms>.*?<\/Transforms>/, '')],
  ])('the signature of the set is refused when its manifest does not name %s', async (_, manifest) => {
    expect((await send({ bend: { manifest } })).codes).toEqual(['XDSRepositoryMetadataError'])
  })

  test('a document whose bytes are not those signed is refused', async () => {
    const content = (cda: Buffer) => Buffer.from(cda.toString().replace('PARIS', 'LYON'))
    expect((await send({ bend: { content } })).codes).toEqual(['XDSRepositoryMetadataError'])
  })
})

describe('transport', () => {
  test.each([
    [
      'SOAP 1.1',
      { envelope: swap('http://www.w3.org/2003/05/soap-envelope', 'http://schemas.xmlsoap.org/soap/envelope/') },
      'VersionMismatch',
    ],
    ['another action', { envelope: swap('RegisterDocumentSet-b</', 'RegisterDocumentSet</') }, 'ActionNotSupported'],
    ['another address', { envelope: swap('/repository</', '/elsewhere</') }, 'InvalidAddressingHeader'],
    ['a DTD', { envelope: swap('<s:Envelope', '<!DOCTYPE x><s:Envelope') }, 'Sender'],
    ['a part without Content-ID', { package: swap('Content-ID: <Doc@essai>\r\n', '') }, 'Sender'],
    ['a part in base64', { package: swap('Encoding: binary', 'Encoding: base64') }, 'Sender'],
    ['something after the last boundary', { package: (text: string) => `${text}x` }, 'Sender'],
    ['no last boundary', { package: swap('--cut--', '--cut') }, 'Sender'],
  ])('%s is a SOAP fault', async (_, bend, code) => {
    expect((await send({ bend })).codes).toContain(code)
  })

  test('a part that belongs to no Document is refused', async () => {
    const extra = swap('--cut--', '--cut\r\nContent-Type: text/plain\r\nContent-ID: <more@essai>\r\n\r\nx\r\n--cut--')
    expect((await send({ bend: { package: extra } })).codes).toEqual(['XDSRepositoryMetadataError'])
  })

  test('a message that is not MTOM is a SOAP fault, a wrong path or method an HTTP error', async () => {
    expect((await world.post('/repository', 'application/soap+xml', 'x')).codes).toEqual(['Sender'])
    expect((await world.post('/other', 'application/soap+xml', 'x')).status).toBe(404)
  })

  test('no certificate, a stranger’s or a revoked one does not pass the handshake; a signature certificate does not either', async () => {
    const stranger = await (await createPki({ now, label: 'AUTRE' })).issue({
      kind: 'client',
      commonName: 'x',
      organization: 'x',
      structure,
    })
    const before = dmp.requests.length
    for (const client of [stranger, world.issued.revoked, world.issued.signature]) await expect(send({}, client)).rejects.toThrow()
    expect(dmp.requests).toHaveLength(before)
    expect((await send({}, world.issued.server)).codes).toEqual(['Sender', 'DMPInvalidCertificate'])
  })

  test('new revocation lists count at once', async () => {
    const leaver = await world.pki.issue({ kind: 'client', commonName: 'x', organization: 'x', structure })
    expect((await send({}, leaver)).codes).toEqual([])
    world.pki.revoke(leaver)
    dmp.updateRevocations(world.pki.crls())
    await expect(send({}, leaver)).rejects.toThrow()
  })
})

describe('the fault menu', () => {
  test('busy, closed, soap-fault and http-500 are answered, for as many requests as asked', async () => {
    dmp.setFault('busy', { times: 1 })
    expect((await send()).codes).toEqual(['XDSRepositoryBusy'])
    dmp.setFault('closed', { times: 1 })
    expect((await send()).codes).toEqual(['DMPClosed'])
    dmp.setFault('soap-fault', { times: 1 })
    expect((await send()).codes).toEqual(['Sender', 'DMPInvalidCertificate'])
    dmp.setFault('http-500', { times: 1 })
    expect((await send()).status).toBe(500)
    expect((await send()).codes).toEqual([])
  })

  test('down cuts the connection', async () => {
    dmp.setFault('down', { times: 2 })
    await expect(send()).rejects.toThrow()
    await expect(send()).rejects.toThrow()
    expect((await send()).codes).toEqual([])
  })

  test('reset-after-commit does everything, then cuts the connection', async () => {
    dmp.setFault('reset-after-commit', { times: 1 })
    await expect(send()).rejects.toThrow(/hang up|ECONNRESET/)
    expect(dmp.filed.filter(({ uniqueId }) => uniqueId === draft.uniqueId)).toHaveLength(1)
  })

  test.each([
    ['timeout-before-commit', 0],
    ['timeout-after-commit', 1],
  ] as const)('%s never answers', async (fault, filed) => {
    dmp.setFault(fault, { times: 1 })
    const before = dmp.requests.length
    const answer = send().catch((error: Error) => error.message)
    await expect.poll(() => dmp.requests.length).toBe(before + 1)
    expect(dmp.filed.filter(({ uniqueId }) => uniqueId === draft.uniqueId)).toHaveLength(filed)
    expect(dmp.requests.at(-1)).toMatchObject({ outcome: 'silent', fault })
    dmp.setFault('down')
    expect(await answer).toMatch(/hang up|ECONNRESET/)
  })
})

test('an answer comes as MTOM when the simulator is asked to', async () => {
  await using mtom = await openDmpWorld({ mtomAnswers: true })
  const reply = await mtom.send(mtom.draft())
  expect(reply.text).toMatch(/^--\S+\r\nContent-Type: application\/xop\+xml.*ResponseStatusType:Success.*--\r\n$/s)
})

const hasXmlsec = (() => {
  try {
    execFileSync('xmlsec1', ['--version'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
})()

test.skipIf(!hasXmlsec)('xmlsec1 finds the two signatures of the tests’ own request right too', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pli-sig-'))
  const verify = (text: string, id: string) => {
    writeFileSync(join(folder, 'signed.xml'), text)
    writeFileSync(join(folder, 'signer.pem'), draft.signer.certificatePem)
    const args = [
      '--verify',
      '--ignore-manifests',
      '--pubkey-cert-pem',
      join(folder, 'signer.pem'),
      ...id.split(' '),
      join(folder, 'signed.xml'),
    ]
    return execFileSync('xmlsec1', args, { stdio: 'pipe' })
  }
  try {
    const assertion = '--id-attr:ID urn:oasis:names:tc:SAML:2.0:assertion:Assertion'
    verify(vihf(draft), assertion)
    verify(xades(draft), '--id-attr:Id http://uri.etsi.org/01903/v1.1.1#:SignedProperties')
    expect(() => verify(vihf(draft).replace('INDIRECTE', 'DIRECTE'), assertion)).toThrow()
  } finally {
    rmSync(folder, { recursive: true })
  }
})
