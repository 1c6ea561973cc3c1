/** One answer, for a program (`--json`) or for a person. */
export function print(json: boolean | undefined, value: unknown, text: () => string): void {
  process.stdout.write(`${json ? JSON.stringify(value, null, 2) : text()}\n`)
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => (row[column] ?? '').length)))
  return rows
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** One line that is written over, for a person who waits; programs get nothing. */
export function progressLine(out: NodeJS.WriteStream): { show(text: string): void; clear(): void } {
  let width = 0
  const show = (text: string) => {
    if (!out.isTTY) return
    out.write(`\r${text.padEnd(width)}`)
    width = text.length
  }
  return {
    show,
    clear: () => {
      if (width > 0) show('')
      if (width === 0 && out.isTTY) out.write('\r')
    },
  }
}

const ABOUT_FILES: Record<string, string> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'this user may not use it',
  EEXIST: 'it is there already, and is left as it is',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of this path is no folder',
}

/** @returns one sentence; of a file, in words in place of the system's */
export function sentenceOf(error: NodeJS.ErrnoException): string {
  const words = ABOUT_FILES[error.code ?? '']
  return words !== undefined && error.path !== undefined ? `${error.path}: ${words}` : error.message
}

/** `1 line`, `2 lines`. */
export function amount(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** `2026-11-22 06:30:00.123`, local time. */
export function clock(at: number): string {
  const date = new Date(at - new Date(at).getTimezoneOffset() * 60_000)
  return date.toISOString().replace('T', ' ').replace('Z', '')
}
