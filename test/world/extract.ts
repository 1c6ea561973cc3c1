import { createWriteStream } from 'node:fs'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { luhnKey } from '../../directory/identifiers.ts'
import type { FictionalBox } from './people.ts'

/** The 31 columns of `Extraction_Correspondance_MSSante`, written here a second time on purpose: the importer is judged by it. */
export const EXTRACT_HEADER = [
  "Type de BAL|Adresse BAL|Type Identifiant PP|Identifiant PP|Identification nationale PP|Type identifiant structure|Identification Structure|Service de rattachement|Civilité d'exercice|Nom d'exercice|Prénom d'exercice",
  'Catégorie profession|Libellé de catégorie profession|Code Profession|Libellé Profession|Code savoir-faire|Libellé savoir-faire|Dématérialisation|Raison Sociale structure BAL|Enseigne commerciale structure BAL',
  'L2COMPLEMENTLOCALISATION structure BAL|L3COMPLEMENTDISTRIBUTION structure BAL|L4NUMEROVOIE structure BAL|L4COMPLEMENTNUMEROVOIE structure BAL|NL4TYPEVOIE structure BAL|L4LIBELLEVOIE structure BAL|L5LIEUDITMENTION structure BAL',
  'L6LIGNEACHEMINEMENT structure BAL|Code postal structure BAL|Département structure BAL|Pays structure BAL',
].join('|')

/** @returns the line of the extract that describes a box */
export function extractLine({ address, type, place, person, service = '' }: FictionalBox): string {
  const identity = person ? ['8', person.rpps, `8${person.rpps}`] : ['', '', '']
  const name = person ? [person.title, person.lastName.toUpperCase(), person.firstName.toUpperCase()] : ['', '', '']
  const role = person
    ? ['C', 'Civil', person.profession.code, person.profession.label, person.skill?.code ?? '', person.skill?.label ?? '']
    : ['', '', '', '', '', '']
  const street = ['', '', '1', '', '', place.street, '', `${place.postcode} ${place.town}`]
  const structure = ['FINESS', place.finess, service]
  return [type, address, ...identity, ...structure, ...name, ...role, person ? 'O' : 'N', place.name, '', ...street]
    .concat(place.postcode, place.department, 'France')
    .join('|')
}

/** Writes the boxes as the national extract gives them; a name in `.zip` makes an archive of one text file. */
export async function writeExtract(file: string, people: readonly FictionalBox[]): Promise<void> {
  const text = `${[EXTRACT_HEADER, ...people.map(extractLine)].join('\n')}\n`
  await writeText(file, Readable.from([Buffer.from(text)]))
}

/**
 * Writes an extract of any size, for measures: boxes `bal1@<domain>` to `bal<lines>@<domain>`, all of them valid.
 * @returns when the file is complete
 */
export async function generateExtract(file: string, lines: number, options: { domain: string }): Promise<void> {
  await writeText(file, Readable.from(generated(lines, options.domain)))
}

const BATCH = 2000

function* generated(lines: number, domain: string): Generator<Buffer> {
  yield Buffer.from(`${EXTRACT_HEADER}\n`)
  for (let from = 1; from <= lines; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, lines - from + 1) }, (_, at) => generatedLine(from + at, domain))
    yield Buffer.from(`${batch.join('\n')}\n`)
  }
}

function generatedLine(number: number, domain: string): string {
  const stem = `897${String(number).padStart(7, '0')}`
  const rpps = stem + luhnKey(stem)
  const person = `8|${rpps}|8${rpps}|FINESS|750803447||DR|FICTIF${number}|CAMILLE|C|Civil|10|Médecin|SM54|Médecine générale|O`
  return `PER|bal${number}@${domain}|${person}|Cabinet fictif numéro ${number}||||1|||rue de l'Exemple||75999 EXEMPLEVILLE|75999|75|France`
}

/** Writes a text as it comes; a name in `.zip` makes an archive of one text file. */
export async function writeText(file: string, text: Readable): Promise<void> {
  if (!file.endsWith('.zip')) return pipeline(text, createWriteStream(file))
  const { ZipFile } = await import('yazl')
  const zip = new ZipFile()
  zip.addReadStream(text, basename(file).replace(/\.zip$/, '.txt'))
  zip.end()
  await pipeline(zip.outputStream, createWriteStream(file))
}
