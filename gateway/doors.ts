import type { Configuration, Log } from '../config/index.ts'
import { serverTls } from '../crypto/index.ts'
import type { Bal } from '../directory/index.ts'
import { type Bridge, openOppositions } from '../dmp-bridge/index.ts'
import type { Administration } from './administration.ts'
import type { AuditNotes } from './audit-notes.ts'
import type { Identities } from './certificates/identities.ts'
import type { openClients } from './clients.ts'
import { dataKey } from './data-key.ts'
import { startAdminServer } from './http/admin.ts'
import { type Door, type ListenerOptions, openListener } from './listener.ts'
import { mostBytes } from './policy.ts'
import type { Authorities, TrustPlace } from './revocation/index.ts'
import type { Stores } from './stores.ts'
import type { Trust } from './trust.ts'

/** All that listens: the three doors of mail, and where they are configured the administration API and the pages. */
export interface Doors {
  readonly ports: Record<Door, number> & { admin?: number; console?: number }
  /** New handshakes at every door use the certificate of now; a session that was begun before is resumed no more. */
  renew(): void
  /** New handshakes use the authorities and lists of now where those of a place are asked for: OpenSSL keeps the lists it was given. */
  renewTrust(place: TrustPlace): void
  /** Takes no new connection, and ends what is under way. */
  close(): Promise<void>
}

export interface DoorsOptions extends Pick<ListenerOptions<Bal>, 'policy' | 'intake'> {
  configuration: Configuration
  stores: Stores
  identities: Pick<Identities, 'tls'>
  authorities: Pick<Authorities, 'tls' | 'services'>
  clients: ReturnType<typeof openClients<Bal>>
  trust: Pick<Trust, 'meet'>
  bridge: Bridge
  administration: Administration
  notes: Pick<AuditNotes, 'count'>
  now(): number
  log: Log
}

/** @throws when a port can't be had */
export async function openDoors(options: DoorsOptions): Promise<Doors> {
  const { configuration, clients, authorities } = options
  const identity = options.identities.tls
  const tlsOf = (door: Door) =>
    door === 'reception' ? serverTls({ identity: identity(), door, requestPeer: true, anchors: authorities.tls }) : clients.tls(door)
  const open = (door: Door) =>
    openListener<Bal>({
      door,
      listen: configuration.listen[door],
      hostname: configuration.hostname,
      tls: tlsOf(door),
      limits: { ...configuration.limits, messageBytes: mostBytes(configuration.limits, door === 'reception' ? 'reception' : 'submission') },
      policy: options.policy,
      signIn: clients.signIn,
      meet: options.trust.meet,
      contact: configuration.postmaster,
      intake: options.intake,
      log: options.log,
    })
  const admin = await openAdmin(options)
  const pages = await openPages(options)
  const mail = { submission: await open('submission'), submissions: await open('submissions'), reception: await open('reception') }
  const renewMail = (...doors: Door[]) => {
    for (const door of doors) mail[door].renew(tlsOf(door))
  }
  return {
    ports: {
      submission: mail.submission.port,
      submissions: mail.submissions.port,
      reception: mail.reception.port,
      ...(admin && { admin: admin.port }),
      ...(pages && { console: pages.port }),
    },
    renew() {
      renewMail('reception', 'submission', 'submissions')
      admin?.renew(serverTls({ identity: identity(), door: 'admin' }))
      pages?.renew(serverTls({ identity: identity(), door: 'console' }))
    },
    renewTrust(place) {
      if (place === 'tls') renewMail('reception')
      if (place === 'signIn.certificates') renewMail('submission', 'submissions')
    },
    async close() {
      await Promise.all([...Object.values(mail), admin, pages].map(door => door?.close()))
    },
  }
}

async function openAdmin({ configuration, stores, identities, administration, notes, now, log }: DoorsOptions) {
  const { admin, data, domains } = configuration
  if (!admin) return undefined
  return startAdminServer({
    ...admin,
    tls: serverTls({ identity: identities.tls(), door: 'admin' }),
    oppositions: openOppositions(stores.db, { secret: dataKey(data, 'patients', stores.vault), now }),
    ...administration,
    domains,
    notes,
    now,
    log,
  })
}

/** What only the pages need is loaded where there are pages. */
async function openPages({ configuration, stores, identities, authorities, bridge, administration, now, log }: DoorsOptions) {
  const { console } = configuration
  if (!console) return undefined
  const { openConsole } = await import('./http/console.ts')
  const { db, boxes, vault } = stores
  return openConsole({
    configuration: { ...configuration, console },
    ...{ db, bridge, boxes, vault, now, log },
    tls: serverTls({ identity: identities.tls(), door: 'console' }),
    authorities: authorities.services.consolePsc,
    audit: administration.audit,
  })
}
