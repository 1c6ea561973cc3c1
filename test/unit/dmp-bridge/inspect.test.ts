import { expect, test } from 'vitest'
import { inspectFile } from '../../../dmp-bridge/inspect.ts'
import { samplePatient } from '../../world/letter.ts'
import { buildPdfA } from '../../world/pdfa-builder.ts'
import { cdaOf, letterOf, NOW, policy, sender } from './samples.ts'
import { description } from './wrap/wrap-samples.ts'

test('a letter: what is recognised, what would be sent, the decision', async () => {
  const { eml, uniqueId } = await letterOf()
  const inspection = await inspectFile('lettre.eml', eml, { policy, sender })
  expect(JSON.parse(JSON.stringify(inspection))).toEqual(inspection)
  expect(inspection).toMatchObject({
    file: 'lettre.eml',
    faults: [],
    documents: [
      {
        path: '2/IHE_XDM.zip/IHE_XDM/SUBSET01/DOC0001.XML',
        decision: 'file',
        reasons: [],
        sender: { address: sender.address, assumed: false },
        document: { uniqueId, patient: { ins: { matricule: samplePatient.ins } } },
        metadata: { uniqueId, class: { code: '10' } },
      },
    ],
    tables: { types: '2025-04-25' },
  })
  expect(inspection.ignored.at(-1)).toMatchObject({ reason: 'copy-beside-xdm', en: 'PDF copy beside a CDA.' })
})

test('without a sender: a declared author, whose structure we may speak for', async () => {
  const other = { ...policy, structure: '1750000018' }
  const [document] = (await inspectFile('a.xml', Buffer.from(cdaOf()), { policy: other })).documents
  expect(document).toMatchObject({ decision: 'file', sender: { assumed: true, idNatPs: sender.idNatPs, declared: true } })
})

test('a sender who is given is judged as he is', async () => {
  const [document] = (await inspectFile('a.xml', Buffer.from(cdaOf()), { policy, sender: { ...sender, declared: false } })).documents
  expect(document).toMatchObject({ decision: 'hold', reasons: [{ reason: 'not-declared' }], sender: { assumed: false } })
})

test('a held document shows its metadata when they can be made', async () => {
  const restricted = (await inspectFile('a.xml', Buffer.from(cdaOf({ confidentiality: 'R' })), { policy })).documents[0]
  expect(restricted).toMatchObject({
    decision: 'hold',
    reasons: [{ reason: 'not-normal' }],
    metadata: { confidentiality: [{ code: 'R' }] },
  })
  const unknown = (await inspectFile('a.xml', Buffer.from(cdaOf({ type: { code: 'x', label: 'x' } })), { policy })).documents[0]
  expect(unknown?.metadata).toBeUndefined()
})

test('the time may be given', async () => {
  const early = new Date(NOW.getTime() - 3_600_000)
  const [document] = (await inspectFile('a.xml', Buffer.from(cdaOf()), { policy, now: early })).documents
  expect(document?.reasons.map(each => each.reason)).toEqual(['bad-date'])
})

test('an unreadable file says why', async () => {
  const broken = await inspectFile('a.zip', Buffer.from('PK\x03\x04'), { policy })
  expect(broken.documents).toMatchObject([{ decision: 'hold', reasons: [{ reason: 'zip-malformed' }] }])
  const deep = await inspectFile('a.eml', Buffer.from('Content-Type: message/rfc822\r\n\r\n'.repeat(40)), { policy })
  expect(deep.faults).toMatchObject([{ reason: 'too-deep' }])
})

test('a file without identity: what it is, what is asked, and what would be made of it', async () => {
  const pdf = buildPdfA()
  const asked = (await inspectFile('lettre.pdf', pdf, { policy, now: NOW })).documents
  expect(asked).toMatchObject([
    { decision: 'hold', reasons: [{ reason: 'needs-identity' }], file: { kind: 'pdf', mediaType: 'application/pdf', pdf: { faults: [] } } },
  ])
  let made: Uint8Array | undefined
  const onWrapped = (cda: Uint8Array) => {
    made = cda
  }
  const [document] = (await inspectFile('lettre.pdf', pdf, { policy, now: NOW, description, onWrapped })).documents
  expect(document).toMatchObject({ decision: 'file', document: { body: 'N1', typeCode: { code: '11488-4' } }, sender: { assumed: true } })
  const [read] = (await inspectFile('a.xml', made!, { policy, now: NOW })).documents
  expect(read).toMatchObject({ sha256: document!.sha256, decision: 'file', pdf: { faults: [] } })
  await expect(inspectFile('a.xml', Buffer.from(cdaOf()), { policy, description })).rejects.toThrow('0 files')
})

test('the PDF of a received document is told of, and holds nothing', async () => {
  const [document] = (await inspectFile('a.xml', Buffer.from(cdaOf()), { policy, now: NOW })).documents
  expect(document).toMatchObject({ decision: 'file', pdf: { faults: ['no-output-intent', 'font-not-embedded'] } })
})
