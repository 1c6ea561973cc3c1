import type { ConnectionOptions } from 'node:tls'
import { buildConnector } from 'undici'

/**
 * How undici connects to a service: with the TLS options of that moment, so that a certificate or a list which was replaced meanwhile counts from the
 * next connection on. Sessions are never resumed: Node would skip checkServerIdentity, and with it the name and our own judgement.
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
  return (to, callback) => {
    const options = { ...present(), timeout: timeoutMs, maxCachedSessions: 0 }
    buildConnector(options as buildConnector.BuildOptions)(to, callback)
  }
}
