/**
 * The fault menu. Whatever is not an answer to the client happens where its name says: before the documents are filed (or the entry is
 * deleted), or after.
 */
export type FaultKind =
  // the connection
  /** cut before TLS */
  | 'down'
  /** TLS is refused with a fatal alert */
  | 'tls-refusal'
  /** cut while the request comes in; nothing is filed */
  | 'reset-mid-body'
  /** everything is done, then the connection is cut without an answer */
  | 'reset-after-commit'
  /** the request is read and judged, nothing is done, no answer ever comes */
  | 'timeout-before-commit'
  /** everything is done, no answer ever comes */
  | 'timeout-after-commit'
  // the answer; everything is done before
  /** the MTOM answer ends in the middle, and so does the connection */
  | 'truncated-mtom'
  /** HTTP 200 with something that is no SOAP */
  | 'garbage'
  /** the right answer, octet after octet */
  | 'slow'
  /** Success, with an error beside it */
  | 'contradictory'
  /** TD3.1b: the entry is said to be another patient's */
  | 'other-patient'
  // refusals; nothing is done
  /** XDSRepositoryBusy, XDSRegistryBusy, or HTTP 503 */
  | 'busy'
  /** DMPClosed, and FERME for the test of existence */
  | 'closed'
  /** a SOAP fault Sender / DMPInvalidCertificate */
  | 'soap-fault'
  /** any status, without a SOAP message: `http-500`, `http-401`, … */
  | `http-${number}`
  /** any code of the error table, in a RegistryResponse: `code:XDSRegistryError`, … */
  | `code:${string}`
  /** a SOAP fault: `soap:Receiver`, `soap:Sender/DMPInvalidCertificate`, `soap:VersionMismatch`, `soap:MustUnderstand` */
  | `soap:${string}`

/** The kinds without a parameter, as `pli local --fault` lists them. */
export const FAULTS = [
  ...['down', 'tls-refusal', 'reset-mid-body', 'reset-after-commit', 'timeout-before-commit', 'timeout-after-commit'],
  ...['truncated-mtom', 'garbage', 'slow', 'contradictory', 'other-patient', 'busy', 'closed', 'soap-fault'],
] as const

/** @returns whether a text names a fault */
export function isFaultKind(text: string): text is FaultKind {
  return (FAULTS as readonly string[]).includes(text) || /^(http-[1-5]\d\d|code:[A-Za-z]+|soap:[A-Za-z]+(\/[A-Za-z]+)?)$/.test(text)
}

/**
 * @param text as `pli local --fault` takes it: `dmp-<kind>`, and `*<times>` when it is to end, e.g. `dmp-timeout-after-commit*1`
 * @returns undefined when it names no fault
 */
export function parseFault(text: string): { kind: FaultKind; times?: number } | undefined {
  const [, kind = '', times] = /^dmp-([^*]+)(?:\*([1-9]\d{0,5}))?$/.exec(text) ?? []
  if (!isFaultKind(kind)) return undefined
  return { kind, ...(times === undefined ? {} : { times: Number(times) }) }
}

export interface FaultOptions {
  /** How many requests (connections for 'down' and 'tls-refusal') it lasts; until the next `setFault` when absent. */
  times?: number
  /** Only the requests of this service meet it, and count. 'down' and 'tls-refusal' know no path: they come before the request. */
  path?: '/repository' | '/registry' | '/patients'
}

/** Which fault the next request of a service meets; it is asked once for each request. */
export type FaultPlan = (path: string) => FaultKind | undefined

/** One fault at a time, for a number of requests, or a plan that says of each. */
export class Faults {
  private kind: FaultKind | undefined
  private left = 0
  private path: string | undefined
  private planned: FaultPlan | undefined

  set(kind: FaultKind | undefined, { times = Number.POSITIVE_INFINITY, path }: FaultOptions = {}): void {
    this.kind = times > 0 ? kind : undefined
    this.left = times
    this.path = path
    this.planned = undefined
  }

  plan(plan: FaultPlan | undefined): void {
    this.set(undefined)
    this.planned = plan
  }

  /** @returns how this connection must end before its handshake, if it must; counts it */
  atConnection(): 'down' | 'tls-refusal' | undefined {
    return this.kind === 'down' || this.kind === 'tls-refusal' ? (this.count() as 'down' | 'tls-refusal') : undefined
  }

  /** @returns the fault of this request, counted; a connection that was open when 'down' began is cut by the caller, not here */
  take(path: string): FaultKind | undefined {
    if (this.planned) return this.planned(path)
    if (this.kind === 'down' || this.kind === 'tls-refusal') return undefined
    return this.path !== undefined && this.path !== path ? undefined : this.count()
  }

  private count(): FaultKind | undefined {
    const { kind } = this
    if (kind && --this.left <= 0) this.kind = undefined
    return kind
  }
}
