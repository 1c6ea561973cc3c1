import type { Configuration, Log } from '../config/index.ts'
import { loadMasterKeys, openAudit, openVault } from '../crypto/index.ts'
import { openRecipientCertificates } from '../directory/index.ts'
import { openQuota } from './couriers/quota.ts'
import { layout, openBoxes, openData } from './data.ts'
import { dataKey } from './data-key.ts'
import { newMessageId } from './message-id.ts'
import { openHidden, openPatients, sealFormerRows } from './patients/index.ts'
import { openBytes, openOwners, openSpool } from './spool/index.ts'

/** What one process of an operator keeps in its data folder, and under which keys. */
export type Stores = Awaited<ReturnType<typeof openStores>>

/** Opens the rows, the bytes and the keys that seal both; this process owns what it claims from now on. @throws when one is missing */
export async function openStores(configuration: Configuration, { now, log }: { now: () => number; log: Log }) {
  const { data, patients } = configuration
  const db = await openData(data)
  const owner = newMessageId()
  const masters = loadMasterKeys(configuration.masterKeys)
  const owners = openOwners({ db, id: owner, now, sealsUnder: () => masters.current })
  await owners.beat()
  const vault = openVault(masters)
  const bytes = await openBytes(layout(data).messages, vault)
  const hidden = openHidden(dataKey(data, 'patients', vault), patients.domain)
  const former = await sealFormerRows(db, hidden, patients.domain)
  if (former > 0) log.info('former-rows-sealed', { rows: former })
  const boxes = openBoxes(db, now)
  const { mailboxes } = layout(data)
  return {
    ...{ db, owner, owners, masters, vault, bytes, hidden, boxes },
    spool: openSpool({ db, bytes, hidden, owner, now, newId: newMessageId }),
    quota: openQuota({ folder: mailboxes, quotaOf: async address => (await boxes.find(address))?.quotaBytes, now }),
    patients: openPatients(db, { domain: patients.domain, hidden, now }),
    recipientCertificates: openRecipientCertificates(db, { now, audit: openAudit(db, { now }) }),
  }
}
