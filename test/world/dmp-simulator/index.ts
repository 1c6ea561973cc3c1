import { randomUUID } from 'node:crypto'
import { openTrust } from './certificates.ts'
import { type FaultKind, type FaultOptions, type FaultPlan, Faults } from './faults.ts'
import { Journal, type RequestRecord } from './journal.ts'
import type { Patients } from './patients.ts'
import { credentials, listen, type TlsMaterial, tlsServer, trackSockets } from './server.ts'
import { type Services, serve } from './services.ts'
import { type FiledDocument, type FiledSignature, Store } from './store.ts'

export { FAULTS, type FaultKind, type FaultOptions, type FaultPlan, isFaultKind, parseFault } from './faults.ts'
export type { RequestRecord } from './journal.ts'
export type { DmpStatus, KnownPatient, Patients } from './patients.ts'
export type { Problem, RegistryCode } from './refusals.ts'
export type { TlsMaterial } from './server.ts'
export type { FiledDocument, FiledSignature } from './store.ts'

export interface DmpSimulatorOptions {
  /** 0 or absent takes a free one. */
  port?: number
  /** '127.0.0.1' when absent. */
  host?: string
  tls: TlsMaterial
  /** Milliseconds; every date of a request is judged against it. The handshake alone uses the machine's clock (OpenSSL). */
  now: () => number
  /** Gives UUIDs; random ones when absent. */
  newId?: () => string
  /** Path of a file that gets one line of JSON a request. */
  log?: string
  patients: Patients
  /** The only LPS_ID_HOMOLOGATION_DMP that is known; any when absent. */
  requireHomologation?: string
  /** Geographic structures by the structure of the certificate (a legal entity) that speaks for them. */
  sites?: Readonly<Record<string, readonly string[]>>
  /** Answers of /repository come as multipart/related, as from a server whose MTOM is on for both ways; plain SOAP when absent. */
  mtomAnswers?: boolean
  fault?: FaultKind
  /** Hears of each request (wsa:MessageID) that gets no answer, once all that is done for it is done. */
  onSilence?: (messageId: string) => void
}

export interface DmpSimulator extends AsyncDisposable {
  /** `https://127.0.0.1:<port>`; the services are /repository, /registry and /patients below. */
  readonly url: string
  /** Documents, without the signatures of their sets. */
  readonly filed: readonly FiledDocument[]
  readonly signatures: readonly FiledSignature[]
  readonly requests: readonly RequestRecord[]
  /** Starts a fault, for some requests or until further notice; `undefined` ends it. 'down' and 'tls-refusal' also cut the connections that are open. */
  setFault(kind: FaultKind | undefined, options?: FaultOptions): void
  /** Asks for each request which fault it meets, in place of `setFault`; `undefined` ends it. */
  planFaults(plan: FaultPlan | undefined): void
  /** Takes new revocation lists, PEM, for the handshake and for the signatures. */
  updateRevocations(crls: readonly string[]): void
  close(): Promise<void>
}

/**
 * Starts a DMP that speaks the real protocol on a real socket, strict as `spec/dmp.md` allows. It was written from that page alone and
 * shares no code with the bridge, so that the two can only agree on what the page says.
 */
export async function startDmpSimulator(options: DmpSimulatorOptions): Promise<DmpSimulator> {
  const { tls, now, patients, port = 0, host = '127.0.0.1' } = options
  const store = new Store()
  const journal = new Journal(options.log)
  const faults = new Faults()
  faults.set(options.fault)
  const services: Services = {
    url: '',
    trust: openTrust(tls.anchors, tls.crls),
    store,
    patients,
    sites: options.sites ?? {},
    requireHomologation: options.requireHomologation,
    mtomAnswers: options.mtomAnswers ?? false,
    now,
    newId: options.newId ?? randomUUID,
    onSilence: options.onSilence ?? (() => {}),
  }
  const server = tlsServer(tls, (request, response) => {
    void serve(request, response, services, faults.take(request.url ?? ''), record => journal.write(record))
  })
  const sockets = trackSockets(server, () => faults.atConnection())
  services.url = `https://${host}:${await listen(server, port, host)}`
  const close = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      sockets.cutAll()
    })
  return {
    url: services.url,
    filed: store.filed,
    signatures: store.signatures,
    requests: journal.requests,
    setFault(kind, settings) {
      faults.set(kind, settings)
      if (kind === 'down' || kind === 'tls-refusal') sockets.cutAll()
    },
    planFaults: plan => faults.plan(plan),
    updateRevocations(crls) {
      services.trust = openTrust(tls.anchors, crls)
      server.setSecureContext(credentials({ ...tls, crls }))
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
