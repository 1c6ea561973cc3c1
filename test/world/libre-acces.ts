import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { ZipFile } from 'yazl'

/** The 56 titles of `PS_LibreAcces_Personne_activite`, each followed by a separator, as published. */
export const ACTIVITY_HEADER = [
  "Type d'identifiant PP|Identifiant PP|Identification nationale PP|Code civilité d'exercice|Libellé civilité d'exercice|Code civilité|Libellé civilité|Nom d'exercice|Prénom d'exercice",
  'Code profession|Libellé profession|Code catégorie professionnelle|Libellé catégorie professionnelle|Code type savoir-faire|Libellé type savoir-faire|Code savoir-faire|Libellé savoir-faire',
  'Code mode exercice|Libellé mode exercice|Numéro SIRET site|Numéro SIREN site|Numéro FINESS site|Numéro FINESS établissement juridique|Identifiant technique de la structure',
  'Raison sociale site|Enseigne commerciale site|Complément destinataire (coord. structure)|Complément point géographique (coord. structure)|Numéro Voie (coord. structure)',
  'Indice répétition voie (coord. structure)|Code type de voie (coord. structure)|Libellé type de voie (coord. structure)|Libellé Voie (coord. structure)|Mention distribution (coord. structure)',
  'Bureau cedex (coord. structure)|Code postal (coord. structure)|Code commune (coord. structure)|Libellé commune (coord. structure)|Code pays (coord. structure)|Libellé pays (coord. structure)',
  'Téléphone (coord. structure)|Téléphone 2 (coord. structure)|Télécopie (coord. structure)|Adresse e-mail (coord. structure)|Code Département (structure)|Libellé Département (structure)',
  "Ancien identifiant de la structure|Autorité d'enregistrement|Code secteur d'activité|Libellé secteur d'activité|Code section tableau pharmaciens|Libellé section tableau pharmaciens",
  "Code fonction|Libellé fonction|Code genre d'activité|Libellé genre d'activité|",
].join('|')

export interface Activity {
  rpps: string
  profession?: [code: string, label: string]
  /** S for an ordinal speciality. */
  skill?: [kind: string, code: string, label: string]
  finess?: string
  siret?: string
  postcode?: string
  town?: string
  department?: string
}

/** @returns one line of the 56 columns, with the separator at its end */
export function activityLine(activity: Activity): string {
  const { rpps, profession = ['', ''], skill = ['', '', ''], finess = '', siret = '', postcode = '', town = '', department = '' } = activity
  const cells = Array<string>(56).fill('')
  const set = (column: number, ...values: string[]) => cells.splice(column - 1, values.length, ...values)
  set(1, '8', rpps, `8${rpps}`)
  set(10, ...profession)
  set(14, skill[0], '', skill[1], skill[2])
  set(20, siret)
  set(22, finess)
  set(36, postcode, '', town)
  set(45, department)
  return `${cells.join('|')}|`
}

/** Writes the published archive: three texts, of which one says who practises what and where. */
export async function writeLibreAcces(file: string, activities: readonly Activity[]): Promise<void> {
  const zip = new ZipFile()
  const text = [ACTIVITY_HEADER, ...activities.map(activityLine)].join('\n')
  zip.addBuffer(Buffer.from('something else\n'), 'PS_LibreAcces_Dipl_AutExerc_202603020815.txt')
  zip.addBuffer(Buffer.from(`${text}\n`), 'PS_LibreAcces_Personne_activite_202603020815.txt')
  zip.addBuffer(Buffer.from('something else\n'), 'PS_LibreAcces_SavoirFaire_202603020815.txt')
  zip.end()
  await pipeline(zip.outputStream, createWriteStream(file))
}
