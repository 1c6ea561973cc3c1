import { DEFAULT_LIMITS, type Limits } from '../../../dmp-bridge/caps.ts'
import { decide, type Policy, type Sender, type Verdict } from '../../../dmp-bridge/decide.ts'
import type { Recognition } from '../../../dmp-bridge/facts.ts'
import type { Reason } from '../../../dmp-bridge/reasons.ts'
import { recogniseFile } from '../../../dmp-bridge/recognise.ts'
import {
  buildCda,
  buildLetter,
  buildPdf,
  type CdaOptions,
  insWithKey,
  type Letter,
  type ReferralOptions,
  sampleAuthor,
  samplePatient,
} from '../../world/letter.ts'

export const NOW = new Date('2026-01-05T09:30:00Z')
export const UNIQUE_ID = '2.25.111222333'

export const policy: Policy = {
  insOids: ['1.2.250.1.213.1.4.8', '1.2.250.1.213.1.4.9', '1.2.250.1.213.1.4.10'],
  maxDocumentBytes: 5_000_000,
  structure: sampleAuthor.structure.id,
  structureName: sampleAuthor.structure.name,
  sector: 'SA07',
  responsible: { idNatPs: `8${sampleAuthor.rpps}`, name: 'FICTIF Éloi' },
}

export const sender: Sender = {
  address: 'dr.fictif@a.mssante.test',
  idNatPs: `8${sampleAuthor.rpps}`,
  structures: [sampleAuthor.structure.id],
  declared: true,
}

/** Another patient who does not exist. */
export const otherPatient = {
  ...samplePatient,
  ins: insWithKey('1550675056031'),
  birthName: 'AUTRE',
  firstName: 'LÉO',
  birthDate: '1955-06-02',
  sex: 'M' as const,
}

export function ids(): () => string {
  let count = 0
  return () => {
    count += 1
    return `00000000-0000-4000-8000-${String(count).padStart(12, '0')}`
  }
}

/** The CDA of an ordinary referral, with departures. */
export function cdaOf(options: Partial<CdaOptions> = {}): string {
  const body = { mediaType: 'application/pdf' as const, content: buildPdf(['Lettre']) }
  return buildCda({ uniqueId: UNIQUE_ID, patient: samplePatient, author: sampleAuthor, now: NOW, body, ...options }).toString()
}

export function letterOf(options: Partial<ReferralOptions> = {}): Promise<Letter> {
  const from = 'Dr Éloi FICTIF <dr.fictif@a.mssante.test>'
  return buildLetter({
    from,
    to: 'dr.autre@b.mssante.test',
    author: sampleAuthor,
    patient: samplePatient,
    now: NOW,
    newId: ids(),
    ...options,
  })
}

export function read(name: string, bytes: Uint8Array | string, limits: Partial<Limits> = {}): Promise<Recognition> {
  return recogniseFile(name, Buffer.from(bytes as string), { ...DEFAULT_LIMITS, ...limits })
}

/** @returns for each document `file`, or its reasons in order */
export function verdicts(recognition: Recognition, who: Sender = sender, what: Policy = policy): ('file' | Reason[])[] {
  return recognition.documents.map(each => outcome(decide(each, recognition, who, what)))
}

export async function verdictOf(
  name: string,
  bytes: Uint8Array | string,
  who?: Sender,
  what?: Policy,
): Promise<'file' | Reason[] | undefined> {
  return verdicts(await read(name, bytes), who, what)[0]
}

function outcome(verdict: Verdict): 'file' | Reason[] {
  return verdict.action === 'file' ? 'file' : verdict.reasons.toSorted()
}
