import type Database from 'better-sqlite3'
import { cellsOf, foldedTitle, type LineFault } from './extract-line.ts'
import { isFiness, isSiret } from './identifiers.ts'
import { type LineReport, readLines } from './line-report.ts'
import { MAX_LINE_LENGTH, openText, type Picker } from './text-source.ts'

/** `PS_LibreAcces_Personne_activite` has 56 columns (2026); these are used. The publisher adds to some titles what they belong to, in brackets. */
const COLUMNS = 56
const USED = {
  3: 'Identification nationale PP',
  10: 'Code profession',
  11: 'Libellé profession',
  14: 'Code type savoir-faire',
  16: 'Code savoir-faire',
  17: 'Libellé savoir-faire',
  20: 'Numéro SIRET site',
  22: 'Numéro FINESS site',
  36: 'Code postal',
  38: 'Libellé commune',
  45: 'Code département',
} as const

/** Some 2.2 million in the real one. */
const MOST_LINES = 10_000_000

/** The archive has three texts; who practises what and where is in this one. */
const activities: Picker = entries => {
  const found = entries.filter(({ fileName }) => /PS_LibreAcces_Personne_activite[^/]*\.txt$/i.test(fileName))
  return found.length === 1 ? found[0] : undefined
}

export interface PeopleReport extends LineReport {
  /** Boxes to which something was added. */
  completed: number
}

/**
 * Adds to the boxes of a snapshot under construction what `PS_LibreAcces` knows of their holders, where the extract left it blank: profession,
 * speciality, place of practice. Of several practices it is the first at the box's structure, or else at its post code, or else
 * in its department, or else the first of all.
 * @param file the published zip, or its Personne_activite text
 * @throws ImportFault
 */
export async function joinPeople(db: Database.Database, file: string, onProgress?: (lines: number) => void): Promise<PeopleReport> {
  db.exec(`CREATE TEMP TABLE practice (rank INTEGER PRIMARY KEY, id_nat_ps TEXT, profession_code TEXT, profession TEXT, skill_code TEXT,
    skill TEXT, structures TEXT, postcode TEXT, place TEXT, department TEXT)`)
  const holders = new Set(db.prepare("SELECT DISTINCT id_nat_ps FROM box WHERE id_nat_ps <> ''").pluck().all() as string[])
  const insert = db.prepare(`INSERT INTO practice VALUES (NULL, ${Array(9).fill('?').join(', ')})`)
  const report = await readLines(await openText(file, activities), {
    file,
    columns: `the ${COLUMNS} columns of PS_LibreAcces_Personne_activite`,
    isHeader,
    mostLines: MOST_LINES,
    onProgress,
    take(line) {
      const practice = parsePractice(line)
      if (typeof practice === 'string') return practice
      if (holders.has(practice[0] as string)) insert.run(practice)
      return undefined
    },
  })
  db.exec('CREATE INDEX temp.practice_holder ON practice (id_nat_ps)')
  const { changes } = db.prepare(COMPLETE).run()
  db.exec('DROP TABLE practice')
  return { ...report, completed: changes }
}

function isHeader(line: string): boolean {
  const titles = cellsOf(line, COLUMNS)?.map(title => foldedTitle(title).replace(/\s*\(.*\)$/, ''))
  return titles !== undefined && Object.entries(USED).every(([column, title]) => titles[Number(column) - 1] === foldedTitle(title))
}

/** @returns the values of a row of `practice` after its rank, or why the line cannot be used */
function parsePractice(line: string): string[] | LineFault {
  if (line.length > MAX_LINE_LENGTH) return 'length'
  const cells = cellsOf(line, COLUMNS)
  if (!cells) return 'columns'
  if (line.includes('\uFFFD')) return 'encoding'
  const cell = (column: keyof typeof USED) => (cells[column - 1] as string).trim()
  // S is an ordinal speciality; the other kinds (capacities, complementary diplomas) are no answer to "whom do I write to?".
  const skill = cell(14) === 'S' ? [cell(16), cell(17)] : ['', '']
  const structures = [isFiness(cell(22)) ? `1${cell(22)}` : '', isSiret(cell(20)) ? `3${cell(20)}` : '']
  const place = [cell(36), cell(38)].filter(part => part !== '').join(' ')
  return [cell(3), cell(10), cell(11), ...skill, ` ${structures.join(' ')} `, cell(36), place, cell(45)]
}

const BEST = `SELECT * FROM (
  SELECT box.address, practice.*, row_number() OVER (PARTITION BY box.address ORDER BY
    (box.id_nat_struct <> '' AND instr(practice.structures, ' ' || box.id_nat_struct || ' ') > 0) DESC,
    (practice.postcode <> '' AND substr(box.place, 1, length(practice.postcode)) = practice.postcode) DESC,
    (practice.department <> '' AND practice.department = box.department) DESC,
    practice.rank) AS turn
  FROM box JOIN practice ON practice.id_nat_ps = box.id_nat_ps) WHERE turn = 1`

/** A code and its label come from the same line, so does a place and its department; a speciality only with its profession. */
const COMPLETE = `UPDATE box SET
    profession_code = CASE WHEN box.profession = '' THEN best.profession_code ELSE box.profession_code END,
    profession = CASE WHEN box.profession = '' THEN best.profession ELSE box.profession END,
    skill_code = CASE WHEN box.skill = '' AND box.profession_code IN ('', best.profession_code) THEN best.skill_code ELSE box.skill_code END,
    skill = CASE WHEN box.skill = '' AND box.profession_code IN ('', best.profession_code) THEN best.skill ELSE box.skill END,
    place = CASE WHEN box.place = '' THEN best.place ELSE box.place END,
    department = CASE WHEN box.place = '' AND box.department = '' THEN best.department ELSE box.department END
  FROM (${BEST}) AS best
  WHERE best.address = box.address AND (
    (box.profession = '' AND best.profession <> '') OR (box.place = '' AND best.place <> '') OR
    (box.skill = '' AND best.skill <> '' AND box.profession_code IN ('', best.profession_code)))`
