import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type DmpSimulator, type Patients, startDmpSimulator } from '../../world/dmp-simulator/index.ts'
import { buildCda, buildPdf, insWithKey, oidOf, sampleAuthor, samplePatient } from '../../world/letter.ts'
import { createPki, type Issued, type Pki } from '../../world/pki.ts'
import { type Draft, envelope, MESSAGE_ID, request } from './dmp-request.ts'

const now = new Date(Math.floor(Date.now() / 1000) * 1000)
const structure = sampleAuthor.structure.id
const patientId = `${samplePatient.ins}^^^&${samplePatient.insOid}&ISO^NH`
const closed = insWithKey('1800175114001')
const folder = mkdtempSync(join(tmpdir(), 'pli-dmp-'))
const patient = { oid: samplePatient.insOid, birthName: 'TESTOU', firstName: 'HÉLOÏSE', birthDate: '1984-03-09', sex: 'F' } as const
const patients: Patients = [
  { ...patient, ins: samplePatient.ins ?? '', status: 'ACTIF' },
  { ...patient, ins: closed, status: 'FERME' },
]
let pki: Pki
let issued: Record<'server' | 'client' | 'signature' | 'revoked' | 'other', Issued>
let dmp: DmpSimulator
let draft: Draft
let count = 0

beforeAll(async () => {
  pki = await createPki({ now })
  const issue = (kind: 'server' | 'client' | 'signature', id = structure) =>
    pki.issue({ kind, commonName: kind === 'server' ? 'dmp.test' : 'essai', organization: 'Cabinet, "Fictif"', structure: id })
  const [server, client, signature, revoked, other] = await Promise.all([
    issue('server'),
    issue('client'),
    issue('signature'),
    issue('signature'),
    issue('signature', '1750000018'),
  ])
  issued = { server, client, signature, revoked, other }
  pki.revoke(revoked)
  dmp = await startDmpSimulator({
    tls: {
      certificatePem: server.certificatePem,
      keyPem: server.keyPem,
      chainPem: pki.authorities.slice(1),
      anchors: pki.authorities,
      crls: pki.crls(),
    },
    now: () => now.getTime(),
    log: join(folder, 'dmp.log'),
    patients,
  })
})

afterAll(async () => {
  await dmp.close()
  rmSync(folder, { recursive: true })
})

beforeEach(() => {
  dmp.setFault(undefined)
  const id = (n: number) => oidOf(`00000000-0000-4000-8000-${String(++count * 10 + n).padStart(12, '0')}`)
  const [uniqueId, submissionSetUniqueId, signatureUniqueId] = [id(1), id(2), id(3)]
  const body = { mediaType: 'application/pdf' as const, content: buildPdf(['Essai']) }
  const cda = buildCda({ uniqueId, patient: samplePatient, author: sampleAuthor, now, body })
  const { structure: place, rpps } = sampleAuthor
  const ids = { uniqueId, submissionSetUniqueId, signatureUniqueId, patientId, structure, structureName: place.name }
  draft = { url: dmp.url, now, signer: issued.signature, ...ids, cda, person: `8${rpps}` }
})

interface Reply {
  status: number
  text: string
  codes: string[]
}

function post(path: string, type: string, body: Buffer | string, client: Issued = issued.client): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const identity = { cert: client.certificatePem, key: client.keyPem, ca: [...pki.authorities], agent: false as const }
    const call = httpsRequest(`${dmp.url}${path}`, { method: 'POST', headers: { 'content-type': type }, ...identity }, async response => {
      const text = Buffer.concat(await response.toArray()).toString()
      const codes = [...text.matchAll(/errorCode="(\w+)"|<env:Value[^>]*>(?:env|dmp|wsa):(\w+)/g)].map(match => match[1] ?? match[2] ?? '')
      resolve({ status: response.statusCode ?? 0, text, codes: [...new Set(codes)] })
    })
    call.on('error', reject).end(body)
  })
}

function send(changes: Partial<Draft> = {}, client?: Issued): Promise<Reply> {
  const { type, body } = request({ ...draft, ...changes })
  return post('/repository', type, body, client)
}

const swap = (from: string | RegExp, to: string) => (text: string) => {
  if (text.search(from) < 0 && !text.includes(String(from))) throw new Error(`nothing to bend: ${from}`)
  return text.replace(from, () => to)
}
const metadata = (from: string | RegExp, to: string) => send({ bend: { metadata: swap(from, to) } })

describe('a good submission', () => {
  test('is filed, answered to its MessageID, and logged without the patient', async () => {
    const reply = await send()
    expect(reply).toMatchObject({ status: 200, codes: [] })
    expect(reply.text).toContain('ResponseStatusType:Success"')
    expect(reply.text).toContain(`<wsa:RelatesTo>${MESSAGE_ID}</wsa:RelatesTo>`)
    expect(dmp.filed.at(-1)).toMatchObject({
      uniqueId: draft.uniqueId,
      typeCode: '96349-6',
      classCode: '10',
      availabilityStatus: 'Approved',
    })
    expect(dmp.filed.at(-1)?.bytes.equals(draft.cda)).toBe(true)
    const log = readFileSync(join(folder, 'dmp.log'), 'utf8')
    expect(JSON.parse(log.trim().split('\n').at(-1) ?? '')).toMatchObject({ outcome: 'filed', uniqueIds: [draft.uniqueId], structure })
    expect(log).not.toMatch(new RegExp(`${samplePatient.ins}|TESTOU|adressage`))
  })

  test('twice is a duplicate, and other bytes under the same id are a conflict', async () => {
    await send()
    const again = { submissionSetUniqueId: `${draft.submissionSetUniqueId}.1`, signatureUniqueId: `${draft.signatureUniqueId}.1` }
    expect((await send(again)).codes).toEqual(['XDSDuplicateUniqueIdInRegistry'])
    const cda = Buffer.from(draft.cda.toString().replace('PARIS', 'LYON'))
    expect((await send({ ...again, cda })).codes).toEqual(['XDSNonIdenticalHash'])
    expect(dmp.filed.filter(({ uniqueId }) => uniqueId === draft.uniqueId)).toHaveLength(1)
  })

  test('that replaces a filed document makes it Deprecated; an unknown target is refused', async () => {
    await send()
    const old = dmp.filed.at(-1)
    const cda = buildCda({ uniqueId: `${draft.uniqueId}.2`, replaces: draft.uniqueId, version: 2, patient: samplePatient, ...rest() })
    const next = {
      uniqueId: `${draft.uniqueId}.2`,
      submissionSetUniqueId: `${draft.uniqueId}.3`,
      signatureUniqueId: `${draft.uniqueId}.4`,
      cda,
    }
    expect((await send({ ...next, replaces: 'urn:uuid:00000000-0000-4000-8000-000000000000' })).codes).toEqual(['XDSReplaceFailed'])
    expect((await send(next)).codes).toEqual(['XDSRegistryMetadataError'])
    expect((await send({ ...next, replaces: old?.entryUUID ?? '' })).codes).toEqual([])
    expect(old?.availabilityStatus).toBe('Deprecated')
  })
})

const rest = () => ({ author: sampleAuthor, now, body: { mediaType: 'application/pdf' as const, content: buildPdf(['Essai']) } })

describe('metadata', () => {
  test.each([
    ['no classification node of the set', /<Classification id="c0"[^>]*\/>/, '', 'XDSRegistryMetadataError'],
    ['a submission time an hour ago', /(?<=submissionTime"><ValueList><Value>)\d+/, '20200101000000', 'XDSRegistryMetadataError'],
    ['no creationTime', /<Slot name="creationTime">.*?<\/Slot>/, '', 'XDSRegistryMetadataError'],
    ['a creationTime to the day', /(?<=creationTime"><ValueList><Value>)\d+/, '20260105', 'XDSRegistryMetadataError'],
    ['another language', 'fr-FR', 'en-US', 'XDSRegistryMetadataError'],
    ['a class that is not the type’s', 'nodeRepresentation="10"', 'nodeRepresentation="11"', 'XDSRegistryMetadataError'],
    ['an unknown type', '96349-6', '57133-1', 'XDSRegistryMetadataError'],
    ['the patient’s own class', 'nodeRepresentation="10"', 'nodeRepresentation="90"', 'XDSRegistryMetadataError'],
    ['a wrong scheme uuid', '41a5887f-8865-4c09-adf7-e362475b143a', '41a5887f-8865-4c09-adf7-e362475b143b', 'XDSRegistryMetadataError'],
    ['a level-3 format on a PDF', 'urn:ihe:iti:xds-sd:pdf:2008', 'urn:ihe:lab:xd-lab:2008', 'XDSRepositoryMetadataError'],
    ['confidentiality R', 'nodeRepresentation="N"', 'nodeRepresentation="R"', 'XDSRegistryMetadataError'],
    ['another mime type', 'mimeType="text/xml"', 'mimeType="application/pdf"', 'XDSRegistryMetadataError'],
    ['an author of another structure', /IDNST\^\^\^1\d{9}/g, 'IDNST^^^1750000018', 'XDSRegistryMetadataError'],
    [
      'an XCN without authority',
      /\^\^\^\^\^\^&amp;1\.2\.250\.1\.71\.4\.2\.1&amp;ISO\^D\^\^\^IDNPS|\^{6}&#38;[\d.]+&#38;ISO\^D\^{3}IDNPS/,
      '',
      'XDSRegistryMetadataError',
    ],
    [
      'a set that forgets the signature',
      /<Association[^>]*HasMember"[^>]*targetObject="Sig">.*?<\/Association>/,
      '',
      'XDSRegistryMetadataError',
    ],
    ['no signs association', /<Association[^>]*:signs"[^>]*\/>/, '', 'XDSRegistryMetadataError'],
    [
      'a uniqueId with an extension',
      /(?<=scheme="urn:uuid:2e82c1f6[^>]*value=")[\d.]+|(?<=2e82c1f6-a085-4c72-9da3-8640a32e42ab" value=")[\d.]+/,
      '1.2.3^x',
      'XDSDocumentUniqueIdError',
    ],
    ['another uniqueId than the CDA', /(?<=2e82c1f6-a085-4c72-9da3-8640a32e42ab" value=")[\d.]+/, '2.25.99', 'XDSRepositoryMetadataError'],
    [
      'a wrong size',
      '<Slot name="languageCode">',
      '<Slot name="size"><ValueList><Value>1</Value></ValueList></Slot><Slot name="languageCode">',
      'XDSRepositoryMetadataError',
    ],
    ['another patient on the set only', /(?<=6b5aea1a-874d-4603-a4bc-96a0a7b38446" value=")\d{15}/, closed, 'XDSPatientIdDoesNotMatch'],
  ])('%s is refused', async (_, from, to, code) => {
    const before = dmp.filed.length
    expect((await metadata(from, to)).codes).toContain(code)
    expect(dmp.filed).toHaveLength(before)
  })

  test('INVISIBLE_PATIENT with MASQUE_PS is refused, one of them is filed', async () => {
    const mark = (value: string) =>
      `<Classification id="m${value}" classificationScheme="urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f" classifiedObject="Doc" ` +
      `nodeRepresentation="${value}"><Slot name="codingScheme"><ValueList><Value>1.2.250.1.213.1.1.4.13</Value></ValueList></Slot>` +
      '<Name><LocalizedString value="x"/></Name></Classification><ExternalIdentifier'
    const both = mark('MASQUE_PS').replace('<ExternalIdentifier', mark('INVISIBLE_PATIENT'))
    const place = /<ExternalIdentifier(?= id="c\d+" registryObject="Doc")/
    expect((await metadata(place, both)).codes).toEqual(['XDSRegistryMetadataError'])
    expect((await metadata(place, mark('INVISIBLE_PATIENT'))).codes).toEqual([])
    expect(dmp.filed.at(-1)?.marks).toEqual(['INVISIBLE_PATIENT'])
  })
})

describe('patient and document', () => {
  test('an INS with a wrong key, one without DMP, one whose DMP is closed', async () => {
    const of = (ins: string, oid = samplePatient.insOid) => send({ patientId: `${ins}^^^&${oid}&ISO^NH` })
    expect((await of('284037511425699')).codes).toContain('XDSUnknownPatientId')
    expect((await of(insWithKey('2800175114001'))).codes).toEqual(['XDSUnknownPatientId'])
    expect((await of(samplePatient.ins ?? '', '1.2.250.1.213.1.4.11')).codes).toEqual(['XDSUnknownPatientId'])
    expect((await of(closed)).codes).toEqual(['DMPClosed'])
  })

  test.each([
    ['an id with an extension', { idExtension: 'x' }, 'XDSDocumentUniqueIdError'],
    ['two patients', { secondPatient: { ...samplePatient, ins: closed } }, 'XDSPatientIdDoesNotMatch'],
    ['another patient', { patient: { ...samplePatient, ins: closed } }, 'XDSPatientIdDoesNotMatch'],
    ['another type', { type: { code: '11488-4', label: 'x' }, title: "Lettre d'adressage" }, 'XDSRepositoryMetadataError'],
    ['another title', { title: 'x' }, 'XDSRepositoryMetadataError'],
    ['confidentiality R', { confidentiality: 'R' as const }, 'XDSRepositoryMetadataError'],
  ])('a CDA with %s is refused', async (_, changes, code) => {
    const cda = buildCda({ uniqueId: draft.uniqueId, patient: samplePatient, ...rest(), ...changes })
    expect((await send({ cda })).codes).toEqual([code])
  })

  test('a document of metadata that is not in the message is missing', async () => {
    const envelopeOnly = swap(/<d:Document id="Doc">.*?<\/d:Document>/, '')
    const reply = await send({
      bend: { envelope: envelopeOnly, package: swap(/--cut\r\n(?:(?!--cut).)*<Doc@essai>(?:(?!--cut).)*/s, '') },
    })
    expect(reply.codes).toContain('XDSMissingDocument')
  })
})

describe('signatures', () => {
  test.each([
    ['VIHF version', 'VIHF', swap('>3.0<', '>1.0<')],
    ['mode', 'VIHF', swap('INDIRECTE', 'DIRECTE')],
    ['structure', 'VIHF', swap(`>${structure}<`, '>1750000018<')],
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

  test('a VIHF changed after signing, or for another patient, is refused', async () => {
    expect((await send({ bend: { signedVihf: swap('SA07', 'SA08') } })).text).toContain('DigestValue')
    expect((await send({ bend: { vihf: swap(samplePatient.ins ?? '', closed) } })).codes).toEqual(['XDSPatientIdDoesNotMatch'])
  })

  test('a certificate of the wrong kind, revoked, of another structure or another authority is refused', async () => {
    const stranger = await (await createPki({ now, label: 'AUTRE' })).issue({
      kind: 'signature',
      commonName: 'x',
      organization: 'x',
      structure,
    })
    for (const signer of [issued.client, issued.revoked, stranger])
      expect(await send({ signer })).toMatchObject({ status: 400, codes: ['Sender', 'DMPInvalidCertificate'] })
    expect((await send({ signer: issued.other })).codes).toEqual(['Sender'])
  })

  test.each([
    ['its value', swap(/(?<=<SignatureValue>)..../, 'AAAA')],
    ['the digest of the document', swap(/(?<=c14n-20010315#WithComments"\/><\/Transforms>.*?<DigestValue>)..../, 'AAAA')],
    ['its purpose', swap('1.2.840.10065.1.12.1.14', '1.2.840.10065.1.12.1.1')],
    ['the certificate’s serial number', swap(/(?<=X509SerialNumber xmlns="[^"]*">)\d/, '0')],
  ])('the signature of the set is refused when %s is wrong', async (_, xades) => {
    expect((await send({ bend: { xades } })).codes).toEqual(['XDSRepositoryMetadataError'])
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
    ['no last boundary', { package: swap('--cut--', '--cut') }, 'Sender'],
  ])('%s is a SOAP fault', async (_, bend, code) => {
    expect((await send({ bend })).codes).toContain(code)
  })

  test('a message that is not MTOM is a SOAP fault, a wrong path or method an HTTP error', async () => {
    expect((await post('/repository', 'application/soap+xml', 'x')).codes).toEqual(['Sender'])
    expect((await post('/other', 'application/soap+xml', 'x')).status).toBe(404)
  })

  test('no certificate, a stranger’s or a revoked one does not pass the handshake; a signature certificate does not either', async () => {
    const stranger = await (await createPki({ now, label: 'AUTRE' })).issue({
      kind: 'client',
      commonName: 'x',
      organization: 'x',
      structure,
    })
    const before = dmp.requests.length
    for (const client of [stranger, issued.revoked, issued.signature]) await expect(send({}, client)).rejects.toThrow()
    expect(dmp.requests).toHaveLength(before)
    expect((await send({}, issued.server)).codes).toEqual(['Sender', 'DMPInvalidCertificate'])
  })

  test('new revocation lists count at once', async () => {
    const leaver = await pki.issue({ kind: 'client', commonName: 'x', organization: 'x', structure })
    expect((await send({}, leaver)).codes).toEqual([])
    pki.revoke(leaver)
    dmp.updateRevocations(pki.crls())
    await expect(send({}, leaver)).rejects.toThrow()
  })
})

describe('TD0.2 and TD3.1b', () => {
  const soap = (path: string, action: string, body: string, changes: Partial<Draft> = {}) =>
    post(path, 'application/soap+xml; charset=UTF-8', envelope({ ...draft, ...changes }, path, action, body))
  const exists = (ins: string, reason = 'TEST_EXST') =>
    soap(
      '/patients',
      'urn:hl7-org:v3:PRPA_IN201307UV02',
      `<PRPA_IN201307UV02 xmlns="urn:hl7-org:v3" ITSVersion="XML_1.0"><id root="1.2.3"/>
<interactionId root="2.16.840.1.113883.1.6" extension="PRPA_IN201307UV02"/>
<receiver typeCode="RCV"><device><id root="1.2.250.1.213.4.1.1.1"/></device></receiver><controlActProcess>
<reasonCode code="${reason}" codeSystem="1.2.250.1.213.1.1.4.11"/><queryByParameter><queryId root="1.2.3" extension="7"/><parameterList>
<patientIdentifier><value root="${samplePatient.insOid}" extension="${ins}"/></patientIdentifier></parameterList></queryByParameter>
</controlActProcess></PRPA_IN201307UV02>`,
      { patientId: `${ins}^^^&${samplePatient.insOid}&ISO^NH` },
    )
  const lookUp = (uniqueId: string, query = '5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4') =>
    soap(
      '/registry',
      'urn:ihe:iti:2007:RegistryStoredQuery',
      `<q:AdhocQueryRequest xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">
<q:ResponseOption returnType="ObjectRef" returnComposedObjects="true"/><AdhocQuery id="urn:uuid:${query}">
<Slot name="$XDSDocumentEntryUniqueId"><ValueList><Value>('${uniqueId}')</Value></ValueList></Slot></AdhocQuery></q:AdhocQueryRequest>`,
    )

  test('the test of existence tells open, closed and unknown', async () => {
    const open = await exists(samplePatient.ins ?? '')
    expect(open.text).toMatch(/code="ACTIF".*<queryResponseCode code="OK"\/>/s)
    expect(open.text).toContain('<queryId root="1.2.3" extension="7"/>')
    expect((await exists(closed)).text).toMatch(/code="FERME".*code="OK"/s)
    expect((await exists(insWithKey('2800175114001'))).text).toContain('<queryResponseCode code="NF"/>')
    expect((await exists(closed, 'X')).codes).toEqual(['Sender'])
  })

  test('a document is found by its uniqueId alone, in the DMP of the VIHF’s patient', async () => {
    await send()
    const { uniqueId, entryUUID } = dmp.filed.at(-1) ?? { uniqueId: '', entryUUID: '' }
    expect((await lookUp(uniqueId)).text).toContain(`<rim:ObjectRef id="${entryUUID}"/>`)
    expect((await lookUp('2.25.1')).text).toContain('<rim:RegistryObjectList></rim:RegistryObjectList>')
    expect((await lookUp("1.2') or ('")).codes).toEqual(['XDSStoredQueryParamNumber'])
    expect((await lookUp(uniqueId, '14d4debf-8f97-4251-9a74-a90016b0af0d')).codes).toEqual(['XDSRegistryError'])
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

test('the fixtures are what they claim', () => {
  expect(new X509Certificate(issued.signature.certificatePem).subject).toContain(`OU=${structure}`)
})
