import type { Budget } from './budget.ts'
import type { Limits } from './caps.ts'
import { type CdaReading, readCda } from './cda.ts'
import type { FoundDocument, Ignored, MetadataFacts, Recognition } from './facts.ts'
import { found, withReading } from './found.ts'
import { looksLikeCda, pretence } from './kinds.ts'
import { readOther } from './others.ts'
import type { Reason } from './reasons.ts'
import { digest, unzip, type ZipEntry, ZipFault } from './unzip.ts'
import { readMetadata } from './xdm-metadata.ts'

/**
 * Reads an archive that may be an IHE_XDM.zip. Its METADATA.XML says which files are documents; wherever it lies and however its
 * names are written, the entries are matched to files without regard to case (spec dmp §4).
 * @param path of the archive in the message
 * @returns its documents; one document without `cda`, with the fault, when the archive can't be opened
 */
export async function readArchive(path: string, bytes: Uint8Array, limits: Limits, budget: Budget): Promise<Recognition> {
  let unfolded: Awaited<ReturnType<typeof unzip>>
  try {
    unfolded = await unzip(bytes, limits, budget)
  } catch (error) {
    if (!(error instanceof ZipFault)) throw error
    budget.takeDocument()
    return { documents: [{ ...found(path, bytes, [error.reason]), archived: true }], ignored: [], faults: [] }
  }
  const read = readFiles(path, unfolded.files, limits, budget)
  const dropped: Ignored[] = unfolded.dropped.map(each => ({ path: `${path}/${each}`, reason: 'technical' }))
  const ignored = [...read.ignored, ...dropped]
  const isEmpty = read.documents.length === 0 && ignored.length === 0
  const documents = read.documents.map(each => ({ ...each, archived: true as const }))
  return { ...read, documents, ignored: isEmpty ? [{ path, reason: 'empty-archive' }] : ignored }
}

function readFiles(path: string, files: ZipEntry[], limits: Limits, budget: Budget): Recognition {
  const result: Recognition = { documents: [], ignored: [], faults: [] }
  const said: MetadataFacts[] = []
  const births: string[] = []
  const described = new Map<ZipEntry, MetadataFacts[]>()
  const indexes = files.filter(each => /metadata\.xml$/i.test(each.path))
  const unreadable = new Set<ZipEntry>()
  for (const index of indexes) {
    const entries = readMetadata(index.content, limits)
    if (entries === undefined) unreadable.add(index)
    budget.takeEntries(entries?.length ?? 0)
    for (const entry of entries ?? []) {
      said.push(entry)
      const file = fileOf(entry, entries ?? [], index, files)
      if (file) described.set(file, [...(described.get(file) ?? []), entry])
      else {
        budget.takeDocument()
        result.documents.push(withEntries(found(`${path}/${index.path}`, new Uint8Array(), ['file-missing']), [entry]))
      }
    }
  }
  // What a METADATA.XML that can't be read says of any document is unknown: all of the archive waits.
  const faults: Reason[] = indexes.length === 0 ? ['metadata-missing'] : unreadable.size > 0 ? ['metadata-unreadable'] : []
  for (const file of files) {
    if (indexes.includes(file) && !unreadable.has(file)) continue
    const entries = described.get(file) ?? []
    const reading: CdaReading = looksLikeCda(file.content) ? readCda(file.content, limits) : { kind: 'not-a-cda' }
    const where = `${path}/${file.path}`
    const pretended = reading.kind === 'not-a-cda' && !unreadable.has(file) ? pretence(file.path, file.content) : undefined
    if (reading.kind === 'not-a-cda' && !pretended) {
      const other = readOther(where, file.content, '', limits, budget)
      result.documents.push(...other.documents.map(each => withEntries({ ...each, faults: [...each.faults, ...faults] }, entries)))
      result.ignored.push(...other.ignored)
      births.push(...(other.births ?? []))
    } else {
      budget.takeDocument()
      result.documents.push(archived(where, file.content, reading, entries, pretended ? [...faults, pretended] : faults))
    }
  }
  return { ...result, ...(said.length === 0 ? {} : { described: said }), ...(births.length === 0 ? {} : { births }) }
}

function archived(path: string, content: Uint8Array, reading: CdaReading, entries: MetadataFacts[], faults: Reason[]): FoundDocument {
  const document = withReading(found(path, content, []), reading)
  const undescribed: Reason[] = entries.length === 0 && faults.length === 0 ? ['not-in-metadata'] : []
  const broken = entries.flatMap(each => integrity(each, content))
  return withEntries({ ...document, faults: [...document.faults, ...faults, ...undescribed, ...broken] }, entries)
}

function withEntries(document: FoundDocument, entries: MetadataFacts[]): FoundDocument {
  if (entries.length === 0) return document
  const marks = new Set(entries.flatMap(each => each.confidentiality).filter(each => each !== 'N'))
  return { ...document, metadata: entries, marks: [...marks] }
}

/** A digest is the SHA-1 of XDS, in any case; MD5 was met in its place. What has another shape proves nothing, so it does not match. */
function integrity(entry: MetadataFacts, content: Uint8Array): Reason[] {
  const faults: Reason[] = []
  const hash = entry.hash?.toLowerCase()
  if (hash !== undefined && hash !== digest(hash.length === 32 ? 'md5' : 'sha1', content)) faults.push('hash-mismatch')
  if (entry.size !== undefined && entry.size !== content.length) faults.push('size-mismatch')
  return faults
}

/**
 * The file that an entry describes: by its URI below the folder of METADATA.XML (or after the same beginning of name, when the
 * archive lost its slashes), else from the top of the archive; without URI, by its digest, or because there is only one.
 */
function fileOf(entry: MetadataFacts, entries: MetadataFacts[], index: ZipEntry, files: ZipEntry[]): ZipEntry | undefined {
  const others = files.filter(each => each !== index)
  if (entry.uri === undefined) {
    const byHash = others.filter(each => entry.hash?.toLowerCase() === digest('sha1', each.content))
    if (byHash.length === 1) return byHash[0]
    const documents = others.filter(each => looksLikeCda(each.content))
    return entries.length === 1 && documents.length === 1 ? documents[0] : undefined
  }
  const base = index.path.slice(0, -'METADATA.XML'.length)
  const uri = decoded(entry.uri)
    .replaceAll('\\', '/')
    .replace(/^(\.?\/)+/, '')
  for (const path of [base + uri, uri]) {
    const file = others.find(each => each.path === path) ?? onlyOne(others.filter(each => each.path.toLowerCase() === path.toLowerCase()))
    if (file) return file
  }
  return undefined
}

function onlyOne<T>(values: T[]): T | undefined {
  return values.length === 1 ? values[0] : undefined
}

function decoded(uri: string): string {
  try {
    return decodeURIComponent(uri)
  } catch {
    return uri
  }
}
