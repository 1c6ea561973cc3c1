import { shippedTables, type Tables } from '../tables.ts'
import { DESCRIPTION_FIELDS, type Description, type DescriptionField, descriptionSchema } from '../wrap/description.ts'
import { DESCRIBABLE } from '../wrap/judge.ts'
import { typeLabels } from '../wrap/type-labels.ts'
import type { FilingEntry } from './filing-list.ts'
import { Content } from './filing-page.tsx'
import { seenOf } from './order-page.tsx'
import type { Visitor } from './page.ts'
import type { SummaryResult } from './summary.ts'
import { AUTHORITIES } from './words.tsx'

/** @returns whether this visitor may say whose the file is: he must be allowed to see it */
export function mayDescribe({ state, reasons, hasBytes }: FilingEntry, { mayRead }: Visitor): boolean {
  const isWaiting = state === 'held' && hasBytes && reasons.includes('needs-identity')
  return mayRead && isWaiting && reasons.every(reason => DESCRIBABLE.includes(reason))
}

type Path = DescriptionField['path']
/** What was typed, by field. */
export type Typed = Partial<Record<Path, string>>

/** @returns the description that a form holds, or which fields are wrong */
export function readDescriptionForm(body: Readonly<Record<string, unknown>>): {
  typed: Typed
  description?: Description
  wrong: ReadonlySet<string>
} {
  const typed: Typed = {}
  const said: Record<string, unknown> & { patient: Record<string, string> } = { patient: {} }
  for (const { path } of DESCRIPTION_FIELDS) {
    const value = body[path]
    const text = typeof value === 'string' ? value.trim() : ''
    if (text === '') continue
    typed[path] = text
    const [, ofPatient] = /^patient\.(.+)$/.exec(path) ?? []
    if (ofPatient === undefined) said[path] = text
    else said.patient[ofPatient] = ofPatient === 'ins' ? text.replaceAll(/\s/g, '').toUpperCase() : text
  }
  const parsed = descriptionSchema.safeParse(said)
  if (parsed.success) return { typed, description: parsed.data, wrong: new Set() }
  return { typed, wrong: new Set(parsed.error.issues.map(({ path }) => path.join('.'))) }
}

export interface DescribePageProps {
  entry: FilingEntry
  content: SummaryResult | 'forbidden'
  formToken: string
  insOids: readonly string[]
  typed?: Typed
  wrong?: ReadonlySet<string>
  fault?: string | undefined
  tables?: Tables
}

/** The form of a file that does not say whose it is. What is typed is health data: it goes into the sealed description and nowhere else. */
export function DescribePage({ entry, content, formToken, insOids, typed = {}, wrong = new Set(), fault, tables }: DescribePageProps) {
  const offered = choices(insOids, tables ?? shippedTables())
  const labels = DESCRIPTION_FIELDS.filter(({ path }) => wrong.has(path)).map(({ label }) => label)
  return (
    <>
      <h1>Donner l’identité du patient</h1>
      {(fault !== undefined || labels.length > 0) && (
        <p class="alert" role="alert">
          {fault ?? `À corriger : ${labels.join(', ')}.`}
        </p>
      )}
      <section aria-labelledby="fichier">
        <h2 id="fichier">Le fichier</h2>
        <Content id={entry.id} content={content} />
        <p>Vous répondez de l’identité que vous donnez : vérifiez-la dans le dossier du patient. Elle doit être qualifiée (INS).</p>
      </section>
      <section aria-labelledby="identite">
        <h2 id="identite">Patient et document</h2>
        <form method="post" action={`/depots/${entry.id}/decrire`}>
          <input type="hidden" name="jeton" value={formToken} />
          <input type="hidden" name="vu" value={seenOf(entry)} />
          <div class="filters">
            {DESCRIPTION_FIELDS.map(field => (
              <Field field={field} value={typed[field.path] ?? ''} isWrong={wrong.has(field.path)} offered={offered} />
            ))}
          </div>
          <p class="hint">
            Le fichier devient un document à votre nom, vérifié comme les autres, puis déposé. Ce que vous écrivez ici est gardé scellé
            jusqu’au dépôt, puis effacé.
          </p>
          <div class="row">
            <button type="submit">Donner l’identité</button>
            <a href={`/depots/${entry.id}`}>Ne rien faire</a>
          </div>
        </form>
      </section>
    </>
  )
}

type Choice = readonly [value: string, label: string]
type Offered = Partial<Record<DescriptionField['input'], readonly Choice[]>>

function choices(insOids: readonly string[], tables: Tables): Offered {
  const coded = (list: Tables['choices']['practices']) => list.map(({ code, label }): Choice => [code, label])
  return {
    sex: [
      ['F', 'Féminin'],
      ['M', 'Masculin'],
    ],
    oid: insOids.map(oid => [oid, AUTHORITIES[oid] ?? oid]),
    type: [...typeLabels()],
    practice: coded(tables.choices.practices),
    facility: coded(tables.choices.facilities),
  }
}

function Field({ field, value, isWrong, offered }: { field: DescriptionField; value: string; isWrong: boolean; offered: Offered }) {
  const { path, label, input, required } = field
  const options = offered[input]
  const id = path.replace('.', '-')
  const shared = { id, name: path, required, 'aria-invalid': isWrong ? 'true' : undefined }
  return (
    <div>
      <label for={id}>
        {label}
        {required ? '' : ' (facultatif)'}
      </label>
      {options ? (
        <select {...shared}>
          <option value="">Choisir</option>
          {options.map(([code, text]) => (
            <option value={code} selected={code === value || options.length === 1}>
              {text}
            </option>
          ))}
        </select>
      ) : (
        <input {...shared} type={input === 'date' ? 'date' : 'text'} value={value} autocomplete="off" spellcheck={false} />
      )}
    </div>
  )
}
