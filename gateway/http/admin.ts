import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Configuration, type Log, packageRoot } from '../../config/index.ts'
import type { ServerTls } from '../../crypto/index.ts'
import { adminEndpoints, refusedBy } from '../../directory/index.ts'
import type { Oppositions } from '../../dmp-bridge/index.ts'
import { domainOf } from '../address.ts'
import type { Administration } from '../administration.ts'
import type { AuditNotes } from '../audit-notes.ts'
import { networkOf } from '../sign-in/network.ts'
import { oppositionEndpoints } from './oppositions.ts'
import { type HttpsServer, openHttps } from './server.ts'
import { openShell } from './shell.ts'
import { openThrottle } from './throttle.ts'

export interface AdminServerOptions extends Administration {
  listen: NonNullable<Configuration['admin']>['listen']
  tls: ServerTls
  oppositions: Oppositions
  /** Ours. */
  domains: readonly string[]
  notes: Pick<AuditNotes, 'count'>
  now: () => number
  /** Resolves after so many milliseconds; the timers' own by default. */
  wait?: (milliseconds: number) => Promise<void>
  log: Log
}

/** Starts the administration API: HTTPS, with a token, on the loopback unless the configuration says otherwise. @throws when the port can't be had */
export function startAdminServer(options: AdminServerOptions): Promise<HttpsServer> {
  const { admin, tokens, audit, notes, now, log } = options
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
  const app = openShell({
    endpoints: [...adminEndpoints(admin, audit), ...oppositionEndpoints(options)],
    info: {
      title: 'Pli administration',
      version,
      description: 'The boxes that this operator hosts, the register of oppositions to the DMP, and the log of what was done',
    },
    holderOf: tokens.holderOf,
    audit: audit.append,
    isOurs: address => options.domains.includes(domainOf(address).toLowerCase()),
    async refused(source, token) {
      const former = token === undefined ? undefined : await tokens.formerHolderOf(token)
      const why = token === undefined ? 'no-token' : (former?.why ?? 'unknown')
      const entry = { by: `network:${networkOf(source)}`, action: 'api.token', object: former?.name ?? '' }
      notes.count({ ...entry, result: 'refused', detail: { why } })
    },
    refusedBy,
    throttle: openThrottle({ now, wait: options.wait ?? (milliseconds => wait(milliseconds, undefined, { ref: false })) }),
    now,
    log,
  })
  return openHttps({ listen: { ...options.listen, place: 'admin.listen' }, tls: options.tls, fetch: app.fetch as never, log })
}
