import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadMailboxReader } from '../../crypto/index.ts'

/**
 * @param key file of the private key of the operator's mailboxes
 * @returns the messages of a Maildir, oldest first; none when it was never made
 */
export async function readMaildir(folder: string, key: string): Promise<Buffer[]> {
  const open = loadMailboxReader(key)
  const files = (await Promise.all(['new', 'cur'].map(part => list(join(folder, part))))).flat()
  return Promise.all(files.sort((a, b) => (a.name < b.name ? -1 : 1)).map(async ({ path }) => open(await readFile(path))))
}

async function list(folder: string): Promise<{ name: string; path: string }[]> {
  const names = await readdir(folder).catch(() => [])
  return names.map(name => ({ name, path: join(folder, name) }))
}

/**
 * Takes a delivered message apart.
 * @returns `trace`: the fields that the two operators put before the message (Return-Path, Delivered-To, Received), `original`: the rest, octet by octet
 */
export function withoutTrace(message: Buffer): { trace: string; original: Buffer } {
  const text = message.toString('latin1')
  const [trace = ''] = /^(?:(?:Return-Path|Delivered-To|Received):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*/i.exec(text) ?? []
  return { trace, original: message.subarray(trace.length) }
}
