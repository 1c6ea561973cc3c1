import { expect, test } from 'vitest'
import { openSummaries } from '../../../dmp-bridge/console/summary.ts'
import type { Recognition } from '../../../dmp-bridge/facts.ts'

test('no mark of a document makes a name look like another', async () => {
  const patient = { birthName: '\u202eENITRAM', firstName: 'LÉA\u200b\u2066', identities: 1 }
  const cda = { title: 'Lettre\n\tde\u202d sortie', typeCode: { code: '11490-0', system: '', label: '' }, patient, authors: [] }
  const document = { path: 'a', sha256: 's', content: Buffer.from('x'), marks: [], cda }
  const summaries = openSummaries({
    read: async () => Buffer.from(''),
    recognise: async () => ({ documents: [document] }) as unknown as Recognition,
  })
  const result = await summaries.of({ messageId: 'm', place: 1, sha256: 's', hasBytes: true })
  expect(result).toMatchObject({
    kind: 'document',
    document: { title: 'Lettre de\ufffd sortie', patient: '\ufffdENITRAM LÉA\ufffd\ufffd' },
  })
})
