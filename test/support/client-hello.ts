import { once } from 'node:events'
import { connect } from 'node:net'

/** A first message of TLS 1.2 or older, by hand: OpenSSL has long forgotten what must be refused here. */
export interface ClientHello {
  /** 0x0300 SSL 3.0 … 0x0303 TLS 1.2 */
  version?: number
  suites: readonly number[]
  /** those of a modern client by default */
  signatures?: readonly number[]
  groups?: readonly number[]
}

/** What the server said: the suite that it chose, or the description of its alert; `closed` when it said nothing. */
export type Answer = { suite: number; version: number; compression: number } | { alert: number } | 'closed'

const MODERN = [0x0403, 0x0503, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601]
const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff])
const block = (bytes: Buffer) => Buffer.concat([u16(bytes.length), bytes])
const list = (values: readonly number[]) => block(Buffer.concat(values.map(u16)))
const extension = (id: number, content: Buffer) => Buffer.concat([u16(id), block(content)])

function recordOf({ version = 0x0303, suites, signatures = MODERN, groups = [0x001d, 0x0017, 0x0018] }: ClientHello): Buffer {
  const extensions = [extension(10, list(groups)), extension(11, Buffer.from([1, 0])), extension(13, list(signatures))]
  const body = Buffer.concat([
    u16(version),
    Buffer.alloc(32, 7),
    Buffer.from([0]),
    list(suites),
    Buffer.from([1, 0]),
    block(Buffer.concat(extensions)),
  ])
  const message = Buffer.concat([Buffer.from([1, 0]), u16(body.length), body])
  return Buffer.concat([Buffer.from([0x16, 3, 1]), block(message)])
}

/** Says it to a port on the loopback. @param starttls whether SMTP is spoken there first */
export async function sayHello(port: number, hello: ClientHello, { starttls = false } = {}): Promise<Answer> {
  const socket = connect(port, '127.0.0.1')
  const more = () => new Promise<Buffer>(resolve => socket.once('data', resolve).once('close', () => resolve(Buffer.alloc(0))))
  socket.on('error', () => {})
  try {
    await once(socket, 'connect')
    if (starttls) {
      await more()
      socket.write('STARTTLS\r\n')
      await more()
    }
    socket.write(recordOf(hello))
    let heard = Buffer.alloc(0)
    while (heard.length < 7 || (heard[0] === 0x16 && heard.length < 44 + (heard[43] ?? 0) + 3)) {
      const chunk = await more()
      if (chunk.length === 0) return 'closed'
      heard = Buffer.concat([heard, chunk])
    }
    if (heard[0] === 0x15) return { alert: heard[6]! }
    const after = 44 + heard[43]!
    return { version: heard.readUInt16BE(9), suite: heard.readUInt16BE(after), compression: heard[after + 2]! }
  } finally {
    socket.destroy()
  }
}
