import type { Configuration } from '../config/index.ts'
import { askTimeStamp, loadAnchors, loadAuthorities, readTimeStamp, type TimeStamp } from '../crypto/index.ts'
import { ExchangeFault, exchange } from './exchange.ts'

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
export async function stampOf(
  digest: Buffer,
  authority: NonNullable<Configuration['timeStamp']>,
  now: () => number,
  signal?: AbortSignal,
): Promise<Stamped> {
  const { question, query } = askTimeStamp(digest, new Date(now()))
  const { anchors, crls } = authority
  const response = await post(query, authority, signal)
  return { ...(await readTimeStamp(response, question, { anchors: loadAnchors({ anchors, crls }), at: new Date(now()) })), response }
}

async function post(
  query: Buffer,
  { url, httpsAnchors, timeout }: NonNullable<Configuration['timeStamp']>,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const authorities = httpsAnchors && loadAuthorities(httpsAnchors)
  const headers = { 'content-type': 'application/timestamp-query', accept: REPLY }
  const asked = { headers, body: query, timeout, most: MOST_OCTETS, authorities, signal }
  const { status, header, bytes } = await exchange(url, asked).catch(cause => {
    throw cause instanceof ExchangeFault ? new Error(sentenceOf(cause, timeout), { cause }) : cause
  })
  if (status !== 200 || header('content-type').split(';')[0]?.trim().toLowerCase() !== REPLY)
    throw new Error(`the time-stamp authority answered ${status} without a time stamp`)
  return bytes
}

function sentenceOf({ reason, message }: ExchangeFault, timeout: number): string {
  if (reason === 'too-slow') return `the time-stamp authority did not answer within ${timeout / 1_000} s`
  if (reason === 'too-large') return 'the answer of the time-stamp authority is too large'
  return `the time-stamp authority ${message.replace(/^it /, '')}`
}
