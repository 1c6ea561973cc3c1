import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Log, loadConfiguration, silent } from '../../../config/index.ts'
import { loadIdentity, signEnveloped } from '../../../crypto/index.ts'
import { importExtract } from '../../../directory/index.ts'
import { type Gateway, startGateway } from '../../../gateway/main.ts'
import { pli } from '../../support/cli.ts'
import { Dialogue } from '../../support/dialogue.ts'
import { writeExtract } from '../../world/extract.ts'
import { OPERATORS, writeConfiguration } from '../../world/operator.ts'
import { buildPeople } from '../../world/people.ts'
import { createPki, type IdentityPaths, type Issued, type Pki, writeIdentity } from '../../world/pki.ts'
import { buildWhiteList } from '../../world/white-list.ts'

/** One whole gateway, and its certificate replaced on the disk while clients talk to it. */
const { host, organization, structure } = OPERATORS.alpha
let folder: string
let pki: Pki
let gateway: Gateway
let configuration: string
let server: IdentityPaths
/** The certificate in use, once it was replaced. */
let next: Issued
const events: { event: string; detail: Record<string, unknown> }[] = []
const note = (event: string, detail: Record<string, unknown> = {}) => void events.push({ event, detail })
const log: Log = { ...silent, info: note, warn: note, error: note }

const issue = (kind: 'server' | 'signature', commonName: string = host, dates: { notAfter?: Date } = {}) =>
  pki.issue({ kind, commonName, organization, structure, key: kind === 'server' ? 'ec' : 'rsa', ...dates })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-certificates-'))
  pki = await createPki({ now: new Date(), key: 'ec' })
  const lists = join(folder, 'lists')
  await mkdir(lists)
  const first = await issue('server')
  server = await writeIdentity(folder, 'server', first, pki)
  const signature = await writeIdentity(folder, 'signature', await issue('signature'), pki)
  const signer = loadIdentity(await writeIdentity(lists, 'signer', await issue('signature', 'liste-blanche.test'), pki))
  const entries = [{ domain: 'alpha.mssante.example', dn: first.subject }]
  const sign = (xml: string) => signEnveloped(xml, { identity: signer, where: 'end-of-root' })
  await writeFile(join(lists, 'list.xml'), buildWhiteList({ entries, generatedAt: new Date(), sign }))
  await writeExtract(join(lists, 'extract.txt'), buildPeople({ count: 20 }))
  await importExtract(join(lists, 'extract.txt'), join(lists, 'directory.sqlite'), { now: new Date() })
  const listen = { host: '127.0.0.1', port: 0 }
  const written = await writeConfiguration({
    name: 'alpha',
    folder: join(folder, 'alpha'),
    ports: { submission: 0, submissions: 0, reception: 0 },
    keys: { server, signature, client: server, mail: signature },
    shared: {
      ...(await pki.write(join(folder, 'pki'))),
      whiteList: join(lists, 'list.xml'),
      whiteListSigner: 'liste-blanche.test',
      directory: join(lists, 'directory.sqlite'),
    },
    routes: {},
    extra: {
      domains: ['alpha.mssante.example', 'beside.mssante.example'],
      smime: { encryption: [] },
      admin: { listen },
      console: { listen, url: 'https://pages.alpha.example' },
    },
  })
  configuration = written.configuration
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }) // rounds of upkeep come when a test says so
  gateway = await startGateway(loadConfiguration(configuration), log)
})
afterAll(async () => {
  await gateway?.stop()
  vi.useRealTimers()
  await rm(folder, { recursive: true })
})

const tls = (): ConnectionOptions => ({ ca: [...pki.authorities], servername: host })

/** A client in the middle of its work. @returns which certificate it was shown, and what asks whether it is still heard */
async function visit(door: 'submission' | 'submissions' | 'reception') {
  let serial = ''
  const seen: ConnectionOptions = {
    ...tls(),
    checkServerIdentity(_, peer) {
      serial = peer.serialNumber.toLowerCase()
      return undefined
    },
  }
  const port = gateway.ports[door]
  const dialogue = await Dialogue.open(port, door === 'submissions' ? seen : undefined)
  await dialogue.reply()
  if (door !== 'submissions') {
    await dialogue.say('STARTTLS')
    await dialogue.secure(seen)
  }
  return { serial, isHeard: async () => (await dialogue.say('EHLO client.example')).startsWith('250'), end: () => dialogue.quit() }
}

async function visitPages(door: 'admin' | 'console') {
  const socket: TLSSocket = connect({ host: '127.0.0.1', port: gateway.ports[door]!, ...tls() })
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  const serial = socket.getPeerCertificate().serialNumber.toLowerCase()
  const isHeard = async () => {
    const answer = new Promise<string>(resolve => socket.once('data', chunk => resolve(String(chunk))))
    socket.write('GET / HTTP/1.1\r\nHost: pages.alpha.example\r\n\r\n')
    return (await answer).startsWith('HTTP/1.1')
  }
  return { serial, isHeard, end: async () => void socket.destroy() }
}

const visitAll = () =>
  Promise.all([visit('submission'), visit('submissions'), visit('reception'), visitPages('admin'), visitPages('console')])
const serialOf = ({ serial }: Issued) => serial.toString('hex')

test('a renewed certificate is shown at every door, and no connection is lost', async () => {
  const old = await visitAll()
  next = await issue('server')
  await writeFile(server.certificate, next.certificatePem)
  for (let look = 0; look < 3; look += 1) gateway.renew()
  const meanwhile = await visitAll()
  expect(new Set([...old, ...meanwhile].map(({ serial }) => serial)).size).toBe(1) // half a pair is none
  expect(events).toContainEqual({
    event: 'certificate-refused',
    detail: { place: 'tls', reason: expect.stringContaining('the private key is not the one of the certificate') },
  })

  await writeFile(server.key, next.keyPem)
  for (let look = 0; look < 2; look += 1) gateway.renew()
  const late = await visitAll()
  expect(late.map(({ serial }) => serial)).toEqual(Array(5).fill(serialOf(next)))
  for (const { isHeard } of [...old, ...late]) expect(await isHeard()).toBe(true)
  expect(events).toContainEqual({
    event: 'certificate-renewed',
    detail: { place: 'tls', name: expect.stringContaining(`CN=${host}`), until: expect.any(String) },
  })
  await Promise.all([...old, ...meanwhile, ...late].map(({ end }) => end()))
})

test('an entry that opens mail is added while it runs', async () => {
  const emails = ['domain-confidentiality-authority@alpha.mssante.example']
  const issued = await pki.issue({ kind: 'mail', commonName: host, organization, structure, key: 'ec', emails })
  gateway.renew([await writeIdentity(folder, 'mail', issued, pki)])
  expect(events).toContainEqual({ event: 'encryption-entries-taken', detail: { before: 0, now: 1 } })
})

test('the start and pli check say for which of our domains the white list does not know us; it is no fault', async () => {
  const domain = 'beside.mssante.example'
  expect(events).toContainEqual({
    event: 'own-name-not-listed',
    detail: { domain, name: expect.stringContaining(`CN=${host}`), given: undefined },
  })
  expect(events.filter(({ event }) => event === 'own-name-not-listed')).toHaveLength(1)
  const { status, stdout } = await pli('check', '--json', configuration)
  expect({ status, ...JSON.parse(stdout) }).toMatchObject({
    ...{ status: 0, right: true, name: 'Opérateur Alpha (fictif)', faults: [] },
    warnings: [expect.stringContaining(`for ${domain} (it does not list the domain)`)],
  })
})

test('pli certificates shows every one with its end, and fails when one ends this week or cannot be read', async () => {
  const look = async () => {
    const { status, stdout } = await pli('certificates', '--json', '-c', configuration)
    return { status, ...JSON.parse(stdout) }
  }
  const right = await look()
  expect(right).toMatchObject({ status: 0, faults: [] })
  expect(right.certificates).toContainEqual(
    expect.objectContaining({ place: 'tls', kind: 'own', days: 1094, state: 'right', issuer: expect.stringContaining('ORGANISATIONS') }),
  )
  expect(right.certificates.filter(({ kind }: { kind: string }) => kind === 'authority')).toHaveLength(4)
  expect(right.lists).toContainEqual(expect.objectContaining({ place: 'whiteList', state: 'right' }))

  const ending = await issue('server', host, { notAfter: new Date(Date.now() + 3.5 * 86_400_000) })
  await writeIdentity(folder, 'server', ending, pki)
  expect(await look()).toMatchObject({
    status: 1,
    certificates: expect.arrayContaining([expect.objectContaining({ days: 3, state: 'ends' })]),
  })
  await writeFile(server.key, 'nothing')
  expect(await look()).toMatchObject({ status: 1, faults: [{ place: 'tls', reason: expect.stringContaining('private key') }] })
})

test('what of ours is revoked while it runs is told of at the next rounds, and it serves on', async () => {
  pki.revoke(next)
  await pki.write(join(folder, 'pki'))
  const told = () => events.filter(({ event }) => event === 'certificate-revoked').map(({ detail }) => detail.places)
  vi.advanceTimersByTime(4 * 30_000)
  await expect.poll(told).toEqual(['tls'])
  const { serial, isHeard, end } = await visit('reception')
  expect([serial, await isHeard()]).toEqual([serialOf(next), true])
  await end()
})
