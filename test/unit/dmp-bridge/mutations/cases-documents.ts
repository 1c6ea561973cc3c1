import { buildPdf, sampleBiologist } from '../../../world/letter.ts'
import { attached, DOC, instead, type Scene, swap } from './bend.ts'
import type { Case } from './case.ts'
import { samplePatient } from './patients.ts'

const INS = samplePatient.ins ?? ''
const BIOLOGY = { code: '11502-2', label: 'CR d’examens biologiques' }
const PDF = buildPdf(['Compte rendu'])
const FORM1 = { type: BIOLOGY, author: sampleBiologist, body: { mediaType: 'application/pdf' as const, content: PDF } }

/** The structured form of a report, with the PDF as its copy unless another is given. */
export function structured(xml: string, copy: Buffer = PDF): string {
  const media = `<observationMedia classCode="OBS" moodCode="EVN"><value mediaType="application/pdf" representation="B64">${copy.toString('base64')}</value></observationMedia>`
  const entry = `<entry><organizer classCode="CLUSTER" moodCode="EVN"><statusCode code="completed"/><component>${media}</component></organizer></entry>`
  const section = `<section><templateId root="1.2.250.1.213.1.1.2.243"/><title>Copie</title><text>x</text>${entry}</section>`
  return xml
    .replace('root="1.3.6.1.4.1.19376.1.2.20"', 'root="1.2.250.1.213.1.1.1.55" extension="2024.01"')
    .replace(/<nonXMLBody>[\s\S]*<\/nonXMLBody>/, `<structuredBody><component>${section}</component></structuredBody>`)
}

const form3 = (scene: Scene, options = {}, copy = PDF) =>
  scene.make('second', { ...FORM1, uniqueId: scene.oid(2), setId: scene.oid(50), ...options }, xml => structured(xml, copy))
const form1 = (scene: Scene) => ({ ...FORM1, setId: scene.oid(50) })

/** Ids, doubles, the two forms of a report, copies (spec dmp §1.9, §8.3). */
export const documents: readonly Case[] = [
  { name: 'an ordinary letter', bend: {}, expect: ['filed'] },
  { name: 'an id with an extension', bend: { options: { idExtension: '42' } }, expect: ['held id-extension'] },
  {
    name: 'an empty extension',
    bend: { cda: swap(/<id root="(2\.25\.\d+)"\/>/, '<id root="$1" extension=""/>') },
    expect: ['held id-extension'],
  },
  { name: 'no id', bend: { cda: swap(/<id root="2\.25\.\d+"\/>/, '<id nullFlavor="UNK"/>') }, expect: ['held no-id'] },
  { name: 'two ids', bend: { cda: swap(/(<id root="2\.25\.\d+)("\/>)/, '$1$2$17$2') }, expect: ['held header-repeated'] },
  { name: 'an id that is a UUID', bend: { options: { uniqueId: '0a1b2c3d-0000-4000-8000-000000000001' } }, expect: ['held id-not-oid'] },
  { name: 'an id with a leading zero', bend: { options: ({ oid }) => ({ uniqueId: `${oid(1)}.007` }) }, expect: ['held id-not-oid'] },
  {
    name: 'an id of 65 characters',
    bend: { options: ({ oid }) => ({ uniqueId: oid(1).padEnd(64, '.1').padEnd(65, '1') }) },
    expect: ['held id-not-oid'],
  },
  { name: 'an id with a blank', bend: { cda: swap(/<id root="(2\.25\.\d+)"\/>/, '<id root="$1&#x20;"/>') }, expect: ['held id-not-oid'] },
  {
    name: 'an id with urn:oid:',
    bend: { cda: swap(/<id root="(2\.25\.\d+)"\/>/, '<id root="urn:oid:$1"/>') },
    expect: ['held id-not-oid'],
  },
  {
    name: 'an id that holds the number of the patient',
    bend: { options: { uniqueId: `1.2.250.1.999.${INS}` } },
    expect: ['held id-tells-patient'],
  },
  {
    name: 'an extension that holds the number of the patient',
    bend: { options: { idExtension: INS } },
    expect: ['held id-tells-patient id-extension'],
  },
  {
    name: 'the same octets twice',
    bend: { parts: (parts, { cda }) => [...parts, attached(cda, 'copie.xml')] },
    expect: ['filed', 'ignored duplicate'],
  },
  { name: 'the same archive twice', bend: { parts: parts => [...parts, parts[1]!] }, expect: ['filed', 'ignored duplicate'] },
  {
    name: 'one id, other octets',
    bend: { parts: (parts, scene) => [...parts, attached(scene.make('second', { uniqueId: scene.oid(1), title: 'Autre' }))] },
    expect: ['held id-conflict', 'held id-conflict'],
  },
  {
    name: 'one id, one octet more',
    bend: { parts: (parts, { cda }) => [...parts, attached(`${cda}\n`)] },
    expect: ['held id-conflict', 'held id-conflict'],
  },
  {
    name: 'two documents of one patient',
    bend: { parts: (parts, scene) => [...parts, attached(scene.make('second', { uniqueId: scene.oid(2) }))] },
    expect: ['filed', 'filed'],
    stored: ['main', 'second'],
  },
  {
    name: 'two documents of one archive',
    bend: {
      documents: scene => [{ uri: 'DOC0002.XML', uniqueId: scene.oid(2), content: scene.make('second', { uniqueId: scene.oid(2) }) }],
    },
    expect: ['filed', 'filed'],
    stored: ['main', 'second'],
  },
  {
    name: 'one set and version, two ids',
    bend: {
      options: ({ oid }) => ({ setId: oid(50) }),
      parts: (parts, scene) => [...parts, attached(scene.make('second', { uniqueId: scene.oid(2), setId: scene.oid(50) }))],
    },
    expect: ['held same-version', 'held same-version'],
  },
  {
    name: 'the two forms of one report',
    bend: { options: form1, parts: (parts, scene) => [...parts, attached(form3(scene))] },
    expect: ['ignored twin', 'filed'],
    stored: ['second'],
  },
  {
    name: 'the two forms, the structured one with another copy',
    bend: { options: form1, parts: (parts, scene) => [...parts, attached(form3(scene, { setId: scene.oid(51) }, buildPdf(['Autre'])))] },
    expect: ['held twins-differ', 'held twins-differ'],
  },
  {
    name: 'the two forms, of two versions',
    bend: { options: form1, parts: (parts, scene) => [...parts, attached(form3(scene, { version: 2 }))] },
    expect: ['held twins-differ', 'held twins-differ'],
  },
  {
    name: 'the two forms, one masked',
    bend: { options: form1, marks: ['MASQUE_PS'], parts: (parts, scene) => [...parts, attached(form3(scene))] },
    expect: ['held marked', 'held marked'],
  },
  { name: 'a PDF beside the archive', bend: {}, expect: ['filed'] },
  { name: 'a PDF alone', bend: { parts: parts => [parts[0]!, parts[2]!] }, expect: [] },
  {
    name: 'a PDF inside the archive',
    bend: { files: entries => [...entries, { name: DOC.replace('.XML', '.PDF'), content: PDF }] },
    expect: ['filed'],
  },
  {
    name: 'a PDF in the place of the document',
    bend: { files: entries => entries.map(each => (each.name === DOC ? { ...each, content: PDF } : each)) },
    expect: [],
  },
  { name: 'a CDA alone', bend: { parts: (parts, { cda }) => instead(attached(cda))(parts) }, expect: ['filed'] },
  {
    name: 'a CDA named as a PDF',
    bend: { parts: (parts, { cda }) => instead({ type: 'application/pdf', filename: 'a.pdf', content: cda })(parts) },
    expect: ['filed'],
  },
  {
    name: 'too large',
    bend: {
      options: { body: { mediaType: 'application/pdf', content: Buffer.concat([PDF, Buffer.alloc(4_000_000, 32)]) } },
      parts: (parts, { cda }) => instead(attached(cda))(parts),
    },
    expect: ['held too-big'],
  },
  { name: 'no body', bend: { cda: swap(/<component>[\s\S]*<\/component>/, '') }, expect: ['held body-missing'] },
  { name: 'an empty body', bend: { cda: swap(/(<text [^>]*>)[^<]*/, '$1') }, expect: ['held body-missing'] },
  {
    name: 'a body that is elsewhere',
    bend: { cda: swap(/<text ([^>]*) representation="B64">[^<]*/, '<text $1><reference value="http://x.test/a.pdf"/>') },
    expect: ['held body-missing'],
  },
  {
    name: 'two bodies',
    bend: { cda: swap('</ClinicalDocument>', '<component><nonXMLBody><text>x</text></nonXMLBody></component></ClinicalDocument>') },
    expect: ['held header-repeated'],
  },
  {
    name: 'a document in a document',
    bend: { cda: xml => xml.replace('</component>', `${xml.slice(xml.indexOf('<ClinicalDocument'))}</component>`) },
    expect: ['held several-documents'],
  },
]
