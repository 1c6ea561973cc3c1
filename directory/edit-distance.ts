/**
 * @returns the Levenshtein distance of two texts (insertions, deletions, substitutions), or `most + 1` as soon as it is known to
 * be more than `most`
 */
export function editDistance(one: string, other: string, most: number): number {
  if (Math.abs(one.length - other.length) > most) return most + 1
  let above = Array.from({ length: other.length + 1 }, (_, column) => column)
  for (let line = 1; line <= one.length; line++) {
    const row = [line]
    for (let column = 1; column <= other.length; column++) {
      const same = one[line - 1] === other[column - 1] ? 0 : 1
      row.push(Math.min(above[column]! + 1, row[column - 1]! + 1, above[column - 1]! + same))
    }
    if (Math.min(...row) > most) return most + 1
    above = row
  }
  return Math.min(above[other.length]!, most + 1)
}
