import { once } from 'node:events'
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { openDatabase } from '../../../config/index.ts'
import { openAudit } from '../../../crypto/index.ts'
import { pli, pliWith } from '../../support/cli.ts'
import { EXTRACT_HEADER, extractLine, writeExtract } from '../../world/extract.ts'
import { writeLibreAcces } from '../../world/libre-acces.ts'
import { buildPeople, publishedAuthor } from '../../world/people.ts'

const people = buildPeople({ count: 30 })
let folder: string
let extract: string
let snapshot: string
let configuration: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pli-directory-cli-'))
  extract = join(folder, 'Extraction_Correspondance_MSSante_202001010412.zip')
  snapshot = join(folder, 'directory.sqlite')
  configuration = join(folder, 'pli.yaml')
  await writeExtract(extract, people)
  for (const name of ['own.pem', 'own.key', 'root.pem', 'root.crl', 'list.xml', 'master.keys', 'mailboxes.pub'])
    writeFileSync(join(folder, name), '')
  const trust = { anchors: ['root.pem'], crls: ['root.crl'] }
  const listen = (port: number) => ({ host: '127.0.0.1', port })
  const value = {
    name: 'Opérateur',
    hostname: 'smtp.a.test',
    domains: ['a.test'],
    postmaster: 'postmaster@a.test',
    data: 'data',
    listen: { submission: listen(587), submissions: listen(465), reception: listen(25) },
    tls: { certificate: 'own.pem', key: 'own.key', ...trust },
    signature: { certificate: 'own.pem', key: 'own.key' },
    whiteList: { file: 'list.xml', ...trust, signer: 'alb.test' },
    masterKeys: { file: 'master.keys' },
    mailboxes: { publicKey: 'mailboxes.pub' },
    directory: { file: 'directory.sqlite' },
  }
  writeFileSync(configuration, stringify(value))
  expect(await ask('import', extract, '--by', 'maud')).toMatchObject({ status: 0, stderr: '' })
})

afterAll(() => rmSync(folder, { recursive: true }))

const ask = (...args: string[]) => pli('directory', ...args, '-c', configuration)

describe('pli directory import', () => {
  test('reports counts, and names people only in the file of --changes', async () => {
    const target = join(folder, 'other.sqlite')
    const [changes, archive] = [join(folder, 'changes.tsv'), join(folder, 'PS_LibreAcces.zip')]
    await writeLibreAcces(archive, [{ rpps: publishedAuthor.person!.rpps, profession: ['10', 'Médecin'] }])
    const { status, stdout, stderr } = await pli('directory', 'import', extract, target, '--people', archive, '--changes', changes)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toBe(
      `imported ${people.length} boxes from ${people.length} lines (0 further lines of an address)\ngenerated 2020-01-01T04:12:00.000Z\n` +
        `added ${people.length}, removed 0, changed 0\ncompleted 0 boxes from 1 activities\n`,
    )
    expect(readFileSync(changes, 'utf8').split('\n')).toHaveLength(people.length + 2)
    expect(statSync(target).mode & 0o777).toBe(0o600)
    const again = JSON.parse((await pli('directory', 'import', extract, target, '--json')).stdout)
    expect(again).toMatchObject({ count: people.length, added: 0, removed: 0, changed: 0, generatedAt: '2020-01-01T04:12:00.000Z' })
  })

  test('refuses with one sentence on standard error, status 1, and the snapshot stays', async () => {
    const wrong = join(folder, 'wrong.txt')
    writeFileSync(wrong, Buffer.from([EXTRACT_HEADER, ...people.map(extractLine)].join('\n'), 'latin1'))
    const before = statSync(snapshot).mtimeMs
    const { status, stdout, stderr } = await ask('import', wrong, snapshot, '--by', 'maud')
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr.replace(folder, '')).toBe(
      'pli: /wrong.txt is not in UTF-8 (Latin-1, perhaps): take it as it is published, it was converted on its way\n',
    )
    expect(statSync(snapshot).mtimeMs).toBe(before)
    const rows = await openDatabase({ file: join(folder, 'data', 'pli.sqlite'), migrations: [], readOnly: true })
    const lines = await openAudit(rows, { now: Date.now }).list()
    await rows.close()
    const added = String(people.length)
    expect(lines).toMatchObject([
      {
        ...{ by: 'cli:maud', action: 'directory.import', object: 'directory', result: 'done' },
        detail: { boxes: added, added, removed: '0', changed: '0', generated: '2020-01-01T04:12:00.000Z' },
      },
      { by: 'cli:maud', action: 'directory.import', object: 'directory', result: 'refused', detail: { reason: 'encoding' } },
    ])
  })

  test('does not read 10 million lines to their end, in a small heap', async () => {
    const large = join(folder, 'large.txt')
    const out = createWriteStream(large)
    out.write(`${EXTRACT_HEADER}\n`)
    const block = Buffer.from(`${extractLine(publishedAuthor).slice(0, 8)}\n`.repeat(100_000))
    for (let times = 0; times < 100; times++) if (!out.write(block)) await once(out, 'drain')
    out.end()
    await once(out, 'close')
    const target = join(folder, 'large.sqlite')
    const { status, stderr } = await pliWith({ NODE_OPTIONS: '--max-old-space-size=64' }, 'directory', 'import', large, target)
    expect([status, stderr.replace(folder, '')]).toEqual([
      1,
      'pli: /large.txt has more than 3000000 lines, which no published one comes near\n',
    ])
    expect(existsSync(target)).toBe(false)
  })
})

describe('pli directory search', () => {
  test('answers for people and for programs', async () => {
    const found = await ask('search', 'exemple', 'clai')
    expect([found.status, found.stdout]).toEqual([
      0,
      `${publishedAuthor.address}  DR CLAIRE EXEMPLE  Médecine générale  75999 EXEMPLEVILLE\n`,
    ])
    const listed = JSON.parse((await ask('search', 'medecine', '--limit', '3', '--json')).stdout)
    expect(listed).toHaveLength(3)
    expect(await ask('search', 'qqqq')).toMatchObject({ status: 0, stdout: 'nobody found\n' })
    expect((await ask('search', 'x', '--limit', '0')).status).toBe(2)
  })
})

describe('pli directory lookup', () => {
  const { rpps } = publishedAuthor.person!

  test.each([publishedAuthor.address.toUpperCase(), `8${rpps}`, '1750803447', '75 080 344 7'])('finds by %s', async asked => {
    const { status, stdout } = await ask('lookup', asked)
    expect(status).toBe(0)
    expect(stdout).toContain(`address: ${publishedAuthor.address}\ntype: PER\nname: DR CLAIRE EXEMPLE\n`)
  })

  test('gives programs a listing for an address, a list for a number', async () => {
    expect(JSON.parse((await ask('lookup', publishedAuthor.address, '--json')).stdout)).toMatchObject({ rpps })
    expect(JSON.parse((await ask('lookup', rpps, '--json')).stdout)).toMatchObject([{ address: publishedAuthor.address }])
  })

  test('who is not there is a refusal, what is no number is bad usage', async () => {
    expect(await ask('lookup', 'nobody@alpha.mssante.example')).toMatchObject({
      status: 1,
      stderr: 'pli: nobody@alpha.mssante.example is not in the directory\n',
    })
    expect((await ask('lookup', '80000000010')).status).toBe(1)
    expect((await ask('lookup', '01234567890')).status).toBe(2)
  })
})

test('pli directory status says how old it is', async () => {
  const { status, stdout } = await ask('status')
  expect(status).toBe(0)
  expect(stdout).toMatch(/^\d+ boxes, version 2020-01-01T04:12Z, imported 20.*Z, OLD: its limit is 48 hours\n$/)
  expect(JSON.parse((await ask('status', '--json')).stdout)).toMatchObject({
    count: people.length,
    version: '2020-01-01T04:12Z',
    old: true,
  })
})
