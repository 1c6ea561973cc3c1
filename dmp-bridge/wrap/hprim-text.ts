import type { FoundDocument } from '../facts.ts'
import { found } from '../found.ts'
import { type HprimHeader, type HprimPart, readHprim } from '../hprim.ts'
import type { HprimResult, HprimRow, HprimValue } from '../hprim-rows.ts'
import type { Reason } from '../reasons.ts'

/**
 * The dossiers of a file of HPRIM as candidates, each as a text of its own. A file of several patients gives none (ECO.2.1.1), nor does a part that
 * does not say who it is about, one without an end, or one that can be read in two ways.
 */
export function candidatesOfHprim(path: string, content: Uint8Array): FoundDocument[] {
  const hprim = readHprim(content)
  if (!hprim || hprim.doubtfulEncoding || hprim.patients !== 1 || hprim.strayLines > 0) return []
  const candidates: FoundDocument[] = []
  for (const [index, part] of hprim.parts.entries()) {
    const { header } = part
    if (!header || header.birthDate === undefined || !part.ended) return []
    const where = hprim.parts.length === 1 ? path : `${path}/${index + 1}`
    const { name, firstName, birthDate, sender } = header
    const candidate = { kind: 'hprim', mediaType: 'text/plain', states: { name, firstName, birthDate }, from: sender } as const
    const faults: Reason[] = part.rows.every(isFinal) ? [] : ['partial-biology'] // REC_GEN-1070
    candidates.push({ ...found(where, new Uint8Array(Buffer.from(hprimText(part, header))), faults), candidate })
  }
  return candidates
}

function isFinal(row: HprimRow): boolean {
  return row.kind === 'text' || row.status === '' || row.status.toUpperCase() === 'F'
}

/** @returns a dossier as people read it; every value of it is there, the number of the insured is not */
export function hprimText(part: HprimPart, header: HprimHeader): string {
  const lines = [
    `Patient : ${header.name} ${header.firstName}`.trim(),
    ...(header.birthDate ? [`Né(e) le : ${day(header.birthDate)}`] : []),
    ...(header.dossier ? [`Dossier : ${header.dossier}`] : []),
    ...(header.date ? [`Date : ${day(header.date)}`] : []),
    ...(header.sender ? [`Émetteur : ${header.sender}`] : []),
    '',
    ...part.text.map(each => each.trimEnd()),
    ...part.rows.map(row => (row.kind === 'text' ? row.text.trimEnd() : resultText(row))),
  ]
  return `${lines
    .join('\n')
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f]/g, ' ')
    .replace(/\n{3,}/g, '\n\n')
    .trim()}\n`
}

function resultText({ label, code, values, flag, status }: HprimResult): string {
  const measured = values.map(valueText).join(' ; ')
  const marks = [...(flag && flag !== 'N' ? [flag] : []), ...(status && status !== 'F' ? [`statut ${status}`] : [])]
  return `${label || code} : ${measured}${marks.length > 0 ? ` [${marks.join(', ')}]` : ''}`
}

function valueText({ value, unit, min, max }: HprimValue): string {
  const range = min || max ? ` (${min || '…'} – ${max || '…'})` : ''
  return `${value} ${unit}`.trim() + range
}

function day(date: string): string {
  return date.replace(/(....)(..)(..)/, '$3/$2/$1')
}
