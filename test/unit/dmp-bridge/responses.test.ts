import { describe, expect, test } from 'vitest'
import type { DmpAnswer } from '../../../dmp-bridge/dmp.ts'
import { buildExistenceTest } from '../../../dmp-bridge/existence.ts'
import { buildLookup } from '../../../dmp-bridge/lookup.ts'
import {
  type ExistenceAnswer,
  type ExistenceQuestion,
  existenceAnswer,
  type LookupAnswer,
  type LookupQuestion,
  lookupAnswer,
} from '../../../dmp-bridge/responses.ts'
import { readSoap, registryAnswer } from '../../../dmp-bridge/soap.ts'
import { contextOf } from './dmp-world.ts'
import { NOW } from './samples.ts'

const INS = { matricule: '279035121518989', oid: '1.2.250.1.213.1.4.10' }
const STATUS = 'urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:'

function soap(body: string): string {
  return `<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"><env:Header/><env:Body>${body}</env:Body></env:Envelope>`
}

function readRegistryResponse(xml: string | Uint8Array): DmpAnswer {
  const answer = read(xml)
  return answer.kind === 'body' ? registryAnswer(answer.content) : answer
}

function readExistenceResponse(xml: string | Uint8Array, asked: ExistenceQuestion): ExistenceAnswer {
  const answer = read(xml)
  return answer.kind === 'body' ? existenceAnswer(answer.content, asked) : answer
}

function readLookupResponse(xml: string | Uint8Array, asked: LookupQuestion): LookupAnswer {
  const answer = read(xml)
  return answer.kind === 'body' ? lookupAnswer(answer.content, asked) : answer
}

function read(xml: string | Uint8Array): ReturnType<typeof readSoap> {
  return readSoap('application/soap+xml', Buffer.from(xml as Uint8Array))
}

const FAULT = soap(
  '<env:Fault><env:Code><env:Value>env:Sender</env:Value><env:Subcode><env:Value>x:DMPInvalidCertificate</env:Value></env:Subcode></env:Code></env:Fault>',
)

describe('filing', () => {
  const answer = (status: string, errors = '') =>
    readRegistryResponse(
      soap(
        `<rs:RegistryResponse xmlns:rs="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0" status="${STATUS}${status}">${errors}</rs:RegistryResponse>`,
      ),
    )

  test('taken, refused, a fault, nonsense', () => {
    expect(answer('Success')).toEqual({ kind: 'accepted' })
    const errors = '<rs:RegistryErrorList><rs:RegistryError errorCode="XDSRegistryBusy" codeContext="texte"/></rs:RegistryErrorList>'
    expect(answer('Failure', errors)).toEqual({ kind: 'errors', codes: ['XDSRegistryBusy'] })
    expect(readRegistryResponse(FAULT)).toEqual({ kind: 'fault', role: 'sender', code: 'DMPInvalidCertificate' })
    expect(answer('Success', errors)).toEqual({ kind: 'contradictory' })
    const success = `<rs:RegistryResponse xmlns:rs="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0" status="${STATUS}Success"/>`
    expect(readRegistryResponse(soap(`${success}<env:Fault/>`))).toEqual({ kind: 'contradictory' })
    for (const xml of ['', 'x', '<a/>', soap('<a/>'), soap('')]) expect(readRegistryResponse(xml)).toEqual({ kind: 'unreadable' })
  })
})

test.each([
  ['attributes', `<a ${Array.from({ length: 9000 }, (_, each) => `a${each}=""`).join(' ')}/>`],
  ['namespaces', `<a ${Array.from({ length: 6000 }, (_, each) => `xmlns:a${each}="u"`).join(' ')}/>`],
  ['elements', `<a>${'<b/>'.repeat(9000)}</a>`],
])('an answer with too many %s is not read', (_name, body) => {
  expect(readRegistryResponse(soap(body))).toEqual({ kind: 'unreadable' })
})

describe('existence', () => {
  const asked = { ins: INS, queryId: '2.25.7' }
  const answer = (code: string, subject = '', echo = '') =>
    readExistenceResponse(
      soap(
        `<PRPA_IN201308UV02 xmlns="urn:hl7-org:v3"><controlActProcess>${subject}<queryAck>${echo}<queryResponseCode code="${code}"/></queryAck></controlActProcess></PRPA_IN201308UV02>`,
      ),
      asked,
    )
  const who = `<id root="1.2.3" extension="local"/><id root="${INS.oid}" extension="${INS.matricule}"/>`
  const of = (words: string[], { ids = who, person = '<patientPerson/>' } = {}) =>
    `<subject><registrationEvent><subject1><patient>${ids}${person}${words.map(word => `<value code="${word}"/>`).join('')}</patient></subject1></registrationEvent></subject>`
  const said = (...words: string[]) => of(words)
  const named = (family: string) => `<patientPerson><name><family qualifier="BR">${family}</family></name></patientPerson>`

  test('active, closed, absent', () => {
    expect(answer('OK', said('ACTIF', 'NON_EXISTE'))).toEqual({ kind: 'status', status: 'active' })
    expect(answer('OK', said('FERME'))).toEqual({ kind: 'status', status: 'closed' })
    expect(answer('OK', said('INEXISTANT'))).toEqual({ kind: 'status', status: 'absent' })
    expect(answer('NF')).toEqual({ kind: 'status', status: 'absent' })
    expect(answer('OK', said('ACTIF'), '<queryId root="2.25.7"/>')).toEqual({ kind: 'status', status: 'active' })
    const other = `<patientPerson><asOtherIDs>${who}</asOtherIDs></patientPerson>`
    expect(answer('OK', of(['ACTIF'], { ids: '<id root="1.2.3" extension="local"/>', person: other }))).toMatchObject({ status: 'active' })
  })

  test('a patient’s name is not the state of his DMP', () => {
    expect(answer('OK', of(['ACTIF'], { person: named('FERME') }))).toEqual({ kind: 'status', status: 'active' })
    expect(answer('OK', of(['FERME'], { person: named('ACTIF') }))).toEqual({ kind: 'status', status: 'closed' })
    expect(answer('OK', of([], { person: named('ACTIF') }))).toEqual({ kind: 'unreadable' })
  })

  test.each([
    ['two subjects', answer('OK', said('ACTIF') + said('ACTIF'))],
    ['two people', answer('OK', of(['ACTIF'], { person: '<patientPerson/><patientPerson/>' }))],
    ['nobody', answer('OK', of(['ACTIF'], { person: '' }))],
    ['another patient', answer('OK', of(['ACTIF'], { ids: `<id root="${INS.oid}" extension="155067505603166"/>` }))],
    ['another authority', answer('OK', of(['ACTIF'], { ids: `<id root="1.2.3" extension="${INS.matricule}"/>` }))],
    ['another question', answer('OK', said('ACTIF'), '<queryId root="2.25.8"/>')],
    ['nobody, and somebody', answer('NF', said('ACTIF'))],
  ])('%s: unreadable', (_name, response) => {
    expect(response).toEqual({ kind: 'unreadable' })
  })

  test('what says nothing, two things or something else is unreadable: unknown means no', () => {
    for (const response of [
      answer('OK'),
      answer('OK', said('ACTIF', 'FERME')),
      answer('AE', said('ACTIF')),
      readExistenceResponse(soap('<a/>'), asked),
    ]) {
      expect(response).toEqual({ kind: 'unreadable' })
    }
    expect(readExistenceResponse(FAULT, asked)).toMatchObject({ kind: 'fault' })
  })
})

describe('lookup', () => {
  const cx = (matricule = INS.matricule) => `${matricule}^^^&amp;${INS.oid}&amp;ISO^NH`
  const entry = (id: string, uniqueId: string, patientId = cx(), status = 'urn:oasis:names:tc:ebxml-regrep:StatusType:Approved') =>
    `<rim:ExtrinsicObject xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0" id="${id}" status="${status}"><rim:ExternalIdentifier identificationScheme="urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427" value="${patientId}"/><rim:ExternalIdentifier identificationScheme="urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab" value="${uniqueId}"/></rim:ExtrinsicObject>`
  const answer = (content: string, status = 'Success') =>
    readLookupResponse(
      soap(
        `<q:AdhocQueryResponse xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" status="${STATUS}${status}">${content}</q:AdhocQueryResponse>`,
      ),
      { uniqueId: '1.2.3', ins: INS },
    )

  test('found, absent, refused', () => {
    expect(answer(entry('urn:uuid:1', '1.2.3'))).toEqual({ kind: 'found', entryUuid: 'urn:uuid:1' })
    expect(answer('')).toEqual({ kind: 'absent' })
    expect(answer('<RegistryError errorCode="XDSRegistryBusy"/>', 'Failure')).toEqual({ kind: 'errors', codes: ['XDSRegistryBusy'] })
    expect(answer('', 'Failure')).toEqual({ kind: 'unreadable' })
  })

  test('an entry of another patient, or of nobody, is not believed', () => {
    for (const patientId of [cx('274075176079430'), '', 'nobody', INS.matricule]) {
      expect(answer(entry('urn:uuid:1', '1.2.3', patientId))).toEqual({ kind: 'of-another-patient' })
    }
  })

  test('a deleted entry is no longer there', () => {
    const deleted = entry('urn:uuid:1', '1.2.3', cx(), 'urn:asip:ci-sis:2010:StatusType:Deleted')
    expect(answer(deleted)).toEqual({ kind: 'absent', deleted: true })
    expect(answer(deleted + entry('urn:uuid:2', '1.2.3'))).toEqual({ kind: 'found', entryUuid: 'urn:uuid:2' })
  })

  test('another document is not this one', () => {
    expect(answer(entry('urn:uuid:1', '1.2.4'))).toEqual({ kind: 'absent' })
  })
})

describe('what we ask', () => {
  const signers = { issuerDn: 'CN=x', signVihf: (xml: string) => xml, signSubmissionSet: () => '' }

  test('names the patient, the reason and nothing more', () => {
    const { action, envelope } = buildExistenceTest(INS, contextOf(signers, NOW))
    expect(action).toBe('urn:hl7-org:v3:PRPA_IN201307UV02')
    expect(envelope).toContain(`<value root="${INS.oid}" extension="${INS.matricule}"/>`)
    expect(envelope).toContain('<reasonCode code="TEST_EXST" codeSystem="1.2.250.1.213.1.1.4.11"/>')
    expect(envelope).toContain(`${INS.matricule}^^^&amp;${INS.oid}&amp;ISO^NH`)
  })

  test('a uniqueId can not leave its quotes', () => {
    const { envelope } = buildLookup("1.2'),('3", { ...contextOf(signers, NOW), ins: INS })
    expect(envelope).toContain("('1.2''),(''3')")
  })
})
