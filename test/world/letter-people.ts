import { createHash } from 'node:crypto'

/** A patient who does not exist. `ins` is the matricule with its key (15 characters), under the authority `insOid`. */
export interface FictionalPatient {
  ins?: string
  insOid: string
  birthName: string
  usedName?: string
  /** First birth first-name, the one that counts in the identity. */
  firstName: string
  /** All birth first-names, separated by blanks. */
  firstNames: string
  /** ISO date, 1984-03-09. */
  birthDate: string
  sex: 'M' | 'F'
  /** COG code of the birthplace (INSEE commune or country). */
  birthPlace: string
  birthCity: string
}

/** The structure somebody works for; `id` is a Struct_IdNat: 1 + FINESS, 3 + SIRET (spec dmp §2.1). */
export interface FictionalStructure {
  id: string
  name: string
  facility: { code: string; label: string }
  practice: { code: string; label: string }
}

/** The professional who writes; his PS_IdNat is 8 + RPPS. */
export interface FictionalAuthor {
  rpps: string
  lastName: string
  firstName: string
  specialty: { code: string; label: string }
  structure: FictionalStructure
}

/** Test authority of the INS: never accepted in production (spec dmp §3). */
export const TEST_INS_OID = '1.2.250.1.213.1.4.10'

/** @returns the 13 characters followed by their two-digit key: 97 − (n mod 97), Corsica read as 19 and 18 (spec dmp §3). */
export function insWithKey(nir13: string): string {
  const digits = nir13.replace('2A', '19').replace('2B', '18')
  const key = 97n - (BigInt(digits) % 97n)
  return nir13 + key.toString().padStart(2, '0')
}

/** @returns the digits followed by their Luhn digit, the key of RPPS, FINESS and SIRET numbers. */
export function withLuhn(digits: string): string {
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const weighed = Number(digit) * (index % 2 === 0 ? 2 : 1)
    return total + (weighed > 9 ? weighed - 9 : weighed)
  }, 0)
  return digits + String((10 - (sum % 10)) % 10)
}

/** @returns an OID without extension made from an id: 2.25.<uuid as a decimal number> (EX_2.1-1130). Any other text is hashed first. */
export function oidOf(id: string): string {
  const bare = id.replace(/^urn:uuid:/, '').replaceAll('-', '')
  const hex = /^[0-9a-f]{32}$/i.test(bare) ? bare : createHash('sha256').update(id).digest('hex').slice(0, 32)
  return `2.25.${BigInt(`0x${hex}`)}`
}

/** A fictional patient under the test authority. */
export const samplePatient: FictionalPatient = {
  ins: insWithKey('2840375114256'),
  insOid: TEST_INS_OID,
  birthName: 'TESTOU',
  firstName: 'HÉLOÏSE',
  firstNames: 'HÉLOÏSE MARIE',
  birthDate: '1984-03-09',
  sex: 'F',
  birthPlace: '75114',
  birthCity: 'PARIS',
}

/** A fictional general practitioner in a one-person practice. */
export const sampleAuthor: FictionalAuthor = {
  rpps: withLuhn('1009900123'),
  lastName: 'FICTIF',
  firstName: 'Éloi',
  specialty: { code: 'G15_10/SM26', label: 'Médecin - Qualifié en Médecine Générale (SM)' },
  structure: {
    id: `1${withLuhn('75999901')}`,
    name: 'Cabinet du docteur Fictif',
    facility: { code: 'SA07', label: 'Cabinet individuel' },
    practice: { code: 'AMBULATOIRE', label: 'Ambulatoire' },
  },
}

/** The same person as a medical biologist: who writes the reports of a laboratory. */
export const sampleBiologist: FictionalAuthor = {
  ...sampleAuthor,
  specialty: { code: 'G15_10/SM03', label: 'Médecin - Biologie médicale (SM)' },
}

/** @returns the text with the five characters that XML reserves replaced, for element contents and attributes. */
export function xml(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}

/** @returns a time as HL7 and XDS write it in UTC, to the second: 20260105093000. */
export function utcStamp(date: Date): string {
  return date.toISOString().replace(/[-:T]/g, '').slice(0, 14)
}
