import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { TABLES_FOLDER } from '../tables.ts'

let labels: ReadonlyMap<string, string> | undefined

/** @returns the types that a professional files, with what people call them, to be chosen from */
export function typeLabels(): ReadonlyMap<string, string> {
  labels ??= new Map(Object.entries(JSON.parse(readFileSync(join(TABLES_FOLDER, 'type-labels.json'), 'utf8')).labels as object))
  return labels
}

export function typeLabel(code: string): string | undefined {
  return typeLabels().get(code)
}
