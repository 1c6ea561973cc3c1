import { buffer } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { ZipFile } from 'yazl'
import { cpuClock } from '../../support/cpu-time.ts'
import { buildMail } from '../../world/letter.ts'
import { letterOf, NOW, read } from './samples.ts'
import { CDA, FOLDER, metadata, renamed, zipOf } from './xdm-archive.ts'

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
