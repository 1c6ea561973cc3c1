import { createHash } from 'node:crypto'
import { DOC, type Scene, swap } from './bend.ts'
import type { Case } from './case.ts'

const HASH = /(<Slot name="hash"><ValueList><Value>)[^<]*/
const SIZE = /(<Slot name="size"><ValueList><Value>)[^<]*/
const ID = '2e82c1f6-a085-4c72-9da3-8640a32e42ab'
const ofDocument = (algorithm: string, { cda }: Scene) => createHash(algorithm).update(cda).digest('hex')

/** METADATA.XML that says something else than the document holds it (spec dmp §8.5). */
export const metadata: readonly Case[] = [
  {
    name: 'a hash in upper case',
    bend: {
      metadata: xml => xml.replace(HASH, found => found.toUpperCase().replace(/<SLOT.*<VALUE>/, /<Slot.*<Value>/.exec(found)?.[0] ?? '')),
    },
    expect: ['filed'],
  },
  { name: 'an MD5', bend: { metadata: (xml, scene) => xml.replace(HASH, `$1${ofDocument('md5', scene)}`) }, expect: ['filed'] },
  {
    name: 'a SHA-256 in the place of the hash',
    bend: { metadata: (xml, scene) => xml.replace(HASH, `$1${ofDocument('sha256', scene)}`) },
    expect: ['held hash-mismatch'],
  },
  { name: 'a wrong hash', bend: { metadata: swap(HASH, `$1${'0'.repeat(40)}`) }, expect: ['held hash-mismatch'] },
  { name: 'a wrong MD5', bend: { metadata: swap(HASH, `$1${'0'.repeat(32)}`) }, expect: ['held hash-mismatch'] },
  {
    name: 'the hash of other line ends',
    bend: {
      files: entries =>
        entries.map(each => (each.name === DOC ? { ...each, content: String(each.content).replaceAll('\n', '\r\n') } : each)),
    },
    expect: ['held hash-mismatch size-mismatch'],
  },
  { name: 'a wrong size', bend: { metadata: swap(SIZE, '$112') }, expect: ['held size-mismatch'] },
  { name: 'a size that is no number', bend: { metadata: swap(SIZE, '$1beaucoup') }, expect: ['held size-mismatch'] },
  {
    name: 'another id',
    bend: { metadata: (xml, { uniqueId }) => xml.replace(`value="${uniqueId}"`, 'value="2.25.1"') },
    expect: ['held metadata-unique-id'],
  },
  {
    name: 'the id with an extension',
    bend: { metadata: (xml, { uniqueId }) => xml.replace(`value="${uniqueId}"`, `value="${uniqueId}^7"`) },
    expect: ['held metadata-unique-id'],
  },
  {
    name: 'two ids',
    bend: {
      metadata: xml =>
        xml.replace(
          new RegExp(`<ExternalIdentifier[^>]*${ID}[^>]*>[\\s\\S]*?</ExternalIdentifier>`),
          found => found + found.replace(/value="[^"]*"/, 'value="2.25.1"'),
        ),
    },
    expect: ['held metadata-unique-id'],
  },
  {
    name: 'no id',
    bend: { metadata: swap(new RegExp(`<ExternalIdentifier[^>]*${ID}[^>]*>[\\s\\S]*?</ExternalIdentifier>`), '') },
    expect: ['held metadata-unique-id'],
  },
  {
    name: 'another type',
    bend: { metadata: swap('nodeRepresentation="96349-6"', 'nodeRepresentation="11488-4"') },
    expect: ['held metadata-type'],
  },
  {
    name: 'a replacement in METADATA.XML alone',
    bend: { metadata: swap('AssociationType:HasMember', 'AssociationType:RPLC') },
    expect: ['held replacement'],
  },
]
