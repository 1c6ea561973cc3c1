import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'

export interface PeerOptions {
  /** What it shows; without it, it offers no STARTTLS. */
  shows?: { cert: string; key: string } | undefined
  /** Empty: a session that is offered ends the connection, as with careless servers (SSL_CTX_set_session_id_context(3)). */
  sessionIdContext?: string
}

/** A letter as it came: octets as latin1, without the dots that were doubled on the way (RFC 5321 §4.5.2). */
export interface PeerLetter {
  /** The MAIL command. */
  mail: string
  recipient: string
  content: string
}

/** An operator of the trust space that takes every letter, behind whatever certificate it was given. */
export interface Peer extends AsyncDisposable {
  readonly port: number
  /** Connections that went on with the session of an earlier one. */
  readonly resumed: number
  /** Serial numbers of the certificates that clients showed, one for each connection. */
  readonly shown: readonly string[]
  /** Every line heard, by what it was said in. The lines of letters are among them. */
  readonly heard: { readonly clear: readonly string[]; readonly secured: readonly string[] }
  /** Letters taken so far. */
  readonly letters: readonly PeerLetter[]
  close(): Promise<void>
}

/** Starts one on the loopback. It knows as much SMTP as a courier needs: EHLO, STARTTLS, MAIL, RCPT, DATA, QUIT. */
export async function startPeer({ shows, sessionIdContext = 'peer' }: PeerOptions): Promise<Peer> {
  const heard = { clear: [] as string[], secured: [] as string[] }
  const letters: PeerLetter[] = []
  const sockets = new Set<Socket>()
  const shown: string[] = []
  let resumed = 0
  const secureContext = shows && createSecureContext({ ...shows, ...(sessionIdContext ? { sessionIdContext } : {}) })

  function talk(socket: Socket, lines: string[]): void {
    let rest = ''
    let isData = false
    let letter = { mail: '', recipient: '', content: '' }
    socket.on('error', () => {}) // a client that does not like what it sees
    socket.on('data', chunk => {
      const parts = (rest + chunk.toString('latin1')).split('\r\n')
      rest = parts.pop() ?? ''
      for (const line of parts) {
        lines.push(line)
        if (isData) {
          isData = line !== '.'
          if (isData) letter.content += `${line.replace(/^\.\./, '.')}\r\n`
          else {
            letters.push(letter)
            socket.write('250 2.0.0 Taken\r\n')
          }
        } else if (/^STARTTLS$/i.test(line) && secureContext) {
          socket.removeAllListeners('data')
          socket.write('220 2.0.0 Go\r\n')
          const secured = new TLSSocket(socket, { isServer: true, secureContext, requestCert: true, rejectUnauthorized: false })
          secured.once('secure', () => {
            resumed += Number(secured.isSessionReused())
            shown.push(secured.getPeerCertificate().serialNumber)
          })
          return talk(secured, heard.secured)
        } else {
          isData = /^DATA$/i.test(line)
          if (/^MAIL FROM:/i.test(line)) letter = { mail: line, recipient: '', content: '' }
          if (/^RCPT TO:/i.test(line)) letter.recipient = /<(.*?)>/.exec(line)?.[1] ?? ''
          socket.write(answer(line, secureContext !== undefined && lines === heard.clear))
        }
      }
    })
  }

  const server = createServer(socket => {
    sockets.add(socket)
    socket.write('220 peer.example ESMTP\r\n')
    talk(socket, heard.clear)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise(resolve => server.close(resolve))
  }
  return {
    port: (server.address() as AddressInfo).port,
    heard,
    shown,
    letters,
    close,
    get resumed() {
      return resumed
    },
    [Symbol.asyncDispose]: close,
  }
}

function answer(line: string, offersTls: boolean): string {
  if (/^EHLO /i.test(line))
    return `250-peer.example\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE 26214400\r\n${offersTls ? '250-STARTTLS\r\n' : ''}250 DSN\r\n`
  if (/^STARTTLS$/i.test(line)) return '502 5.5.1 Not here\r\n'
  if (/^DATA$/i.test(line)) return '354 Go\r\n'
  return /^QUIT$/i.test(line) ? '221 2.0.0 Bye\r\n' : '250 2.0.0 Ok\r\n'
}
