// The sink, one process: an SMTP server over mutual TLS that counts what it is given and keeps nothing.
import { readFileSync } from 'node:fs'
import net from 'node:net'
import tls from 'node:tls'

/** What relay.ts gives as the only argument, in JSON: files in PEM. */
export interface SinkOptions {
  certificate: string
  key: string
  /** Roots of the client certificates; one is required of every client. */
  ca: string
}

export interface SinkStats {
  /** Different messages, by their Message-ID. */
  distinct: number
  delivered: number
  bytes: number
  connections: number
  /** When the last new message came, milliseconds since epoch. */
  lastAt: number
}

/** The first message holds the port; then one answer for each message received by the process. */
export type SinkReply = { port: number } | SinkStats

const options: SinkOptions = JSON.parse(process.argv[2]!)
const stats: SinkStats = { distinct: 0, delivered: 0, bytes: 0, connections: 0, lastAt: Date.now() }
const seen = new Set<string>()
const FEATURES = ['PIPELINING', 'SIZE 104857600', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES', 'DSN']
const END = Buffer.from('\r\n.\r\n')
const MARK = Buffer.from('Message-ID: <bench.')

const secureServer = tls.createServer(
  {
    cert: readFileSync(options.certificate),
    key: readFileSync(options.key),
    ca: readFileSync(options.ca),
    minVersion: 'TLSv1.2',
    requestCert: true,
    rejectUnauthorized: true,
  },
  socket => serve(socket, true),
)
const server = net.createServer({ noDelay: true }, socket => serve(socket, false))
server.listen(0, '127.0.0.1', () => process.send!({ port: (server.address() as net.AddressInfo).port }))
process.on('message', () => process.send!(stats))

function count(id: string | undefined): void {
  stats.delivered++
  if (!id || seen.has(id)) return
  seen.add(id)
  stats.distinct++
  stats.lastAt = Date.now()
}

function serve(socket: net.Socket, secure: boolean): void {
  let rest = ''
  /** Inside DATA: what is not yet searched for the Message-ID, and the last four bytes, where the end may begin. */
  let data: { head: Buffer; tail: Buffer; id?: string } | undefined
  socket.on('error', () => socket.destroy())
  if (!secure) socket.write('220 sink.mssante.example ESMTP\r\n')

  const read = (chunk: Buffer): void => {
    let left: Buffer | undefined = chunk
    while (left && left.length > 0) left = data ? readData(left) : readCommands(left)
  }
  socket.on('data', read)

  /** @returns what follows the end of the message, if the end is there */
  function readData(chunk: Buffer): Buffer | undefined {
    const { tail } = data!
    const joined = tail.length > 0 ? Buffer.concat([tail, chunk]) : chunk
    const end = joined.indexOf(END)
    const upTo = end < 0 ? chunk : joined.subarray(tail.length, Math.max(end, tail.length))
    stats.bytes += upTo.length
    findId(upTo)
    if (end < 0) {
      data!.tail = Buffer.from(joined.subarray(-4))
      return undefined
    }
    count(data!.id)
    data = undefined
    socket.write('250 2.0.0 Ok: counted\r\n')
    return joined.subarray(end + END.length)
  }

  /** The id is near the top, but the header may come in several records. */
  function findId(chunk: Buffer): void {
    if (!data || data.id) return
    data.head = data.head.length > 0 ? Buffer.concat([data.head, chunk]) : chunk
    const at = data.head.indexOf(MARK)
    const end = at < 0 ? -1 : data.head.indexOf('>', at)
    if (end > 0) data.id = data.head.toString('latin1', at, end)
  }

  function readCommands(chunk: Buffer): Buffer | undefined {
    const text = rest + chunk.toString('latin1')
    let from = 0
    let replies = ''
    for (;;) {
      const end = text.indexOf('\r\n', from)
      if (end < 0) break
      const line = text.slice(from, end)
      from = end + 2
      const verb = line.slice(0, 4).toUpperCase()
      replies += reply(verb)
      if (verb === 'STAR') return startTls(replies)
      if (verb === 'QUIT') socket.end(replies)
      if (verb !== 'DATA') continue
      data = { head: Buffer.alloc(0), tail: Buffer.alloc(0) }
      socket.write(replies)
      rest = ''
      return Buffer.from(text.slice(from), 'latin1')
    }
    rest = text.slice(from)
    if (replies && !socket.writableEnded) socket.write(replies)
    return undefined
  }

  function reply(verb: string): string {
    switch (verb) {
      case 'EHLO': {
        const features = secure ? FEATURES : [...FEATURES, 'STARTTLS']
        return `250-sink.mssante.example\r\n${features.map((word, index) => `250${index === features.length - 1 ? ' ' : '-'}${word}\r\n`).join('')}`
      }
      case 'MAIL':
      case 'RCPT':
        return secure ? '250 2.1.0 Ok\r\n' : '530 5.7.0 Must issue STARTTLS first\r\n'
      case 'DATA':
        return '354 End data with <CR><LF>.<CR><LF>\r\n'
      case 'STAR':
        return '220 2.0.0 Ready to start TLS\r\n'
      case 'QUIT':
        return '221 2.0.0 Bye\r\n'
      default:
        return '250 2.0.0 Ok\r\n'
    }
  }

  function startTls(replies: string): undefined {
    socket.off('data', read)
    socket.write(replies)
    secureServer.emit('connection', socket)
    stats.connections++
    return undefined
  }
}
