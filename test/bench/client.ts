import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'

/** A bare SMTP client over TLS, made to cost little: whole groups of commands and prebuilt bytes go out in one write. */
export interface Client {
  /** Keywords of EHLO after STARTTLS, upper case. */
  readonly offers: ReadonlySet<string>
  /** Sends bytes and waits for that many replies. @returns their last lines, such as `250 2.0.0 Ok` */
  ask(bytes: string | Buffer | Buffer[], replies: number): Promise<string[]>
  close(): void
}

/** Connects, then STARTTLS with the server's certificate verified against `ca` (PEM), then EHLO again. */
export async function connectClient(options: { port: number; ca: string; name: string }): Promise<Client> {
  const plain = net.connect({ host: '127.0.0.1', port: options.port, noDelay: true })
  await once(plain, 'connect')
  const clear = talk(plain)
  expect('220', await clear.ask('', 1))
  expect('250', await clear.ask(`EHLO ${options.name}\r\n`, 1))
  expect('220', await clear.ask('STARTTLS\r\n', 1))
  clear.detach()
  // The name is not checked: every server here has a certificate of the bench's own root, on loopback.
  const secure = tls.connect({ socket: plain, ca: options.ca, checkServerIdentity: () => undefined })
  await once(secure, 'secureConnect')
  const dialogue = talk(secure)
  const lines: string[] = []
  expect('250', await dialogue.ask(`EHLO ${options.name}\r\n`, 1, lines))
  return {
    offers: new Set(lines.map(line => line.slice(4).split(' ')[0]!.toUpperCase())),
    ask: dialogue.ask,
    close: () => secure.destroy(),
  }
}

/** @throws when a reply has not the code expected */
export function expect(code: string, replies: string[]): void {
  const wrong = replies.find(reply => !reply.startsWith(code))
  if (wrong) throw new Error(`expected ${code}, got: ${wrong}`)
}

function talk(socket: net.Socket) {
  let rest = ''
  let finals: string[] = []
  let every: string[] | undefined
  let waiting: { replies: number; resolve: (lines: string[]) => void; reject: (error: Error) => void } | undefined

  const read = (chunk: Buffer) => {
    const lines = (rest + chunk.toString('latin1')).split('\r\n')
    rest = lines.pop()!
    every?.push(...lines)
    for (const line of lines) if (line[3] !== '-') finals.push(line)
    if (!waiting || finals.length < waiting.replies) return
    const done = waiting
    waiting = undefined
    const answer = finals
    finals = []
    done.resolve(answer)
  }
  const fail = (error?: Error) => waiting?.reject(error ?? new Error('the server closed the connection'))
  const end = () => fail()
  socket.on('data', read).on('error', fail).on('close', end)

  return {
    ask(bytes: string | Buffer | Buffer[], replies: number, collect?: string[]): Promise<string[]> {
      every = collect
      const answer = new Promise<string[]>((resolve, reject) => {
        waiting = { replies, resolve, reject }
      })
      if (Array.isArray(bytes)) {
        socket.cork()
        for (const part of bytes) socket.write(part)
        socket.uncork()
      } else if (bytes.length > 0) socket.write(bytes)
      return answer
    },
    detach() {
      socket.off('data', read).off('error', fail).off('close', end)
    },
  }
}
