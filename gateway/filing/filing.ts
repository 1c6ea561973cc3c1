import type { Configuration, Database, Log } from '../../config/index.ts'
import type { Anchors, Vault } from '../../crypto/index.ts'
import type { Bal } from '../../directory/index.ts'
import { type Bridge, bridgeLog, createBridge, DEFAULT_LIMITS, openRedisBell } from '../../dmp-bridge/index.ts'
import type { Identities } from '../certificates/identities.ts'
import { dataKey } from '../data-key.ts'
import type { FilingNotices } from '../filing-notices.ts'
import type { Spool } from '../spool/index.ts'
import { openDmp } from './dmp.ts'
import { policyOf } from './policy.ts'

/** Wires the bridge to our spool: it reads messages, releases them, and writes in their ledger. */
export async function openFiling(options: {
  configuration: Configuration
  db: Database
  spool: Spool
  vault: Vault
  /** of the DMP; present where one is configured */
  identities: Identities['dmp']
  /** Authorities of the DMP; as well. */
  anchors: Anchors | undefined
  owner: string
  isAlive(owner: string): Promise<boolean>
  findBox(address: string): Promise<Pick<Bal, 'declaredAt'> | undefined>
  notices: Pick<FilingNotices, 'moved'>
  now(): number
  newId(): string
  log: Log
}): Promise<Bridge> {
  const { configuration, db, identities, anchors, spool, owner, log, now, newId, isAlive } = options
  return createBridge({
    db,
    owner,
    isAlive,
    isDeclared: async address => (await options.findBox(address))?.declaredAt !== undefined,
    newId,
    mail: {
      read: id => spool.read(id),
      release: id => spool.release(id),
      note: (id, kind, detail) => spool.note(id, kind, detail),
      moved: id => options.notices.moved(id),
    },
    dmp: configuration.dmp && identities && anchors ? openDmp(configuration.dmp, identities, anchors) : undefined,
    policy: policyOf(configuration.dmp),
    patientKey: dataKey(configuration.data, 'patients', options.vault),
    limits: DEFAULT_LIMITS,
    clock: { now },
    ...(configuration.redis && {
      bell: await openRedisBell({
        url: configuration.redis.url,
        onFault: error => log.warn('redis-away', { code: (error as NodeJS.ErrnoException).code ?? error.name }),
      }),
    }),
    log: bridgeLog((level, event, fields) => log[level](event, { ...fields, reasons: String(fields.reasons ?? '') } as never)),
  })
}
