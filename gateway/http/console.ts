import type { Configuration, Database, Log } from '../../config/index.ts'
import type { Audit, ServerTls, Vault } from '../../crypto/index.ts'
import type { Bals } from '../../directory/index.ts'
import { figuresPages, filingPages, holdPages } from '../../dmp-bridge/console/index.ts'
import type { Bridge } from '../../dmp-bridge/index.ts'
import { dataKey } from '../data-key.ts'
import { holdLinksOf } from '../filing/index.ts'
import { timelineOf } from '../timeline.ts'
import { type ConsoleOptions, startConsole } from './pages/index.ts'
import type { HttpsServer } from './server.ts'

/** Puts the pages of the rooms into the shell, and opens their door. @throws when the port can't be had */
export function openConsole(options: {
  configuration: Configuration & { console: NonNullable<Configuration['console']> }
  db: Database
  bridge: Pick<Bridge, 'orders' | 'summaries' | 'ring' | 'dmpState'>
  boxes: Bals
  vault: Vault
  tls: ServerTls
  /** Authorities of Pro Santé Connect. */
  authorities: ConsoleOptions['authorities']
  audit: Audit
  now: () => number
  /** of passwords; argon2 by default */
  hashing?: ConsoleOptions['hashing']
  log: Log
}): Promise<HttpsServer> {
  const { configuration, db, bridge, boxes, vault, tls, authorities, audit, now, hashing, log } = options
  const ledger = async (messageId: string) => (await timelineOf(db, messageId))?.lines ?? []
  const { orders, summaries, ring } = bridge
  const insOids = configuration.dmp?.insOids ?? []
  const filings = filingPages({ insOids, db, orders, summaries, ring, ledger, audit: audit.append })
  return startConsole({
    console: configuration.console,
    name: configuration.name,
    ...{ db, boxes, tls, authorities, audit, now, hashing, log },
    key: dataKey(configuration.data, 'console', vault),
    areas: [
      { path: '/depots', title: 'Dépôts au DMP', app: filings },
      { path: '/chiffres', title: 'Chiffres', app: figuresPages({ db, dmp: bridge.dmpState, now }) },
    ],
    open: [
      holdPages({
        ...{ orders, ring, now },
        links: holdLinksOf(configuration.data, vault, now),
        acceptedAt: async id => (await timelineOf(db, id))?.message.accepted_at,
      }),
    ],
  })
}
