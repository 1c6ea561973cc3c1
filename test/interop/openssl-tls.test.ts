import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer as createTlsServer, type Server } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Anchors, clientTls, createIdentity, dial, loadAnchors, serverTls } from '../../crypto/index.ts'
import type { Door } from '../../gateway/listener.ts'
import { sayHello } from '../support/client-hello.ts'
import { has, tool } from '../support/tools.ts'
import { type Doors, openDoors } from '../unit/gateway/door.ts'
import { type Issued, writeIdentity } from '../world/pki.ts'
import { freePort } from '../world/ports.ts'

const DOORS: Door[] = ['submission', 'submissions', 'reception']
const ECDSA_GCM = 0xc02c

let folder: string
let doors: Doors
let anchors: Anchors
let rsa: Issued
let server: Server
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-tls-'))
  doors = await openDoors()
  anchors = loadAnchors(await doors.pki.write(join(folder, 'pki')))
  rsa = await doors.pki.issue({ kind: 'server', commonName: 'localhost', organization: 'X', structure: '1000000000' })
  await writeIdentity(folder, 'rsa', rsa, doors.pki)
  await writeIdentity(folder, 'ec', doors.peer, doors.pki)
  server = createTlsServer(serverTls({ identity: createIdentity(rsa), door: 'test' }), socket => socket.on('error', () => {}))
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(async () => {
  server.close()
  await doors[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const hello = (door: Door, said: Parameters<typeof sayHello>[1]) => sayHello(doors.port(door), said, { starttls: door !== 'submissions' })

describe.each(DOORS)('the door %s', door => {
  test('takes a modern client that we made by hand: so the refusals below are about what they name', async () => {
    expect(await hello(door, { suites: [0xc02f, ECDSA_GCM] })).toEqual({ version: 0x0303, suite: ECDSA_GCM, compression: 0 })
  })

  test.each<[string, number[]]>([
    ['NULL', [0x0000, 0x0002, 0x003b, 0xc006, 0xc010]],
    ['anonymous', [0x0018, 0x0034, 0x00a6, 0xc018, 0xc019]],
    ['export', [0x0003, 0x0006, 0x0008, 0x0014]],
    ['RC4', [0x0004, 0x0005, 0xc007, 0xc011]],
    ['DES and Triple DES', [0x0009, 0x000a, 0x0016, 0xc008, 0xc012]],
    ['RSA key exchange', [0x002f, 0x0035, 0x003c, 0x009c, 0x009d]],
    ['CBC with ECDHE', [0xc009, 0xc00a, 0xc023, 0xc024, 0xc013, 0xc014, 0xc027, 0xc028]],
    ['DHE', [0x0033, 0x0039, 0x006b, 0x009e, 0x009f, 0xccaa]],
    ['static ECDH', [0xc02d, 0xc02e, 0xc005, 0xc00f]],
    ['PSK', [0x008c, 0x00a8, 0x00a9]],
    ['Camellia, SEED, ARIA, IDEA', [0x0041, 0x0084, 0x0096, 0x0007, 0xc05c]],
  ])('refuses suites: %s', async (_, suites) => {
    expect(await hello(door, { suites })).toEqual({ alert: 40 })
  })

  test.each([
    ['SSL 3.0', 0x0300, 40],
    ['TLS 1.0', 0x0301, 70],
    ['TLS 1.1', 0x0302, 70],
  ])('refuses %s', async (_, version, alert) => {
    expect(await hello(door, { version, suites: [0xc009, 0xc00a, ECDSA_GCM] })).toEqual({ alert })
  })

  test.each([
    ['SHA-1', [0x0203, 0x0201, 0x0202]],
    ['SHA-224', [0x0303, 0x0301]],
    ['MD5', [0x0101]],
  ])('signs nothing with %s', async (_, signatures) => {
    expect(await hello(door, { suites: [ECDSA_GCM], signatures })).toEqual({ alert: 40 })
  })

  test.each([
    ['P-224', 0x0015],
    ['sect283k1', 0x0009],
    ['ffdhe2048', 0x0100],
  ])('agrees on no key over %s', async (_, group) => {
    expect(await hello(door, { suites: [ECDSA_GCM], groups: [group] })).toEqual({ alert: 40 })
  })
})

/** @returns what openssl says of one connection */
function client(port: number, options: readonly string[], input = ''): Promise<string> {
  return new Promise(resolve => {
    const child = execFile(tool('openssl'), ['s_client', '-connect', `127.0.0.1:${port}`, ...options], (_, out, err) => resolve(out + err))
    child.stdin?.end(input)
  })
}
const starttls = (door: Door) => (door === 'submissions' ? [] : ['-starttls', 'smtp'])

describe.skipIf(!has('openssl'))('openssl s_client', () => {
  test.each<[Door, string[], string]>([
    ['submission', ['-tls1_2', '-groups', 'X25519:P-256'], 'ECDHE-ECDSA-AES256-GCM-SHA384'],
    ['submission', ['-tls1_3'], 'TLS_AES_256_GCM_SHA384'],
    ['submissions', ['-tls1_2', '-cipher', 'ECDHE-ECDSA-CHACHA20-POLY1305', '-groups', 'P-256'], 'ECDHE-ECDSA-CHACHA20-POLY1305'],
    ['submissions', ['-tls1_3', '-ciphersuites', 'TLS_CHACHA20_POLY1305_SHA256'], 'TLS_CHACHA20_POLY1305_SHA256'],
    ['reception', ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256', '-groups', 'P-384:P-256'], 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['reception', ['-tls1_3', '-ciphersuites', 'TLS_AES_128_GCM_SHA256'], 'TLS_AES_128_GCM_SHA256'],
  ])('is taken at the door %s with %j', async (door, options, suite) => {
    expect(await client(doors.port(door), [...starttls(door), ...options])).toContain(`Cipher is ${suite}`)
  })

  test.each(['ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-CHACHA20-POLY1305'])(
    'is taken with the suite %s of the DMP’s list where our certificate has an RSA key, as those of IGC-Santé',
    async suite => {
      const { port } = server.address() as { port: number }
      expect(await client(port, ['-tls1_2', '-cipher', suite])).toContain(`Cipher is ${suite}`)
    },
  )

  test.each(DOORS)('cannot negotiate again at the door %s, nor send early data', async door => {
    const said = await client(doors.port(door), [...starttls(door), '-tls1_2'], 'R\n')
    expect(said).toMatch(/RENEGOTIATING[\s\S]*no renegotiation/)
    expect(await client(doors.port(door), [...starttls(door), '-tls1_3', '-ign_eof'], 'QUIT\r\n')).not.toMatch(/Max Early Data: [1-9]/)
  })
})

/** openssl as a server, on a free port, until the work is done. */
async function withServer<T>(name: 'rsa' | 'ec', options: readonly string[], work: (port: number) => Promise<T>): Promise<T> {
  const port = await freePort()
  const files = ['-cert', `${name}.pem`, '-key', `${name}.key.pem`, '-cert_chain', `${name}.chain.pem`].map(each =>
    each.endsWith('.pem') ? join(folder, each) : each,
  )
  const child = spawn(tool('openssl'), ['s_server', '-accept', `127.0.0.1:${port}`, ...files, ...options], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit')
  try {
    let words = ''
    child.stderr.on('data', chunk => {
      words += chunk
    })
    let isReady = false
    for await (const chunk of child.stdout) {
      isReady = String(chunk).includes('ACCEPT')
      if (isReady) break
    }
    if (!isReady) throw new Error(`openssl s_server ended before it was ready: ${words}`)
    return await work(port)
  } finally {
    child.kill()
    await ended
  }
}

describe.skipIf(!has('openssl'))('our client, of the relay as of the DMP, towards openssl s_server', () => {
  const come = async (port: number): Promise<string> => {
    const identity = createIdentity(doors.peer)
    const { tls, met } = dial(clientTls({ identity, anchors, identifiedBy: 'dn' }), `127.0.0.1:${port}`)
    const socket = connect({ host: '127.0.0.1', port, ...tls })
    try {
      await once(socket, 'secureConnect')
      return met(socket) ? 'refused' : `${socket.getProtocol()} ${socket.getCipher().name}`
    } catch (error) {
      return `refused ${(error as NodeJS.ErrnoException).code}`
    } finally {
      socket.destroy()
    }
  }

  test.each<['rsa' | 'ec', string[], string]>([
    ['rsa', [], 'TLSv1.3 TLS_AES_256_GCM_SHA384'],
    ['ec', ['-ciphersuites', 'TLS_CHACHA20_POLY1305_SHA256'], 'TLSv1.3 TLS_CHACHA20_POLY1305_SHA256'],
    ['rsa', ['-tls1_2', '-cipher', 'ECDHE-RSA-AES256-GCM-SHA384'], 'TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384'],
    ['rsa', ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'], 'TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256'],
    ['rsa', ['-tls1_2', '-cipher', 'ECDHE-RSA-CHACHA20-POLY1305'], 'TLSv1.2 ECDHE-RSA-CHACHA20-POLY1305'],
  ])('speaks with one that has %s %j', async (name, options, expected) => {
    expect(await withServer(name, options, come)).toBe(expected)
  })

  test.each<[string, 'rsa' | 'ec', string[]]>([
    ['TLS 1.0', 'rsa', ['-tls1', '-cipher', 'ALL:@SECLEVEL=0']],
    ['TLS 1.1', 'rsa', ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0']],
    ['CBC', 'rsa', ['-tls1_2', '-cipher', 'ECDHE-RSA-AES256-SHA384:@SECLEVEL=0']],
    ['RSA key exchange', 'rsa', ['-tls1_2', '-cipher', 'AES256-GCM-SHA384:@SECLEVEL=0']],
    ['DHE', 'rsa', ['-tls1_2', '-cipher', 'DHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0']],
    ['NULL', 'rsa', ['-tls1_2', '-cipher', 'ECDHE-RSA-NULL-SHA:@SECLEVEL=0']],
    ['an anonymous server', 'rsa', ['-tls1_2', '-cipher', 'AECDH-AES256-SHA:@SECLEVEL=0']],
    ['signatures with SHA-1', 'rsa', ['-tls1_2', '-cipher', 'ALL:@SECLEVEL=0', '-sigalgs', 'RSA+SHA1']],
    ['keys over P-521 alone', 'ec', ['-groups', 'P-521']],
  ])('says nothing to one that has only %s', async (_, name, options) => {
    expect(await withServer(name, options, come)).toMatch(/^refused (ERR_SSL|ECONNRESET)/)
  })
})
