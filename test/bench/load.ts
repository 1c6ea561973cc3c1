// The load generator, one process: forked by relay.ts, told by messages, counts what the server accepted.
import { readFileSync } from 'node:fs'
import { addresses, type Boxes } from './boxes.ts'
import { type Client, connectClient, expect } from './client.ts'
import { buildBody, buildHeader } from './letter.ts'

/** What relay.ts gives as the only argument, in JSON. */
export interface LoadOptions {
  port: number
  ca: string
  bytes: number
  /** One kept connection each; the password serves where the server offers AUTH. */
  senders: Boxes & { password: string }
  /** Each message has one, drawn among all. */
  recipients: Boxes
}

export interface LoadStats {
  accepted: number
  refused: number
  /** The last reply that was not an acceptance, or the last error. */
  trouble?: string
}

/** Replies to 'start', 'stats' and 'stop'; 'stop' is answered when no message is under way any more. */
export type LoadReply = { to: 'start' | 'stats' | 'stop'; stats: LoadStats }

const options: LoadOptions = JSON.parse(process.argv[2]!)
const body = buildBody(options.bytes)
const stats: LoadStats = { accepted: 0, refused: 0 }
let running = true
let seed = 42

const clients = await Promise.all([...addresses(options.senders)].map(openConnection))
let loops: Promise<void>[] = []
process.on('message', answer)
tell({ to: 'start', stats })

async function answer(command: 'start' | 'stats' | 'stop'): Promise<void> {
  if (command === 'start') loops = clients.map((client, index) => sendForEver(client, index))
  if (command === 'stop') {
    running = false
    await Promise.all(loops)
  }
  if (command !== 'start') tell({ to: command, stats })
  if (command === 'stop') process.exit()
}

async function openConnection(sender: string): Promise<{ sender: string; client: Client }> {
  const client = await connectClient({ port: options.port, ca: readFileSync(options.ca, 'utf8'), name: 'poste.mssante.example' })
  if (client.offers.has('AUTH')) {
    const token = Buffer.from(`\0${sender}\0${options.senders.password}`).toString('base64')
    expect('235', await client.ask(`AUTH PLAIN ${token}\r\n`, 1))
  }
  // The letters have accents (RFC 6152).
  if (!client.offers.has('8BITMIME')) throw new Error('the server does not take 8-bit text')
  return { sender, client }
}

async function sendForEver({ sender, client }: { sender: string; client: Client }, index: number): Promise<void> {
  try {
    for (let number = 0; running; number++) await sendOne(client, sender, `${index}.${number}`)
  } catch (error) {
    stats.refused++
    stats.trouble = String(error)
  }
}

async function sendOne(client: Client, from: string, number: string): Promise<void> {
  const to = `bal${1 + draw(options.recipients.count)}@${options.recipients.domain}`
  const envelope = [`MAIL FROM:<${from}> BODY=8BITMIME\r\n`, `RCPT TO:<${to}>\r\n`, 'DATA\r\n']
  const replies = client.offers.has('PIPELINING') ? await client.ask(envelope.join(''), 3) : await oneByOne(client, envelope)
  expect('2', replies.slice(0, 2))
  expect('354', replies.slice(2))
  expect('250', await client.ask([buildHeader(number, from, to), body], 1))
  stats.accepted++
}

async function oneByOne(client: Client, commands: string[]): Promise<string[]> {
  const replies: string[] = []
  for (const command of commands) replies.push(...(await client.ask(command, 1)))
  return replies
}

/** Park and Miller's generator: the same recipients for every server and run. */
function draw(below: number): number {
  seed = (seed * 48271) % 2147483647
  return seed % below
}

function tell(reply: LoadReply): void {
  process.send!(reply)
}
