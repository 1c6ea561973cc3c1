import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTransport, type Transporter } from 'nodemailer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Sink, startSink } from '../../bench/processes.ts'
import { createPki, type Issued, type Pki, writeIdentity } from '../../world/pki.ts'

let folder: string
let pki: Pki
let client: Issued
let sink: Sink

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-sink-'))
  pki = await createPki({ now: new Date(), key: 'ec' })
  const who = { organization: 'OPERATEUR FICTIF', structure: '1750803447', key: 'ec' } as const
  client = await pki.issue({ kind: 'client', commonName: 'client', ...who })
  const server = await writeIdentity(folder, 'sink', await pki.issue({ kind: 'server', commonName: 'localhost', ...who }), pki)
  const ca = join(folder, 'ca.pem')
  await writeFile(ca, pki.authorities.join(''))
  sink = await startSink({ ...server, ca })
})

afterAll(async () => {
  sink.stop()
  await rm(folder, { recursive: true })
})

test('counts each message once by its Message-ID, and all that came', async () => {
  const transport = connect({ cert: client.certificatePem + pki.authorities[1], key: client.keyPem })
  for (const number of ['0.0', '0.1', '0.1']) {
    const text = `.\r\n..\r\n${'x'.repeat(70)}\r\n`.repeat(number === '0.0' ? 1 : 3000)
    await transport.sendMail({ from: 'a@a.example', to: 'b@b.example', messageId: `<bench.${number}@a.example>`, text })
  }
  transport.close()
  expect(await sink.stats()).toMatchObject({ delivered: 3, distinct: 2, connections: 1 })
})

test('takes no mail without a client certificate', async () => {
  const { delivered } = await sink.stats()
  const transport = connect({})
  await expect(transport.sendMail({ from: 'a@a.example', to: 'b@b.example', text: 'x' })).rejects.toThrow()
  transport.close()
  expect((await sink.stats()).delivered).toBe(delivered)
})

function connect(identity: { cert?: string; key?: string }): Transporter {
  const tls = { ca: [...pki.authorities], ...identity }
  return createTransport({ host: 'localhost', port: sink.port, pool: true, maxConnections: 1, requireTLS: true, tls })
}
