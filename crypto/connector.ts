import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { buildConnector } from 'undici'
import { answeredSince } from './ocsp.ts'
import { dial } from './sessions.ts'

/**
 * How undici connects to a service: with the TLS options of that moment, so that a certificate or a list which was replaced meanwhile counts from the
 * next connection on. A session is resumed only where our own judgement can be made again (`clientTls`), and not towards public services. Where
 * a revocation list is missing or outdated, the authority's responder is asked, and the server called once more.
 * @param tls as `clientTls` or `serviceTls` make them, asked for at each connection
 * @param timeoutMs until the handshake is over
 * @throws at once when the options would accept any server
 */
export function connector(tls: () => ConnectionOptions, timeoutMs: number): buildConnector.connector {
  const present = (): ConnectionOptions => {
    const options = tls()
    if (options.rejectUnauthorized === false) throw new Error('the server must be authenticated: rejectUnauthorized can not be false')
    return options
  }
  present()
  const connect = (to: buildConnector.Options, callback: buildConnector.Callback): void => {
    const options = present()
    const dialled = options.secureContext ? dial(options, `${to.hostname}:${to.port || 443}`) : undefined
    const once = buildConnector({
      ...(dialled?.tls ?? options),
      timeout: timeoutMs,
      maxCachedSessions: 0,
    } as buildConnector.BuildOptions)
    once(to, (...[error, socket]) => {
      if (error) return dialled?.resumes ? connect(to, callback) : callback(error, null) // a server may fail on a session of its own
      const fault = dialled?.met(socket as TLSSocket)
      if (!fault) return callback(null, socket)
      socket.destroy()
      callback(fault, null)
    })
  }
  return (to, callback) =>
    connect(to, (...[error, socket]) => {
      if (error === null) return callback(null, socket)
      void answeredSince(error).then(isAnswered => (isAnswered ? connect(to, callback) : callback(error, null)))
    })
}
