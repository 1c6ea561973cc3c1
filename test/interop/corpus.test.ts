import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { simpleParser } from 'mailparser'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../config/index.ts'
import type { Inspection } from '../../dmp-bridge/index.ts'
import { openData } from '../../gateway/data.ts'
import { type Timeline, timelineOf } from '../../gateway/timeline.ts'
import { type LocalSpace, pli, startLocal } from '../support/cli.ts'
import { corpus, hasCorpus } from '../support/corpus.ts'
import { type MailServer, submitWithCurl, submitWithSwaks } from '../support/mail-clients.ts'
import { readMaildir } from '../support/maildir.ts'
import { countOf, expectedOutcome, outcomeOf } from '../support/outcomes.ts'
import { isSettled } from '../support/stage.ts'
import { has } from '../support/tools.ts'
import { until } from '../support/until.ts'

/** As one submits what one has: a mail client takes the name and the type from the file. */
interface Sample {
  name: string
  file: string
  type: string
}

const samples: Sample[] = hasCorpus
  ? [
      ...list('cda', '3-0').map(name => sample(name, 'application/xml')),
      ...list('xdm', 'fr').map(folder => sample(`${folder}/IHE_XDM.ZIP`, 'application/zip')),
      ...list('xdm', 'us').map(name => sample(name, 'application/zip')),
    ]
  : []

let folder: string
let space: LocalSpace
let db: Database

beforeAll(async () => {
  if (!hasCorpus) return
  folder = await mkdtemp(join(tmpdir(), 'pli-corpus-'))
  space = await startLocal(join(folder, 'local'))
  db = await openData(alpha().data)
})

afterAll(async () => {
  await db?.close()
  await space?.[Symbol.asyncDispose]()
  if (folder) await rm(folder, { recursive: true, force: true })
})

describe.skipIf(!hasCorpus || !has('swaks'))('swaks submits every public example as its author', () => {
  const timelines = new Map<string, Timeline>()

  beforeAll(async () => {
    const sent = await inTurns(4, samples, async each => ({ ...each, id: await submit(each) }))
    for (const { name, id } of sent) timelines.set(name, await settled(id))
  }, 240_000)

  test('every message is relayed, and its receipt comes back', () => {
    expect(timelines.size).toBe(95)
    for (const { recipients } of timelines.values()) expect(recipients).toMatchObject([{ relay: 'sent', receipt: 'delivered' }])
  })

  test('the recipient has every message, with the file octet by octet', async () => {
    const mails = await Promise.all((await mailbox()).map(each => simpleParser(each)))
    const received = mails.map(({ attachments }) => sha256(attachments[0]?.content ?? Buffer.alloc(0)))
    expect(received.toSorted()).toEqual(samples.map(({ file }) => sha256(readFileSync(file))).toSorted())
  })

  test('every document ends as `pli dmp inspect` says', async () => {
    const { status, stdout } = await pli('dmp', 'inspect', ...samples.map(({ file }) => file), ...asAuthor(), '--json')
    expect(status).toBe(0)
    const inspections = JSON.parse(stdout) as Inspection[]
    const expected = samples.map(({ name }, index) => [name, expectedOutcome(inspections[index] as Inspection)])
    const outcomes = samples.map(({ name }) => [name, outcomeOf(timelines.get(name) as Timeline)])
    expect(outcomes).toEqual(expected)
  })

  test('these are the outcomes', async () => {
    const outcomes = samples.map(({ name }) => [name, outcomeOf(timelines.get(name) as Timeline)] as const)
    console.log(`Outcomes of ${outcomes.length} messages:\n${countOf(outcomes.map(([, outcome]) => outcome))}`)
    const text = `${JSON.stringify(Object.fromEntries(outcomes), null, 2)}\n`
    await expect(text).toMatchFileSnapshot('../fixtures/corpus-outcomes.json')
  })

  test('the DMP has what was filed and refused nothing', async () => {
    const filed = [...timelines.values()].flatMap(({ filings }) => filings.filter(({ state }) => state === 'filed'))
    const log = (await readFile(space.ready.dmp.log, 'utf8')).trim().split('\n')
    const requests = log.map(line => JSON.parse(line) as { outcome: string; uniqueIds?: string[] })
    expect(requests.filter(({ outcome }) => outcome !== 'filed' && outcome !== 'answered')).toEqual([])
    expect(requests.flatMap(({ uniqueIds }) => uniqueIds ?? []).toSorted()).toEqual(filed.map(({ uniqueId }) => uniqueId).toSorted())
  })

  // What `inspect` can't know: it sees the file, not what was filed before.
  test('a document that was filed is ignored in the next letter, and held with other bytes', async () => {
    const again = samples.find(({ name }) => outcomeOf(timelines.get(name) as Timeline) === 'filed') as Sample
    expect(outcomeOf(await settled(await submit(again)))).toBe('ignored: already-filed')
    const file = join(folder, 'changed.xml')
    await writeFile(file, Buffer.concat([await readFile(again.file), Buffer.from('<!-- changed -->')]))
    expect(outcomeOf(await settled(await submit({ ...again, file })))).toBe('held: same-id-other-bytes')
    const [before] = JSON.parse((await pli('dmp', 'inspect', file, again.file, ...asAuthor(), '--json')).stdout) as Inspection[]
    expect(expectedOutcome(before as Inspection)).toBe('filed')
  })
})

describe.skipIf(!hasCorpus || !has('curl'))('curl', () => {
  test('submits a letter, which arrives as it was written', async () => {
    const { address } = space.ready.accounts.published
    const file = join(folder, 'letter.eml')
    const eml = `From: ${address}\r\nTo: ${recipient()}\r\nMessage-ID: <curl@poste.test>\r\nSubject: essai\r\n\r\nBonjour.\r\n`
    await writeFile(file, eml)
    expect(await submitWithCurl(server(), recipient(), file)).toMatchObject({ status: 0 })
    const { recipients, filings } = await settled('curl@poste.test')
    expect(recipients).toMatchObject([{ relay: 'sent', receipt: 'delivered', filing: 'none' }])
    expect(filings).toEqual([])
    // Sealed between the operators and opened: its fields and its text, not the octets of its header.
    const letters = (await mailbox())
      .map(each => each.toString('latin1'))
      .filter(each => each.includes('Message-ID: <curl@poste.test>\r\n'))
    expect(letters).toEqual([expect.stringMatching(/\r\nSubject: essai\r\n[\s\S]*\r\n\r\nBonjour\.\r\n$/)])
  })

  test('is refused with a wrong password, and when it trusts another authority', async () => {
    const file = join(folder, 'letter.eml')
    const account = { ...space.ready.accounts.published, password: 'wrong' }
    expect(await submitWithCurl({ ...server(), account }, recipient(), file)).toMatchObject({ status: 67 }) // CURLE_LOGIN_DENIED
    const ca = join(folder, 'local', 'lists', 'signer.crt.pem')
    expect(await submitWithCurl({ ...server(), ca }, recipient(), file)).toMatchObject({ status: 60 }) // CURLE_PEER_FAILED_VERIFICATION
  })
})

function list(...path: string[]): string[] {
  return readdirSync(corpus(...path))
    .sort()
    .map(name => join(...path, name))
}

function sample(name: string, type: string): Sample {
  return { name, file: corpus(name), type }
}

function alpha() {
  const found = space.ready.operators.find(({ name }) => name === 'alpha')
  if (!found) throw new Error('no operator alpha')
  return found
}

function recipient(): string {
  return space.ready.accounts.recipient.address
}

function server(): MailServer {
  const { host, ports, hostname } = alpha()
  return { host, port: ports.submission, hostname, ca: space.ready.ca, account: space.ready.accounts.published }
}

function submit({ name, file, type }: Sample): Promise<string> {
  return submitWithSwaks(server(), { to: recipient(), attachment: { file, name: basename(name), type } })
}

function settled(id: string): Promise<Timeline> {
  const look = async () => {
    const timeline = await timelineOf(db, id)
    return timeline && isSettled(timeline) && timeline
  }
  return until(`the end of ${id}`, look, 90_000)
}

function mailbox(): Promise<Buffer[]> {
  const [box = '', domain = ''] = recipient().split('@')
  const operator = space.ready.operators.find(each => each.domain === domain)
  return readMaildir(join(operator?.maildirs ?? '', box), operator?.mailboxKey ?? '')
}

function asAuthor(): string[] {
  return ['-c', alpha().configuration, '--sender', space.ready.accounts.published.address]
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Works on several at a time, in order. */
async function inTurns<T, R>(hands: number, items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const next = items.entries()
  const hand = async () => {
    for (const [index, item] of next) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: hands }, hand))
  return results
}
