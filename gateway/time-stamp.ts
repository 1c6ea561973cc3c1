import { readFileSync } from 'node:fs'
import { Agent, request } from 'undici'
import type { Configuration } from '../config/index.ts'
import { askTimeStamp, connector, loadAnchors, readTimeStamp, serviceTls, type TimeStamp } from '../crypto/index.ts'

/** A time stamp, with the answer that it came in. */
export interface Stamped extends TimeStamp {
  response: Buffer
}

/** A token with a chain takes some 8 KiB. */
const MOST_OCTETS = 64 * 1024
const REPLY = 'application/timestamp-reply'

/**
 * Asks a time-stamp authority (RFC 3161 §3.4) over HTTPS; no redirection is followed.
 * @param digest SHA-256 of what is to be stamped
 * @returns the stamp, verified
 * @throws Error with one sentence
 */
export async function stampOf(digest: Buffer, authority: NonNullable<Configuration['timeStamp']>, now: () => number): Promise<Stamped> {
  const { question, query } = askTimeStamp(digest, new Date(now()))
  const { anchors, crls } = authority
  const response = await post(query, authority)
  return { ...(await readTimeStamp(response, question, { anchors: loadAnchors({ anchors, crls }), at: new Date(now()) })), response }
}

async function post(query: Buffer, { url, httpsAnchors, timeout }: NonNullable<Configuration['timeStamp']>): Promise<Buffer> {
  const ca = httpsAnchors?.map(file => readFileSync(file, 'latin1'))
  const agent = new Agent({ connect: connector(() => serviceTls(ca), timeout), maxResponseSize: MOST_OCTETS, connections: 1 })
  try {
    const { statusCode, headers, body } = await request(url, {
      dispatcher: agent,
      method: 'POST',
      headers: { 'content-type': 'application/timestamp-query', accept: REPLY },
      body: query,
      signal: AbortSignal.timeout(timeout),
    })
    const octets = Buffer.from(await body.arrayBuffer())
    if (statusCode !== 200 || String(headers['content-type']).split(';')[0]?.trim().toLowerCase() !== REPLY)
      throw new Error(`the time-stamp authority answered ${statusCode} without a time stamp`)
    return octets
  } catch (cause) {
    const { code, message, name } = cause as Error & { code?: string }
    if (name === 'TimeoutError') throw new Error(`the time-stamp authority did not answer within ${timeout / 1_000} s`, { cause })
    if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') throw new Error('the answer of the time-stamp authority is too large', { cause })
    throw code === undefined ? cause : new Error(`the time-stamp authority cannot be reached (${code}: ${message})`, { cause })
  } finally {
    await agent.destroy()
  }
}
