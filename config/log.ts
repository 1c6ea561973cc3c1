import pino from 'pino'

/** What an event may say: ids, addresses (patients' masked by the caller), codes, counts, durations. Never content. */
export type Detail = Readonly<Record<string, string | number | boolean | null | undefined>>

/** One line of JSON for each event; the event's name is the message. */
export interface Log {
  debug(event: string, detail?: Detail): void
  info(event: string, detail?: Detail): void
  warn(event: string, detail?: Detail): void
  /** @param cause shown with its stack: a bug of ours, never a peer's or a user's text */
  error(event: string, detail?: Detail, cause?: unknown): void
  /** Calls back once everything is written. */
  flush(done: () => void): void
}

/** @param destination file descriptor or path; standard error by default, so that standard output stays for answers */
export function openLog(level: string, destination: number | string = 2): Log {
  const sink = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: destination, sync: false }))
  return {
    debug: (event, detail) => sink.debug(detail ?? {}, event),
    info: (event, detail) => sink.info(detail ?? {}, event),
    warn: (event, detail) => sink.warn(detail ?? {}, event),
    flush: done => sink.flush(() => done()),
    error: (event, detail, cause) => sink.error({ ...detail, ...(cause ? { cause: String((cause as Error).stack ?? cause) } : {}) }, event),
  }
}

/** For the parts that run without a log of their own (commands, tests). */
export const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, flush: done => done() }
