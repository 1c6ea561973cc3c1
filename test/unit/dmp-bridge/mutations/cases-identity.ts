import { INS_OIDS } from '../../../../dmp-bridge/ins.ts'
import { insWithKey } from '../../../world/letter.ts'
import { swap } from './bend.ts'
import type { Case } from './case.ts'
import { absentOne, closedOne, corsicans, foreigner, mainlander, otherPerson, samplePatient } from './patients.ts'

const INS = samplePatient.ins ?? ''
const WRONG = `${INS.slice(0, 13)}${String((Number(INS.slice(13)) % 96) + 1).padStart(2, '0')}`
const real = { ...samplePatient, insOid: INS_OIDS.nir }
/** Of the ANS's own examples: the key is of another number (spec dmp §3). */
const PUBLISHED = ['221042545611404', '223042545611404', '222127505611201', '224027511583555', '276059205062865', '209053105611201']

function wrongKey(patient: typeof samplePatient): typeof samplePatient {
  const ins = patient.ins ?? ''
  return { ...patient, ins: `${ins.slice(0, 13)}${String((Number(ins.slice(13)) % 97) + 1).padStart(2, '0')}` }
}

/** Who the patient is (spec dmp §3): number, key, authority, traits. */
export const identity: readonly Case[] = [
  { name: 'a wrong key', bend: { options: { patient: { ...samplePatient, ins: WRONG } } }, expect: ['held bad-ins-key'] },
  ...PUBLISHED.map(
    (ins, index): Case => ({
      name: `a published example with a wrong key (${index + 1})`,
      bend: { options: { patient: { ...samplePatient, ins } } },
      expect: ['held bad-ins-key'],
    }),
  ),
  {
    name: 'two digits changed places',
    bend: { options: { patient: { ...samplePatient, ins: INS.replace(/^(.{6})(.)(.)/, '$1$3$2') } } },
    expect: ['held bad-ins-key'],
  },
  { name: 'no key', bend: { options: { patient: { ...samplePatient, ins: INS.slice(0, 13) } } }, expect: ['held bad-ins-key'] },
  {
    name: 'blanks inside the number',
    bend: { options: { patient: { ...samplePatient, ins: INS.replace(/^(.{13})/, '$1 ') } } },
    expect: ['held bad-ins-key'],
  },
  {
    name: 'digits that are not ASCII',
    bend: { options: { patient: { ...samplePatient, ins: INS.replace('2', '２') } } },
    expect: ['held bad-ins-key'],
  },
  { name: 'no INS', bend: { options: { patient: (({ ins: _, ...rest }) => rest)(samplePatient) } }, expect: ['held no-ins'] },
  { name: 'the old INS-C', bend: { options: { patient: { ...samplePatient, insOid: '1.2.250.1.213.1.4.2' } } }, expect: ['held no-ins'] },
  {
    name: 'the authority .13',
    bend: { options: { patient: { ...samplePatient, insOid: '1.2.250.1.213.1.4.13' } } },
    expect: ['held no-ins'],
  },
  {
    name: 'the demonstration authority',
    bend: { options: { patient: { ...samplePatient, insOid: INS_OIDS.demo } } },
    expect: ['held ins-oid-not-allowed'],
  },
  { name: 'a real number on a test platform', bend: { options: { patient: real } }, expect: ['held ins-oid-not-allowed'] },
  { name: 'the test authority where it is configured', bend: {}, expect: ['filed'] },
  { name: 'the test authority in production', bend: {}, production: true, expect: ['held ins-oid-not-allowed'] },
  {
    name: 'the demonstration authority in production',
    bend: { options: { patient: { ...samplePatient, insOid: INS_OIDS.demo } } },
    production: true,
    expect: ['held ins-oid-not-allowed'],
  },
  { name: 'a real number in production', bend: { options: { patient: mainlander } }, production: true, expect: ['filed'] },
  { name: 'a Corsican of the south', bend: { options: { patient: corsicans.south } }, production: true, expect: ['filed'] },
  { name: 'a Corsican of the north', bend: { options: { patient: corsicans.north } }, production: true, expect: ['filed'] },
  {
    name: 'a Corsican of the south, wrong key',
    bend: { options: { patient: wrongKey(corsicans.south) } },
    production: true,
    expect: ['held bad-ins-key'],
  },
  {
    name: 'a Corsican with the key of the other half',
    bend: { options: { patient: { ...corsicans.south, ins: corsicans.south.ins?.replace('2A', '2B') ?? '' } } },
    production: true,
    expect: ['held bad-ins-key'],
  },
  {
    name: 'a Corsican in lower case',
    bend: { options: { patient: { ...corsicans.south, ins: corsicans.south.ins?.toLowerCase() ?? '' } } },
    production: true,
    expect: ['held bad-ins-key'],
  },
  {
    name: 'letters of Corsica in another place',
    bend: { options: { patient: { ...mainlander, ins: insWithKey('28403751142A1') } } },
    production: true,
    expect: ['held bad-ins-key'],
  },
  {
    name: 'a Corsican written 20',
    bend: { options: { patient: { ...corsicans.south, ins: insWithKey('2840320004025') } } },
    production: true,
    expect: ['refused human-patient'],
    worker: true,
  },
  { name: 'a number of the foreigners’ register', bend: { options: { patient: foreigner } }, production: true, expect: ['filed'] },
  {
    name: 'a number of the foreigners’ register, wrong key',
    bend: { options: { patient: wrongKey(foreigner) } },
    production: true,
    expect: ['held bad-ins-key'],
  },
  {
    name: 'a NIR said to be of the foreigners’ register',
    bend: { options: { patient: { ...mainlander, insOid: INS_OIDS.nia } } },
    production: true,
    expect: ['refused human-patient'],
    worker: true,
  },
  {
    name: 'another sex than the number',
    bend: { options: { patient: { ...samplePatient, sex: 'M' } } },
    expect: ['held identity-unclear'],
  },
  {
    name: 'another year than the number',
    bend: { options: { patient: { ...samplePatient, birthDate: '1985-03-09' } } },
    expect: ['held identity-unclear'],
  },
  { name: 'no birth name', bend: { cda: swap('family qualifier="BR"', 'family qualifier="CL"') }, expect: ['held traits-missing'] },
  { name: 'no birth first-name', bend: { cda: swap('<given qualifier="BR">', '<given>') }, expect: ['held traits-missing'] },
  { name: 'no birthplace', bend: { cda: swap(/<birthplace>.*<\/birthplace>/, '') }, expect: ['held traits-missing'] },
  { name: 'no birth date', bend: { cda: swap(/<birthTime[^>]*>/, '<birthTime nullFlavor="UNK"/>') }, expect: ['held traits-missing'] },
  {
    name: 'no sex',
    bend: { cda: swap('administrativeGenderCode code="F"', 'administrativeGenderCode nullFlavor="UNK"') },
    expect: ['held traits-missing'],
  },
  {
    name: 'a birth date in the future',
    bend: { options: { patient: { ...samplePatient, birthDate: '2084-03-09' } } },
    expect: ['held identity-unclear'],
  },
  {
    name: 'a number said to be unknown',
    bend: { cda: swap(`<id root="${samplePatient.insOid}"`, `<id nullFlavor="UNK" root="${samplePatient.insOid}"`) },
    expect: ['held identity-unclear'],
  },
  {
    name: 'a no-break space after the number',
    bend: { cda: swap(`extension="${INS}"`, `extension="${INS}&#xA0;"`) },
    expect: ['held identity-unclear'],
  },
  {
    name: 'the INS only as a number of an author',
    bend: {
      options: { patient: (({ ins: _, ...rest }) => rest)(samplePatient) },
      cda: swap('<assignedAuthor>', `<assignedAuthor><id root="${samplePatient.insOid}" extension="${INS}"/>`),
    },
    expect: ['held no-ins'],
  },
  {
    name: 'the INS in another namespace',
    bend: { cda: swap(`<id root="${samplePatient.insOid}"`, `<id xmlns="urn:x" root="${samplePatient.insOid}"`) },
    expect: ['held no-ins'],
  },
  { name: 'the DMP is closed', bend: { options: { patient: closedOne } }, expect: ['refused human-patient'], worker: true },
  { name: 'there is no DMP', bend: { options: { patient: absentOne } }, expect: ['refused human-patient'], worker: true },
  {
    name: 'the DMP knows another person under the number',
    bend: { options: { patient: otherPerson } },
    expect: ['held traits-differ'],
    worker: true,
  },
]
