import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { Socket } from 'node:net'
import { listen } from '../dmp-simulator/server.ts'
import { patched } from './fhir-patch.ts'
import { invalid, outcomeOf, Refused } from './outcome.ts'
import type { Resource, ResourceType } from './resources.ts'
import { boxesOf, search } from './search.ts'
import { Store } from './store.ts'

export { type BoxMarks, boxTelecom, organization, practitioner, practitionerRole, type Resource, type Telecom } from './resources.ts'

export type AnnuaireFault =
  /** connections are cut before TLS */
  | 'down'
  /** the request is read, no answer ever comes */
  | 'silent'
  /** a PATCH is applied, and the connection cut before the answer */
  | 'cut-after-commit'
  | 'http-500'
  | 'http-429'
  | 'malformed-json'
  /** a 200 that is FHIR, and no answer to the question */
  | 'other-resource'
  | 'huge'

export interface AnnuaireSimulatorOptions {
  port?: number
  host?: string
  tls: { certificatePem: string; keyPem: string; chainPem?: readonly string[] }
  apiKey: string
  /** Milliseconds, for the 17 calls of each second. */
  now?: () => number
  /** Domains of fictional addresses, beside those that the contract allows (`*.mssante.fr`, `interop-mssante.apicrypt.org`). */
  fictional?: RegExp
  resources?: readonly Resource[]
}

export interface CallRecord {
  method: string
  /** Below the base, decoded, with its query. */
  path: string
  status: number
}

export interface AnnuaireSimulator extends AsyncDisposable {
  /** Base of the API. */
  readonly url: string
  readonly calls: readonly CallRecord[]
  /** The live resources: a test may add to them and change them. */
  readonly resources: Resource[]
  /** @returns every resource that has this box, as `Type/id` */
  holders(address: string): string[]
  setFault(fault: AnnuaireFault | undefined, options?: { times?: number; method?: 'GET' | 'PATCH' }): void
  /** Resolves when so many calls have come since the start, answered or not. */
  received(count: number): Promise<void>
  close(): Promise<void>
}

const BASE = '/fhir/v2'
const PER_SECOND = 17
const ADDRESS = /^[^@\s]+@([^@\s]+\.mssante\.fr|interop-mssante\.apicrypt\.org)$/

/**
 * The Annuaire Santé FHIR API with the mailbox extension of 2026, on a real HTTPS socket: written from `openapi-balmss.yaml` and the guide's examples,
 * strict where they are clear, and sharing no code with the client. What the draft leaves open: the address is the key of a box, so it
 * is inserted once; a path that leads nowhere is a 400.
 */
export async function startAnnuaireSimulator(options: AnnuaireSimulatorOptions): Promise<AnnuaireSimulator> {
  const { tls, apiKey, now = Date.now, fictional, port = 0, host = '127.0.0.1' } = options
  const store = new Store()
  store.resources.push(...(options.resources ?? []))
  const calls: CallRecord[] = []
  const arrivals: number[] = []
  const waiting: { count: number; tell: () => void }[] = []
  const isAddress = (text: string) => ADDRESS.test(text) || (fictional?.test(text.slice(text.indexOf('@') + 1)) ?? false)
  const holders = (address: string) =>
    store.resources.filter(one => boxesOf(one).some(({ value }) => value === address)).map(one => `${one.resourceType}/${one.id}`)
  let arrived = 0
  let fault: { kind: AnnuaireFault; left: number; method?: string | undefined } | undefined
  let url = ''

  function takeFault(method: string | undefined): AnnuaireFault | undefined {
    if (!fault || (fault.method !== undefined && fault.method !== method)) return undefined
    const { kind } = fault
    if (--fault.left <= 0) fault = undefined
    return kind
  }

  function answer(request: IncomingMessage, path: URL, body: string): object {
    if (request.headers['esante-api-key'] !== apiKey) throw new Refused(401, 'login', 'ESANTE-API-KEY is missing or unknown')
    const at = now()
    while (arrivals.length > 0 && (arrivals[0] as number) <= at - 1000) arrivals.shift()
    if (arrivals.length >= PER_SECOND) throw new Refused(429, 'throttled', `No more than ${PER_SECOND} calls a second`)
    arrivals.push(at)
    const [, type = '', id] = path.pathname.slice(BASE.length).split('/')
    if (!path.pathname.startsWith(`${BASE}/`) || !isType(type)) throw new Refused(404, 'not-found', 'There is nothing at this address')
    if (request.method === 'GET' && id === undefined) return search(store, type, path.searchParams, url, isAddress)
    if (request.method !== 'PATCH') throw invalid('This is not served')
    if (!/^application\/fhir\+json\b/.test(request.headers['content-type'] ?? '')) throw invalid('The body must be application/fhir+json')
    const resource = id === undefined ? store.byCondition(type, path.searchParams) : store.byId(type, id)
    const isTaken = (address: string) => holders(address).length > 0
    resource.telecom = patched(resource, parsed(body), { isAddress, isTaken })
    return resource
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', 'https://localhost')
    const body = await bodyOf(request)
    const kind = takeFault(request.method)
    const record = (status: number) => {
      calls.push({ method: request.method ?? '', path: decodeURIComponent(path.pathname.slice(BASE.length) + path.search), status })
      arrived++
      for (const one of waiting.filter(({ count }) => arrived >= count)) one.tell()
    }
    const send = (status: number, text: string, headers = {}) => {
      record(status)
      response.writeHead(status, { 'content-type': 'application/fhir+json', ...headers }).end(text)
    }
    if (kind === 'silent') return record(0)
    if (kind === 'http-500') return send(500, JSON.stringify(outcomeOf(new Refused(500, 'exception', 'Something broke'))))
    if (kind === 'http-429')
      return send(429, JSON.stringify(outcomeOf(new Refused(429, 'throttled', 'Too many calls'))), { 'retry-after': '1' })
    if (kind === 'malformed-json') return send(200, '{"resourceType":"Bundle","type":"searchset","entry":[{')
    if (kind === 'other-resource') return send(200, JSON.stringify({ resourceType: 'CapabilityStatement', status: 'active' }))
    if (kind === 'huge') return send(200, JSON.stringify({ resourceType: 'Bundle', type: 'searchset', text: 'x'.repeat(8 * 1024 * 1024) }))
    try {
      const content = JSON.stringify(answer(request, path, body))
      if (kind !== 'cut-after-commit') return send(200, content)
      record(0)
      request.socket.destroy()
    } catch (error) {
      const refused = error instanceof Refused ? error : new Refused(500, 'exception', String(error))
      send(refused.status, JSON.stringify(outcomeOf(refused)), refused.status === 429 ? { 'retry-after': '1' } : {})
    }
  }

  const certificates = { cert: [tls.certificatePem, ...(tls.chainPem ?? [])].join('\n'), key: tls.keyPem }
  const server = createServer(
    { ...certificates, minVersion: 'TLSv1.2' },
    (request, response) => void serve(request, response).catch(() => {}),
  )
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    if (fault?.kind === 'down') {
      takeFault(undefined)
      socket.destroy()
      return
    }
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const cutAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  url = `https://${host}:${await listen(server, port, host)}${BASE}`
  const close = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      cutAll()
    })
  return {
    url,
    calls,
    resources: store.resources,
    holders,
    setFault(kind, { times = Number.POSITIVE_INFINITY, method } = {}) {
      fault = kind && { kind, left: times, method }
      if (kind === 'down') cutAll()
    },
    received: count => new Promise(resolve => (arrived >= count ? resolve() : waiting.push({ count, tell: resolve }))),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function isType(text: string): text is ResourceType {
  return ['Practitioner', 'PractitionerRole', 'Organization'].includes(text)
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid('The body is no JSON')
  }
}
