import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { clientTls, createIdentity, loadAnchors, serverTls } from '../../../crypto/index.ts'
import { createPki } from '../../world/pki.ts'
import { freePort } from '../../world/ports.ts'

/** What the server does with the next request. */
export type Behaviour =
  | 'accept'
  /** commits, then cuts the connection */
  | 'accept-and-cut'
  /** never answers */
  | 'silence'
  | { errors: string[] }
  | { fault: string }
  | { status: number; type?: string; body?: string }

/** The smallest server that behaves like a document registry at the edge: mutual TLS, SOAP 1.2, duplicates known by uniqueId. */
export interface TinyDmp {
  url: string
  tls: ConnectionOptions
  /** consumed one per request; `accept` when empty */
  script: Behaviour[]
  /** documents in the registry, each once */
  filed: string[]
  /** every request: which service, which documents */
  requests: { path: string; uniqueIds: string[] }[]
  /** documents that are refused, alone or in a set, by this code */
  poison: Map<string, string>
  /** taken out again */
  deleted: string[]
  connections: number
  down(): Promise<void>
  up(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const NS = 'urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0'
const STATUS = 'urn:oasis:names:tc:ebxml-regrep:ResponseStatusType'

export function envelope(body: string): string {
  return `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>${body}</s:Body></s:Envelope>`
}
export function registryResponse(codes: readonly string[]): string {
  const errors = codes.map(
    code => `<r:RegistryError errorCode="${code}" codeContext="x" severity="urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error"/>`,
  )
  const list = errors.length > 0 ? `<r:RegistryErrorList>${errors.join('')}</r:RegistryErrorList>` : ''
  return envelope(
    `<r:RegistryResponse xmlns:r="${NS}" status="${STATUS}:${codes.length > 0 ? 'Failure' : 'Success'}">${list}</r:RegistryResponse>`,
  )
}
export function fault(code: string): string {
  const value = `<s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value xmlns:d="urn:d">d:${code}</s:Value></s:Subcode></s:Code>`
  return envelope(`<s:Fault>${value}<s:Reason><s:Text xml:lang="fr">le patient X</s:Text></s:Reason></s:Fault>`)
}

export async function startTinyDmp(now = new Date()): Promise<TinyDmp> {
  const pki = await createPki({ now, key: 'ec' })
  const anchors = loadAnchors(await pki.write(mkdtempSync(join(tmpdir(), 'pli-tiny-dmp-'))))
  const organization = { organization: 'DMP FICTIF', structure: '1759999011' }
  const [server, client] = await Promise.all([
    pki.issue({ kind: 'server', commonName: 'localhost', ...organization }),
    pki.issue({ kind: 'client', commonName: 'pli', ...organization }),
  ])
  const tls = {
    ...serverTls({ identity: createIdentity(server, now), door: 'test', requestPeer: true, anchors }),
    rejectUnauthorized: true,
  }
  let https: Server | undefined
  const port = await freePort()

  const dmp: TinyDmp = {
    url: `https://localhost:${port}/services/`,
    tls: clientTls({ identity: createIdentity(client, now), anchors, identifiedBy: 'name', now: () => now }),
    script: [],
    filed: [],
    requests: [],
    poison: new Map(),
    deleted: [],
    connections: 0,
    down: async () => {
      const closed = https && once(https, 'close')
      https?.close()
      https?.closeAllConnections()
      await closed
    },
    up: async () => {
      https = createServer(tls, (request, response) => {
        const chunks: Buffer[] = []
        request.on('data', chunk => chunks.push(chunk))
        request.on('end', () => answer(request.url ?? '', Buffer.concat(chunks).toString('latin1'), response))
      })
      https.on('secureConnection', () => dmp.connections++)
      https.listen(port, 'localhost')
      await once(https, 'listening')
    },
    [Symbol.asyncDispose]: () => dmp.down(),
  }

  function answer(path: string, body: string, response: import('node:http').ServerResponse): void {
    const uniqueIds = [...body.matchAll(/<document uniqueId="([^"]+)"/g)].flatMap(match => match[1] ?? [])
    const [deletion] = [...body.matchAll(/<delete uniqueId="([^"]+)"/g)].flatMap(match => match[1] ?? [])
    dmp.requests.push({ path, uniqueIds })
    const behaviour = dmp.script.shift() ?? 'accept'
    const send = (status: number, type: string, text: string) => response.writeHead(status, { 'content-type': type }).end(text)
    const soap = 'application/soap+xml; charset=utf-8'
    if (behaviour === 'silence') return
    if (typeof behaviour === 'string') {
      const poison = uniqueIds.flatMap(id => dmp.poison.get(id) ?? [])
      const doubles = uniqueIds.filter(id => dmp.filed.includes(id) || dmp.deleted.includes(id))
      const codes = poison.length > 0 ? poison : doubles.map(() => 'XDSDuplicateUniqueIdInRegistry')
      if (codes.length === 0) dmp.filed.push(...uniqueIds)
      if (deletion !== undefined) dmp.deleted.push(...dmp.filed.splice(dmp.filed.indexOf(deletion), 1))
      if (behaviour === 'accept-and-cut') return void response.destroy()
      return void send(200, soap, registryResponse(codes))
    }
    if ('errors' in behaviour) return void send(200, soap, registryResponse(behaviour.errors))
    if ('fault' in behaviour) return void send(500, soap, fault(behaviour.fault))
    send(behaviour.status, behaviour.type ?? 'text/plain', behaviour.body ?? '')
  }

  await dmp.up()
  return dmp
}
