import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { type Database, openDatabase, silent } from '../../../config/index.ts'
import { type Anchors, auditMigrations, type Identity, loadAnchors, loadIdentity, openAudit, serverTls } from '../../../crypto/index.ts'
import {
  directoryMigrations,
  dnFromRdns,
  openRecipientCertificates,
  type RecipientCertificates,
  type StoredCertificate,
} from '../../../directory/index.ts'
import { CONTENT_LIMITS } from '../../../gateway/content-guard.ts'
import type { Courier } from '../../../gateway/couriers/courier.ts'
import type { Host } from '../../../gateway/couriers/next-hop.ts'
import { relayCourier } from '../../../gateway/couriers/relay.ts'
import { openIntake } from '../../../gateway/intake.ts'
import { type ClientBox, type Door, openListener } from '../../../gateway/listener.ts'
import { newMessageId } from '../../../gateway/message-id.ts'
import { type Opening, openOpening } from '../../../gateway/opening/index.ts'
import { openHidden, openPatients, type Patients, patientMigrations } from '../../../gateway/patients/index.ts'
import { openProtection, type ProtectionOptions } from '../../../gateway/protection/index.ts'
import { openPolicy } from '../../../gateway/session.ts'
import { openFamiliarNetworks, openSignIn, openThrottle, signInMigrations } from '../../../gateway/sign-in/index.ts'
import { openBytes, openSpool, type Spool, spoolMigrations } from '../../../gateway/spool/index.ts'
import { openTrust, type Trust, type TrustedSpace } from '../../../gateway/trust.ts'
import { newVault } from '../../support/vault.ts'
import { createPki, type Issued, type Pki, writeIdentity } from '../../world/pki.ts'

export const OURS = 'a.mssante.test'
export const THEIRS = 'b.mssante.test'
export const PATIENTS = 'patient.mssante.test'
export const BOX = `dr.fictif@${OURS}`
export const PEER_BOX = `dr.autre@${THEIRS}`
export const PASSWORD = 'ceci-est-un-essai'

/** One operator's SMTP doors with their real policy, intake and spool; boxes and directory are two short lists. */
export interface Doors extends AsyncDisposable {
  pki: Pki
  trust: Trust
  anchors: Anchors
  identity: Identity
  /** Certificate of the other operator, and TLS options of a client that shows one. */
  peer: Issued
  showing(issued?: Issued): ConnectionOptions
  port(door: Door): number
  /** A courier that has one way to go. */
  relayTo(host: Host, protection?: Partial<ProtectionOptions>): Courier
  /** What was accepted so far: the whole of each message, oldest first. */
  accepted(): Promise<string[]>
  /** The ledger's line about each of them. */
  acceptedLines(): Promise<Record<string, string>[]>
  /** What each of them was taken for: a report of which kind, or null. */
  reports(): Promise<(string | null)[]>
  /** Files of message bytes, begun or whole. */
  files(): Promise<string[]>
  /** Certificates that signed mail has shown. */
  learnt(): Promise<StoredCertificate[]>
}

export interface DoorsOptions {
  /** What opens what is encrypted to us. */
  encryption?: (pki: Pki, folder: string) => Promise<Identity[]>
  /** Domains that the white list gives to the other operator too. */
  alsoTheirs?: readonly string[]
  /** Before the revocation lists are written. */
  prepare?: (pki: Pki, folder: string) => Promise<void>
}

export async function openDoors({ encryption, prepare, alsoTheirs = [] }: DoorsOptions = {}): Promise<Doors> {
  const folder = await mkdtemp(join(tmpdir(), 'pli-doors-'))
  const pki = await createPki({ now: new Date(), key: 'ec' })
  const [own, peer] = await Promise.all([issue(pki, OURS), issue(pki, THEIRS)])
  const identity = loadIdentity(await writeIdentity(folder, 'own', own, pki))
  await prepare?.(pki, folder)
  const anchors = loadAnchors(await pki.write(folder))
  const encryptionIdentities = (await encryption?.(pki, folder)) ?? []
  const trust = openTrust({
    anchors,
    identity: () => identity,
    space: spaceOf({ [OURS]: own, ...Object.fromEntries([THEIRS, ...alsoTheirs].map(domain => [domain, peer])) }),
    contact: `postmaster@${OURS}`,
  })
  const db = await openDatabase({
    file: join(folder, 'pli.sqlite'),
    migrations: [...spoolMigrations, ...patientMigrations, ...signInMigrations, ...auditMigrations, ...directoryMigrations],
  })
  const certificates = openRecipientCertificates(db, { now: Date.now, audit: openAudit(db, { now: Date.now }) })
  const opening = openOpening({ identities: () => encryptionIdentities, anchors, most: CONTENT_LIMITS.size, now: Date.now })
  const hidden = openHidden(randomBytes(32), PATIENTS)
  const patients = openPatients(db, { domain: PATIENTS, hidden, now: Date.now })
  const spool = openSpool({
    db,
    bytes: await openBytes(join(folder, 'messages'), newVault()),
    hidden,
    owner: 'here',
    now: Date.now,
    newId: newMessageId,
  })
  const doors = await Promise.all(
    (['submission', 'submissions', 'reception'] as const).map(door =>
      openDoor(door, { identity, anchors, trust, spool, patients, db, opening, certificates }),
    ),
  )
  const ports = Object.fromEntries(doors.map(({ door, port }) => [door, port]))
  return {
    pki,
    trust,
    anchors,
    identity,
    peer,
    showing: issued => ({
      rejectUnauthorized: false,
      ...(issued ? { cert: issued.certificatePem + pki.authorities[1], key: issued.keyPem } : {}),
    }),
    port: door => ports[door] ?? 0,
    relayTo: (host, choices) => {
      const nobody = { of: async () => ({ box: [], domain: [] }) }
      const policies = { default: 'whenPossible', domains: {} } as const
      const options = { policies, certificates: nobody, anchors, signature: () => identity, now: Date.now, ...choices }
      return relayCourier({ trust, anchors, hops: async () => [host], hostname: `smtp.${OURS}`, protection: openProtection(options) })
    },
    accepted: async () => {
      const rows = await db.run<{ id: string }>({ sql: 'SELECT id FROM message ORDER BY accepted_at, id', parameters: [] })
      return Promise.all(rows.map(async ({ id }) => (await spool.read(id)).toString('latin1')))
    },
    acceptedLines: async () => {
      const rows = await db.run<{ detail: string }>({
        sql: "SELECT detail FROM event WHERE kind = 'accepted' ORDER BY seq",
        parameters: [],
      })
      return rows.map(({ detail }) => JSON.parse(detail))
    },
    reports: async () => {
      const rows = await db.run<{ report: string | null }>({ sql: 'SELECT report FROM message ORDER BY accepted_at, id', parameters: [] })
      return rows.map(({ report }) => report)
    },
    files: () => readdir(join(folder, 'messages')),
    learnt: () => certificates.list(),
    async [Symbol.asyncDispose]() {
      await Promise.all(doors.map(({ close }) => close()))
      await opening.close()
      await db.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function openDoor(
  door: Door,
  parts: {
    identity: Identity
    anchors: Anchors
    trust: Trust
    spool: Spool
    patients: Patients
    db: Database
    opening: Opening
    certificates: RecipientCertificates
  },
) {
  const { identity, anchors, trust, spool, patients, db, opening, certificates } = parts
  const box: ClientBox = { address: BOX, type: 'PER' }
  const policy = openPolicy<ClientBox>({
    domains: [OURS],
    postmaster: `postmaster@${OURS}`,
    boxes: {
      find: async address => (address === BOX ? box : undefined),
      writableBy: async address => [address],
    },
    annuaire: {
      version: 'of the test',
      find: address => (address === PEER_BOX ? { source: 'extract', version: 'of the test' } : undefined),
      nearest: () => undefined,
    },
    trust,
    patients,
    quota: { hasRoom: async () => true },
    whiteListDate: () => 'of the test',
    mostHops: 25,
    now: Date.now,
  })
  const signIn = openSignIn<ClientBox>({
    boxes: {
      authenticate: async (address, password) => (address === BOX && password === PASSWORD ? box : undefined),
      find: async address => (address === BOX ? box : undefined),
      byCertificate: async () => [],
      byIdentity: async () => [],
      writableBy: async address => [address],
    },
    throttle: openThrottle({ familiar: openFamiliarNetworks(db, { now: Date.now }), now: Date.now }),
  })
  const hostname = `smtp.${OURS}`
  const intake = openIntake<ClientBox>({
    spool,
    opening,
    learn: async learnt => {
      for (const { subject, pem } of learnt) await certificates.add({ subject, pem, source: 'signed-mail' })
    },
    limits: { submission: CONTENT_LIMITS, reception: CONTENT_LIMITS },
    checkHeader: policy.checkHeader,
    hostname,
    now: Date.now,
    filingRows: () => [],
    hasRoom: () => false,
    patients,
    mayBeAnswered: async () => false,
    onAccepted: () => {},
  })
  const opened = await openListener<ClientBox>({
    door,
    listen: { host: '127.0.0.1', port: 0 },
    hostname,
    tls: door === 'reception' ? serverTls({ identity, door, requestPeer: true, anchors }) : serverTls({ identity, door }),
    limits: { messageBytes: CONTENT_LIMITS.size, recipients: 500, connections: 100 },
    policy,
    signIn,
    meet: trust.meet,
    contact: `postmaster@${OURS}`,
    intake: (transaction, content) => intake(transaction, content as never),
    log: silent,
  })
  return { door, ...opened }
}

export function issue(pki: Pki, domain: string): Promise<Issued> {
  return pki.issue({ kind: 'server', commonName: `smtp.${domain}`, organization: 'OPERATEUR FICTIF', structure: '1759999029', key: 'ec' })
}

/** A white list that names one certificate for each domain. */
export function spaceOf(listed: Record<string, Issued>): TrustedSpace {
  const names = new Map(Object.entries(listed).map(([domain, { subject }]) => [domain, dnFromRdns(subject).toString()]))
  return {
    nameOf: subject => dnFromRdns([...subject]).toString(),
    allows: (domain, name) => names.get(domain) === name,
    lists: name => [...names.values()].includes(name),
    namesOf: domain => [names.get(domain)].filter(name => name !== undefined),
    likest: () => undefined,
  }
}
