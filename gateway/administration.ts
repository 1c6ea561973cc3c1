import { randomBytes } from 'node:crypto'
import type { Configuration, Database } from '../config/index.ts'
import { type Audit, openAudit } from '../crypto/index.ts'
import { type Admin, type AdminTokens, type Bals, openAdmin, openAdminTokens } from '../directory/index.ts'

/** What an administrator works with, by the command line or by the API. */
export interface Administration {
  admin: Admin
  tokens: AdminTokens
  audit: Audit
}

export function openAdministration(
  db: Database,
  { boxes, configuration, now }: { boxes: Bals; configuration: Pick<Configuration, 'domains' | 'postmaster'>; now: () => number },
): Administration {
  const { domains, postmaster } = configuration
  const audit = openAudit(db, { now })
  return {
    audit,
    // 144 bits: easy to copy, nothing to guess.
    admin: openAdmin({ bals: boxes, domains, reserved: [postmaster], newPassword: () => randomBytes(18).toString('base64url') }),
    tokens: openAdminTokens(db, { now, newSecret: () => randomBytes(32).toString('base64url'), audit }),
  }
}
