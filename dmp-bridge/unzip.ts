import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import yauzl, { type Entry, type ZipFile } from 'yauzl'
import type { Limits } from './caps.ts'
import type { Reason } from './reasons.ts'

export interface ZipEntry {
  /** with `/` between the parts, whatever the archive used */
  path: string
  content: Uint8Array
}

/** The archive can't be used. Carries no name of a file. */
export class ZipFault extends Error {
  override readonly name = 'ZipFault'
  readonly reason: Reason
  constructor(reason: Reason) {
    super(reason)
    this.reason = reason
  }
}

/**
 * Unfolds an archive in memory, within the limits. Folders and the droppings of systems and tools are left out.
 * @returns the files, in the order of the archive
 * @throws ZipFault: malformed, encrypted, a path that leaves the archive, too many entries, too large once unfolded
 */
export async function unzip(bytes: Uint8Array, limits: Limits): Promise<ZipEntry[]> {
  const zip = await open(bytes)
  const entries: ZipEntry[] = []
  const names = new Set<string>()
  let room = limits.maxUnzippedBytes
  let count = 0
  try {
    for await (const entry of zip.eachEntry()) {
      count += 1
      if (count > limits.maxZipEntries) throw new ZipFault('zip-too-many-entries')
      const path = safePath(entry)
      if (path.endsWith('/')) continue
      if (names.has(path)) throw new ZipFault('zip-malformed') // two files of one name: readers would disagree on which is meant
      names.add(path)
      if (entry.isEncrypted()) throw new ZipFault('zip-encrypted')
      if (isDropping(path)) continue
      const content = await unfold(zip, entry, room, limits)
      room -= content.length
      entries.push({ path, content })
    }
  } catch (error) {
    throw faultOf(error)
  }
  return entries
}

async function open(bytes: Uint8Array): Promise<ZipFile> {
  try {
    return await yauzl.fromBufferPromise(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), { lazyEntries: true })
  } catch {
    throw new ZipFault('zip-malformed')
  }
}

/** yauzl refuses these names itself; the rule is kept here too, since nothing else stands between a name and us. */
function safePath(entry: Entry): string {
  const path = entry.fileName.replaceAll('\\', '/')
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path) || path.split('/').includes('..') || path.includes('\0')) {
    throw new ZipFault('zip-path-escape')
  }
  return path
}

/** What systems, editors and version control leave in archives; a copy of METADATA.XML among them is a decoy (spec dmp §4). */
function isDropping(path: string): boolean {
  return path
    .split('/')
    .some(part => part.startsWith('.') || part === '__MACOSX' || /\.sw[op]$/i.test(part) || /~$/.test(part) || /^thumbs\.db$/i.test(part))
}

async function unfold(zip: ZipFile, entry: Entry, room: number, limits: Limits): Promise<Uint8Array> {
  const size = entry.uncompressedSize
  if (size > room) throw new ZipFault('zip-bomb')
  if (size > RATIO_FROM && size > entry.compressedSize * limits.maxZipRatio) throw new ZipFault('zip-bomb')
  const stream: Readable = await zip.openReadStreamPromise(entry) // fails as soon as there is more than the size that was announced
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > room) throw new ZipFault('zip-bomb')
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks, length))
}

const RATIO_FROM = 1024 * 1024

function faultOf(error: unknown): ZipFault {
  if (error instanceof ZipFault) return error
  const text = error instanceof Error ? error.message : ''
  if (/^(invalid relative path|absolute path|invalid characters in fileName)/.test(text)) return new ZipFault('zip-path-escape')
  if (/^too many bytes in the stream/.test(text)) return new ZipFault('zip-bomb')
  return new ZipFault('zip-malformed')
}

/** @returns the hexadecimal digest, lower case */
export function digest(algorithm: 'sha1' | 'md5' | 'sha256', content: Uint8Array): string {
  return createHash(algorithm).update(content).digest('hex')
}
