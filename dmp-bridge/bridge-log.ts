/** What the worker logs: ids, states, codes, durations. Never content, patient, INS, title, file name, nor an exception's text. */
export interface BridgeLog {
  /** a message was looked into: how many documents */
  read(messageId: string, documents: number, milliseconds: number): void
  /** an attempt came back */
  attempted(filingId: string, outcome: string, code: string | undefined, milliseconds: number): void
  settled(filingId: string, messageId: string, state: string, reasons: readonly string[], code: string | undefined): void
  /** the DMP, the network or our set-up: `open` when submissions are reduced to probes */
  dmpTrouble(code: string, misconfigured: boolean, open: boolean): void
  /** an unforeseen exception; `what` is where it happened and its class, never its text */
  fault(row: string, what: string): void
}

/** @param write one line: an event's name and its fields (pino: `(event, fields) => logger.info(fields, event)`) */
export function bridgeLog(write: (level: 'info' | 'warn' | 'error', event: string, fields: Record<string, unknown>) => void): BridgeLog {
  return {
    read: (message, documents, ms) => write('info', 'bridge.read', { message, documents, ms }),
    attempted: (filing, outcome, code, ms) => write('info', 'bridge.attempted', { filing, outcome, code, ms }),
    settled: (filing, message, state, reasons, code) => write('info', 'bridge.settled', { filing, message, state, reasons, code }),
    dmpTrouble: (code, misconfigured, open) => write(misconfigured ? 'error' : 'warn', 'bridge.dmp-trouble', { code, misconfigured, open }),
    fault: (row, what) => write('error', 'bridge.fault', { row, what }),
  }
}

/** @returns class and place of an exception: enough to find a bug, without a text that may quote a document */
export function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const frame = error.stack?.split('\n').find(line => /^\s+at .*[\w-]+\.[jt]s:\d+/.test(line))
  return `${error.name} at ${frame?.match(/[\w-]+\.[jt]s:\d+/)?.[0] ?? 'unknown'}`
}
