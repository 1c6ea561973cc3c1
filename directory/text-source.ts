import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import yauzl from 'yauzl'
import { ImportFault } from './import-fault.ts'

/** The real extract weighs 89 MB unzipped, 20 MB zipped; PS_LibreAcces some 700 MB unzipped. */
const MAX_TEXT_BYTES = 2 * 1024 ** 3

/** Longer lines come out cut to one character more than this, so that whoever reads them can tell. */
export const MAX_LINE_LENGTH = 64 * 1024

export interface TextSource {
  /** Of the text: the file's, or that of the entry in the archive. */
  name: string
  /** Batches of lines without their ends. Bytes that are not UTF-8 come out as U+FFFD. Throws ImportFault: unreadable, too-large. */
  lines: AsyncGenerator<string[]>
}

/** Finds the text in an archive. @returns undefined when the archive is not the expected one */
export type Picker = (entries: readonly yauzl.Entry[]) => yauzl.Entry | undefined

/** The archive of the extract holds one text and nothing else. */
export const onlyText: Picker = entries => (entries.length === 1 && /\.txt$/i.test(entries[0]!.fileName) ? entries[0] : undefined)

/**
 * Opens a published file, text or zip (told apart by their first bytes), to be read as a stream.
 * @throws ImportFault unreadable
 */
export async function openText(file: string, pick: Picker): Promise<TextSource> {
  const { name, stream } = (await isZip(file))
    ? await zippedText(file, pick)
    : { name: basename(file), stream: createReadStream(file, { highWaterMark: 256 * 1024 }) }
  return { name, lines: linesOf(stream, file) }
}

async function* linesOf(stream: Readable, file: string): AsyncGenerator<string[]> {
  try {
    yield* splitLines(stream, file)
  } catch (cause) {
    if (cause instanceof ImportFault) throw cause
    throw new ImportFault('unreadable', `${file} cannot be read to its end`, { cause })
  } finally {
    stream.destroy()
  }
}

async function* splitLines(stream: Readable, file: string): AsyncGenerator<string[]> {
  const decoder = new TextDecoder('utf-8')
  let bytes = 0
  let rest = ''
  let inLongLine = false // its beginning was handed out, the remainder is dropped
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_TEXT_BYTES) throw new ImportFault('too-large', `${file} is larger than ${MAX_TEXT_BYTES} bytes`)
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() as string
    if (inLongLine && lines.length > 0) {
      lines.shift()
      inLongLine = false
    }
    if (inLongLine) rest = ''
    if (rest.length > MAX_LINE_LENGTH) {
      lines.push(rest)
      rest = ''
      inLongLine = true
    }
    if (lines.length > 0) yield lines.map(bounded)
  }
  rest += decoder.decode()
  if (rest !== '' && !inLongLine) yield [bounded(rest)]
}

function bounded(line: string): string {
  if (line.length > MAX_LINE_LENGTH) return line.slice(0, MAX_LINE_LENGTH + 1)
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

async function isZip(file: string): Promise<boolean> {
  const handle = await open(file).catch(cause => {
    throw new ImportFault('unreadable', `${file} cannot be opened`, { cause })
  })
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    return bytesRead === 4 && buffer.toString('latin1') === 'PK\u0003\u0004'
  } catch (cause) {
    throw new ImportFault('unreadable', `${file} cannot be read`, { cause })
  } finally {
    await handle.close()
  }
}

/** More entries than any published archive has. */
const MAX_ENTRIES = 20

async function zippedText(file: string, pick: Picker): Promise<{ name: string; stream: Readable }> {
  const zip = await yauzl.openPromise(file, { autoClose: false }).catch(cause => {
    throw new ImportFault('unreadable', `The archive ${file} cannot be read`, { cause })
  })
  try {
    const entries: yauzl.Entry[] = []
    if (zip.entryCount <= MAX_ENTRIES) for await (const entry of zip.eachEntry()) entries.push(entry)
    const entry = pick(entries)
    if (!entry) throw new Error('No entry of it is the expected text')
    const stream = await zip.openReadStreamPromise(entry)
    return { name: basename(entry.fileName), stream: stream.once('close', () => zip.close()) }
  } catch (cause) {
    zip.close()
    throw new ImportFault('unreadable', `The archive ${file} does not hold the expected readable text file`, { cause })
  }
}
