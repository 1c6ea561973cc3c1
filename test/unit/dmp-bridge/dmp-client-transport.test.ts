import { afterEach, beforeEach, expect, test } from 'vitest'
import { openTransport, type Transport } from '../../../dmp-bridge/dmp-transport.ts'
import { registryAnswer } from '../../../dmp-bridge/soap.ts'
import { envelope, registryResponse, startTinyDmp, type TinyDmp } from './tiny-dmp.ts'

let dmp: TinyDmp
let transport: Transport
beforeEach(async () => {
  dmp = await startTinyDmp()
  transport = openTransport({ baseUrl: dmp.url, tls: () => dmp.tls, timeoutMs: 60_000 })
})
afterEach(async () => {
  await transport.close()
  await dmp.down()
})

const request = { contentType: 'application/soap+xml', body: Buffer.from('<document uniqueId="1.2.3"/>') }
const post = () => transport.post('/repository', request)

async function codes() {
  const answer = await post()
  return answer.kind === 'body' ? registryAnswer(answer.content) : answer
}

test('requests go below the base address, over kept connections, with our certificate', async () => {
  for (let count = 0; count < 10; count++) expect(await codes()).toMatchObject({ kind: count === 0 ? 'accepted' : 'errors' })
  expect(dmp.requests[0]).toEqual({ path: '/services/repository', uniqueIds: ['1.2.3'] })
  expect(dmp.connections).toBeLessThanOrEqual(2) // the pool may open a second one while the first is still being freed
})

test('no more than four connections, however many ask at once', async () => {
  await Promise.all(Array.from({ length: 12 }, post))
  expect(dmp.connections).toBeLessThanOrEqual(4)
  expect(dmp.requests).toHaveLength(12)
})

test('the codes of a failure are read, its texts are not', async () => {
  dmp.script.push({ errors: ['XDSUnknownPatientId', 'XDSRegistryBusy'] })
  expect(await codes()).toEqual({ kind: 'errors', codes: ['XDSUnknownPatientId', 'XDSRegistryBusy'] })
  dmp.script.push({ fault: 'DMPInvalidCertificate' })
  expect(await codes()).toEqual({ kind: 'fault', role: 'sender', code: 'DMPInvalidCertificate' })
})

test('an MTOM answer is read from its root part', async () => {
  const type = 'multipart/related; type="application/xop+xml"; start="<root@dmp>"; boundary="b=1"'
  const parts = ['--b=1', 'Content-Id: <other@dmp>', '', 'x', '--b=1', 'Content-Type: application/xop+xml', 'Content-ID: <root@dmp>', '']
  dmp.script.push({ status: 200, type, body: [...parts, registryResponse([]), '--b=1--', ''].join('\r\n') })
  expect(await codes()).toEqual({ kind: 'accepted' })
})

test.each([
  ['another status', { status: 503, body: 'busy' }, { kind: 'http', status: 503 }],
  ['a page', { status: 200, type: 'text/html', body: '<html><body>portal</body></html>' }, { kind: 'unreadable' }],
  ['a page under another status', { status: 404, type: 'text/html', body: '<html/>' }, { kind: 'http', status: 404 }],
  ['a DTD', { status: 200, body: `<!DOCTYPE a [<!ENTITY b "c">]>${registryResponse([])}` }, { kind: 'unreadable' }],
  ['SOAP 1.1', { status: 200, body: envelope('<a/>').replace('http://www.w3.org/2003/05/soap-envelope', 'urn:x') }, { kind: 'unreadable' }],
  ['an empty body', { status: 200, body: '' }, { kind: 'unreadable' }],
  ['an endless answer', { status: 200, body: registryResponse([]) + ' '.repeat(1024 * 1024) }, { kind: 'unreadable' }],
])('%s is told apart', async (_name, behaviour, expected) => {
  dmp.script.push(behaviour)
  expect(await post()).toEqual(expected)
})

test('a status that is no success is not taken for one', () => {
  expect(registryAnswer({ name: 'RegistryResponse', ns: 'urn:other', attributes: new Map(), children: [], text: '' })).toEqual({
    kind: 'unreadable',
  })
})

test('silence ends in a timeout, a cut in its code, a closed port in its own', async () => {
  const hasty = openTransport({ baseUrl: dmp.url, tls: () => dmp.tls, timeoutMs: 300 })
  dmp.script.push('silence')
  expect(await hasty.post('/repository', request)).toEqual({ kind: 'unreachable', code: 'timeout' })
  await hasty.close()
  dmp.script.push('accept-and-cut')
  expect(await post()).toEqual({ kind: 'unreachable', code: 'UND_ERR_SOCKET' })
  await dmp.down()
  expect(await post()).toEqual({ kind: 'unreachable', code: 'ECONNREFUSED' })
  await dmp.up()
  expect(await codes()).toMatchObject({ kind: 'errors' }) // the cut one was filed: a duplicate now
})

test('a server of another authority gets nothing', async () => {
  const impostor = await startTinyDmp()
  const misled = openTransport({ baseUrl: impostor.url, tls: () => dmp.tls, timeoutMs: 60_000 })
  expect(await misled.post('/repository', request)).toMatchObject({ kind: 'unreachable' })
  expect(impostor.requests).toEqual([])
  await misled.close()
  await impostor.down()
})

test('neither plain http nor an unchecked server can be configured', () => {
  expect(() => openTransport({ baseUrl: 'http://localhost:1/', tls: () => dmp.tls, timeoutMs: 1 })).toThrow('https')
  expect(() => openTransport({ baseUrl: dmp.url, tls: () => ({ ...dmp.tls, rejectUnauthorized: false }), timeoutMs: 1 })).toThrow(
    'authenticated',
  )
})
