import { sampleAuthor, sampleBiologist } from '../../../world/letter.ts'
import { swap } from './bend.ts'
import type { Case } from './case.ts'
import { structured } from './cases-documents.ts'

const DAY = 86_400_000
const colleague = { ...sampleAuthor, rpps: '10000000017', lastName: 'CONFRÈRE' }
const elsewhere = { ...colleague, structure: { ...sampleAuthor.structure, id: '1750000018' } }
const stranger = { idNatPs: '810099009999', structures: ['1759999999'] }
const type = (code: string, label = code) => ({ options: { type: { code, label } } })
/** Of the terminology of the French documents, not of LOINC. */
const french = (code: string) => ({ ...type(code), cda: swap('codeSystem="2.16.840.1.113883.6.1"', 'codeSystem="1.2.250.1.213.1.1.4.12"') })
const BIOLOGY = { code: '11502-2', label: 'CR d’examens biologiques' }
const status = (code: string) => (xml: string) =>
  structured(xml).replace('<serviceEvent>', `<serviceEvent><lab:statusCode xmlns:lab="urn:oid:1.3.6.1.4.1.19376.1.3.2" code="${code}"/>`)

/** Who wrote, who sends, what it is (spec dmp §2, §8.1, §8.2, §8.6): unknown means no. */
export const authors: readonly Case[] = [
  { name: 'a colleague of the same structure', bend: { options: { author: colleague } }, expect: ['filed'] },
  { name: 'an author of another structure', bend: { options: { author: elsewhere } }, expect: ['held author-not-sender author-structure'] },
  { name: 'another sender, whatever From says', bend: { sender: stranger }, expect: ['held author-not-sender'] },
  {
    name: 'the author sends from another structure',
    bend: { options: { author: { ...elsewhere, rpps: sampleAuthor.rpps } } },
    expect: ['held author-structure'],
  },
  { name: 'a sender without any number', bend: { sender: { idNatPs: '', structures: [] } }, expect: ['held author-not-sender'] },
  {
    name: 'From of somebody else, the session of the author',
    bend: { eml: eml => Buffer.from(eml.toString('latin1').replace(/^From: .*$/m, 'From: faux@z.mssante.test'), 'latin1') },
    expect: ['filed'],
  },
  { name: 'a box that has not declared', bend: { sender: { declared: false } }, expect: ['held not-declared'] },
  { name: 'no author', bend: { cda: swap(/<author>[\s\S]*?<\/author>/, '') }, expect: ['held author-missing'] },
  {
    name: 'an author without national number',
    bend: { cda: swap(/(<assignedAuthor>\s*)<id [^>]*>/, '$1<id root="1.2.3" extension="7"/>') },
    expect: ['held author-missing'],
  },
  {
    name: 'an author without name',
    bend: { cda: swap(/(<assignedAuthor>[\s\S]*?)<family>[^<]*<\/family>/, '$1') },
    expect: ['held author-missing'],
  },
  {
    name: 'an author with two numbers',
    bend: { cda: swap(/<assignedAuthor>/, '<assignedAuthor><id root="1.2.250.1.71.4.2.1" extension="810000000017"/>') },
    expect: ['held header-repeated'],
  },
  {
    name: 'no legal authenticator',
    bend: { cda: swap(/<legalAuthenticator>[\s\S]*<\/legalAuthenticator>/, '') },
    expect: ['held authenticator-missing'],
  },
  { name: 'a specialty that no table has', bend: { cda: swap('G15_10/SM26', 'G99_99/XX00') }, expect: ['held unknown-specialty'] },
  { name: 'a type that no table has', bend: type('99999-9'), expect: ['held unknown-type'] },
  { name: 'a type of the old table', bend: type('57133-1'), expect: ['held unknown-type'] },
  { name: 'a type without class', bend: type('60280-5'), expect: ['held unknown-class'] },
  { name: 'a type of patients', bend: french('EXPPAT_3'), expect: ['held type-not-for-professionals'] },
  { name: 'a document of a patient', bend: french('DOCPAT03'), expect: ['held type-not-for-professionals'] },
  { name: 'a reimbursement', bend: french('REMB'), expect: ['held type-not-for-professionals'] },
  {
    name: 'a right code of another system',
    bend: { cda: swap('codeSystem="2.16.840.1.113883.6.1"', 'codeSystem="1.2.3"') },
    expect: ['held unknown-type'],
  },
  { name: 'pathology, to be announced', bend: type('60568-3'), expect: ['held announce-first'] },
  { name: 'genetics, to be announced', bend: type('51969-4'), expect: ['held announce-first'] },
  {
    name: 'a conference about a cancer, to be announced',
    bend: { ...type('34133-9'), cda: xml => structured(xml).replace('1.2.250.1.213.1.1.1.55', '1.2.250.1.213.1.1.1.8') },
    expect: ['held announce-first'],
  },
  {
    name: 'biology that is complete',
    bend: { options: { type: BIOLOGY, author: sampleBiologist }, cda: status('completed') },
    expect: ['filed'],
  },
  {
    name: 'biology by a general practitioner',
    bend: { options: { type: BIOLOGY }, cda: status('completed') },
    expect: ['held implausible-type'],
  },
  {
    name: 'biology that is partial',
    bend: { options: { type: BIOLOGY, author: sampleBiologist }, cda: status('active') },
    expect: ['held partial-biology'],
  },
  {
    name: 'a model that no table has',
    bend: {
      options: { type: BIOLOGY, author: sampleBiologist },
      cda: xml => structured(xml).replace('1.2.250.1.213.1.1.1.55', '1.2.250.1.213.1.1.1.999'),
    },
    expect: ['held unknown-format'],
  },
  {
    name: 'a vaccination note of 2021',
    bend: { ...type('87273-9'), cda: xml => structured(xml).replace('1.1.1.55" extension="2024.01"', '1.1.1.46" extension="2021.01"') },
    expect: ['held unknown-format'],
  },
  {
    name: 'a media type that no table has',
    bend: { cda: swap('mediaType="application/pdf"', 'mediaType="application/msword"') },
    expect: ['held unknown-format'],
  },
  { name: 'a facility that no table has', bend: { cda: swap('code code="SA07"', 'code code="SA99"') }, expect: ['held unknown-facility'] },
  {
    name: 'no facility',
    bend: { cda: swap(/<healthCareFacility>[\s\S]*<\/healthCareFacility>/, '<healthCareFacility/>') },
    expect: ['held unknown-facility'],
  },
  {
    name: 'a practice that no table has',
    bend: { cda: swap('standardIndustryClassCode code="AMBULATOIRE"', 'standardIndustryClassCode code="ESPACE"') },
    expect: ['held unknown-practice'],
  },
  { name: 'another language', bend: { cda: swap('languageCode code="fr-FR"', 'languageCode code="en-US"') }, expect: ['held not-french'] },
  { name: 'written tomorrow', bend: { options: ({ now }) => ({ now: new Date(now.getTime() + DAY) }) }, expect: ['held bad-date'] },
  {
    name: 'written on no day',
    bend: { cda: swap(/<effectiveTime value="[^"]*"\/>/, '<effectiveTime value="20261399"/>') },
    expect: ['held bad-date'],
  },
  {
    name: 'without a date',
    bend: { cda: swap(/<effectiveTime value="[^"]*"\/>/, '<effectiveTime nullFlavor="UNK"/>') },
    expect: ['held bad-date'],
  },
  {
    name: 'an act that ends before it starts',
    bend: { cda: swap(/(<serviceEvent>\s*<effectiveTime>)(<low [^>]*>)/, '$1$2<high value="20200101000000+0000"/>') },
    expect: ['held bad-date'],
  },
  { name: 'two titles', bend: { cda: swap('</title>', '</title><title>Autre</title>') }, expect: ['held header-repeated'] },
  {
    name: 'it completes another (APND)',
    bend: { options: { replaces: '2.25.404' }, cda: swap('typeCode="RPLC"', 'typeCode="APND"') },
    expect: ['held replacement'],
  },
  {
    name: 'it replaces two',
    bend: { options: { replaces: '2.25.404' }, cda: swap('</parentDocument>', '<id root="2.25.405"/></parentDocument>') },
    expect: ['held replacement'],
  },
  { name: 'it replaces itself', bend: { options: ({ oid }) => ({ replaces: oid(1) }) }, expect: ['held replacement'] },
  { name: 'it replaces by a UUID', bend: { options: { replaces: '0a1b2c3d-0000-4000-8000-000000000001' } }, expect: ['held replacement'] },
  { name: 'it replaces, in its first version', bend: { options: { replaces: '2.25.404', version: 1 } }, expect: ['held version-order'] },
  {
    name: 'it replaces a later version',
    bend: { options: { replaces: '2.25.404', version: 2 }, cda: swap(/(<parentDocument><id [^>]*>)/, '$1<versionNumber value="3"/>') },
    expect: ['held version-order'],
  },
  {
    name: 'it replaces what the DMP does not know',
    bend: { options: { replaces: '2.25.404' } },
    expect: ['held replaced-unknown'],
    worker: true,
  },
  {
    name: 'the subject says that it replaces, the document does not',
    bend: { subject: each => `[Annule et remplace] ${each}` },
    expect: ['held replacement'],
  },
]
