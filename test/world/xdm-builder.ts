import { buffer } from 'node:stream/consumers'
import { ZipFile } from 'yazl'
import { buildMetadata, type MetadataOptions } from './xdm-metadata.ts'

/** @returns a zip with these entries in this order; `now` is the time of every entry, so that equal inputs give equal bytes. */
export async function buildZip(entries: readonly { name: string; content: Buffer | string }[], now: Date): Promise<Buffer> {
  const zip = new ZipFile()
  const bytes = buffer(zip.outputStream)
  for (const { name, content } of entries) zip.addBuffer(Buffer.from(content), name, { mtime: now, mode: 0o100644 })
  zip.end()
  return bytes
}

/** @returns an IHE_XDM.zip: INDEX.HTM, README.TXT, IHE_XDM/SUBSET01/METADATA.XML and the documents beside it (spec dmp §4). */
export async function buildXdm(options: MetadataOptions): Promise<Buffer> {
  const folder = 'IHE_XDM/SUBSET01'
  const entries = [
    { name: 'INDEX.HTM', content: '<!DOCTYPE html>\n<title>IHE XDM</title>\n<p>Document de santé (XDM).</p>\n' },
    { name: 'README.TXT', content: 'Document de santé au format IHE XDM.\r\n' },
    { name: `${folder}/METADATA.XML`, content: buildMetadata(options) },
    ...options.documents.map(document => ({ name: `${folder}/${document.uri}`, content: document.content })),
  ]
  return buildZip(entries, options.now)
}
