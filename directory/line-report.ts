import type { LineFault } from './extract-line.ts'
import { ImportFault } from './import-fault.ts'
import type { TextSource } from './text-source.ts'

export interface LineReport {
  /** Lines after the header. */
  lines: number
  /** How many lines were put aside, by reason. */
  refused: Partial<Record<LineFault, number>>
  /** The first of them; `line` counts from 1, the header included. The lines themselves are not kept: they name people. */
  refusedLines: { line: number; reason: LineFault }[]
}

export interface LineReading {
  /** As the operator knows it, for sentences. */
  file: string
  /** What the header should be, for the sentence that says that it is not. */
  columns: string
  isHeader(line: string): boolean
  /** @returns why the line cannot be used */
  take(line: string): LineFault | undefined
  mostLines: number
  onProgress?: ((lines: number) => void) | undefined
}

/** Lines put aside before the whole file is refused: a hundredth of them, and ten in any case. */
const refusalsAllowed = (lines: number) => Math.max(10, lines / 100)
const LISTED_REFUSALS = 100

/**
 * Hands the lines of a published file one by one to `take`, in bounded memory.
 * @throws ImportFault header, encoding, too-large, broken-lines, empty
 */
export async function readLines(source: TextSource, reading: LineReading): Promise<LineReport> {
  const report: LineReport = { lines: 0, refused: {}, refusedLines: [] }
  let headerSeen = false
  for await (const batch of source.lines) {
    const lines = headerSeen ? batch : withoutHeader(batch, reading)
    headerSeen = true
    for (const line of lines) {
      report.lines++
      const reason = reading.take(line)
      if (reason) refuse(report, reason)
    }
    if (report.lines > reading.mostLines) throw tooMany(reading)
    reading.onProgress?.(report.lines)
  }
  checkUsable(report, reading.file)
  return report
}

function withoutHeader([header = '', ...lines]: string[], { file, columns, isHeader }: LineReading): string[] {
  if (header.includes('\uFFFD')) throw notUtf8(file)
  if (!isHeader(header)) throw new ImportFault('header', `${file} does not start with ${columns}`)
  return lines
}

function tooMany({ file, mostLines }: LineReading): ImportFault {
  return new ImportFault('too-large', `${file} has more than ${mostLines} lines, which no published one comes near`)
}

function notUtf8(file: string): ImportFault {
  return new ImportFault('encoding', `${file} is not in UTF-8 (Latin-1, perhaps): take it as it is published, it was converted on its way`)
}

function refuse(report: LineReport, reason: LineFault): void {
  report.refused[reason] = (report.refused[reason] ?? 0) + 1
  if (report.refusedLines.length < LISTED_REFUSALS) report.refusedLines.push({ line: report.lines + 1, reason })
}

function checkUsable({ lines, refused }: LineReport, file: string): void {
  const total = Object.values(refused).reduce((sum, number) => sum + number, 0)
  if (total > refusalsAllowed(lines)) {
    if ((refused.encoding ?? 0) * 2 > total) throw notUtf8(file)
    const why = Object.entries(refused).map(([reason, number]) => `${number} ${reason}`)
    throw new ImportFault('broken-lines', `${total} of the ${lines} lines of ${file} cannot be used (${why.join(', ')})`)
  }
  if (lines === total) throw new ImportFault('empty', `${file} holds no line that can be used`)
}
