/**
 * Numbers of persons and structures, with their check keys and national forms
 * (IdNat_PS and IdNat_Struct of the Annuaire Santé). Pure functions; every `is…` takes the bare number, without prefix or blanks.
 */

/** What an IdNat_PS is made of. `internal` is the number that the structure gives to its own staff. */
export type IdNatPs =
  | { kind: 'adeli' | 'rpps'; number: string }
  | { kind: 'adeli-office' | 'finess' | 'siren' | 'siret' | 'rpps-office'; number: string; internal: string }

/** What an IdNat_Struct is made of. */
export type IdNatStruct = { kind: 'adeli-office' | 'finess' | 'siren' | 'siret' | 'rpps-rank'; number: string }

/** @returns whether the digits, last one included, satisfy the Luhn formula (ISO/IEC 7812-1 annex B) */
export function luhn(digits: string): boolean {
  return /^\d+$/.test(digits) && luhnSum(digits) % 10 === 0
}

/** @returns the digit that makes `digits` followed by it satisfy Luhn */
export function luhnKey(digits: string): string {
  if (!/^\d+$/.test(digits)) throw new RangeError('A Luhn key needs digits')
  return String((10 - (luhnSum(`${digits}0`) % 10)) % 10)
}

function luhnSum(digits: string): number {
  let sum = 0
  for (let place = 0; place < digits.length; place++) {
    const digit = Number(digits[digits.length - 1 - place])
    const weighed = place % 2 === 1 ? digit * 2 : digit
    sum += weighed > 9 ? weighed - 9 : weighed
  }
  return sum
}

/** RPPS number of a professional: 11 digits, the last one a Luhn key. */
export function isRpps(text: string): boolean {
  return /^\d{11}$/.test(text) && luhn(text)
}

/** ADELI number: 9 characters, the first two a department (2A and 2B for Corsica). The field carries no key we could rely on. */
export function isAdeli(text: string): boolean {
  return /^(?:\d{2}|2[AB])\d{7}$/.test(text)
}

/**
 * FINESS number of a structure: department, 6 digits, Luhn key over the nine. The letters of the Corsican departments
 * weigh 1 (2A) and 2 (2B): the numbers that the prefectures publish (2A0000386, 2B0004246 …) fit these weights and no other.
 */
export function isFiness(text: string): boolean {
  return /^(?:\d{2}|2[AB])\d{7}$/.test(text) && luhn(text.replace('A', '1').replace('B', '2'))
}

/** SIREN of a company: 9 digits, Luhn. */
export function isSiren(text: string): boolean {
  return /^\d{9}$/.test(text) && luhn(text)
}

const LA_POSTE = '356000000'

/** SIRET of a site: 14 digits, Luhn. La Poste ran out of keys: its sites only need a digit sum divisible by 5. */
export function isSiret(text: string): boolean {
  if (!/^\d{14}$/.test(text)) return false
  return luhn(text) || (text.startsWith(LA_POSTE) && digitSum(text) % 5 === 0)
}

function digitSum(digits: string): number {
  return [...digits].reduce((sum, digit) => sum + Number(digit), 0)
}

/**
 * The key of a matricule INS: 97 − (number mod 97), where 2A reads 19 and 2B reads 18 in the department (positions 6 and 7).
 * @param thirteen the 13 characters before the key
 * @returns two digits, or undefined when the text has not the shape of a matricule
 */
export function insKey(thirteen: string): string | undefined {
  const digits = /^\d{5}2[AB]\d{6}$/.test(thirteen) ? thirteen.replace('2A', '19').replace('2B', '18') : thirteen
  if (!/^\d{13}$/.test(digits)) return undefined
  return String(97 - Number(BigInt(digits) % 97n)).padStart(2, '0')
}

/** Matricule INS with its key: 13 characters (digits; 2A or 2B for Corsica) and 2 digits of key. */
export function isMatricule(text: string): boolean {
  return text.length === 15 && insKey(text.slice(0, 13)) === text.slice(13)
}

/** @returns the IdNat_PS of an RPPS number, `8` + RPPS. Throws RangeError when the key is wrong. */
export function idNatPs(rpps: string): string {
  if (!isRpps(rpps)) throw new RangeError('Not an RPPS number: 11 digits with a Luhn key are needed')
  return `8${rpps}`
}

/** @returns the IdNat_Struct of a FINESS (`1` + number) or a SIRET (`3` + number). Throws RangeError for anything else. */
export function idNatStruct(number: string): string {
  if (isFiness(number)) return `1${number}`
  if (isSiret(number)) return `3${number}`
  throw new RangeError('Neither a FINESS nor a SIRET number')
}

const PERSON_PREFIX = {
  '0': 'adeli',
  '1': 'adeli-office',
  '3': 'finess',
  '4': 'siren',
  '5': 'siret',
  '6': 'rpps-office',
  '8': 'rpps',
} as const

/** @returns the parts of an IdNat_PS, undefined when the prefix, the form or a check key is wrong */
export function parseIdNatPs(text: string): IdNatPs | undefined {
  const kind = PERSON_PREFIX[text[0] as keyof typeof PERSON_PREFIX] as IdNatPs['kind'] | undefined
  if (kind === undefined) return undefined
  const [number = '', internal, ...rest] = text.slice(1).split('/')
  if (rest.length > 0 || !isNumberOf(kind, number)) return undefined
  if (kind === 'adeli' || kind === 'rpps') return internal === undefined ? { kind, number } : undefined
  return internal !== undefined && /^[\x21-\x7e]+$/.test(internal) ? { kind, number, internal } : undefined
}

const STRUCTURE_PREFIX = { '0': 'adeli-office', '1': 'finess', '2': 'siren', '3': 'siret', '4': 'rpps-rank' } as const

/** @returns the parts of an IdNat_Struct, undefined when the prefix, the form or a check key is wrong */
export function parseIdNatStruct(text: string): IdNatStruct | undefined {
  const kind = STRUCTURE_PREFIX[text[0] as keyof typeof STRUCTURE_PREFIX] as IdNatStruct['kind'] | undefined
  const number = text.slice(1)
  return kind !== undefined && isNumberOf(kind, number) ? { kind, number } : undefined
}

function isNumberOf(kind: IdNatPs['kind'] | IdNatStruct['kind'], number: string): boolean {
  switch (kind) {
    case 'rpps':
      return isRpps(number)
    case 'finess':
      return isFiness(number)
    case 'siren':
      return isSiren(number)
    case 'siret':
      return isSiret(number)
    case 'adeli':
      return isAdeli(number)
    // Numbers of practices: the holder's number followed by a rank. Their exact length is not in the public record.
    case 'adeli-office':
    case 'rpps-office':
    case 'rpps-rank':
      return /^[0-9AB-]{9,20}$/.test(number)
  }
}
