import { base64, FLAGS, hl7Of } from '../hl7v2-samples.ts'
import { attached, DOC, type Entry, METADATA, type Scene, swap } from './bend.ts'
import type { Case } from './case.ts'
import { minor } from './patients.ts'

const MARKS = ['MASQUE_PS', 'INVISIBLE_PATIENT', 'INVISIBLE_REPRESENTANTS_LEGAUX', 'CONNEXION_SECRETE']
const N = 'nodeRepresentation="N"'
const HL7_FLAGS = ['MASQUE_PS', 'INVISIBLE_PATIENT', 'INVISIBLE_REP_LEGAUX', 'CONNEXION_SECRETE', 'MODIF_CONF_CODE']

/** A second subset that describes the same file, its text bent. */
const secondSubset = (bend: (xml: string) => string) => (entries: Entry[]) => {
  const first = entries.find(each => each.name === METADATA)
  const content = bend(String(first?.content)).replaceAll('>DOC0001.XML<', `>${DOC}<`)
  return [...entries, { name: 'IHE_XDM/SUBSET02/METADATA.XML', content }]
}

/** The classification of confidentiality, once more and with another code. */
export const withMark = (mark: string) => (xml: string) =>
  xml.replace(
    /<Classification id="Document01_f4f85eac"[\s\S]*?<\/Classification>/,
    found => found + found.replace(N, `nodeRepresentation="${mark}"`),
  )

const hl7 = (flags: Record<string, string>) => (_: unknown, scene: Scene) => [
  { type: 'text/plain', content: 'x' },
  { type: 'application/hl7-v2', filename: 'm.hl7', content: hl7Of({ documents: [base64(scene.cda)], flags: { ...FLAGS, ...flags } }) },
]

/** Masks and confidentiality (spec dmp §4, §8.6, §8.7): what is marked anywhere waits. */
export const masks: readonly Case[] = [
  ...MARKS.flatMap((mark): Case[] => [
    { name: `${mark} in METADATA.XML`, bend: { marks: [mark] }, expect: ['held marked'] },
    { name: `${mark} in the second subset`, bend: { files: secondSubset(withMark(mark)) }, expect: ['held marked'] },
    {
      name: `${mark} in the first subset, not in the second`,
      bend: { marks: [mark], files: entries => secondSubset(swap(`nodeRepresentation="${mark}"`, N))(entries) },
      expect: ['held marked'],
    },
    {
      name: `${mark} beside a copy only`,
      bend: { marks: [mark], parts: (parts, { cda }) => [attached(cda), ...parts] },
      expect: ['held marked', 'ignored duplicate'],
    },
    {
      name: `${mark} beside a later copy in a forwarded message`,
      bend: { marks: [mark], eml: (eml, { cda, now }) => forwarded(eml, cda, now) },
      expect: ['held marked', 'ignored duplicate'],
    },
    {
      name: `${mark} of an entry whose file is missing`,
      bend: {
        marks: [mark],
        files: entries => entries.filter(each => each.name !== DOC),
        parts: (parts, { cda }) => [...parts, attached(cda)],
      },
      expect: ['held file-missing', 'held marked'],
    },
    { name: `${mark} alone, without N`, bend: { metadata: swap(N, `nodeRepresentation="${mark}"`) }, expect: ['held marked not-normal'] },
    { name: `${mark}, for a minor`, bend: { marks: [mark], options: { patient: minor } }, expect: ['held marked'] },
  ]),
  ...HL7_FLAGS.flatMap((flag): Case[] =>
    ['Y', '', 'O'].map(value => ({ name: `${flag}=${value} in HL7 v2`, bend: { parts: hl7({ [flag]: value }) }, expect: ['held marked'] })),
  ),
  {
    name: 'a mark in HL7 v2 beside the clean archive',
    bend: { parts: (parts, scene) => [...parts, ...hl7({ MASQUE_PS: 'Y' })([], scene)] },
    expect: ['held marked', 'ignored duplicate'],
  },
  { name: 'DESTDMP=N and a mark', bend: { parts: hl7({ DESTDMP: 'N', MASQUE_PS: 'Y' }) }, expect: ['held marked not-for-dmp'] },
  { name: 'a mark that no table has', bend: { marks: ['SECRET_DEFENSE'] }, expect: ['held marked'] },
  { name: 'a mark in lower case', bend: { marks: ['masque_ps'] }, expect: ['held marked'] },
  { name: 'a mark that classifies nothing', bend: { metadata: loose }, expect: ['held marked'] },
  {
    name: 'a mark under a scheme in upper case',
    bend: {
      marks: ['MASQUE_PS'],
      metadata: swap('urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f', 'URN:UUID:F4F85EAC-E6CB-4883-B524-F2705394840F'),
    },
    expect: ['held marked'],
  },
  ...(['R', 'V'] as const).flatMap((code): Case[] => [
    { name: `${code} in the CDA`, bend: { options: { confidentiality: code } }, expect: ['held not-normal'] },
    {
      name: `${code} in METADATA.XML only`,
      bend: { metadata: swap(N, `nodeRepresentation="${code}"`) },
      expect: ['held not-normal marked'],
    },
    { name: `${code} beside N in METADATA.XML`, bend: { metadata: withMark(code) }, expect: ['held marked'] },
  ]),
  { name: 'no confidentiality in the CDA', bend: { cda: swap(/<confidentialityCode[^>]*>/, '') }, expect: ['held not-normal'] },
  {
    name: 'N of another code system',
    bend: { cda: swap('codeSystem="2.16.840.1.113883.5.25"', 'codeSystem="1.2.3"') },
    expect: ['held not-normal'],
  },
  {
    name: 'N with a mark as translation',
    bend: { cda: swap(/(<confidentialityCode[^>]*)\/>/, '$1><translation code="MASQUE_PS"/></confidentialityCode>') },
    expect: ['held not-normal'],
  },
  {
    name: 'no confidentiality in METADATA.XML',
    bend: { metadata: swap(/<Classification id="Document01_f4f85eac"[\s\S]*?<\/Classification>/, '') },
    expect: ['held not-normal'],
  },
]

/** The confidentiality of a mark, at the end of the list, about no object of it. */
function loose(xml: string): string {
  const [found = ''] = /<Classification id="Document01_f4f85eac"[\s\S]*?<\/Classification>/.exec(xml) ?? []
  const mark = found.replace(N, 'nodeRepresentation="MASQUE_PS"').replace('classifiedObject="Document01"', 'classifiedObject="Nothing"')
  return xml.replace('</RegistryObjectList>', `${mark}</RegistryObjectList>`)
}

async function forwarded(eml: Buffer, cda: Buffer, now: Date): Promise<Buffer> {
  const { buildMail } = await import('../../../world/letter.ts')
  const head = {
    from: 'a@a.mssante.test',
    to: 'b@b.mssante.test',
    subject: 'TR',
    date: now,
    messageId: 'tr@a.mssante.test',
    boundary: 'outer',
  }
  return buildMail({ ...head, parts: [attached(cda), { type: 'message/rfc822', content: eml, encoding: '8bit' }] })
}
