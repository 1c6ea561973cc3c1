import { z } from 'zod'
import { instantOf } from './hl7-time.ts'
import { hasValidKey, isInsOid } from './ins.ts'
import { FEEDING, readStatements, type StatementFault } from './opposition-message.ts'
import type { NewStatement } from './oppositions.ts'

/** What is told of a file that was imported: counts and lines, never a value. */
export interface ImportReport {
  /** how many statements could be read */
  statements: number
  /** how many of them changed the register; the others were known, older, or may not lift an opposition */
  recorded: number
  /** how many could not be read */
  unread: number
  /** the first of them */
  lines: UnreadLine[]
}

export interface UnreadLine {
  /** where it starts in its file, from 1 */
  line: number
  why: StatementFault | 'not-json' | 'form'
}

/** One statement as JSON. */
export const statementForm = z.strictObject({
  ins: z.string().max(15).describe('matricule with its key, 15 characters'),
  oid: z.string().max(64).describe('authority of the INS'),
  feeding: z.enum(FEEDING).describe('ZFA-9: INO informed and not opposed, IO informed and opposed, NA not asked'),
  saidAt: z.iso.datetime({ offset: true }).optional().describe('when it was said; now without it'),
  qualified: z.boolean().optional().describe('the identity was checked (PID-32 VALI): only then an opposition is lifted; false by default'),
})
export type StatementForm = z.output<typeof statementForm>

/** @returns what is wrong with whose number it is; undefined when nothing is */
export function insFault({ ins, oid }: Pick<StatementForm, 'ins' | 'oid'>): 'no-ins' | 'bad-ins-key' | undefined {
  if (!isInsOid(oid)) return 'no-ins'
  return hasValidKey(ins) ? undefined : 'bad-ins-key'
}

/** @param now when it was said, if it does not say so */
export function statementOf({ ins, feeding, saidAt, qualified }: StatementForm, now: number): NewStatement {
  return { matricule: ins, feeding, saidAt: saidAt === undefined ? now : Date.parse(saidAt), validated: qualified === true }
}

/**
 * Reads a file of statements: HL7 v2 messages (PAM-FR, in a batch or not), or one JSON object a line.
 * @param now when what is not dated was said
 */
export function readOppositionFile(text: string, now: number): { statements: NewStatement[]; unread: UnreadLine[] } {
  if (/^\uFEFF?\s*\{/.test(text)) return readLines(text, now)
  const { statements, unread } = readStatements(text)
  return {
    statements: statements.map(({ ins, feeding, at, validated }) => ({
      ...{ matricule: ins.matricule, feeding, validated },
      saidAt: instantOf(at) ?? unclear(at, feeding, now),
    })),
    unread: unread.map(({ line, why }) => ({ line, why })),
  }
}

/** What opposes holds from now on. What lifts an opposition must be known to be later: a date of which we can't tell that is before all others. */
function unclear(at: string, feeding: NewStatement['feeding'], now: number): number {
  return at === '' || feeding === 'IO' ? now : 0
}

function readLines(text: string, now: number): { statements: NewStatement[]; unread: UnreadLine[] } {
  const statements: NewStatement[] = []
  const unread: UnreadLine[] = []
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    if (line.trim() === '') continue
    const read = readLine(line)
    if (typeof read === 'string') unread.push({ line: index + 1, why: read })
    else statements.push(statementOf(read, now))
  }
  return { statements, unread }
}

function readLine(line: string): StatementForm | UnreadLine['why'] {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return 'not-json'
  }
  const parsed = statementForm.safeParse(value)
  return parsed.success ? (insFault(parsed.data) ?? parsed.data) : 'form'
}
