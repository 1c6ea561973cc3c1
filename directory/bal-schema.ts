import { type Migration, tables } from '../config/index.ts'
import { adminMigrations } from './admin-tokens.ts'
import type { FilingNotices } from './bal-types.ts'
import { boxUseMigrations } from './box-use.ts'
import { publicationMigrations } from './fhir/publication-rows.ts'
import { recipientCertificateMigrations } from './recipient-certificates.ts'
import type { BalType } from './snapshot.ts'

export const directoryMigrations: Migration[] = [
  ...boxUseMigrations,
  ...publicationMigrations,
  {
    id: 'directory-1-bal',
    up: [
      `CREATE TABLE bal (
        address TEXT NOT NULL PRIMARY KEY,
        type TEXT NOT NULL,
        name TEXT NOT NULL,
        rpps TEXT,
        id_nat_ps TEXT,
        password_hash TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        declared_at BIGINT,
        suspended_at BIGINT
      )`,
      // A box may belong to several structures; a structure's boxes are asked for by the console.
      `CREATE TABLE bal_structure (
        address TEXT NOT NULL REFERENCES bal (address),
        rank INTEGER NOT NULL,
        id_nat_struct TEXT NOT NULL,
        PRIMARY KEY (address, rank)
      )`,
    ],
  },
  {
    id: 'directory-2-bal-use',
    up: [
      'ALTER TABLE bal ADD COLUMN responsible TEXT',
      'ALTER TABLE bal ADD COLUMN description TEXT',
      'ALTER TABLE bal ADD COLUMN service TEXT',
      'ALTER TABLE bal ADD COLUMN red_listed INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE bal ADD COLUMN paperless INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE bal ADD COLUMN quota_bytes BIGINT',
      // A closed box keeps its row: that is how its address is never given again.
      'ALTER TABLE bal ADD COLUMN closed_at BIGINT',
      // A change is made upon the revision that was read, so two at once never mix.
      'ALTER TABLE bal ADD COLUMN revision INTEGER NOT NULL DEFAULT 1',
      // A person signs in by his number.
      `CREATE TABLE bal_holder (
        address TEXT NOT NULL REFERENCES bal (address),
        rank INTEGER NOT NULL,
        rpps TEXT NOT NULL,
        PRIMARY KEY (address, rank)
      )`,
      'CREATE INDEX bal_holder_rpps ON bal_holder (rpps)',
      'INSERT INTO bal_holder (address, rank, rpps) SELECT address, 0, rpps FROM bal WHERE rpps IS NOT NULL',
      `CREATE TABLE bal_delegate (
        address TEXT NOT NULL REFERENCES bal (address),
        delegate TEXT NOT NULL REFERENCES bal (address),
        PRIMARY KEY (address, delegate)
      )`,
      // Which boxes may I write as? Asked at every MAIL.
      'CREATE INDEX bal_delegate_delegate ON bal_delegate (delegate)',
      // dn_key is the name as a set (Dn.key), dn the text that is shown.
      `CREATE TABLE bal_certificate (
        address TEXT NOT NULL REFERENCES bal (address),
        dn_key TEXT NOT NULL,
        dn TEXT NOT NULL,
        PRIMARY KEY (address, dn_key)
      )`,
      // An application signs in by its certificate alone.
      'CREATE INDEX bal_certificate_dn_key ON bal_certificate (dn_key)',
    ],
  },
  {
    id: 'directory-3-bal-filing',
    up: [
      // Null: as boxes of its type have it.
      'ALTER TABLE bal ADD COLUMN filing_notices TEXT',
      'ALTER TABLE bal ADD COLUMN hold_link INTEGER',
    ],
  },
  ...adminMigrations,
  ...recipientCertificateMigrations,
]

export interface BalRow {
  address: string
  type: BalType
  name: string
  rpps: string | null
  id_nat_ps: string | null
  password_hash: string
  created_at: number
  declared_at: number | null
  suspended_at: number | null
  responsible: string | null
  description: string | null
  service: string | null
  red_listed: number
  paperless: number
  quota_bytes: number | null
  filing_notices: FilingNotices | null
  hold_link: number | null
  closed_at: number | null
  revision: number
}

export interface BalTables {
  bal: BalRow
  bal_structure: { address: string; rank: number; id_nat_struct: string }
  bal_holder: { address: string; rank: number; rpps: string }
  /** Of box-use: what any box is for, ours or not. */
  box_purpose: { address: string; purpose: string; said_by: string; said_at: number }
  bal_delegate: { address: string; delegate: string }
  bal_certificate: { address: string; dn_key: string; dn: string }
}

export const balTables = tables<BalTables>()
