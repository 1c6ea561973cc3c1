import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Configuration, type Database, openDatabase } from '../config/index.ts'
import { auditMigrations, hashPassword, loadMasterKeys, openAudit, openVault, type Vault, verifyPassword } from '../crypto/index.ts'
import { type Bals, directoryMigrations, openBals } from '../directory/index.ts'
import { bridgeMigrations } from '../dmp-bridge/index.ts'
import { certificateMigrations } from './certificates/alarm.ts'
import { filingNoticeMigrations } from './filing-notices.ts'
import { consoleMigrations } from './http/pages/tables.ts'
import { patientMigrations } from './patients/index.ts'
import { signInMigrations } from './sign-in/index.ts'
import { spoolMigrations } from './spool/index.ts'

/** Everything that one operator keeps in its data folder. */
export const layout = (data: string) => ({
  database: join(data, 'pli.sqlite'),
  messages: join(data, 'messages'),
  mailboxes: join(data, 'mail'),
  checkpoints: join(data, 'audit', 'checkpoints'),
})

export const migrations = [
  ...auditMigrations,
  ...spoolMigrations,
  ...directoryMigrations,
  ...bridgeMigrations,
  ...patientMigrations,
  ...signInMigrations,
  ...consoleMigrations,
  ...filingNoticeMigrations,
  ...certificateMigrations,
]

/** Opens the rows of an operator; the commands use it beside a running gateway. */
export async function openData(data: string): Promise<Database> {
  await mkdir(data, { recursive: true, mode: 0o700 })
  return openDatabase({ file: layout(data).database, migrations })
}

export function openBoxes(db: Database, now: () => number): Bals {
  return openBals(db, { now, hash: hashPassword, verify: verifyPassword, audit: openAudit(db, { now }) })
}

/** What seals everything that is kept, and opens it. @throws when the master keys are not there */
export function vaultOf({ masterKeys }: Configuration): Vault {
  return openVault(loadMasterKeys(masterKeys))
}
