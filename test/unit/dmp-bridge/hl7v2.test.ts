import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../../dmp-bridge/caps.ts'
import type { FoundDocument } from '../../../dmp-bridge/facts.ts'
import { recogniseFile, recogniseMessage } from '../../../dmp-bridge/recognise.ts'
import { corpus, hasCorpus } from '../../support/corpus.ts'
import { buildMail, buildZip, insWithKey, samplePatient } from '../../world/letter.ts'
import { base64, FLAGS, type Hl7Options, hl7Of } from './hl7v2-samples.ts'
import { cdaOf, letterOf, NOW, otherPatient, read, UNIQUE_ID, verdicts } from './samples.ts'

async function outcomes(options: Hl7Options = {}) {
  return verdicts(await read('m.hl7', hl7Of(options)))
}

test('the document of a message is found with its bytes, and filed when the message orders it', async () => {
  const cda = cdaOf().replaceAll('\n', '\r\n')
  const recognition = await read('m.hl7', hl7Of({ documents: [base64(cda)] }))
  expect(recognition).toMatchObject({
    documents: [{ path: 'm.hl7/OBX-1', cda: { uniqueId: UNIQUE_ID }, marks: [], faults: [] }],
    ignored: [{ reason: 'text' }], // the body of the mail
    faults: [],
  })
  expect(Buffer.from(recognition.documents[0]!.content).toString()).toBe(cda)
  expect(verdicts(recognition)).toEqual(['file'])
})

describe('however it is written', () => {
  const folded = base64(cdaOf()).replace(/.{76}/g, '$&\n')
  test.each<[string, Hl7Options]>([
    ['segments end with LF', { end: '\n' }],
    ['segments end with CRLF', { end: '\r\n' }],
    ['a result message', { event: 'ORU^R01^ORU_R01' }],
    ['U+02DC declared as repetition', { separators: ['^', '\u02dc', '\\', '&'] }],
    ['all separators are others', { field: '!', separators: ['$', '%', '#', '@'] }],
    ['base64 folded with line ends', { documents: [folded], end: '\n' }],
    ['base64 folded with escapes', { documents: [base64(cdaOf()).replace(/.{76}/g, '$&\\.br\\')] }],
    ['base64 without padding', { documents: [base64(`${cdaOf()} `).replace(/=+$/, '')] }],
  ])('%s', async (_name, options) => {
    expect(await outcomes(options)).toEqual(['file'])
  })

  test.each<[string, Buffer]>([
    ['a byte order mark', Buffer.concat([Buffer.from('\ufeff'), hl7Of()])],
    ['MLLP framing', Buffer.concat([Buffer.from('\x0b'), hl7Of(), Buffer.from('\x1c\r')])],
    ['a batch', Buffer.concat([Buffer.from('FHS|^~\\&|x\rBHS|^~\\&|x\r'), hl7Of(), Buffer.from('\rBTS|1\rFTS|1\r')])],
    ['UTF-16', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(hl7Of().toString(), 'utf16le')])],
    ['an octet that is not UTF-8', Buffer.from(hl7Of().toString('latin1').replace('libell', 'libell\xe9 \xe9'), 'latin1')],
  ])('%s', async (_name, bytes) => {
    expect(verdicts(await read('x.dat', bytes))).toEqual(['file'])
  })
})

describe('who may see it', () => {
  test.each(
    Object.entries({ INVISIBLE_REP_LEGAUX: 'INVISIBLE_REPRESENTANTS_LEGAUX' }).concat(
      ['MASQUE_PS', 'INVISIBLE_PATIENT', 'CONNEXION_SECRETE', 'MODIF_CONF_CODE'].map(each => [each, each]),
    ),
  )('%s holds it', async (flag, mark) => {
    for (const value of ['Y', 'y', '', '?']) {
      const recognition = await read('m.hl7', hl7Of({ flags: { ...FLAGS, [flag]: value } }))
      expect(recognition.documents).toMatchObject([{ marks: [mark] }])
      expect(verdicts(recognition)).toEqual([['marked']])
    }
  })

  test('a flag is about every document of its message, and every copy of a document', async () => {
    const flags = { ...FLAGS, MASQUE_PS: 'Y' }
    const two = [base64(cdaOf()), base64(cdaOf({ uniqueId: '2.25.5' }))]
    expect(await outcomes({ documents: two, flags })).toEqual([['marked'], ['marked']])
    const attached = (filename: string, content: string | Buffer) => ({ type: 'application/octet-stream', filename, content })
    const eml = mailOf(attached('a.xml', cdaOf()), attached('m.hl7', hl7Of({ flags })))
    expect(verdicts(await recogniseMessage(eml, DEFAULT_LIMITS))).toEqual([['marked'], ['duplicate']])
  })
})

describe('whether it is for the DMP', () => {
  test('no: it is ignored, and so is its copy, unless something is marked', async () => {
    const flags = { ...FLAGS, DESTDMP: 'N' }
    expect(await outcomes({ flags })).toEqual([['not-for-dmp']])
    const both = await read('m.hl7', Buffer.concat([hl7Of(), Buffer.from('\r'), hl7Of({ flags })]))
    expect(verdicts(both)).toEqual([['not-for-dmp'], ['duplicate']])
    expect(await outcomes({ flags: { ...flags, MASQUE_PS: 'Y' } })).toEqual([['marked', 'not-for-dmp']])
  })

  const { DESTDMP: _, ...silent } = FLAGS
  test.each<[string, Hl7Options]>([
    ['nothing is said', { flags: silent }],
    ['neither yes nor no', { flags: { ...FLAGS, DESTDMP: 'X' } }],
    ['yes and no', { more: ['OBX|40|CWE|DESTDMP^x^MetaDMPMSS||N||||||F|'] }],
    ['another event', { event: 'MDM^T06^MDM_T02' }],
    ['another message', { event: 'ADT^A01^ADT_A01' }],
    ['a preliminary document', { status: 'P' }],
    ['a document without status', { status: '' }],
  ])('unclear, it waits: %s', async (_name, options) => {
    expect(await outcomes(options)).toEqual([['hl7-unclear']])
  })

  test.each<[string, Hl7Options]>([
    ['OBX-11', { status: 'D' }],
    ['T04', { event: 'MDM^T04^MDM_T02' }],
    ['T11', { event: 'MDM^T11^MDM_T01' }],
    ['ORC-1', { event: 'ORU^R01^ORU_R01', more: ['ORC|CA|1'] }],
  ])('an order to delete is never an order to file: %s', async (_name, options) => {
    expect(await outcomes(options)).toEqual([['hl7-deletion']])
  })

  test('a replacement says what it replaces', async () => {
    const replacing = { documents: [base64(cdaOf({ replaces: '2.25.7', version: 2 }))] }
    expect(await outcomes({ ...replacing, event: 'MDM^T10^MDM_T02' })).toEqual(['file'])
    expect(await outcomes({ ...replacing, status: 'C' })).toEqual(['file'])
    expect(await outcomes({ event: 'MDM^T10^MDM_T02' })).toEqual([['replacement']])
    expect(await outcomes({ status: 'C' })).toEqual([['replacement']])
  })
})

describe('whose it is', () => {
  const own = `${samplePatient.ins}^^^X&${samplePatient.insOid}&ISO^INS`
  test.each<[string, Hl7Options]>([
    ['another matricule', { identifiers: `${otherPatient.ins}^^^X&${samplePatient.insOid}&ISO^INS` }],
    ['another authority', { identifiers: `${samplePatient.ins}^^^X&1.2.250.1.213.1.4.9&ISO^INS` }],
    ['two matricules', { identifiers: `${own}~${insWithKey('1550675056031')}^^^X&1.2.250.1.213.1.4.8&ISO^INS` }],
    ['a local number only', { identifiers: '405660^^^AUT&1204&M^PI' }],
    ['an identity that was not validated', { pid: { validated: 'PROV' } }],
    ['an identity without status', { pid: { validated: '' } }],
    ['another birth date', { pid: { born: '19840310' } }],
    ['another sex', { pid: { sex: 'M' } }],
    ['two PID', { more: ['PID|||x'] }],
  ])('%s: it waits', async (_name, options) => {
    expect(await outcomes(options)).toEqual([['hl7-patient']])
  })

  test('what PID leaves out disagrees with nothing', async () => {
    expect(await outcomes({ identifiers: own, pid: { born: '', sex: 'U' } })).toEqual(['file'])
  })

  test('two documents of two patients', async () => {
    const documents = [base64(cdaOf()), base64(cdaOf({ uniqueId: '2.25.5', patient: otherPatient }))]
    expect(await outcomes({ documents })).toEqual([['two-patients'], ['hl7-patient', 'two-patients']])
  })
})

describe('what is there in place of a document', () => {
  test.each<[string, string]>([
    ['a sentence', base64('Document médical au format CDA niveau 1')],
    ['no base64', 'Document au format CDA'],
    ['nothing', ''],
    ['a base64 cut short', 'QUJDR'],
    ['the document as it is', '<ClinicalDocument/>'],
  ])('%s: it waits', async (_name, content) => {
    expect(await outcomes({ documents: [content] })).toEqual([['hl7-no-document']])
  })

  test('an XML that speaks of a document and is none', async () => {
    expect(await outcomes({ documents: [base64('<a>ClinicalDocument</a>')] })).toEqual([['not-a-cda']])
  })

  test('a PDF is a PDF', async () => {
    expect(await read('m.hl7', hl7Of({ documents: [base64('%PDF-1.4\n%%EOF\n')] }))).toMatchObject({
      documents: [],
      ignored: [{ reason: 'pdf-alone' }, { reason: 'text' }],
    })
  })

  test('an acknowledgement, or results without a file', async () => {
    for (const text of [
      'MSH|^~\\&|a|b|c|d|2026||ACK^T02^ACK|1|P|2.6\rMSA|AA|1',
      'MSH|^~\\&|a|b|c|d|2026||ORU^R01|1|P|2.5\rOBX|1|NM|x||4.5',
    ]) {
      expect(await read('m.hl7', text)).toEqual({ documents: [], ignored: [{ path: 'm.hl7', reason: 'hl7' }], faults: [] })
    }
  })
})

test.each<[string, Hl7Options]>([
  ['two separators are one', { separators: ['^', '^', '\\', '&'] }],
  ['a separator stands in a base64', { separators: ['^', '+', '\\', '&'] }],
  ['one is missing', { separators: ['^', '~', '\\', ''] }],
])('a message whose separators can not be right waits: %s', async (_name, options) => {
  expect(await outcomes(options)).toEqual([['hl7-malformed']])
})

test('many messages, many lines, many documents: a limit for each', async () => {
  const ack = 'MSH|^~\\&|a|b|c|d|2026||ACK|1|P|2.6\r'
  expect(verdicts(await read('m.hl7', ack.repeat(201)))).toEqual([['hl7-malformed']])
  expect(verdicts(await read('m.hl7', `${ack}${'\n'.repeat(700_001)}`))).toEqual([['hl7-malformed']])
  for (const [count, more] of [
    [201, 'OBX|1|ED|x||a^b^^B^eA==||||||F'],
    [20_001, 'NTE|1'],
  ] as const) {
    const long = hl7Of({ more: Array.from({ length: count }, () => more) })
    expect(verdicts(await read('m.hl7', long))).toEqual([['hl7-malformed']])
  }
  const repeated = hl7Of({ more: [`OBX|1|TX|x||${'~'.repeat(1_000_000)}||||||F`] })
  expect(verdicts(await read('m.hl7', repeated))).toEqual([['hl7-malformed']])
  const documents = Array.from({ length: 3 }, (_each, index) => base64(cdaOf({ uniqueId: `2.25.${index}` })))
  expect(await read('m.hl7', hl7Of({ documents }), { maxDocuments: 2 })).toMatchObject({ documents: [], faults: ['too-many-documents'] })
  expect(verdicts(await read('m.hl7', hl7Of(), { maxXmlBytes: 100 }))).toMatchObject([expect.arrayContaining(['xml-too-big'])])
})

test('a message that was damaged anywhere is filed with its own document, or not at all', async () => {
  const whole = hl7Of()
  const cda = cdaOf()
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(40), fc.uint8Array({ maxLength: 3 }), async (at, removed, added) => {
      const damaged = Buffer.concat([whole.subarray(0, at), added, whole.subarray(at + removed)])
      const recognition = await read('m.hl7', damaged)
      for (const [index, verdict] of verdicts(recognition).entries()) {
        if (verdict === 'file' && Buffer.from(recognition.documents[index]!.content).toString() !== cda) {
          // What no signature protects may be altered inside its text; who it is about may not.
          expect(recognition.documents[index]?.cda?.patient.ins).toEqual({ matricule: samplePatient.ins, oid: samplePatient.insOid })
        }
      }
    }),
    { numRuns: 150 },
  )
})

test('in a mail, in an archive, and in the text of a mail', async () => {
  const attached = mailOf({ type: 'application/octet-stream', filename: 'envoi', content: hl7Of() })
  expect(verdicts(await recogniseMessage(attached, DEFAULT_LIMITS))).toEqual(['file'])
  const zip = await buildZip([{ name: 'm.er7', content: hl7Of() }], NOW)
  expect((await read('a.zip', zip)).documents).toMatchObject([{ path: 'a.zip/m.er7/OBX-1', faults: ['metadata-missing'] }])
  const said = mailOf({ type: 'text/plain; charset=utf-8', content: hl7Of({ end: '\r\n' }) })
  expect(await recogniseMessage(said, DEFAULT_LIMITS)).toMatchObject({ documents: [], faults: ['document-in-text'] })
  expect(await recogniseMessage(mailOf({ type: 'text/plain', content: 'Le segment MSH|^~\\& manque.' }), DEFAULT_LIMITS)).toMatchObject({
    faults: [],
  })
})

test('a letter beside a message of the same patient', async () => {
  const { xdm } = await letterOf()
  const zip = { type: 'application/zip', filename: 'IHE_XDM.zip', content: xdm }
  const eml = mailOf(zip, { type: 'application/hl7-v2', filename: 'm.hl7', content: hl7Of() })
  expect(verdicts(await recogniseMessage(eml, DEFAULT_LIMITS))).toEqual(['file', 'file'])
})

describe.skipIf(!hasCorpus)('public examples', () => {
  const files = hasCorpus ? walk(corpus('hl7v2')).filter(each => !/\.(xml|md)$|readme$/i.test(each)) : []

  test('decisions: nothing is filed that is marked, deleted, a placeholder or of another patient', async () => {
    const outcomes: string[] = []
    for (const file of files) {
      const { documents, ignored, faults } = await recogniseFile(file, readFileSync(file), DEFAULT_LIMITS)
      expect(faults).toEqual([])
      const marked = ({ marks }: FoundDocument) => (marks.length > 0 ? ['marked'] : [])
      outcomes.push(...documents.map(each => [each.cda?.body ?? 'none', ...each.faults, ...marked(each)].join(' + ')))
      if (documents.length === 0) outcomes.push(ignored.map(({ reason }) => reason).join())
    }
    const counts = Object.fromEntries([...new Set(outcomes)].map(each => [each, outcomes.filter(other => other === each).length]))
    expect(counts).toEqual({
      hl7: 23, // acknowledgements, receipts, messages of the patient administration
      N1: 1,
      'N1 + hl7-deletion': 1,
      'N1 + hl7-deletion + hl7-patient': 1, // V2.1: the documents in them are of the patient of V2.0
      'N1 + hl7-patient': 1,
      'N1 + hl7-unclear + hl7-patient + marked': 1, // from a gateway to a hospital: without DESTDMP, and of another person
      'N1 + hl7-unclear + marked': 1,
      'N1 + marked': 1,
      'N3 + hl7-deletion': 1,
      'N3 + hl7-deletion + hl7-patient': 1,
      'N3 + replacement': 1, // OBX-11 says a correction, the document says of nothing
      'N3 + replacement + hl7-patient': 1,
      'none + hl7-no-document': 13,
      'none + hl7-no-document + marked': 6,
    })
  })

  test('the documents have the octets that a plain text search finds', async () => {
    let found = 0
    for (const file of files) {
      const bytes = readFileSync(file)
      const { documents } = await recogniseFile(file, bytes, DEFAULT_LIMITS)
      const searched = [...bytes.toString('latin1').matchAll(/\^Base64\^([A-Za-z0-9+/=]{5000,})\|/g)].map(([, text = '']) =>
        Buffer.from(text, 'base64'),
      )
      expect(documents.filter(({ cda }) => cda).map(({ content }) => Buffer.from(content))).toEqual(searched)
      found += searched.length
    }
    expect(found).toBe(11)
  })
})

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(each => each.isFile())
    .map(each => `${each.parentPath}/${each.name}`)
    .sort()
}

function mailOf(...parts: { type: string; filename?: string; content: string | Buffer }[]): Buffer {
  const head = { from: 'a@a.mssante.test', to: 'b@b.mssante.test', subject: 'Lettre', date: NOW, messageId: 'm@a.mssante.test' }
  return buildMail({ ...head, parts: [{ type: 'text/plain; charset=utf-8', content: 'Bonjour' }, ...parts] })
}
