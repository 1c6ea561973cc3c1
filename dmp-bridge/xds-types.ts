import type { PartyFacts } from './facts.ts'

/** Registers of professionals (PS_IdNat) and of structures (Struct_IdNat), CI-SIS. */
const PERSONS = '1.2.250.1.71.4.2.1'
const STRUCTURES = '1.2.250.1.71.4.2.2'

/** @returns an HL7 v2 component: its separators escaped (HL7 v2.5 §2.7), line ends turned into blanks */
export function component(text: string): string {
  const ESCAPES: Record<string, string> = { '\\': '\\E\\', '|': '\\F\\', '^': '\\S\\', '&': '\\T\\', '~': '\\R\\' }
  return text
    .replace(/[\\|^&~]/g, character => ESCAPES[character] ?? character)
    .replace(/\s+/g, ' ')
    .trim()
}

/** @returns the assigning authority of an identifier, empty for a root that is no OID: it would bring separators of its own */
export function authority(root: string): string {
  return /^[0-2](\.(0|[1-9]\d*))+$/.test(root) ? `&${root}&ISO` : ''
}

/**
 * authorPerson, legalAuthenticator: XCN (spec dmp §2.1). Name type D, or U for a device; identifier type IDNPS for a number that is the
 * person's own (8 + RPPS, 0 + ADELI), EI for one that a structure gave, RI for a device.
 */
export function xcn(party: Pick<PartyFacts, 'id' | 'family' | 'given' | 'device'>): string {
  const { extension, root } = party.id ?? { extension: '', root: '' }
  const kind = party.device ? 'RI' : root === PERSONS && /^[08]\d+$/.test(extension) ? 'IDNPS' : 'EI'
  const name = `${component(party.family)}^${component(party.given)}`
  return `${component(extension)}^${name}^^^^^^${authority(root)}^${party.device ? 'U' : 'D'}^^^${kind}`
}

/** XCN of a professional known by his PS_IdNat. */
export function nationalXcn(person: { idNatPs: string; family: string; given: string }): string {
  return xcn({ id: { extension: person.idNatPs, root: PERSONS }, family: person.family, given: person.given, device: false })
}

/** authorInstitution: XON with the Struct_IdNat. */
export function xon(name: string, structure: string): string {
  return `${component(name)}^^^^^&${STRUCTURES}&ISO^IDNST^^^${component(structure)}`
}

/** sourceId of what a structure submits: its identifier below the root of the register, as published samples have it. */
export function sourceId(structure: string): string {
  return `${STRUCTURES}.${structure}`
}

/** authorSpecialty: `code^label^system`. */
export function codedElement(concept: { code: string; label: string; system: string }): string {
  return `${component(concept.code)}^${component(concept.label)}^${component(concept.system)}`
}

/** @param uuid any UUID. @returns it as an OID below 2.25 (ITU-T X.667), the form that EX_2.1-1130 names */
export function uuidOid(uuid: string): string {
  return `2.25.${BigInt(`0x${uuid.replaceAll('-', '')}`)}`
}
