import { createHash } from 'node:crypto'
import { attached, DOC, type Entry, FOLDER, METADATA, swap } from './bend.ts'
import type { Case } from './case.ts'

const renamed = (rename: (name: string) => string) => (entries: Entry[]) => entries.map(each => ({ ...each, name: rename(each.name) }))
const without = (name: string) => (entries: Entry[]) => entries.filter(each => each.name !== name)
const withEntry = (name: string, content: (entries: Entry[]) => Buffer | string) => (entries: Entry[]) => [
  ...entries,
  { name, content: content(entries) },
]
const metadataOf = (entries: Entry[]) => String(entries.find(each => each.name === METADATA)?.content)
const mask = (xml: string) => xml.replace('nodeRepresentation="N"', 'nodeRepresentation="MASQUE_PS"')
const noSlot = (name: string) => swap(new RegExp(`<Slot name="${name}">.*?</Slot>\\n`, 's'), '')

/** Names of a zip rewritten in place, for those that the builder refuses; the length stays. */
const inPlace = (from: string, to: string) => (zip: Buffer) =>
  Buffer.from(
    zip.toString('latin1').replaceAll(from, () => to),
    'latin1',
  )

/** The shapes of spec dmp §4 are read, what hides or bursts is held. */
export const archives: readonly Case[] = [
  { name: 'lower case', bend: { files: renamed(each => each.toLowerCase()) }, expect: ['filed'] },
  { name: 'leading blanks', bend: { metadata: xml => `  \n${xml}` }, expect: ['filed'] },
  { name: 'no declaration', bend: { metadata: swap(/^<\?xml.*?\?>\s*/, '') }, expect: ['filed'] },
  {
    name: 'no node of the submission set',
    bend: { metadata: swap(/<Classification id="SubmissionSet01_c0"[^>]*>/, '') },
    expect: ['filed'],
  },
  {
    name: 'a sourceId that is misspelt',
    bend: { metadata: swap('XDSSubmissionSet.sourceId', 'XDSSumissionSet.sourceId') },
    expect: ['filed'],
  },
  {
    name: 'ids of objects that do not match',
    bend: { metadata: swap(/classifiedObject="Document01"/g, 'classifiedObject="Document09"') },
    expect: ['filed'],
  },
  { name: 'a wrapper folder', bend: { files: renamed(each => `envoi/${each}`) }, expect: ['filed'] },
  { name: 'no folder', bend: { files: renamed(each => each.replace(FOLDER, '')) }, expect: ['filed'] },
  { name: 'another folder', bend: { files: renamed(each => each.replace('SUBSET01', 'LUCY_0')) }, expect: ['filed'] },
  { name: 'lost slashes', bend: { files: renamed(each => each.replace('SUBSET01/', 'SUBSET01')) }, expect: ['filed'] },
  {
    name: 'backslashes',
    bend: { zip: zip => [DOC, METADATA].reduce((all, each) => inPlace(each, each.replaceAll('/', '\\'))(all), zip) },
    expect: ['filed'],
  },
  {
    name: 'two subsets that agree',
    bend: { files: withEntry('IHE_XDM/SUBSET02/METADATA.XML', each => metadataOf(each).replace('>DOC0001.XML<', `>${DOC}<`)) },
    expect: ['filed'],
  },
  {
    name: 'decoys of systems and editors, masked',
    bend: {
      files: entries => [
        ...withEntry('__MACOSX/IHE_XDM/SUBSET01/._METADATA.XML', each => mask(metadataOf(each)))(entries),
        { name: `${FOLDER}.METADATA.XML.swp`, content: 'x' },
      ],
    },
    expect: ['filed'],
  },
  {
    name: 'a style sheet beside',
    bend: { files: withEntry(`${FOLDER}CDA.XSL`, () => '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>') },
    expect: ['filed'],
  },
  { name: 'no hash, no size', bend: { metadata: xml => noSlot('size')(noSlot('hash')(xml)) }, expect: ['filed'] },
  { name: 'no URI', bend: { metadata: noSlot('URI') }, expect: ['filed'] },
  { name: 'no METADATA.XML', bend: { files: without(METADATA) }, expect: ['held metadata-missing'] },
  { name: 'no document', bend: { files: without(DOC) }, expect: ['held file-missing'] },
  {
    name: 'METADATA.XML cut',
    bend: { metadata: xml => xml.slice(0, 900) },
    expect: ['held metadata-unreadable'],
  },
  {
    name: 'METADATA.XML of ebXML 2',
    bend: { metadata: swap(/regrep:xsd:(rim|lcm):3\.0/g, 'regrep:$1:xsd:2.1') },
    expect: ['held metadata-unreadable'],
  },
  {
    name: 'a document that no entry describes',
    bend: {
      files: (entries, scene) => [...entries, { name: `${FOLDER}DOC0002.XML`, content: scene.make('second', { uniqueId: scene.oid(2) }) }],
    },
    expect: ['filed', 'held not-in-metadata'],
  },
  {
    name: 'an entry whose URI leaves the archive',
    bend: { metadata: swap('>DOC0001.XML<', '>../../../etc/passwd<') },
    expect: ['held file-missing', 'held not-in-metadata'],
  },
  {
    name: 'two files of one name',
    bend: {
      files: withEntry(DOC.replace('0001', '0002'), each => String(each.find(one => one.name === DOC)?.content)),
      zip: inPlace('DOC0002.XML', 'DOC0001.XML'),
    },
    expect: ['held zip-malformed'],
  },
  {
    name: 'a path that leaves the archive',
    bend: { files: withEntry('aa/bb/passwd', () => 'x'), zip: inPlace('aa/bb/passwd', '../../passwd') },
    expect: ['held zip-path-escape'],
  },
  {
    name: 'an absolute path',
    bend: { files: withEntry('aaa/bb/passwd', () => 'x'), zip: inPlace('aaa/bb/passwd', '/aa/bb/passwd') },
    expect: ['held zip-path-escape'],
  },
  { name: 'cut', bend: { zip: zip => zip.subarray(0, zip.length - 30) }, expect: ['held zip-malformed'] },
  { name: 'cut in half', bend: { zip: zip => zip.subarray(0, zip.length / 2) }, expect: ['held zip-malformed'] },
  { name: 'empty', bend: { zip: () => Buffer.alloc(0) }, expect: ['held zip-malformed'] },
  { name: 'a bomb by ratio', bend: { files: withEntry('a.txt', () => Buffer.alloc(8_000_000)) }, expect: ['held zip-bomb'] },
  {
    name: 'a bomb by total',
    bend: {
      files: entries => [
        ...entries,
        ...Array.from({ length: 80 }, (_, index) => ({ name: `${index}.bin`, content: noise(1_000_000, index) })),
      ],
    },
    expect: ['held zip-bomb'],
  },
  {
    name: 'many entries',
    bend: { files: entries => [...entries, ...Array.from({ length: 600 }, (_, index) => ({ name: `${index}.txt`, content: 'x' }))] },
    expect: ['held zip-too-many-entries'],
  },
  {
    name: 'an archive in the archive',
    bend: { files: (entries, { cda }) => [{ name: 'A.ZIP', content: Buffer.concat([Buffer.from('PK\x03\x04'), cda]) }, ...entries] },
    expect: ['filed'],
  },
  {
    name: 'a huge METADATA.XML',
    bend: { metadata: swap('</RegistryObjectList>', `${'<Slot/>'.repeat(110_000)}</RegistryObjectList>`) },
    expect: ['held metadata-unreadable'],
  },
  {
    name: 'a broken archive beside the document',
    bend: {
      parts: (parts, { cda }) => [
        { type: 'application/zip', filename: 'x.zip', content: 'PK\x03\x04 nothing' },
        attached(cda),
        ...parts.slice(2),
      ],
    },
    expect: ['held zip-malformed', 'filed'],
  },
]

/** One kilobyte that repeats: small in the archive, below the limit of its ratio. */
function noise(length: number, seed: number): Buffer {
  const block = Buffer.concat(Array.from({ length: 512 }, (_, index) => createHash('sha256').update(`${seed} ${index}`).digest()))
  return Buffer.concat(
    Array.from({ length: Math.ceil(length / block.length) }, () => block),
    length,
  )
}
