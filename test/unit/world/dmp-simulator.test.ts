import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { DmpSimulator } from '../../world/dmp-simulator/index.ts'
import { insWithKey, samplePatient } from '../../world/letter.ts'
import type { Issued } from '../../world/pki.ts'
import { type Draft, envelope, MESSAGE_ID } from './dmp-request.ts'
import { cdaOf, closed, type DmpWorld, ins, openDmpWorld, structure, swap } from './dmp-world.ts'

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
    const log = world.log()
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
    const cda = cdaOf(`${draft.uniqueId}.2`, { replaces: draft.uniqueId, version: 2 })
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

const MORE =
  '<Classification id="more" classificationScheme="urn:uuid:0" classifiedObject="Doc" nodeRepresentation="x"/><ExternalIdentifier'

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
    ['a depositor of another structure', /IDNST\^\^\^1\d{9}/, 'IDNST^^^1750000018', 'XDSRegistryMetadataError'],
    ['an author of another structure', /(?<=<ExtrinsicObject id="Doc".*?IDNST\^\^\^)1\d{9}/, '1750000018', 'XDSRegistryMetadataError'],
    ['a classification more', /(?<=<ExtrinsicObject id="Doc".*?)<ExternalIdentifier/, MORE, 'XDSRegistryMetadataError'],
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
    expect((await of(ins, '1.2.250.1.213.1.4.11')).codes).toEqual(['XDSUnknownPatientId'])
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
    const cda = cdaOf(draft.uniqueId, changes)
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

test('with patients "any", every INS with a right key has a DMP, and no other', async () => {
  await using open = await openDmpWorld({ patients: 'any' })
  const draft = open.draft()
  expect((await open.send(draft)).codes).toEqual([])
  const wrong = `${ins.slice(0, 13)}99^^^&${samplePatient.insOid}&ISO^NH`
  expect((await open.send({ ...open.draft(), patientId: wrong })).codes).toEqual(['XDSUnknownPatientId'])
})

describe('TD0.2 and TD3.1b', () => {
  const soap = (path: string, action: string, body: string, changes: Partial<Draft> = {}) =>
    world.post(path, 'application/soap+xml; charset=UTF-8', envelope({ ...draft, ...changes }, path, action, body))
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
  const lookUp = (uniqueId: string, query = '5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4', changes: Partial<Draft> = {}) =>
    soap(
      '/registry',
      'urn:ihe:iti:2007:RegistryStoredQuery',
      `<q:AdhocQueryRequest xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">
<q:ResponseOption returnType="ObjectRef" returnComposedObjects="true"/><AdhocQuery id="urn:uuid:${query}">
<Slot name="$XDSDocumentEntryUniqueId"><ValueList><Value>('${uniqueId}')</Value></ValueList></Slot></AdhocQuery></q:AdhocQueryRequest>`,
      changes,
    )

  test('the test of existence tells open, closed and unknown', async () => {
    const open = await exists(ins)
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
    const elsewhere = await lookUp(uniqueId, undefined, { patientId: `${closed}^^^&${samplePatient.insOid}&ISO^NH` })
    expect(elsewhere.text).not.toContain(entryUUID)
    expect((await lookUp('2.25.1')).text).toContain('<rim:RegistryObjectList></rim:RegistryObjectList>')
    expect((await lookUp("1.2') or ('")).codes).toEqual(['XDSStoredQueryParamNumber'])
    expect((await lookUp(uniqueId, '14d4debf-8f97-4251-9a74-a90016b0af0d')).codes).toEqual(['XDSRegistryError'])
  })
})
