import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { messageIdIn, PROCESSING_ERRORS, readMdn } from '../../../gateway/receipts/mdn.ts'
import { readReport } from '../../../gateway/receipts/read-report.ts'
import { corpus, hasCorpus } from '../../support/corpus.ts'

const fields = (disposition: string, ...others: string[]) =>
  [
    'Reporting-UA: lps.b.mssante.test; Logiciel 1.0',
    'Original-Recipient: rfc822;Dr.Durand@b.mssante.test',
    'Final-Recipient: rfc822; dr.durand@b.mssante.test',
    'Original-Message-ID: <un@a.mssante.test>',
    `Disposition: ${disposition}`,
    ...others,
    '',
  ].join('\r\n')

const common = {
  kind: 'mdn',
  originalMessageId: '<un@a.mssante.test>',
  original: 'dr.durand@b.mssante.test',
  final: 'dr.durand@b.mssante.test',
}

test.each([
  ['manual-action/MDN-sent-manually; displayed', { disposition: 'displayed', automatic: false, error: false }],
  ['manual-action/MDN-sent-automatically; Deleted', { disposition: 'deleted', automatic: false, error: false }],
  ['automatic-action/MDN-sent-automatically; dispatched', { disposition: 'dispatched', automatic: true, error: false }],
  ['automatic-action/MDN-sent-automatically;processed', { disposition: 'processed', automatic: true, error: false }],
  ['automatic-action/MDN-sent-automatically; processed/warning', { disposition: 'processed', automatic: true, error: false }],
  [
    'manual-action/MDN-sent-manually; displayed/superseded,mailbox-terminated',
    { disposition: 'displayed', automatic: false, error: false },
  ],
  ['manual-action/MDN-sent-manually; denied', { disposition: 'denied', automatic: false, error: false }],
  ['automatic-action/MDN-sent-automatically; failed', { disposition: 'failed', automatic: true, error: true }],
])('%s', (disposition, expected) => {
  expect(readMdn(fields(disposition))).toEqual({ ...common, ...expected })
})

describe('a processing receipt that says no', () => {
  const refused = { ...common, disposition: 'processed', automatic: true, error: true }
  test.each(Object.keys(PROCESSING_ERRORS))('%s in the Disposition field, as the ANS writes it', code => {
    expect(
      readMdn(
        fields(`automatic-action/MDN-sent-automatically; processed/Error: ${code}^Libellé^messageErrorCondition| E^Error^errorSeverity`),
      ),
    ).toEqual({
      ...refused,
      code,
    })
  })

  test.each(Object.keys(PROCESSING_ERRORS))('%s in an Error field, as RFC 8098 writes it', code => {
    expect(readMdn(fields('automatic-action/MDN-sent-automatically; processed/error', `Error: ${code}^Libellé`))).toEqual({
      ...refused,
      code,
    })
  })

  test('an Error field without the modifier is an error too', () => {
    expect(readMdn(fields('automatic-action/MDN-sent-automatically; processed', 'Error: 903'))).toEqual({ ...refused, code: '903' })
  })

  test('the code comes from the subject when the fields have none', () => {
    const disposition = fields('automatic-action/MDN-sent-automatically; processed/error')
    expect(readMdn(disposition, '[KO Intégration système !][904] XDM/1.0/DDM+…')).toEqual({ ...refused, code: '904' })
    expect(readMdn(disposition, 'Re: 904')).toEqual({ ...refused, code: '904' })
    expect(readMdn(disposition, 'x')).toEqual(refused)
  })

  test('a number that is no code is none', () => {
    expect(readMdn(fields('automatic-action/MDN-sent-automatically; processed/Error: 9020^x', 'Error: 1902'))).toEqual(refused)
  })
})

test('no disposition, an unknown one, or nothing: nothing is guessed', () => {
  for (const text of [
    '',
    'Final-Recipient: rfc822; a@b.test\r\n',
    fields('manual-action/MDN-sent-manually; understood'),
    fields('displayed'),
  ]) {
    expect(readMdn(text)).toBeUndefined()
  }
})

test('any text is read without a throw', () => {
  fc.assert(fc.property(fc.string(), text => void readMdn(`Disposition: ${text}`, text)))
})

test('a Message-ID with blanks inside its brackets is still it', () => {
  expect(messageIdIn('<199509192301.23456 >')).toBe('<199509192301.23456>')
  expect(messageIdIn('no brackets')).toBeUndefined()
  expect(messageIdIn('< >')).toBeUndefined()
})

test('a whole message, with the answered one behind', async () => {
  const eml = [
    'From: dr.durand@b.mssante.test',
    'Subject: Lu',
    'Content-Type: multipart/report; report-type=disposition-notification; boundary=b1',
    '',
    '--b1',
    '',
    'Lu.',
    '--b1',
    'Content-Type: message/disposition-notification',
    '',
    'Final-Recipient: rfc822;dr.durand@b.mssante.test',
    'Disposition: manual-action/MDN-sent-manually; displayed',
    '',
    '--b1',
    'Content-Type: message/rfc822',
    '',
    'Subject: essai',
    'Message-ID:',
    ' <un@a.mssante.test>',
    '',
    'texte',
    '--b1--',
    '',
  ].join('\r\n')
  expect(await readReport(Buffer.from(eml))).toEqual({
    kind: 'mdn',
    headerMessageId: '<un@a.mssante.test>',
    final: 'dr.durand@b.mssante.test',
    disposition: 'displayed',
    automatic: false,
    error: false,
  })
})

describe.skipIf(!hasCorpus)('the example that the ANS publishes', () => {
  test('is read in spite of its missing empty lines', async () => {
    const page = readFileSync(corpus('mdn', 'struct-msg-mdn.md'), 'utf8')
    const example = page.split('```').at(-2)?.trim() ?? ''
    const lines = example.split('\n')
    const firstPart = lines.findIndex(line => line.startsWith('--'))
    const eml = [...lines.slice(0, firstPart), '', ...lines.slice(firstPart), ''].map(line => line.trimEnd()).join('\r\n')
    expect(await readReport(Buffer.from(eml))).toMatchObject({
      kind: 'mdn',
      disposition: 'processed',
      automatic: true,
      error: true,
      code: '902',
    })
  })

  test('names each error code that we know', () => {
    const page = readFileSync(corpus('mdn', 'error-codes.md'), 'utf8')
    for (const code of Object.keys(PROCESSING_ERRORS)) expect(page).toContain(`<p>${code}</p>`)
  })
})
