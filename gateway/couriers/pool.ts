import type { Connection } from './connection.ts'

/** RFC 5321 asks nothing here; a connection that idles so long is better closed by us than cut by them. */
const IDLE_MS = 30_000
/** Then the certificate is shown, and judged, anew. */
const LIFETIME_MS = 10 * 60_000

/** Kept connections, by domain: a connection proves who it is for one domain only. */
export class Pool {
  private readonly idle = new Map<string, { connection: Connection; since: number }[]>()
  private readonly bornAt = new WeakMap<Connection, number>()
  private readonly open: (domain: string) => Promise<Connection>
  private readonly timer: NodeJS.Timeout

  constructor(open: (domain: string) => Promise<Connection>) {
    this.open = open
    this.timer = setInterval(() => this.closeIdle(Date.now() - IDLE_MS), IDLE_MS / 3)
    this.timer.unref()
  }

  /** @returns a kept connection or a new one */
  async take(domain: string): Promise<Connection> {
    const kept = this.idle.get(domain) ?? []
    for (let last = kept.pop(); last; last = kept.pop()) {
      if (last.connection.usable) return last.connection
    }
    const connection = await this.open(domain)
    this.bornAt.set(connection, Date.now())
    return connection
  }

  give(domain: string, connection: Connection): void {
    if (!connection.usable) return
    const age = Date.now() - (this.bornAt.get(connection) ?? 0)
    if (age > LIFETIME_MS) {
      connection.close()
      return
    }
    const kept = this.idle.get(domain)
    if (kept) kept.push({ connection, since: Date.now() })
    else this.idle.set(domain, [{ connection, since: Date.now() }])
  }

  close(): void {
    clearInterval(this.timer)
    this.closeIdle(Number.POSITIVE_INFINITY)
  }

  private closeIdle(before: number): void {
    for (const [domain, kept] of this.idle) {
      const stay = kept.filter(({ since }) => since >= before)
      for (const { connection, since } of kept) if (since < before) connection.close()
      if (stay.length > 0) this.idle.set(domain, stay)
      else this.idle.delete(domain)
    }
  }
}
