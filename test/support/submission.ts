import type { ConnectionOptions } from 'node:tls'
import type { Account } from '../world/index.ts'
import { authPlain, Dialogue } from './dialogue.ts'

/** A client that has logged in and sends what it likes, octet by octet. */
export class Submission {
  readonly dialogue: Dialogue
  readonly #from: string

  private constructor(dialogue: Dialogue, from: string) {
    this.dialogue = dialogue
    this.#from = from
  }

  /** @param port of the door that speaks TLS from the first octet */
  static async open(port: number, account: Account, tls: ConnectionOptions): Promise<Submission> {
    const dialogue = await Dialogue.open(port, tls)
    await dialogue.reply()
    await expecting(dialogue, 'EHLO practice.example', '250')
    await expecting(dialogue, authPlain(account), '235')
    return new Submission(dialogue, account.address)
  }

  /** The envelope, up to the reply to DATA. */
  async begin(to: string): Promise<void> {
    await expecting(this.dialogue, `MAIL FROM:<${this.#from}> BODY=8BITMIME`, '250')
    await expecting(this.dialogue, `RCPT TO:<${to}>`, '250')
    await expecting(this.dialogue, 'DATA', '354')
  }

  /** Sends a whole message: its leading dots doubled, its end added. @returns the reply */
  async send(to: string, message: Buffer): Promise<string> {
    await this.begin(to)
    await this.dialogue.write(Buffer.concat([stuffed(message), Buffer.from(endsLine(message) ? '.\r\n' : '\r\n.\r\n')]))
    return this.dialogue.reply()
  }
}

async function expecting(dialogue: Dialogue, line: string, code: string): Promise<void> {
  const reply = await dialogue.say(line)
  if (!reply.startsWith(code)) throw new Error(`${line.split(' ')[0]}: ${reply}`)
}

function endsLine(message: Buffer): boolean {
  return message.subarray(-2).toString('latin1') === '\r\n'
}

/** RFC 5321 §4.5.2. */
function stuffed(message: Buffer): Buffer {
  return Buffer.from(message.toString('latin1').replace(/(^|\r\n)\./g, '$1..'), 'latin1')
}
