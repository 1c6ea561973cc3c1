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
  /** DMPClosed */
  | 'closed'
  /** a SOAP fault Sender / DMPInvalidCertificate */
  | 'soap-fault'

export interface FaultOptions {
  /** How many requests (connections for 'down') it lasts; until the next `setFault` when absent. */
  times?: number
}

/** One fault at a time, for a number of requests. */
export class Faults {
  private kind: FaultKind | undefined
  private left = 0

  set(kind: FaultKind | undefined, { times = Number.POSITIVE_INFINITY }: FaultOptions = {}): void {
    this.kind = times > 0 ? kind : undefined
    this.left = times
  }

  /** @returns whether this connection must be cut; counts it */
  cuts(): boolean {
    return this.kind === 'down' && this.take() === 'down'
  }

  /** @returns the fault of this request, counted */
  take(): FaultKind | undefined {
    const { kind } = this
    if (kind && --this.left <= 0) this.kind = undefined
    return kind
  }
}
