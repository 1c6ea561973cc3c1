import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import yauzl, { type Entry, type ZipFile } from 'yauzl'
import type { Budget } from './budget.ts'
import type { Limits } from './caps.ts'
import { crc32 } from './crc32.ts'
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
 * @param budget what the message may still unfold to; taken from
 * @returns the files in the order of the archive, and the names of the droppings, but for those of macOS
 * @throws ZipFault: malformed, encrypted, a path that leaves the archive, too many entries, too large once unfolded
 */
export async function unzip(bytes: Uint8Array, limits: Limits, budget: Budget): Promise<{ files: ZipEntry[]; dropped: string[] }> {
  const zip = await open(bytes)
  const files: ZipEntry[] = []
  const dropped: string[] = []
  const names = new Set<string>()
  try {
    for await (const entry of zip.eachEntry()) {
      budget.files -= 1
      if (budget.files < 0) throw new ZipFault('zip-too-many-entries')
      const path = safePath(entry)
      if (path.endsWith('/')) continue
      if (names.has(path)) throw new ZipFault('zip-malformed') // two files of one name: readers would disagree on which is meant
      names.add(path)
      if (entry.isEncrypted()) throw new ZipFault('zip-encrypted')
      if (isDropping(path)) {
        if (!isOfMac(path)) dropped.push(path)
        continue
      }
      const content = await unfold(zip, entry, budget, limits)
      files.push({ path, content })
    }
  } catch (error) {
    throw faultOf(error)
  }
  return { files, dropped }
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
  const parts = path.split('/').filter((part, index, all) => part !== '.' && (part !== '' || index === all.length - 1))
  return parts.join('/') // `./IHE_XDM/…` is what `zip -r x.zip ./IHE_XDM` of some tools writes
}

/** What systems, editors and version control leave in archives; a copy of METADATA.XML among them is a decoy (spec dmp §4). */
function isDropping(path: string): boolean {
  return path
    .split('/')
    .some(part => part.startsWith('.') || part === '__MACOSX' || /\.sw[op]$/i.test(part) || /~$/.test(part) || /^thumbs\.db$/i.test(part))
}

/** `__MACOSX` and the `._` files in it hold what macOS knows of each file: not worth a line. */
function isOfMac(path: string): boolean {
  return path.split('/').some(part => part === '__MACOSX' || part.startsWith('._'))
}

async function unfold(zip: ZipFile, entry: Entry, budget: Budget, limits: Limits): Promise<Uint8Array> {
  const size = entry.uncompressedSize
  if (size > budget.bytes) throw new ZipFault('zip-bomb')
  if (size > RATIO_FROM && size > entry.compressedSize * limits.maxZipRatio) throw new ZipFault('zip-bomb')
  const stream: Readable = await zip.openReadStreamPromise(entry) // fails as soon as there is more than the size that was announced
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length
    budget.bytes -= chunk.length
    if (budget.bytes < 0) throw new ZipFault('zip-bomb')
    chunks.push(chunk)
  }
  const content = new Uint8Array(Buffer.concat(chunks, length))
  if (crc32(content) !== entry.crc32) throw new ZipFault('zip-malformed') // yauzl leaves this check to its caller
  return content
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
