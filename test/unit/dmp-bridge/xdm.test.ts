import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { samplePatient } from '../../world/letter.ts'
import { cdaOf, letterOf, policy, read, sender, verdicts } from './samples.ts'
import { CDA, type Entry, FOLDER, metadata, renamed, zipOf } from './xdm-archive.ts'

const SHA1 = createHash('sha1').update(CDA).digest('hex')

async function reasonsOf(entries: Entry[]) {
  const recognition = await read('IHE_XDM.zip', await zipOf(entries))
  return verdicts(recognition, sender, policy)
}

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
