import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createMailboxKeys,
  createMasterKeyFile,
  loadMailboxKey,
  loadMailboxReader,
  loadMasterKeys,
  openVault,
  type Vault,
} from '../../crypto/index.ts'

/** A vault whose master key nobody else has. */
export function newVault(): Vault {
  const file = join(mkdtempSync(join(tmpdir(), 'pli-keys-')), 'master.keys')
  createMasterKeyFile(file)
  return openVault(loadMasterKeys({ file }))
}

/** A pair for mailboxes that nobody else has. */
export function newMailboxKeys() {
  const file = join(mkdtempSync(join(tmpdir(), 'pli-keys-')), 'mailboxes.key')
  createMailboxKeys(file)
  return { file, publicKey: loadMailboxKey(`${file}.pub`), open: loadMailboxReader(file) }
}
