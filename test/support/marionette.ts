import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

type Answer = { value: unknown }

/** A conversation with a Mozilla program that runs with `--marionette`: frames `length:JSON`, `[0, id, command, parameters]` and `[1, id, error, result]`. */
export class Marionette {
  readonly #socket: Socket
  readonly #waiting = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>()
  #unread: Buffer = Buffer.alloc(0)
  #last = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', chunk => this.#receive(chunk))
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the program has ended'))
    })
  }

  /** Opens a session in which scripts may touch the program itself (`-remote-allow-system-access`). */
  static async connect(port: number): Promise<Marionette> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const marionette = new Marionette(socket)
    await marionette.command('WebDriver:NewSession', {})
    await marionette.command('Marionette:SetContext', { value: 'chrome' })
    return marionette
  }

  command(name: string, parameters: object): Promise<Answer> {
    const id = ++this.#last
    const frame = JSON.stringify([0, id, name, parameters])
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#socket.write(`${Buffer.byteLength(frame)}:${frame}`)
    })
  }

  /**
   * Runs a script in the program.
   * @param body of an async function, whose parameter `args` holds the others
   * @returns what it returns, as JSON has it
   */
  async run<T>(body: string, ...args: unknown[]): Promise<T> {
    const script = `const [args, done] = [[...arguments].slice(0, -1), arguments[arguments.length - 1]];
      (async () => { ${body} })().then(value => done({ value }), error => done({ error: String(error) }))`
    const { value } = await this.command('WebDriver:ExecuteAsyncScript', { script, args, newSandbox: true })
    const { value: result, error } = value as { value: T; error?: string }
    if (error) throw new Error(error)
    return result
  }

  close(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk])
    for (;;) {
      const start = this.#unread.indexOf(':') + 1
      const end = start + Number(this.#unread.toString('latin1', 0, start - 1))
      if (start === 0 || this.#unread.length < end) return
      this.#answer(JSON.parse(this.#unread.toString('utf8', start, end)))
      this.#unread = this.#unread.subarray(end)
    }
  }

  /** The first frame, by which the program says what it is, is no answer. */
  #answer(frame: [number, number, { message: string } | null, Answer] | object): void {
    if (!Array.isArray(frame)) return
    const [, id, error, result] = frame
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error) waiting?.reject(new Error(error.message))
    else waiting?.resolve(result)
  }
}
