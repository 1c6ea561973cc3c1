import { Agent, request } from 'undici'
import { connector, serviceTls } from '../../crypto/index.ts'

/** A service of the nation over HTTPS, as far as signing in needs one. */
export interface NationalService {
  /** @throws when the answer is not 200 with JSON in time; the message never holds what was sent */
  json(url: string, form?: { basic: string; fields: Readonly<Record<string, string>> }): Promise<unknown>
  close(): Promise<void>
}

/** A doctor waits for it, and his mail program does not wait much longer. */
const PATIENCE_MS = 5_000
/** A set of keys has some kilobytes, an introspection answer less. */
const MOST_OCTETS = 256 * 1024

/**
 * @param authorities to trust, PEM, asked for at each connection; undefined: the machine's own ones
 * No redirection is followed: the client secret goes where the configuration says, and nowhere else.
 */
export function openNationalService(authorities: () => readonly string[] | undefined): NationalService {
  const agent = new Agent({
    connect: connector(() => serviceTls(authorities()), PATIENCE_MS),
    maxResponseSize: MOST_OCTETS,
    connections: 8,
  })
  return {
    async json(url, form) {
      const { statusCode, body } = await request(url, {
        dispatcher: agent,
        signal: AbortSignal.timeout(PATIENCE_MS),
        method: form ? 'POST' : 'GET',
        headers: { accept: 'application/json', ...(form ? formHeaders(form.basic) : {}) },
        ...(form ? { body: new URLSearchParams(form.fields).toString() } : {}),
      })
      if (statusCode !== 200) {
        await body.dump()
        throw new Error(`${url} answered ${statusCode}`)
      }
      return body.json()
    },
    close: () => agent.destroy(),
  }
}

function formHeaders(basic: string): Record<string, string> {
  return { 'content-type': 'application/x-www-form-urlencoded', authorization: `Basic ${basic}` }
}
