/** A line after `****LAB****`: a result with its reference values, or a text as it is to be shown. */
export type HprimRow = HprimResult | { kind: 'text'; text: string }

export interface HprimResult {
  kind: 'result'
  label: string
  code: string
  /** `N` numeric, `A` text */
  type: string
  values: HprimValue[]
  /** L, H, LL, HH or N; empty when nothing is said */
  flag: string
  /** F final, R partial … */
  status: string
}

/** A value in one unit; a result may be given in two. */
export interface HprimValue {
  value: string
  unit: string
  min: string
  max: string
}

/** The format has 14; a line made of separators only is short work. */
const MOST_FIELDS = 20

/**
 * Reads one line: `RES|label|code|type|value|unit|min|max|flag|status|value|unit|min|max|`, cut anywhere. What is no result is text, and
 * nothing is lost.
 */
export function readRow(line: string): HprimRow {
  const [kind = '', ...fields] = line.split('|', MOST_FIELDS).map(each => each.trim())
  if (/^TEX$/i.test(kind)) return { kind: 'text', text: line.replace(/^\s*TEX\s*\|?/i, '') }
  if (!/^RES$/i.test(kind)) return { kind: 'text', text: line }
  const [label = '', code = '', type = '', value = '', unit = '', min = '', max = '', flag = '', status = '', ...second] = fields
  const [value2 = '', unit2 = '', min2 = '', max2 = ''] = second
  const values = [
    { value, unit, min, max },
    { value: value2, unit: unit2, min: min2, max: max2 },
  ].filter(each => each.value !== '' || each.unit !== '')
  return { kind: 'result', label, code, type, values, flag, status }
}
