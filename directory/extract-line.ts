import { isRpps, parseIdNatPs, parseIdNatStruct } from './identifiers.ts'
import { MAX_LINE_LENGTH } from './text-source.ts'

/** The header of `Extraction_Correspondance_MSSante`, in order (2026). */
const COLUMNS = [
  'Type de BAL',
  'Adresse BAL',
  'Type Identifiant PP',
  'Identifiant PP',
  'Identification nationale PP',
  'Type identifiant structure',
  'Identification Structure',
  'Service de rattachement',
  "Civilité d'exercice",
  "Nom d'exercice",
  "Prénom d'exercice",
  'Catégorie profession',
  'Libellé de catégorie profession',
  'Code Profession',
  'Libellé Profession',
  'Code savoir-faire',
  'Libellé savoir-faire',
  'Dématérialisation',
  'Raison Sociale structure BAL',
  'Enseigne commerciale structure BAL',
  'L2COMPLEMENTLOCALISATION structure BAL',
  'L3COMPLEMENTDISTRIBUTION structure BAL',
  'L4NUMEROVOIE structure BAL',
  'L4COMPLEMENTNUMEROVOIE structure BAL',
  'NL4TYPEVOIE structure BAL',
  'L4LIBELLEVOIE structure BAL',
  'L5LIEUDITMENTION structure BAL',
  'L6LIGNEACHEMINEMENT structure BAL',
  'Code postal structure BAL',
  'Département structure BAL',
  'Pays structure BAL',
] as const

/** One box of the national directory, as the snapshot stores it. Empty text = not given. */
export interface ExtractRow {
  address: string
  type: string
  rpps: string
  idNatPs: string
  idNatStruct: string
  name: string
  /** Of a person, as written; the names by which people are searched, sorted and told from their homonyms. */
  lastName: string
  firstName: string
  professionCode: string
  profession: string
  skillCode: string
  skill: string
  service: string
  structure: string
  place: string
  department: string
  /** The holder no longer wants paper copies ("zéro papier"). */
  paperless: 0 | 1
}

export type LineFault = 'length' | 'columns' | 'encoding' | 'type' | 'address'

/** @returns whether the line is the header we know; capitals, accents and outer blanks may differ, names and order may not */
export function isExtractHeader(line: string): boolean {
  const names = cellsOf(line, COLUMNS.length)?.map(foldedTitle)
  return names !== undefined && COLUMNS.every((name, at) => names[at] === foldedTitle(name))
}

/** @returns the title of a column as it is compared */
export function foldedTitle(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').replace('\uFEFF', '').trim().toLowerCase()
}

/** @returns the cells of a line, quotes being letters like others; undefined when there are not `count`. A separator at the end is allowed. */
export function cellsOf(line: string, count: number): string[] | undefined {
  const cells = line.split('|')
  if (cells.length === count + 1 && cells.at(-1) === '') cells.pop()
  return cells.length === count ? cells : undefined
}

/** @returns the box that one line of the extract describes, or why the line cannot be used */
export function parseExtractLine(line: string): ExtractRow | LineFault {
  if (line.length > MAX_LINE_LENGTH) return 'length'
  const cells = cellsOf(line, COLUMNS.length)
  if (!cells) return 'columns'
  if (line.includes('\uFFFD')) return 'encoding'
  const cell = (column: number) => (cells[column - 1] as string).trim()
  const type = cell(1).toUpperCase()
  if (!/^(?:PER|ORG|APP|CAB)$/.test(type)) return 'type'
  const address = normalisedAddress(cell(2))
  if (address === undefined) return 'address'
  const idNatPs = nationalPersonId(cell(3), cell(4), cell(5))
  return {
    address,
    type,
    idNatPs,
    rpps: idNatPs.startsWith('8') ? idNatPs.slice(1) : '',
    idNatStruct: nationalStructureId(cell(6), cell(7)),
    name: displayName(cell, address),
    lastName: cell(10),
    firstName: cell(11),
    professionCode: cell(14),
    profession: cell(15),
    skillCode: cell(16),
    skill: cell(17),
    service: cell(8),
    structure: cell(20) || cell(19),
    place: cell(28) || cell(29),
    department: cell(30),
    paperless: cell(18).toUpperCase() === 'O' ? 1 : 0,
  }
}

/** Longest path of RFC 5321 §4.5.3.1.3, less the two angle brackets. */
const MAX_ADDRESS = 254

/** @returns the address in lower case, undefined when it is not a plain dot-atom address (RFC 5321 §4.1.2) in ASCII */
export function normalisedAddress(text: string): string | undefined {
  if (text.length > MAX_ADDRESS || !/^[\x21-\x7e]+$/.test(text)) return undefined
  const lower = text.toLowerCase()
  return /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(lower) ? lower : undefined
}

/** A number with a wrong key identifies nobody: the box stays reachable, without the identity. */
function nationalPersonId(kind: string, number: string, national: string): string {
  if (national !== '') return parseIdNatPs(national) ? national : ''
  if (/^(?:8|RPPS)$/i.test(kind) && isRpps(number)) return `8${number}`
  return ''
}

const STRUCTURE_KINDS: Record<string, string> = { '1': '1', FINESS: '1', '2': '2', SIREN: '2', '3': '3', SIRET: '3' }

function nationalStructureId(kind: string, number: string): string {
  const prefix = STRUCTURE_KINDS[kind.toUpperCase()]
  const candidates = prefix === undefined ? [number] : [prefix + number, number]
  return candidates.find(candidate => parseIdNatStruct(candidate)) ?? ''
}

function displayName(cell: (column: number) => string, address: string): string {
  const person = [cell(9), cell(11), cell(10)].filter(part => part !== '').join(' ')
  const structure = [cell(8), cell(20) || cell(19)].filter(part => part !== '').join(', ')
  return (cell(10) !== '' ? person : structure) || address.slice(0, address.indexOf('@'))
}
