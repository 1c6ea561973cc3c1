import { expect, test } from 'vitest'
import { judge, judgeFailure, meaningOf } from '../../../dmp-bridge/outcome.ts'

const errors = (...codes: string[]) => judge({ kind: 'errors', codes })

test('a success is filed, and so is a duplicate of the same document', () => {
  expect(judge({ kind: 'accepted' })).toEqual({ kind: 'filed' })
  expect(errors('XDSDuplicateUniqueIdInRegistry')).toEqual({ kind: 'filed', code: 'XDSDuplicateUniqueIdInRegistry' })
})

test.each([
  ['XDSRegistryBusy', 'retry'],
  ['XDSRepositoryBusy', 'retry'],
  ['XDSRegistryNotAvailable', 'retry'],
  ['XDSRegistryOutOfResources', 'retry'],
  ['XDSRepositoryOutOfResources', 'retry'],
  ['XDSNonIdenticalHash', 'human-content'],
  ['XDSNonIdenticalSize', 'human-content'],
  ['XDSReplaceFailed', 'human-content'],
  ['XDSRegistryDeprecatedDocumentError', 'human-content'],
  ['XDSUnknownPatientId', 'human-patient'],
  ['XDSPatientIdDoesNotMatch', 'human-patient'],
  ['XDSResultNotSinglePatient', 'human-patient'],
  ['DMPClosed', 'human-patient'],
  ['XDSRegistryMetadataError', 'defect'],
  ['XDSRepositoryMetadataError', 'defect'],
  ['XDSMissingDocument', 'defect'],
  ['XDSMissingDocumentMetadata', 'defect'],
  ['XDSDocumentUniqueIdError', 'defect'],
  ['XDSInvalidRequestException', 'defect'],
  ['XDSUnknownRepositoryId', 'misconfigured'],
  ['DMPInvalidCertificate', 'misconfigured'],
  ['XDSRegistryError', 'ambiguous'],
  ['XDSRepositoryError', 'ambiguous'],
  ['XDSRegistryDuplicateUniqueIdInMessage', 'ambiguous'],
  ['DMPSomethingNew', 'unknown'],
])('%s means %s', (code, meaning) => {
  expect(meaningOf(code)).toBe(meaning)
})

test('an unknown code is a refusal for a human, never a retry', () => {
  expect(errors('DMPSomethingNew')).toEqual({ kind: 'refused', code: 'DMPSomethingNew', why: 'unknown' })
  expect(judge({ kind: 'fault', role: 'receiver', code: 'SomethingElse' })).toMatchObject({ kind: 'refused', why: 'unknown' })
})

test('of several codes the one that needs a human decides, and a duplicate explains the general error beside it', () => {
  expect(errors('XDSRegistryBusy', 'XDSUnknownPatientId')).toMatchObject({ kind: 'refused', code: 'XDSUnknownPatientId' })
  expect(errors('XDSDuplicateUniqueIdInRegistry', 'XDSNonIdenticalHash')).toMatchObject({ kind: 'refused', why: 'human-content' })
  expect(errors('XDSRegistryError', 'XDSDuplicateUniqueIdInRegistry')).toMatchObject({ kind: 'filed' })
})

test('a failure without a cause, or an answer that cannot be read, is never taken for a success nor for a refusal', () => {
  expect(errors()).toEqual({ kind: 'retry', code: 'unreadable-answer', misconfigured: true })
  expect(judge({ kind: 'unreadable' })).toEqual({ kind: 'retry', code: 'unreadable-answer', misconfigured: true })
})

test.each([
  [500, { kind: 'retry', misconfigured: false }],
  [503, { kind: 'retry', misconfigured: false }],
  [429, { kind: 'retry', misconfigured: false }],
  [302, { kind: 'retry', misconfigured: true }],
  [403, { kind: 'retry', misconfigured: true }],
  [404, { kind: 'retry', misconfigured: true }],
  [413, { kind: 'refused', why: 'human-content' }],
  [400, { kind: 'refused', why: 'defect' }],
])('HTTP %i without a SOAP message', (status, outcome) => {
  expect(judge({ kind: 'http', status })).toMatchObject({ ...outcome, code: `http-${status}` })
})

test('faults: the receiver may be tried again, the sender is a defect, a certificate is our set-up', () => {
  expect(judge({ kind: 'fault', role: 'receiver' })).toMatchObject({ kind: 'retry', misconfigured: false })
  expect(judge({ kind: 'fault', role: 'sender' })).toMatchObject({ kind: 'refused', why: 'defect' })
  expect(judge({ kind: 'fault', role: 'sender', code: 'DMPInvalidCertificate' })).toMatchObject({ kind: 'retry', misconfigured: true })
})

test('a text in the place of a code stays out of the outcome', () => {
  expect(errors('Patient MARTIN Zoé inconnu')).toEqual({ kind: 'refused', code: 'unnamed-code', why: 'unknown' })
})

test('a patient’s number in the place of a code stays out of the outcome', () => {
  for (const code of ['284037511425625', 'INS-284037511425625', '2.84.03.75.114.256', 'x_123456789']) {
    expect(errors(code)).toMatchObject({ code: 'unnamed-code' })
  }
  expect(errors('DMP-12345678')).toMatchObject({ code: 'DMP-12345678' })
})

test('a success that holds an error is neither', () => {
  expect(judge({ kind: 'contradictory' })).toEqual({ kind: 'ambiguous', code: 'contradictory-answer' })
})

test('a question that is answered by a duplicate has no result', () => {
  expect(judgeFailure({ kind: 'errors', codes: ['XDSDuplicateUniqueIdInRegistry'] })).toMatchObject({ kind: 'ambiguous' })
})
