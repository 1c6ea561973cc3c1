import { decodeHprim, type HprimEncoding } from './hprim-encoding.ts'
import { type HprimRow, readRow } from './hprim-rows.ts'

/** What the header of one dossier says, as it is written; blank when it says nothing. */
export interface HprimHeader {
  /** 12, or 13 when the address has a third line */
  lines: 12 | 13
  patientCode: string
  name: string
  firstName: string
  address: string[]
  /** postal code and town */
  town: string
  /** yyyymmdd, when the line is a date */
  birthDate?: string
  /** often the insured's number, without authority or status: never an INS (spec dmp §3) */
  nss: string
  dossier: string
  /** yyyymmdd, when the line is a date */
  date?: string
  sender: string
  recipient: string
}

/** One dossier of one patient. */
export interface HprimPart {
  /** absent when the part does not begin with one that can be read */
  header?: HprimHeader
  /** the letter, without the rows of results */
  text: string[]
  rows: HprimRow[]
  /** it ends with its own mark, or that of the file */
  ended: boolean
}

export interface Hprim {
  encoding: HprimEncoding
  /** see `DecodedText` */
  doubtfulEncoding: boolean
  parts: HprimPart[]
  /** how many people the parts are about; a part without header may be about anybody */
  patients: number
  /** lines after the last mark that are no part */
  strayLines: number
}

const MOST_BYTES = 4 * 1024 * 1024
const MOST_LINES = 50_000
const MOST_PARTS = 500
const END = /^\s*\*{3,}\s*FIN(?:\s*(?:DE\s+)?FICHIER)?\s*\*{3,}\s*$/i
const LAB = /^\s*\*{3,}\s*LAB\s*\*{3,}\s*$/i
const ROW = /^\s*(RES|TEX)\s*(\||$)/i

/** @returns whether a text may be HPRIM Médecin: one of its marks on a line of its own, or a header at the start */
export function looksLikeHprim(bytes: Uint8Array): boolean {
  const latin = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, MOST_BYTES)).toString('latin1').replaceAll('\0', '')
  if (/(?:^|[\r\n])[ \t]*\*{3,}[ \t]*(?:LAB|FIN(?:[ \t]*FICHIER)?)[ \t]*\*{3,}[ \t]*(?:[\r\n\x1a]|$)/i.test(latin)) return true
  return headerAt(latin.slice(0, 4096).split(/\r\n|[\r\n]/), 0, true) !== undefined
}

/**
 * Reads a file of HPRIM Médecin. Parts of several patients are never mixed: a part ends at a mark, and where another header begins.
 * @returns undefined when it is too large to be read, or nothing of it is HPRIM
 */
export function readHprim(bytes: Uint8Array): Hprim | undefined {
  if (bytes.length > MOST_BYTES) return undefined
  const { text, encoding, doubtful } = decodeHprim(bytes)
  const lines = text.replace(/\x1a+\s*$/, '').split(/\r\n|[\r\n]/, MOST_LINES + 1)
  if (lines.length > MOST_LINES) return undefined
  const { parts, strayLines } = split(lines)
  if (parts.length === 0 || parts.length > MOST_PARTS) return undefined
  return { encoding, doubtfulEncoding: doubtful, parts, patients: countPatients(parts), strayLines }
}

function split(lines: readonly string[]): { parts: HprimPart[]; strayLines: number } {
  const parts: HprimPart[] = []
  let strayLines = 0
  let own: string[] = []
  let start: HprimHeader | undefined
  const close = (ended: boolean) => {
    const part = readPart(own, start, ended)
    const filled = own.filter(each => each.trim() !== '').length
    if (part.header || (filled > 0 && (ended || filled >= 12))) parts.push(part)
    else strayLines += filled
    own = []
    start = undefined
  }
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? ''
    if (END.test(line)) {
      close(true)
      continue
    }
    // At the beginning of a part a header may be poor; inside one it has to be unmistakable.
    const isFirst = own.every(each => each.trim() === '' || /^\[.*\]$/.test(each.trim()))
    const header = headerAt(lines, index, start !== undefined || !isFirst)
    if (header) {
      close(false)
      start = header
      index += header.lines - 1
    } else own.push(line)
  }
  close(false)
  if (parts.length === 0 && strayLines > 0) return { parts: [readPart(lines, undefined, false)], strayLines: 0 }
  return { parts, strayLines }
}

/**
 * A header is known by where its dates stand.
 * @param strict the birth date, and another line that only a header has; at the beginning of a part one date is enough
 */
function headerAt(lines: readonly string[], at: number, strict: boolean): HprimHeader | undefined {
  const own = lines.slice(at, at + 13).map(each => each.trim())
  for (const count of [12, 13] as const) {
    const shift = count - 12
    const [name = '', born = '', nss = '', dated = ''] = [own[1], own[6 + shift], own[7 + shift], own[9 + shift]]
    const town = own[5 + shift] ?? ''
    if (own.length < count || !isName(name)) continue
    const [birthDate, date] = [dateOf(born), dateOf(dated)]
    const isSure = birthDate !== undefined && (date !== undefined || isNss(nss) || /^\d{5}\b/.test(town))
    const isLikely = birthDate === undefined ? born === '' && date !== undefined : dated === ''
    if (!isSure && (strict || !isLikely)) continue
    if (own.slice(0, count).some(each => END.test(each) || LAB.test(each) || ROW.test(each))) continue
    return readHeader(own, count, birthDate, date)
  }
  return undefined
}

function readHeader(own: readonly string[], lines: 12 | 13, birthDate: string | undefined, date: string | undefined): HprimHeader {
  const at = (index: number) => own[index] ?? ''
  const shift = lines - 12
  return {
    lines,
    patientCode: at(0),
    name: at(1),
    firstName: at(2),
    address: own.slice(3, 5 + shift).filter(each => each !== ''),
    town: at(5 + shift),
    ...(birthDate === undefined ? {} : { birthDate }),
    nss: at(7 + shift),
    dossier: at(8 + shift),
    ...(date === undefined ? {} : { date }),
    sender: at(10 + shift),
    recipient: at(11 + shift),
  }
}

function readPart(lines: readonly string[], header: HprimHeader | undefined, ended: boolean): HprimPart {
  const text: string[] = []
  const rows: HprimRow[] = []
  let isLab = false
  for (const line of lines) {
    if (LAB.test(line)) isLab = true
    else if (isLab || ROW.test(line)) {
      if (line.trim() !== '') rows.push(readRow(line))
    } else text.push(line)
  }
  return { ...(header && { header }), text, rows, ended }
}

function countPatients(parts: readonly HprimPart[]): number {
  const people = parts.map(({ header }, index) =>
    header?.birthDate === undefined ? `part ${index}` : [plain(header.name), plain(header.firstName), header.birthDate].join('|'),
  )
  return new Set(people).size
}

/** @returns upper case without accents, one blank between words */
function plain(name: string): string {
  const bare = name.normalize('NFD').replace(/\p{M}/gu, '').toUpperCase()
  return bare.replace(/[^\p{L}\p{N}]+/gu, ' ').trim()
}

function isName(text: string): boolean {
  return text.length <= 80 && /\p{L}{2}/u.test(text) && !/[\d|*:;]/.test(text)
}

function isNss(text: string): boolean {
  return /^[1-478]\d{4}(\d{2}|2[AB])\d{6}(\d{2})?$/i.test(text.replace(/\s+/g, ''))
}

/** `dd/mm/yyyy`, as the format says, with the separators that are met. */
function dateOf(text: string): string | undefined {
  const [, day = '', month = '', year = ''] = /^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})$/.exec(text) ?? []
  if (year === '' || Number(day) < 1 || Number(day) > 31 || Number(month) < 1 || Number(month) > 12) return undefined
  return `${year}${month.padStart(2, '0')}${day.padStart(2, '0')}`
}
