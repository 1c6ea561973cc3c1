import type { ExtractRow } from './extract-line.ts'

/** Written into `PRAGMA user_version`: a snapshot of another layout is imported again, never converted. */
export const SNAPSHOT_VERSION = 1

/** Marks the file as ours (`PRAGMA application_id`): 'Pli1' in ASCII. */
export const SNAPSHOT_ID = 0x506c6931

/** Empty text = not given by the extract. */
export const SNAPSHOT_SCHEMA = `
CREATE TABLE facts (
  imported_at INTEGER NOT NULL,    -- milliseconds since epoch
  source TEXT NOT NULL,            -- file name, whose end is the time of generation at the publisher
  boxes INTEGER NOT NULL           -- counted once, so that opening is immediate
);
CREATE TABLE box (
  address TEXT NOT NULL PRIMARY KEY,  -- lower case; the only key that the extract has
  type TEXT NOT NULL,                 -- PER, ORG, APP, CAB
  rpps TEXT NOT NULL,
  id_nat_ps TEXT NOT NULL,
  id_nat_struct TEXT NOT NULL,
  name TEXT NOT NULL,                 -- as shown to people
  profession_code TEXT NOT NULL,      -- TRE_G15
  profession TEXT NOT NULL,
  skill_code TEXT NOT NULL,           -- TRE_R38
  skill TEXT NOT NULL,
  service TEXT NOT NULL,
  structure TEXT NOT NULL,            -- trade name, or else legal name
  place TEXT NOT NULL,                -- post code and town
  department TEXT NOT NULL,
  paperless INTEGER NOT NULL          -- the holder wants no paper copies
) WITHOUT ROWID;`

/** Marks a value on which several lines of one address disagree; cleared to '' (unknown) when the import ends. */
export const DISPUTED = '?'

const COLUMNS: Record<keyof ExtractRow, string> = {
  address: 'address',
  type: 'type',
  rpps: 'rpps',
  idNatPs: 'id_nat_ps',
  idNatStruct: 'id_nat_struct',
  name: 'name',
  professionCode: 'profession_code',
  profession: 'profession',
  skillCode: 'skill_code',
  skill: 'skill',
  service: 'service',
  structure: 'structure',
  place: 'place',
  department: 'department',
  paperless: 'paperless',
}

/** The fields of a row in the order in which the insert statement takes them. */
export const ROW_FIELDS = Object.keys(COLUMNS) as (keyof ExtractRow)[]

/** Who a box belongs to: a box of two persons is a box of nobody we can name. */
export const IDENTITY_COLUMNS = ['rpps', 'id_nat_ps', 'id_nat_struct']

/**
 * Inserts a box; a further line of the same address fills what the first left blank. Where two lines name two identities the
 * value becomes DISPUTED, for the rest the first line wins.
 */
export const INSERT_BOX = `INSERT INTO box (${Object.values(COLUMNS).join(', ')}) VALUES (${ROW_FIELDS.map(() => '?').join(', ')})
  ON CONFLICT (address) DO UPDATE SET ${Object.values(COLUMNS)
    .filter(column => column !== 'address' && column !== 'paperless')
    .map(merged)
    .join(', ')}`

function merged(column: string): string {
  const disputed = IDENTITY_COLUMNS.includes(column) ? `WHEN excluded.${column} NOT IN ('', box.${column}) THEN '${DISPUTED}' ` : ''
  return `${column} = CASE WHEN box.${column} = '' THEN excluded.${column} ${disputed}ELSE box.${column} END`
}
