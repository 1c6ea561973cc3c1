import { randomBytes } from 'node:crypto'
import type { Configuration, Log } from '../config/index.ts'
import { loadMailboxKey, loadMasterKeys, openAudit, openVault, type Rdn, serverTls } from '../crypto/index.ts'
import { type Bal, dnFromRdns, openAgeAlarm, openBoxUses, openPublisher, openRecipientCertificates, parseDn } from '../directory/index.ts'
import { type Bridge, openOppositions, openOrders } from '../dmp-bridge/index.ts'
import { openAdministration } from './administration.ts'
import { openNationalDirectory } from './annuaire.ts'
import { openAuditUpkeep } from './audit-upkeep.ts'
import { openCertificateAlarm } from './certificates/alarm.ts'
import { openIdentities } from './certificates/identities.ts'
import { takeInventory } from './certificates/inventory.ts'
import { openClients } from './clients.ts'
import { mailboxCourier } from './couriers/mailbox.ts'
import { nextHops } from './couriers/next-hop.ts'
import { openQuota } from './couriers/quota.ts'
import { relayCourier } from './couriers/relay.ts'
import { layout, openBoxes, openData } from './data.ts'
import { dataKey } from './data-key.ts'
import { openDispatcher } from './dispatcher.ts'
import { filingLinks, openFiling, receiverOf, receiversAmong, senderOf } from './filing.ts'
import { openFilingNotices } from './filing-notices.ts'
import { startAdminServer } from './http/admin.ts'
import { openIncomingReports } from './incoming-reports.ts'
import { openIntake } from './intake.ts'
import { type Door, openListener } from './listener.ts'
import { openOpening } from './opening/index.ts'
import { openHidden, openPatients, sealFormerRows } from './patients/index.ts'
import { contentLimits, policyFor } from './policy.ts'
import { openProtection } from './protection/index.ts'
import { openReportReader } from './receipts/index.ts'
import { Refusal } from './refusals.ts'
import { openReportWriter } from './report-writer.ts'
import { openAuthorities, type TrustPlace } from './revocation/index.ts'
import { openRotation } from './sealed.ts'
import { openSettlement } from './settlement.ts'
import { openSignsOfLife } from './signs-of-life.ts'
import { openBytes, openHousekeeping, openOwners, openSpool } from './spool/index.ts'
import { openTrust } from './trust.ts'
import { openUpkeep } from './upkeep.ts'
import { keepWhiteList } from './white-list.ts'

export interface Gateway {
  readonly ports: Record<Door, number> & { admin?: number; console?: number }
  readonly bridge: Bridge
  /** Resolves when it can't go on: whoever started it should stop, and start it again. */
  readonly failed: Promise<Error>
  /** Looks now, not at the next turn, whether certificates, authorities or lists were replaced on the disk. */
  renew(): void
  /** Takes no new connection, ends what is under way, closes. What is left is in its rows. */
  stop(): Promise<void>
}

/** Ids sort by time, which keeps the indexes compact; the random part makes them unguessable. */
export function newMessageId(): string {
  return `${Date.now().toString(16).padStart(12, '0')}${randomBytes(10).toString('hex')}`
}

/** So long at most the same keys seal the sessions of our clients. */
const SESSION_KEYS_MS = 12 * 3_600_000

/** Starts one operator: lists and keys first, then the spool, then the doors. @throws when anything it needs is missing */
export async function startGateway(configuration: Configuration, log: Log): Promise<Gateway> {
  const { hostname, domains, limits, retry, postmaster, data } = configuration
  const now = Date.now
  const identities = openIdentities(configuration, { now, log })
  let renewDoors = (_: TrustPlace): void => {}
  const authorities = openAuthorities(configuration, { onRenewed: place => renewDoors(place), now, log })
  const anchors = authorities.tls
  await authorities.begin()
  const { list: whiteList, space, keeper } = await keepWhiteList(configuration, { anchors: authorities.whiteList, now, log })
  const trust = openTrust({ anchors, identity: identities.tls, space, contact: postmaster })
  const national = openNationalDirectory(configuration, { now, log })
  const { annuaire, directory } = national

  const db = await openData(data)
  const owner = newMessageId()
  const masters = loadMasterKeys(configuration.masterKeys)
  const owners = openOwners({ db, id: owner, now, sealsUnder: () => masters.current })
  await owners.beat()
  const vault = openVault(masters)
  const bytes = await openBytes(layout(data).messages, vault)
  const hidden = openHidden(dataKey(data, 'patients', vault), configuration.patients.domain)
  const former = await sealFormerRows(db, hidden, configuration.patients.domain)
  if (former > 0) log.info('former-rows-sealed', { rows: former })
  const spool = openSpool({ db, bytes, hidden, owner, now, newId: newMessageId })
  const boxes = openBoxes(db, now)
  const quota = openQuota({
    folder: layout(data).mailboxes,
    quotaOf: async address => (await boxes.find(address))?.quotaBytes,
    now,
  })
  const patients = openPatients(db, { domain: configuration.patients.domain, hidden, now })
  const policy = policyFor(configuration, { boxes, annuaire, trust, whiteList, patients, quota, now })
  const clients = openClients<Bal>({
    configuration,
    db,
    boxes: { ...boxes, byCertificate: name => boxes.byCertificate(parseDn(name)) },
    identity: identities.tls,
    anchors: authorities.clients,
    format: nameOf,
    now,
  })
  const reports = openReportWriter({ spool, hostname, postmaster, now, newId: newMessageId })
  const notices = openFilingNotices({
    ...{ db, spool, reports, now, log },
    orders: openOrders(db, { now }),
    findBox: boxes.find,
    ...filingLinks(configuration, vault, now),
    onReport: legs => dispatcher.take(legs),
  })
  const bridge = openFiling({
    configuration,
    notices,
    db,
    spool,
    vault,
    identities: identities.dmp,
    anchors: authorities.dmp,
    owner,
    isAlive: async id => id === owner || owners.isAlive(id),
    findBox: boxes.find,
    now,
    newId: crypto.randomUUID.bind(crypto),
    log,
  })

  const reader = openReportReader({ threads: 1 })
  const settlement = openSettlement({
    spool,
    reports,
    notices,
    retry,
    now,
    random: Math.random,
    log,
    onReport: legs => dispatcher.take(legs),
  })
  const recipientCertificates = openRecipientCertificates(db, { now, audit: openAudit(db, { now }) })
  const protection = openProtection({
    policies: configuration.smime.policy,
    certificates: recipientCertificates,
    ...{ anchors, signature: identities.signature, now },
  })
  const dispatcher = openDispatcher({
    spool,
    settlement,
    reports: openIncomingReports({ spool, reader, mayWriteAs: trust.mayWriteAs, isListed: trust.isListed, log }),
    postmaster,
    relay: relayCourier({ trust, anchors, hops: nextHops(configuration.routes), hostname, protection }),
    mailbox: mailboxCourier({ folder: layout(data).mailboxes, key: loadMailboxKey(configuration.mailboxes.publicKey), hostname, quota }),
    domains,
    now,
    log,
  })
  const opening = openOpening({
    identities: identities.encryption,
    anchors,
    most: limits.messageBytes,
    now,
  })
  const intake = openIntake<Bal>({
    spool,
    opening,
    learn: async certificates => {
      try {
        for (const { subject, pem } of certificates) await recipientCertificates.add({ subject, pem, source: 'signed-mail' })
      } catch (error) {
        log.error('certificate-not-learnt', {}, error) // the next mail of its holder shows it again
      }
    },
    limits: contentLimits(configuration),
    checkHeader: policy.checkHeader,
    hostname,
    now,
    newId: newMessageId,
    filingRows: ({ id, boxes, received, acceptedAt }) =>
      bridge.rowsFor({ id, sender: received ? receiverOf(boxes) : senderOf(boxes[0], directory), acceptedAt }),
    receivers: configuration.dmp?.reception ? receiversAmong(boxes.find, configuration.dmp) : undefined,
    patients,
    mayBeAnswered: (box, address) => accepts(policy.checkRecipient({ kind: 'box', box }, { address }, { sender: box.address })),
    hasRoom: dispatcher.hasRoom,
    onAccepted({ id, legs, by, toFile, toCarry }) {
      log.info('accepted', { id, recipients: legs.length, by })
      if (toCarry) dispatcher.take(legs)
      else dispatcher.ring()
      if (toFile) bridge.ring()
    },
  })
  const reception = () => serverTls({ identity: identities.tls(), door: 'reception', requestPeer: true, anchors })
  const renewClientDoors = () => {
    for (const door of ['submission', 'submissions'] as const) doors[door].renew(clients.tls(door))
  }
  let renewedAt = now()
  /** New TLS options for every door: a session that was begun under the ones of before is resumed no more. */
  const renewIdentities = () => {
    const renewed = identities.renew()
    auditing.renewed(renewed)
    if (!renewed.includes('tls') && now() - renewedAt < SESSION_KEYS_MS) return
    renewedAt = now()
    doors.reception.renew(reception())
    renewClientDoors()
    admin?.renew(serverTls({ identity: identities.tls(), door: 'admin' }))
    pages?.renew(serverTls({ identity: identities.tls(), door: 'console' }))
  }
  const renewTrust = () => {
    renewIdentities()
    authorities.tick()
    keeper.tick()
  }
  const observe = openSignsOfLife({ db, uses: openBoxUses(db, { now }), isPatient: domain => domain === configuration.patients.domain })
  const housekeeping = openHousekeeping({ db, bytes, hidden, now })
  const watchDirectory = openAgeAlarm({
    directory,
    maxAge: configuration.directory.maxAge,
    now,
    onOld: age => log.warn('directory-old', { version: directory.version, hours: Math.floor(age / 3_600_000) }),
  })
  const { masterKeys } = configuration
  const rotate = openRotation({ masters, vault, bytes, data, file: 'file' in masterKeys ? masterKeys.file : undefined, log })
  const tellFilings = notices.tellDue
  const auditing = openAuditUpkeep({ db, configuration, identities, anchors, now, log })
  const keepAudit = auditing.tick
  const { tick: tellCertificates } = openCertificateAlarm({
    ...{ db, spool, reports, now, log },
    certificates: () => [
      ...identities.held.map(({ place, current }) => ({ place, kind: 'own' as const, facts: current().facts })),
      ...takeInventory(configuration).certificates.filter(({ kind }) => kind === 'authority'),
    ],
    onReport: legs => dispatcher.take(legs),
  })
  const upkeep = openUpkeep({
    housekeeping,
    owners,
    settlement,
    dispatcher,
    renewTrust,
    rotate,
    watchDirectory,
    observe,
    tellFilings,
    keepAudit,
    tellCertificates,
    log,
  })
  const publisher =
    national.fhir && configuration.directory.fhir?.publish
      ? openPublisher({ db, client: national.fhir.client, boxes, now, log })
      : undefined
  await auditing.start()
  await upkeep.recover()
  bridge.start()
  publisher?.start()
  dispatcher.ring()

  const open = (door: Door) =>
    openListener<Bal>({
      door,
      listen: configuration.listen[door],
      hostname,
      tls: door === 'reception' ? reception() : clients.tls(door),
      limits,
      policy,
      signIn: clients.signIn,
      meet: trust.meet,
      contact: postmaster,
      intake: (transaction, content) => intake(transaction, content as never),
      log,
    })
  const doors = { submission: await open('submission'), submissions: await open('submissions'), reception: await open('reception') }
  // OpenSSL keeps the lists it was given.
  renewDoors = place => {
    if (place === 'tls') doors.reception.renew(reception())
    if (place === 'signIn.certificates') renewClientDoors()
  }
  const oppositions = openOppositions(db, { secret: dataKey(data, 'patients', vault), now })
  const administration = openAdministration(db, { boxes, configuration, now })
  const admin =
    configuration.admin &&
    (await startAdminServer({
      ...configuration.admin,
      tls: serverTls({ identity: identities.tls(), door: 'admin' }),
      oppositions,
      ...administration,
      now,
      log,
    }))
  const pages =
    configuration.console &&
    (await (
      await import('./http/console.ts')
    ).openConsole({
      configuration: { ...configuration, console: configuration.console },
      ...{ db, bridge, boxes, vault, now, log },
      tls: serverTls({ identity: identities.tls(), door: 'console' }),
      audit: administration.audit,
    }))
  upkeep.start()
  // Kept with the log, the head of the audit chain shows later that nothing before it was taken away.
  const { line, hash } = await administration.audit.head()
  log.info('audit-head', { line, hash })
  log.info('started', { hostname, submission: doors.submission.port, submissions: doors.submissions.port, reception: doors.reception.port })

  return {
    ports: {
      submission: doors.submission.port,
      submissions: doors.submissions.port,
      reception: doors.reception.port,
      ...(admin && { admin: admin.port }),
      ...(pages && { console: pages.port }),
    },
    bridge,
    failed: db.failed,
    renew: renewTrust,
    async stop() {
      await Promise.all([...Object.values(doors), ...[admin, pages].filter(each => each !== undefined)].map(door => door.close()))
      await dispatcher.stop()
      await upkeep.stop()
      await keeper.stop()
      await authorities.stop()
      await bridge.stop()
      await reader.close()
      await opening.close()
      await clients.close()
      const published = publisher?.stop()
      await national.close() // what is in hand ends now; its row says so
      await published
      await owners.leave()
      await auditing.stop()
      await db.close()
      log.info('stopped', {})
    },
  }
}

/** @returns whether a check lets pass; what can't be known now is not a no for ever, and is thrown on */
async function accepts(check: Promise<unknown>): Promise<boolean> {
  try {
    await check
    return true
  } catch (error) {
    if (error instanceof Refusal && error.code >= 500) return false
    throw error
  }
}

/** The text of a certificate's name, as the white list writes it. */
const nameOf = (subject: readonly Rdn[]) => dnFromRdns([...subject]).toString()
