import { Piscina } from 'piscina'
import { compiled } from '../../config/paths.ts'
import { REPORT_BYTES, type Report } from './read-report.ts'

export interface ReportReader {
  /**
   * @param eml a message that says it is a report (`isReport`)
   * @returns what it reports, or undefined when it cannot be read within the time and memory that a report deserves
   */
  read(eml: Buffer): Promise<Report | undefined>
  close(): Promise<void>
}

/** Longest time for one report; an honest one takes some milliseconds. */
const patience = 5_000

/**
 * Reads reports in threads, so that a hostile one delays no SMTP dialogue. A thread that runs out of time or memory is
 * replaced, and its report counts as unreadable: it moves nothing.
 */
export function openReportReader(options: { threads: number }): ReportReader {
  const pool = new Piscina({
    filename: compiled('gateway/receipts/report-thread'),
    minThreads: 0,
    maxThreads: options.threads,
    idleTimeout: 60_000,
    resourceLimits: { maxOldGenerationSizeMb: 128 },
  })
  pool.on('error', () => {}) // a thread that cannot start: its report counts as unread, nothing else falls with it
  return {
    async read(eml) {
      const start = Uint8Array.prototype.slice.call(eml, 0, REPORT_BYTES) // its own memory, so that it can be handed over
      try {
        return (await pool.run(start, { signal: AbortSignal.timeout(patience), transferList: [start.buffer] })) as Report | undefined
      } catch (error) {
        if (isExhausted(error)) return undefined
        throw error
      }
    },
    close: () => pool.close({ force: true }),
  }
}

function isExhausted(error: unknown): boolean {
  const { name, code } = error as NodeJS.ErrnoException
  return name === 'AbortError' || code === 'ERR_WORKER_OUT_OF_MEMORY'
}
