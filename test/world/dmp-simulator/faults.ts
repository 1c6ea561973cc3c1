/** The fault menu. */
export type FaultKind =
  /** connections are cut before TLS */
  | 'down'
  /** XDSRepositoryBusy, XDSRegistryBusy, or HTTP 503 */
  | 'busy'
  /** the request is read and judged, nothing is filed, no answer ever comes */
  | 'timeout-before-commit'
  /** the document is filed, no answer ever comes */
  | 'timeout-after-commit'
  | 'http-500'
  /** DMPClosed, and FERME for the test of existence */
  | 'closed'
  /** a SOAP fault Sender / DMPInvalidCertificate */
  | 'soap-fault'

export interface FaultOptions {
  /** How many requests (connections for 'down') it lasts; until the next `setFault` when absent. */
  times?: number
  /** Only the requests of this service meet it, and count. 'down' knows no path: it comes before the request. */
  path?: '/repository' | '/registry' | '/patients'
}

/** One fault at a time, for a number of requests. */
export class Faults {
  private kind: FaultKind | undefined
  private left = 0
  private path: string | undefined

  set(kind: FaultKind | undefined, { times = Number.POSITIVE_INFINITY, path }: FaultOptions = {}): void {
    this.kind = times > 0 ? kind : undefined
    this.left = times
    this.path = path
  }

  /** @returns whether this connection must be cut; counts it */
  cuts(): boolean {
    return this.kind === 'down' && this.count() === 'down'
  }

  /** @returns the fault of this request, counted; a connection that was open when 'down' began is cut by the caller, not here */
  take(path: string): FaultKind | undefined {
    return this.kind === 'down' || (this.path !== undefined && this.path !== path) ? undefined : this.count()
  }

  private count(): FaultKind | undefined {
    const { kind } = this
    if (kind && --this.left <= 0) this.kind = undefined
    return kind
  }
}
