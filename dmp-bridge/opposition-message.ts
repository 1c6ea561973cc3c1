import type { Ins } from './facts.ts'
import { hasValidKey, isInsOid } from './ins.ts'

/** ZFA-9 of IHE PAM-FR 2.11: informed and not opposed, informed and opposed, not collected. */
export const FEEDING = ['INO', 'IO', 'NA'] as const
export type Feeding = (typeof FEEDING)[number]

/** What one message of the patient administration says of the feeding of a patient's DMP. */
export interface Statement {
  ins: Ins
  feeding: Feeding
  /** When it was said, as written (`YYYYMMDDHHMMSS`, local time); empty when it is not dated. */
  at: string
  /** PID-32 VALI: the identity was checked. What lifts an opposition must be about a checked one. */
  validated: boolean
}

export type StatementFault = 'not-hl7' | 'no-zfa' | 'unknown-feeding' | 'no-ins' | 'bad-ins-key' | 'several-ins' | 'several-patients'

/** What could not be read: the rank of the message in its file and the line where it starts, both counted from 1. It names nobody. */
export interface UnreadStatement {
  message: number
  line: number
  why: StatementFault
}

/** Around the messages of a batch (HL7 v2 §2.10.3). */
const BATCH = /^(FHS|BHS|BTS|FTS)/

/**
 * Reads the oppositions that a patient administration sends: ADT messages of IHE PAM-FR 2.11 with a ZFA segment (spec: non-opposition is
 * recorded locally, outside the DMP).
 * @param text one message or several, in a batch or not; segments end with CR (HL7 v2 §2.4), LF or both
 * @returns what each message says, and what cannot be read of the others
 */
export function readStatements(text: string): { statements: Statement[]; unread: UnreadStatement[] } {
  const messages: { line: number; segments: string[] }[] = []
  for (const [index, written] of text.split(/\r\n|[\r\n]/).entries()) {
    const segment = written.replace(/^[\uFEFF\v\x1c]+|[\v\x1c]+$/g, '') // MLLP puts its own octets around a message
    if (segment.trim() === '' || BATCH.test(segment)) continue
    if (segment.startsWith('MSH') || messages.length === 0) messages.push({ line: index + 1, segments: [] })
    messages.at(-1)?.segments.push(segment)
  }
  const statements: Statement[] = []
  const unread: UnreadStatement[] = []
  for (const [index, { line, segments }] of messages.entries()) {
    const read = readStatement(segments)
    if (typeof read === 'string') unread.push({ message: index + 1, line, why: read })
    else statements.push(read)
  }
  return { statements, unread }
}

function readStatement(segments: readonly string[]): Statement | StatementFault {
  const header = segments[0] ?? ''
  const [field, component, repetition, , sub] = [header[3], header[4], header[5], header[6], header[7]]
  if (!header.startsWith('MSH') || !field || !component || !repetition || !sub) return 'not-hl7'
  const named = (name: string) => segments.filter(each => each.startsWith(name + field)).map(each => each.split(field))
  const [patient, ...others] = named('PID')
  if (!patient || others.length > 0) return patient ? 'several-patients' : 'no-ins'
  const zfa = named('ZFA')
  if (zfa.length !== 1) return 'no-zfa'
  const feeding = FEEDING.find(each => each === zfa[0]?.[9])
  if (!feeding) return 'unknown-feeding'
  const ins = insOf(patient[3] ?? '', { component, repetition, sub })
  if (typeof ins === 'string') return ins
  return { ins, feeding, at: zfa[0]?.[10] ?? '', validated: patient[32] === 'VALI' }
}

function insOf(
  identifiers: string,
  { component, repetition, sub }: Record<'component' | 'repetition' | 'sub', string>,
): Ins | StatementFault {
  const all = identifiers.split(repetition).map(each => each.split(component))
  const national = all.map(parts => ({ matricule: parts[0] ?? '', oid: parts[3]?.split(sub)[1] ?? '' })).filter(({ oid }) => isInsOid(oid))
  const [ins, ...others] = national
  if (!ins) return 'no-ins'
  if (others.some(other => other.matricule !== ins.matricule)) return 'several-ins'
  return hasValidKey(ins.matricule) ? ins : 'bad-ins-key'
}
