import type { ExtractRow } from './extract-line.ts'

/** Written into `PRAGMA user_version`: a snapshot of another layout is imported again, never converted. */
export const SNAPSHOT_VERSION = 2

/** Marks the file as ours (`PRAGMA application_id`): 'Pli1' in ASCII. */
export const SNAPSHOT_ID = 0x506c6931

/** Empty text = not given by the extract. */
export const SNAPSHOT_SCHEMA = `
CREATE TABLE facts (
  imported_at INTEGER NOT NULL,    -- milliseconds since epoch
  generated_at INTEGER,            -- at the publisher, as the name of the file says; NULL when it does not
  source TEXT NOT NULL,            -- file name
  people TEXT,                     -- file name of the PS_LibreAcces that was joined
  boxes INTEGER NOT NULL           -- counted once, so that opening is immediate
);
CREATE TABLE box (
  address TEXT NOT NULL PRIMARY KEY,  -- lower case; the only key that the extract has
  type TEXT NOT NULL,                 -- PER, ORG, APP, CAB
  rpps TEXT NOT NULL,
  id_nat_ps TEXT NOT NULL,
  id_nat_struct TEXT NOT NULL,
  name TEXT NOT NULL,                 -- as shown to people
  last_name TEXT NOT NULL,            -- of a person: search, order, homonyms
  first_name TEXT NOT NULL,
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

/** As the index of domains spells it: SQLite only uses an index on an expression that is written the same. */
export const DOMAIN_OF_BOX = "substr(address, instr(address, '@') + 1)"

/** Letters of the longest beginning that has a list of its own. */
export const PREFIXES = 5

/**
 * Added once the boxes are in: an index is built faster at once than row by row.
 * `search_row` gives the boxes numbers in the order in which people read them, so that the first hits of a word are the first of
 * the alphabet, and no search has to sort. `search` keeps no text (`content=''`), only which box has which word; words are in our
 * own folding and those of a name stand twice, see search-text.ts. Beginnings up to PREFIXES letters have lists of their own, or
 * `m` would have to merge a third of the country; longer ones are spelt out by `search_word`, a few words each.
 */
export const SEARCH_SCHEMA = `
CREATE TABLE search_row (id INTEGER PRIMARY KEY, address TEXT NOT NULL);
CREATE TABLE search_word (word TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
CREATE VIRTUAL TABLE search USING fts5(words, content='', columnsize=0, detail=none,
  prefix='${Array.from({ length: PREFIXES }, (_, at) => at + 1).join(' ')}', tokenize='unicode61 remove_diacritics 2');
CREATE INDEX box_rpps ON box (rpps) WHERE rpps <> '';                                   -- byPerson
CREATE INDEX box_structure ON box (id_nat_struct) WHERE id_nat_struct <> '';            -- byStructure
CREATE INDEX box_domain ON box (${DOMAIN_OF_BOX});   -- nearest
`

/** Marks a value on which several lines of one address disagree; cleared to '' (unknown) when the import ends. */
export const DISPUTED = '?'

export const BOX_COLUMNS: Record<keyof ExtractRow, string> = {
  address: 'address',
  type: 'type',
  rpps: 'rpps',
  idNatPs: 'id_nat_ps',
  idNatStruct: 'id_nat_struct',
  name: 'name',
  lastName: 'last_name',
  firstName: 'first_name',
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
export const ROW_FIELDS = Object.keys(BOX_COLUMNS) as (keyof ExtractRow)[]

/** Who a box belongs to: a box of two persons is a box of nobody we can name. */
export const IDENTITY_COLUMNS = ['rpps', 'id_nat_ps', 'id_nat_struct']

/**
 * Inserts a box; a further line of the same address fills what the first left blank. Where two lines name two identities the
 * value becomes DISPUTED, for the rest the first line wins.
 */
export const INSERT_BOX = `INSERT INTO box (${Object.values(BOX_COLUMNS).join(', ')}) VALUES (${ROW_FIELDS.map(() => '?').join(', ')})
  ON CONFLICT (address) DO UPDATE SET ${Object.values(BOX_COLUMNS)
    .filter(column => column !== 'address' && column !== 'paperless')
    .map(merged)
    .join(', ')}`

function merged(column: string): string {
  const disputed = IDENTITY_COLUMNS.includes(column) ? `WHEN excluded.${column} NOT IN ('', box.${column}) THEN '${DISPUTED}' ` : ''
  return `${column} = CASE WHEN box.${column} = '' THEN excluded.${column} ${disputed}ELSE box.${column} END`
}
