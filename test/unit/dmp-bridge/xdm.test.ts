import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { ZipFile } from 'yazl'
import { cpuClock } from '../../support/cpu-time.ts'
import { buildMail, buildMetadata, buildZip, sampleAuthor, samplePatient } from '../../world/letter.ts'
import { cdaOf, letterOf, NOW, policy, read, sender, UNIQUE_ID, verdicts } from './samples.ts'

type Entry = { name: string; content: string | Buffer }

const CDA = cdaOf()
const SHA1 = createHash('sha1').update(CDA).digest('hex')

/** METADATA.XML of one document, without hash and size unless they are given. */
function metadata(options: { uri?: string; hash?: string; size?: number; marks?: string[]; uniqueId?: string } = {}): string {
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

async function zipOf(entries: Entry[]): Promise<Buffer> {
  return buildZip(entries, NOW)
}

async function reasonsOf(entries: Entry[]) {
  const recognition = await read('IHE_XDM.zip', await zipOf(entries))
  return verdicts(recognition, sender, policy)
}

const FOLDER = 'IHE_XDM/SUBSET01/'

test('an ordinary archive is one document, and its technical files are left alone', async () => {
  const { xdm, uniqueId } = await letterOf()
  const recognition = await read('IHE_XDM.zip', xdm)
  expect(recognition.documents).toMatchObject([
    { path: `IHE_XDM.zip/${FOLDER}DOC0001.XML`, cda: { uniqueId }, metadata: [{ uniqueIds: [uniqueId] }], marks: [], faults: [] },
  ])
  expect(recognition.ignored.map(each => each.reason)).toEqual(['technical', 'technical'])
  expect(verdicts(recognition)).toEqual(['file'])
})

test('the bytes are those of the archive', async () => {
  const crlf = CDA.replaceAll('\n', '\r\n')
  const recognition = await read(
    'x.zip',
    await zipOf([
      { name: 'IHE_XDM/SUBSET01/METADATA.XML', content: metadata() },
      { name: 'IHE_XDM/SUBSET01/DOC0001.XML', content: crlf },
    ]),
  )
  expect(Buffer.from(recognition.documents[0]?.content ?? []).equals(Buffer.from(crlf))).toBe(true)
})

describe('shapes met in the field are one document that may be filed', () => {
  test.each<[string, Entry[]]>([
    [
      'lower case',
      [
        { name: 'ihe_xdm/subset01/metadata.xml', content: metadata() },
        { name: 'ihe_xdm/subset01/doc0001.xml', content: CDA },
      ],
    ],
    [
      'URI and file in different case',
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata({ uri: 'Doc0001.Xml' }) },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
    ],
    [
      'leading blanks, no declaration',
      [
        { name: `${FOLDER}METADATA.XML`, content: `   \n ${metadata().replace(/^<\?xml[^>]*\?>\s*/, '')}` },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
    ],
    [
      'leading blanks before the declaration',
      [
        { name: `${FOLDER}METADATA.XML`, content: `\n ${metadata()}` },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
    ],
    [
      'wrapper folder',
      [
        { name: `envoi/${FOLDER}METADATA.XML`, content: metadata() },
        { name: `envoi/${FOLDER}DOC0001.XML`, content: CDA },
      ],
    ],
    [
      'no IHE_XDM folder',
      [
        { name: 'METADATA.XML', content: metadata() },
        { name: 'DOC0001.XML', content: CDA },
      ],
    ],
    [
      'another folder name',
      [
        { name: 'IHE_XDM/LUCY_0/METADATA.XML', content: metadata() },
        { name: 'IHE_XDM/LUCY_0/DOC0001.XML', content: CDA },
      ],
    ],
    [
      'lost slashes',
      [
        { name: 'IHE_XDM/SUBSET01METADATA.xml', content: metadata() },
        { name: 'IHE_XDM/SUBSET01DOC0001.XML', content: CDA },
      ],
    ],
    [
      'URI from the top',
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata({ uri: `./${FOLDER}DOC0001.XML` }) },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
    ],
    [
      'URI with a backslash',
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata({ uri: 'docs\\DOC0001.XML' }) },
        { name: `${FOLDER}docs/DOC0001.XML`, content: CDA },
      ],
    ],
    [
      'encoded URI',
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata({ uri: 'DOC%200001.XML' }) },
        { name: `${FOLDER}DOC 0001.XML`, content: CDA },
      ],
    ],
    [
      'SHA-1 in upper case',
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata({ hash: SHA1.toUpperCase(), size: Buffer.byteLength(CDA) }) },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
    ],
    [
      'MD5 in the place of SHA-1',
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata({ hash: createHash('md5').update(CDA).digest('hex') }) },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
    ],
    [
      'no hash',
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata() },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
    ],
    [
      'decoys of systems and editors',
      [
        { name: '__MACOSX/IHE_XDM/SUBSET01/._METADATA.XML', content: metadata({ marks: ['MASQUE_PS'] }) },
        { name: `${FOLDER}.METADATA.XML.swp`, content: 'x' },
        { name: `${FOLDER}.svn/text-base/METADATA.XML`, content: metadata({ marks: ['MASQUE_PS'] }) },
        { name: `${FOLDER}.DS_Store`, content: 'x' },
        { name: `${FOLDER}METADATA.XSL`, content: '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>' },
        { name: `${FOLDER}METADATA.XML`, content: metadata() },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
    ],
  ])('%s', async (_shape, entries) => {
    expect(await reasonsOf(entries)).toEqual(['file'])
  })

  test('names with backslashes', async () => {
    const zip = await zipOf([
      { name: 'IHE_XDM/SUBSET01/METADATA.XML', content: metadata() },
      { name: 'IHE_XDM/SUBSET01/DOC0001.XML', content: CDA },
    ])
    const recognition = await read(
      'IHE_XDM.zip',
      renamed(zip, name => name.replaceAll('/', '\\')),
    )
    expect(verdicts(recognition)).toEqual(['file'])
  })

  test('names that begin with a dot and a slash', async () => {
    const zip = await zipOf([
      { name: 'XXIHE_XDM/SUBSET01/METADATA.XML', content: metadata() },
      { name: 'XXIHE_XDM/SUBSET01/DOC0001.XML', content: CDA },
    ])
    const recognition = await read(
      'IHE_XDM.zip',
      renamed(zip, name => name.replace('XX', './')),
    )
    expect(verdicts(recognition)).toEqual(['file'])
  })

  test('no URI: found by its hash', async () => {
    const withoutUri = metadata({ hash: SHA1 }).replace(/<Slot name="URI">.*?<\/Slot>/s, '')
    expect(
      await reasonsOf([
        { name: `${FOLDER}METADATA.XML`, content: withoutUri },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ]),
    ).toEqual(['file'])
  })
})

describe('what the archive gets wrong holds the document', () => {
  test.each<[string, Entry[], string[]]>([
    [
      'wrong hash',
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata({ hash: '0'.repeat(40) }) },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
      ['hash-mismatch'],
    ],
    [
      'hash of no known shape',
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata({ hash: 'abc' }) },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
      ['hash-mismatch'],
    ],
    [
      'hash of the bytes with other line ends',
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata({ hash: SHA1 }) },
        { name: `${FOLDER}DOC0001.XML`, content: CDA.replaceAll('\n', '\r\n') },
      ],
      ['hash-mismatch'],
    ],
    [
      'wrong size',
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata({ size: 12 }) },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
      ['size-mismatch'],
    ],
    ['no METADATA.XML', [{ name: `${FOLDER}DOC0001.XML`, content: CDA }], ['metadata-missing']],
    [
      'METADATA.XML cut',
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata().slice(0, 900) },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
      ['metadata-unreadable'],
    ],
    [
      'METADATA.XML with a DTD',
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata().replace('?>', '?><!DOCTYPE a [<!ENTITY b "c">]>') },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
      ['metadata-unreadable'],
    ],
    [
      'ebXML 2.1',
      [
        {
          name: `${FOLDER}METADATA.XML`,
          content: '<rs:SubmitObjectsRequest xmlns:rs="urn:oasis:names:tc:ebxml-regrep:registry:xsd:2.1"/>',
        },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
      ['metadata-unreadable'],
    ],
    [
      'another uniqueId',
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata({ uniqueId: '1.2.3' }) },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
      ['metadata-unique-id'],
    ],
    [
      'another patient',
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata().replaceAll(samplePatient.ins ?? '', '279035121518989') },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
      ['metadata-patient'],
    ],
    [
      'another patient in the submission set only',
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata().replace(samplePatient.ins ?? '', '279035121518989') },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
      ['metadata-patient'],
    ],
    [
      'no patient',
      [
        {
          name: `${FOLDER}METADATA.XML`,
          content: metadata().replaceAll(/<ExternalIdentifier id="Document01_58a6f841[\s\S]*?<\/ExternalIdentifier>/g, ''),
        },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
      ['metadata-patient'],
    ],
    ...['MASQUE_PS', 'INVISIBLE_PATIENT', 'INVISIBLE_REPRESENTANTS_LEGAUX'].map((mark): [string, Entry[], string[]] => [
      mark,
      [
        { name: `${FOLDER}METADATA.XML`, content: metadata({ marks: [mark] }) },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ],
      ['marked'],
    ]),
  ])('%s', async (_fault, entries, reasons) => {
    expect(await reasonsOf(entries)).toEqual([reasons])
  })

  test('a file that no entry describes is held beside the one that is described', async () => {
    const second = cdaOf({ uniqueId: '2.25.7' })
    const entries = [
      { name: `${FOLDER}METADATA.XML`, content: metadata() },
      { name: `${FOLDER}DOC0001.XML`, content: CDA },
      { name: `${FOLDER}DOC0002.XML`, content: second },
    ]
    expect(await reasonsOf(entries)).toEqual(['file', ['not-in-metadata']])
  })

  test('an entry without its file is held, even when its URI points outside', async () => {
    for (const uri of ['DOC0009.XML', '../../../etc/passwd']) {
      expect(await reasonsOf([{ name: `${FOLDER}METADATA.XML`, content: metadata({ uri }) }])).toEqual([['file-missing']])
    }
  })

  test('two sets of two patients', async () => {
    const other = metadata({ uri: 'OTHER.XML' }).replaceAll(samplePatient.ins ?? '', '279035121518989')
    const both = metadata().replace(
      '</RegistryObjectList>',
      other.slice(other.indexOf('<RegistryPackage'), other.indexOf('</RegistryPackage>')).concat('</RegistryPackage></RegistryObjectList>'),
    )
    expect(
      await reasonsOf([
        { name: `${FOLDER}METADATA.XML`, content: both },
        { name: `${FOLDER}DOC0001.XML`, content: CDA },
      ]),
    ).toEqual([['metadata-patient']])
  })
})

describe('hostile archives are held with a reason, without harm', () => {
  const fault = async (zip: Buffer, limits = {}) => (await read('IHE_XDM.zip', zip, limits)).documents.map(each => [each.cda, each.faults])

  test('a path that leaves the archive', async () => {
    const zip = await zipOf([
      { name: 'aa/bb/passwd', content: 'x' },
      { name: 'DOC0001.XML', content: CDA },
    ])
    expect(await fault(renamed(zip, name => name.replace('aa/bb', '../..')))).toEqual([[undefined, ['zip-path-escape']]])
    expect(await fault(renamed(zip, name => name.replace('aa/bb', '/a/bb').slice(0, name.length)))).toEqual([
      [undefined, ['zip-path-escape']],
    ])
    expect(await fault(renamed(zip, name => name.replace('aa/bb', '..\\..')))).toEqual([[undefined, ['zip-path-escape']]])
  })

  test('a bomb by ratio, by total, by count', async () => {
    expect(await fault(await zipOf([{ name: 'a.xml', content: Buffer.alloc(8_000_000) }]))).toEqual([[undefined, ['zip-bomb']]])
    const many = Array.from({ length: 20 }, (_, index) => ({ name: `${index}.txt`, content: Buffer.alloc(100, index) }))
    expect(await fault(await zipOf(many), { maxUnzippedBytes: 1500 })).toEqual([[undefined, ['zip-bomb']]])
    expect(await fault(await zipOf(many), { maxZipEntries: 19 })).toEqual([[undefined, ['zip-too-many-entries']]])
  })

  test('an entry that unfolds to more than it says', async () => {
    const zip = await zipOf([{ name: 'a.xml', content: Buffer.alloc(500_000) }])
    const central = zip.indexOf(Buffer.from([0x50, 0x4b, 0x01, 0x02]))
    zip.writeUInt32LE(100, central + 24)
    expect(await fault(zip)).toEqual([[undefined, ['zip-bomb']]])
  })

  test('two files of one name', async () => {
    const zip = await zipOf([
      { name: 'DOC0001.XML', content: CDA },
      { name: 'DOC0002.XML', content: CDA },
    ])
    expect(await fault(renamed(zip, () => 'DOC0001.XML'))).toEqual([[undefined, ['zip-malformed']]])
  })

  test('a password', async () => {
    const zip = await zipOf([{ name: 'DOC0001.XML', content: CDA }])
    const central = zip.indexOf(Buffer.from([0x50, 0x4b, 0x01, 0x02]))
    zip.writeUInt16LE(zip.readUInt16LE(central + 8) | 1, central + 8)
    expect(await fault(zip)).toEqual([[undefined, ['zip-encrypted']]])
  })

  test('a cut archive, and one whose data are broken', async () => {
    const { xdm } = await letterOf()
    expect(await fault(xdm.subarray(0, xdm.length - 30))).toEqual([[undefined, ['zip-malformed']]])
    const broken = Buffer.from(xdm)
    broken.fill(0xff, 400, 600)
    expect(await fault(broken)).toEqual([[undefined, ['zip-malformed']]])
  })

  test('a document whose bytes are not those that were packed', async () => {
    const zip = new ZipFile()
    zip.addBuffer(Buffer.from(metadata()), `${FOLDER}METADATA.XML`, { compress: false })
    zip.addBuffer(Buffer.from(CDA), `${FOLDER}DOC0001.XML`, { compress: false })
    zip.end()
    const stored = await buffer(zip.outputStream)
    const at = stored.indexOf('JVBERi0') + 20
    stored.writeUInt8(stored[at] === 0x41 ? 0x42 : 0x41, at)
    expect(await fault(stored)).toEqual([[undefined, ['zip-malformed']]])
  })

  test('what is left out is told', async () => {
    const zip = new ZipFile()
    zip.end()
    const ignored = async (bytes: Buffer) => (await read('IHE_XDM.zip', bytes)).ignored
    expect(await ignored(await buffer(zip.outputStream))).toEqual([{ path: 'IHE_XDM.zip', reason: 'empty-archive' }])
    expect(await ignored(await zipOf([{ name: '__MACOSX/._DOC0001.XML', content: 'x' }]))).toMatchObject([{ reason: 'empty-archive' }])
    for (const name of [`${FOLDER}DOC0001.XML~`, '.tmp/DOC0001.XML']) {
      expect(await ignored(await zipOf([{ name, content: CDA }]))).toEqual([{ path: `IHE_XDM.zip/${name}`, reason: 'technical' }])
    }
  })

  test('too many documents are none: too many files, too many entries without file, in one archive or in several', async () => {
    const tiny = (id: number) => ({
      name: `${id}.xml`,
      content: `<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="2.25.${id}"/></ClinicalDocument>`,
    })
    const entries = (count: number) => {
      const list = '<ExtrinsicObject/>'.repeat(count)
      return { name: 'METADATA.XML', content: `<r xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">${list}</r>` }
    }
    const held = { documents: [], ignored: [], faults: ['too-many-documents'] }
    const ids = Array.from({ length: 51 }, (_, index) => index + 1)
    expect(await read('a.zip', await zipOf(ids.map(tiny)))).toEqual(held)
    expect((await read('a.zip', await zipOf(ids.slice(1).map(tiny)))).documents).toHaveLength(50)
    expect(await read('a.zip', await zipOf([entries(51)]))).toEqual(held)
    expect(await read('a.zip', await zipOf([entries(30), ...ids.slice(0, 21).map(tiny)]))).toEqual(held)
    const spent = cpuClock()
    expect(await read('a.zip', await zipOf([entries(55_000)]))).toEqual(held)
    expect(spent()).toBeLessThan(2000)
  })

  test('the archives of a message share one budget', async () => {
    const zips = await Promise.all([1, 2, 3].map(fill => zipOf([{ name: 'a.bin', content: Buffer.alloc(1000, fill) }])))
    const parts = zips.map(content => ({ type: 'application/zip', filename: 'a.zip', content }))
    const eml = buildMail({ from: 'a@a.test', to: 'b@b.test', subject: 'x', date: NOW, messageId: 'm@a.test', parts })
    const faultsOf = async (limits: object) => (await read('a.eml', eml, limits)).documents.map(each => each.faults)
    expect(await faultsOf({ maxUnzippedBytes: 3000, maxZipEntries: 3 })).toEqual([])
    expect(await faultsOf({ maxUnzippedBytes: 2999 })).toEqual([['zip-bomb']])
    expect(await faultsOf({ maxZipEntries: 2 })).toEqual([['zip-too-many-entries']])
  })
})

/** Rewrites the names of a zip, in both headers of each entry; the length of a name must not change. */
function renamed(zip: Buffer, rename: (name: string) => string): Buffer {
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
