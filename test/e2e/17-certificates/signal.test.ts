import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { compiled } from '../../../config/paths.ts'
import { loadIdentity, signEnveloped } from '../../../crypto/index.ts'
import { importExtract } from '../../../directory/index.ts'
import { writeExtract } from '../../world/extract.ts'
import { OPERATORS, writeConfiguration } from '../../world/operator.ts'
import { buildPeople } from '../../world/people.ts'
import { createPki, type IdentityPaths, writeIdentity } from '../../world/pki.ts'
import { buildWhiteList } from '../../world/white-list.ts'

/** `pli serve` that is told to read its files again while it starts: it waits for a white list, whose publisher is the test. */
const { host, organization, structure } = OPERATORS.alpha
const DOMAIN = 'alpha.mssante.example'
let folder: string
let configuration: string
let list: string
let entry: IdentityPaths
let publisher: Server

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-signal-'))
  const pki = await createPki({ now: new Date(), key: 'ec' })
  const named = { organization, structure } as const
  const issued = await pki.issue({ ...named, kind: 'server', commonName: host, key: 'ec' })
  const server = await writeIdentity(folder, 'server', issued, pki)
  const signature = await writeIdentity(folder, 'signature', await pki.issue({ ...named, kind: 'signature', commonName: host }), pki)
  const emails = [`domain-confidentiality-authority@${DOMAIN}`]
  entry = await writeIdentity(folder, 'mail', await pki.issue({ ...named, kind: 'mail', commonName: host, key: 'ec', emails }), pki)
  const sign = (xml: string) => signEnveloped(xml, { identity: loadIdentity(signature), where: 'end-of-root' })
  list = buildWhiteList({ entries: [{ domain: DOMAIN, dn: issued.subject }], generatedAt: new Date(), sign })
  await mkdir(join(folder, 'lists'))
  await writeExtract(join(folder, 'extract.txt'), buildPeople({ count: 20 }))
  const directory = join(folder, 'lists', 'directory.sqlite')
  await importExtract(join(folder, 'extract.txt'), directory, { now: new Date() })
  publisher = createServer({ cert: issued.certificatePem + pki.authorities[1], key: issued.keyPem })
  await once(publisher.listen(0, '127.0.0.1'), 'listening')
  const url = `https://localhost:${(publisher.address() as AddressInfo).port}/list.xml`
  const trust = await pki.write(join(folder, 'pki'))
  const written = await writeConfiguration({
    name: 'alpha',
    folder: join(folder, 'alpha'),
    ports: { submission: 0, submissions: 0, reception: 0 },
    keys: { server, signature, client: server, mail: signature },
    shared: { ...trust, whiteList: '', whiteListSigner: host, directory },
    routes: {},
    extra: {
      domains: [DOMAIN],
      smime: { encryption: [] },
      whiteList: { file: join(folder, 'lists', 'list.xml'), ...trust, signer: host, url },
    },
  })
  configuration = written.configuration
})
afterAll(async () => {
  publisher?.close()
  await rm(folder, { recursive: true })
})

test('SIGHUP during the start does not end it, and is obeyed once it is ready', async () => {
  const asked = once(publisher, 'request') as Promise<[unknown, ServerResponse]>
  const child = spawn(process.execPath, [compiled('gateway/cli/pli'), 'serve', '--attached', '-c', configuration])
  try {
    const ended = once(child, 'exit')
    const said: string[] = []
    const lines = (async () => {
      for await (const line of createInterface({ input: child.stderr })) {
        said.push(line)
        if (line.includes('encryption-entries-taken')) return 'obeyed'
      }
      return `it has ended: ${said.join('\n')}`
    })()
    child.stdout.resume()
    const waits = await Promise.race([asked, lines]) // the configuration has been read, and no door is open yet
    if (typeof waits === 'string') throw new Error(waits)
    const written = parse(await readFile(configuration, 'utf8'))
    await writeFile(configuration, stringify({ ...written, smime: { encryption: [entry] } }))
    child.kill('SIGHUP')
    waits[1].end(list)
    expect(await lines).toBe('obeyed')
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  } finally {
    child.kill('SIGKILL')
  }
})
