import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import yauzl from 'yauzl'
import { ImportFault } from './import-fault.ts'

/** The real extract weighs 89 MB unzipped, 20 MB zipped. */
const MAX_TEXT_BYTES = 2 * 1024 ** 3
const MAX_LINE_LENGTH = 64 * 1024

/**
 * Streams the lines of an extract, text or zip (told apart by their first bytes), in batches, without their line ends.
 * Bytes that are not UTF-8 come out as U+FFFD.
 * @throws ImportFault unreadable, or too-large
 */
export async function* extractLines(file: string): AsyncGenerator<string[]> {
  const stream = (await isZip(file)) ? await zippedText(file) : createReadStream(file, { highWaterMark: 256 * 1024 })
  try {
    yield* splitLines(stream)
  } catch (cause) {
    if (cause instanceof ImportFault) throw cause
    throw new ImportFault('unreadable', `The extract ${file} cannot be read to its end`, { cause })
  } finally {
    stream.destroy()
  }
}

async function* splitLines(stream: Readable): AsyncGenerator<string[]> {
  const decoder = new TextDecoder('utf-8')
  let bytes = 0
  let rest = ''
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_TEXT_BYTES) throw new ImportFault('too-large', `The extract is larger than ${MAX_TEXT_BYTES} bytes`)
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() as string
    if (rest.length > MAX_LINE_LENGTH)
      throw new ImportFault('unreadable', `The extract has a line of more than ${MAX_LINE_LENGTH} characters`)
    if (lines.length > 0) yield lines.map(withoutReturn)
  }
  rest += decoder.decode()
  if (rest !== '') yield [withoutReturn(rest)]
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

async function isZip(file: string): Promise<boolean> {
  const handle = await open(file).catch(cause => {
    throw new ImportFault('unreadable', `The extract ${file} cannot be opened`, { cause })
  })
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    return bytesRead === 4 && buffer.toString('latin1') === 'PK\u0003\u0004'
  } finally {
    await handle.close()
  }
}

/** The published archive holds one text file and nothing else. */
async function zippedText(file: string): Promise<Readable> {
  const zip = await yauzl.openPromise(file, { autoClose: false }).catch(cause => {
    throw new ImportFault('unreadable', `The archive ${file} cannot be read`, { cause })
  })
  try {
    const entries: yauzl.Entry[] = []
    if (zip.entryCount === 1) for await (const entry of zip.eachEntry()) entries.push(entry)
    const [entry] = entries
    if (!entry?.fileName.toLowerCase().endsWith('.txt')) throw new Error('It must hold one text file and nothing else')
    const stream = await zip.openReadStreamPromise(entry)
    return stream.once('close', () => zip.close())
  } catch (cause) {
    zip.close()
    throw new ImportFault('unreadable', `The archive ${file} does not hold exactly one readable text file`, { cause })
  }
}
