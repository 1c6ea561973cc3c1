import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'

const PATIENCE = 30_000

/**
 * An SMTP client that says what it is told, octet by octet, right or wrong, and hears every reply. It knows nothing of
 * the protocol but where a reply ends (RFC 5321 §4.2.1).
 */
export class Dialogue {
  #socket: Socket
  #heard = ''
  #ended = false
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#listen(socket)
  }

  /** @param tls for a port that speaks TLS from the first octet */
  static async open(port: number, tls?: ConnectionOptions): Promise<Dialogue> {
    const socket = tls ? connectTls({ host: '127.0.0.1', port, ...tls }) : connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    await connected(socket, tls ? 'secureConnect' : 'connect')
    return new Dialogue(socket)
  }

  /** Upgrades a connection whose STARTTLS was answered with 220. */
  async secure(tls: ConnectionOptions): Promise<void> {
    this.#socket.removeAllListeners('data')
    const secured = connectTls({ socket: this.#socket, ...tls })
    await connected(secured, 'secureConnect')
    this.#socket = secured
    this.#listen(secured)
  }

  /** @returns the next whole reply, its lines joined by \n; what was heard so far when the server has closed */
  async reply(): Promise<string> {
    for (const end = performance.now() + PATIENCE; ; ) {
      const [whole] = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\r\n/.exec(this.#heard) ?? []
      if (whole !== undefined) {
        this.#heard = this.#heard.slice(whole.length)
        return whole.replace(/\r\n/g, '\n').trimEnd()
      }
      if (this.#ended) throw new Error(`the server has closed; last words: ${JSON.stringify(this.#heard)}`)
      if (performance.now() > end) throw new Error(`no reply for ${PATIENCE} ms; heard so far: ${JSON.stringify(this.#heard)}`)
      await this.#more(end - performance.now())
    }
  }

  /** @returns the reply to one command */
  async say(line: string): Promise<string> {
    await this.write(`${line}\r\n`)
    return this.reply()
  }

  /** Resolves once the octets are handed to the system: one call, one TLS record or more. */
  async write(octets: string | Buffer): Promise<void> {
    await new Promise<void>(resolve => this.#socket.write(octets, () => resolve()))
  }

  /** The same, without waiting for the server: what is said at once. */
  async quit(): Promise<void> {
    this.#socket.end('QUIT\r\n')
    await this.closed()
  }

  /** Cuts the connection without a word. */
  cut(): void {
    this.#socket.destroy()
  }

  /** Resolves when the server has closed. @returns what it said that nobody has read */
  async closed(): Promise<string> {
    while (!this.#ended) await this.#more(PATIENCE)
    return this.#heard
  }

  get isOver(): boolean {
    return this.#ended
  }

  #listen(socket: Socket): void {
    socket.on('data', chunk => {
      this.#heard += chunk.toString('latin1')
      this.#wake()
    })
    for (const event of ['close', 'error', 'end'] as const) {
      socket.on(event, () => {
        this.#ended = true
        this.#wake()
      })
    }
  }

  async #more(patience: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>(resolve => {
      this.#wake = resolve
      timer = setTimeout(resolve, Math.max(patience, 1))
    })
    clearTimeout(timer)
  }
}

/** `AUTH PLAIN` with its initial response (RFC 4616). */
export function authPlain(account: { address: string; password: string }): string {
  return `AUTH PLAIN ${base64(`\0${account.address}\0${account.password}`)}`
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

async function connected(socket: Socket, event: string): Promise<void> {
  const closed = once(socket, 'close').then(() => {
    throw new Error('the server closed before the connection was made')
  })
  closed.catch(() => {})
  await Promise.race([once(socket, event), closed])
}
