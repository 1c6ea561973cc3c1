import { buildMetadata, buildZip, sampleAuthor, samplePatient } from '../../world/letter.ts'
import { cdaOf, NOW, UNIQUE_ID } from './samples.ts'

export type Entry = { name: string; content: string | Buffer }

export const CDA = cdaOf()

/** METADATA.XML of one document, without hash and size unless they are given. */
export function metadata(options: { uri?: string; hash?: string; size?: number; marks?: string[]; uniqueId?: string } = {}): string {
  const document = {
    uri: options.uri ?? 'DOC0001.XML',
    content: Buffer.from(CDA),
    uniqueId: options.uniqueId ?? UNIQUE_ID,
    type: { code: '96349-6', label: 'Lettre' },
  }
  const xml = buildMetadata({
    patient: samplePatient,
    author: sampleAuthor,
    now: NOW,
    submissionSetUniqueId: '2.25.9',
    documents: [{ ...document, marks: options.marks ?? [] }],
  }).toString()
  const replace = (text: string, slot: string, value: string | number | undefined) =>
    text.replace(
      new RegExp(`<Slot name="${slot}"><ValueList><Value>[^<]*</Value></ValueList></Slot>`),
      value === undefined ? '' : `<Slot name="${slot}"><ValueList><Value>${value}</Value></ValueList></Slot>`,
    )
  return replace(replace(xml, 'hash', options.hash), 'size', options.size)
}

export async function zipOf(entries: Entry[]): Promise<Buffer> {
  return buildZip(entries, NOW)
}

export const FOLDER = 'IHE_XDM/SUBSET01/'

/** Rewrites the names of a zip, in both headers of each entry; the length of a name must not change. */
export function renamed(zip: Buffer, rename: (name: string) => string): Buffer {
  const copy = Buffer.from(zip)
  for (const [mark, length, at] of [
    [0x04034b50, 26, 30],
    [0x02014b50, 28, 46],
  ] as const) {
    const signature = Buffer.alloc(4)
    signature.writeUInt32LE(mark)
    for (let from = copy.indexOf(signature); from !== -1; from = copy.indexOf(signature, from + 4)) {
      const size = copy.readUInt16LE(from + length)
      const name = rename(copy.toString('latin1', from + at, from + at + size))
      if (name.length !== size) throw new Error('the new name must be as long as the old one')
      copy.write(name, from + at, 'latin1')
    }
  }
  return copy
}
