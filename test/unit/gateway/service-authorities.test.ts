import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Configuration, type Log, silent } from '../../../config/index.ts'
import { openLimiter } from '../../../directory/fhir/limiter.ts'
import { openTransport } from '../../../directory/fhir/transport.ts'
import { openProfessionals } from '../../../gateway/http/pages/professionals.ts'
import { openServices, type ServiceAuthorities, type Services } from '../../../gateway/revocation/index.ts'
import { openNationalService } from '../../../gateway/sign-in/index.ts'
import { createPki, type Pki } from '../../world/pki.ts'

/** The authorities of a national service change, and their file is replaced while we run. */
const folder = mkdtempSync(join(tmpdir(), 'pli-services-'))
const file = join(folder, 'authorities.pem')
let [theirs, former]: Pki[] = []
let server: Server
let url: string
let ofTheirServer: string
let services: Services
let said: { event: string; detail: Record<string, unknown> }[]
const note = (event: string, detail: Record<string, unknown> = {}) => void said.push({ event, detail })
const log: Log = { ...silent, info: note, error: note }

beforeAll(async () => {
  const now = new Date()
  ;[theirs, former] = [await createPki({ now, key: 'ec' }), await createPki({ now, key: 'ec', label: 'FORMER' })]
  const named = { commonName: 'localhost', organization: 'SERVICE FICTIF', structure: '1759999029', key: 'ec' } as const
  const { certificatePem, keyPem } = await theirs.issue({ kind: 'server', ...named })
  ofTheirServer = certificatePem
  server = createServer({ cert: certificatePem + theirs.authorities[1], key: keyPem }, (_, response) => {
    const endpoints = { authorization_endpoint: `${url}/authorize`, token_endpoint: `${url}/token` }
    response.setHeader('content-type', 'application/json').setHeader('connection', 'close')
    response.end(JSON.stringify({ issuer: url, ...endpoints }))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  url = `https://localhost:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

const write = (pems: readonly string[]) => writeFileSync(file, pems.join('\n'))
const configured = (anchors: string[]) =>
  ({ directory: { fhir: { anchors } }, signIn: { psc: { anchors } }, console: { psc: { anchors } } }) as unknown as Configuration
beforeEach(() => {
  said = []
  write(former!.authorities)
  services = openServices(configured([file]), log)
})

interface Client {
  call(): Promise<unknown>
  close(): Promise<void>
}
const CLIENTS: [keyof Omit<Services, 'tick'>, (authorities: ServiceAuthorities) => Client][] = [
  [
    'fhir',
    authorities => {
      const transport = openTransport({ baseUrl: url, apiKey: 'x', authorities, limiter: openLimiter() })
      return { call: () => transport.call({ method: 'GET', path: '/x', signal: AbortSignal.timeout(30_000) }), close: transport.close }
    },
  ],
  [
    'psc',
    authorities => {
      const service = openNationalService(authorities)
      return { call: () => service.json(url), close: service.close }
    },
  ],
  [
    'consolePsc',
    authorities => {
      const psc = { issuer: url, clientId: 'x' } as never
      const people = openProfessionals({ psc, authorities, secret: 'x', url: 'https://a.test', key: Buffer.alloc(32), now: clock })
      return { call: people.begin, close: people.close }
    },
  ],
]
/** Nothing that was answered is kept from one call to the next. */
let hours = 0
const clock = () => {
  hours += 1
  return hours * 3_600_000
}

test.each(CLIENTS)('%s: a replaced file counts from the next connection on; a broken one changes nothing', async (name, open) => {
  const client = open(services[name])
  try {
    await expect(client.call()).rejects.toThrow()
    write(theirs!.authorities)
    await expect(client.call()).rejects.toThrow() // nobody has looked yet
    services.tick()
    await client.call()
    writeFileSync(file, 'nothing')
    services.tick()
    await client.call()
    write([theirs!.authorities[1]!]) // the root is not there
    services.tick()
    await client.call()
    write([ofTheirServer]) // no authority
    services.tick()
    await client.call()
    write(['-----BEGIN CERTIFICATE-----\nMIIB', ...theirs!.authorities]) // OpenSSL alone would read none of it
    services.tick()
    await client.call()
  } finally {
    await client.close()
  }
  const places = ['directory.fhir', 'signIn.psc', 'console.psc']
  const refused = (reason: RegExp) =>
    places.map(place => ({ event: 'authorities-refused', detail: { place, reason: expect.stringMatching(reason) } }))
  expect(said).toEqual([
    ...places.map(place => ({ event: 'authorities-renewed', detail: { place } })),
    ...refused(/authorities\.pem: no PEM certificate/),
    ...refused(/has no issuer among the anchors/),
    ...refused(/authorities\.pem: no certificate of an authority/),
    ...places.map(place => ({ event: 'authorities-renewed', detail: { place } })),
  ])
})

test('a file that holds none is a fault at the start; where none is named the machine knows whom to trust', () => {
  writeFileSync(file, 'nothing')
  expect(() => openServices(configured([file]), log)).toThrow(/no PEM certificate/)
  const { fhir, psc, consolePsc } = openServices({ directory: {}, signIn: {} } as unknown as Configuration, log)
  expect([fhir(), psc(), consolePsc()]).toEqual([undefined, undefined, undefined])
})
