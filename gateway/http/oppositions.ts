import { z } from 'zod'
import {
  FEEDING,
  type ImportReport,
  insFault,
  type Oppositions,
  readOppositionFile,
  type StatementForm,
  statementForm,
  statementOf,
} from '../../dmp-bridge/index.ts'
import type { Endpoint } from './endpoint.ts'
import { Problem } from './problem.ts'

/** How HL7 v2 messages, lines of JSON, and either as a plain file are sent. */
const FILES = ['x-application/hl7-v2+er7', 'application/hl7-v2', 'application/x-ndjson', 'text/plain']
const MAX_FILE = 16 * 1024 * 1024
/** A file of another kind has a fault on each line; the first ones tell. */
const MOST_LINES = 1_000

const none = z.object({})
const patientForm = statementForm.pick({ ins: true, oid: true })
const feeding = z
  .enum([...FEEDING, 'none', 'unreadable'])
  .describe('the last that is on record; none: nothing is; unreadable: under another key')
const report = z
  .object({
    statements: z.number().int().describe('read'),
    recorded: z.number().int().describe('of these, what changed the register'),
    unread: z.number().int(),
    lines: z
      .array(z.object({ line: z.number().int(), why: z.string() }))
      .describe(`the first ${MOST_LINES} that could not be read, never a value`),
  })
  .meta({ id: 'OppositionImport' })

/**
 * The register of oppositions to the feeding of the DMP, for a practice's or hospital's software. A patient's number is only ever in a body:
 * never in a path, a log or an audit line, where he stands under a keyed hash.
 */
export function oppositionEndpoints({ oppositions, now }: { oppositions: Oppositions; now: () => number }): Endpoint[] {
  const said = async (ins: string) => (await oppositions.of(ins)) ?? 'none'
  const audited = ({ ins }: Record<string, unknown>) => ({ object: oppositions.markOf(String(ins)) })

  return [
    {
      method: 'post',
      path: '/v1/oppositions',
      id: 'recordOpposition',
      summary: 'Record what a patient said of the feeding of his DMP',
      ...{ params: none, query: none, body: statementForm, status: 200 },
      answer: z.object({
        recorded: z.boolean().describe('false when it changes nothing: known, older, or it may not lift an opposition'),
        feeding,
      }),
      audited: (body, answer) => ({ ...audited(body), detail: { recorded: String(answer.recorded) } }),
      async run({ body, by }) {
        const statement = checked(body as StatementForm)
        if ((await said(statement.ins)) === 'unreadable') throw new Problem(409, 'register-key', 'The register is kept under another key')
        const recorded = await oppositions.record([statementOf(statement, now())], by)
        return { recorded: recorded === 1, feeding: await said(statement.ins) }
      },
    },
    {
      method: 'post',
      path: '/v1/oppositions/question',
      id: 'askOpposition',
      summary: 'What is on record of a patient; asked by POST, so that no number stands in a URL',
      ...{ params: none, query: none, body: patientForm, status: 200 },
      answer: z.object({ feeding }),
      audited,
      run: async ({ body }) => ({ feeding: await said(checked(body as StatementForm).ins) }),
    },
    {
      method: 'post',
      path: '/v1/oppositions/import',
      id: 'importOppositions',
      summary: 'Record HL7 v2 messages (IHE PAM-FR, ZFA-9), one or a batch, or one JSON statement a line',
      ...{ params: none, query: none, text: FILES, maxBody: MAX_FILE, status: 200 },
      answer: report,
      audited: (_, { statements, recorded, unread }) => ({
        detail: { statements: String(statements), recorded: String(recorded), unread: String(unread) },
      }),
      async run({ body, by }): Promise<ImportReport> {
        const { statements, unread } = readOppositionFile(String(body.text), now())
        const lines = unread.slice(0, MOST_LINES)
        if (statements.length === 0) {
          const faults = lines.map(({ line, why }) => ({ field: `line ${line}`, reason: why, message: why }))
          throw new Problem(422, 'unread', 'No statement could be read', { faults })
        }
        if ((await said(statements[0]?.matricule ?? '')) === 'unreadable')
          throw new Problem(409, 'register-key', 'The register is kept under another key')
        return { statements: statements.length, recorded: await oppositions.record(statements, by), unread: unread.length, lines }
      },
    },
  ]
}

function checked<Patient extends Pick<StatementForm, 'ins' | 'oid'>>(patient: Patient): Patient {
  const fault = insFault(patient)
  if (fault === undefined) return patient
  const field = fault === 'no-ins' ? 'oid' : 'ins'
  const message = fault === 'no-ins' ? 'This OID is no authority of the INS' : 'This is no INS: 15 characters with their key'
  throw new Problem(422, fault, message, { faults: [{ field, reason: fault, message }] })
}
