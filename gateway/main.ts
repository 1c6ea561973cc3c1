import type { Configuration, Log } from '../config/index.ts'
import type { Rdn } from '../crypto/index.ts'
import { type Bal, dnFromRdns, openAgeAlarm, openBoxUses, openPublisher, parseDn } from '../directory/index.ts'
import type { Bridge } from '../dmp-bridge/index.ts'
import { openAdministration } from './administration.ts'
import { openNationalDirectory } from './annuaire.ts'
import { openAuditNotes } from './audit-notes.ts'
import { openAuditUpkeep } from './audit-upkeep.ts'
import { openCertificateAlarm } from './certificates/alarm.ts'
import { type Entries, openIdentities } from './certificates/identities.ts'
import { watchAuthorities } from './certificates/inventory.ts'
import { openClients } from './clients.ts'
import { openDelivery } from './delivery.ts'
import { type Doors, openDoors } from './doors.ts'
import { openFiling } from './filing/index.ts'
import { openIncoming } from './incoming.ts'
import { policyFor } from './policy.ts'
import { openAuthorities } from './revocation/index.ts'
import { openRotation } from './sealed.ts'
import { openSignsOfLife } from './signs-of-life.ts'
import { openHousekeeping } from './spool/index.ts'
import { unlistedDomains } from './stored-readiness.ts'
import { openStores } from './stores.ts'
import { openTrust } from './trust.ts'
import { openUpkeep } from './upkeep.ts'
import { keepWhiteList } from './white-list.ts'

export interface Gateway {
  readonly ports: Doors['ports']
  readonly bridge: Bridge
  /** Resolves when it can't go on: whoever started it should stop, and start it again. */
  readonly failed: Promise<Error>
  /**
   * Looks now, not at the next turn, whether certificates, authorities or lists were replaced on the disk.
   * @param entries those of `smime.encryption`, read again; those of before stay without them
   */
  renew(entries?: Entries): void
  /** Takes no new connection, ends what is under way, closes. What is left is in its rows. */
  stop(): Promise<void>
}

/** So long at most the same keys seal the sessions of our clients. */
const SESSION_KEYS_MS = 12 * 3_600_000

/** Starts one operator: lists and keys first, then the spool, then the doors. @throws when anything it needs is missing */
export async function startGateway(configuration: Configuration, log: Log): Promise<Gateway> {
  const { hostname, postmaster, data } = configuration
  const now = Date.now
  let doors: Doors | undefined
  const notes = openAuditNotes({ now, log })
  const authorities = openAuthorities(configuration, { onRenewed: place => doors?.renewTrust(place), now, log })
  const anchors = authorities.tls
  const identities = openIdentities(configuration, { anchors, now, log })
  await authorities.begin()
  const { list: whiteList, space, keeper } = await keepWhiteList(configuration, { anchors: authorities.whiteList, notes, now, log })
  const ownName = space.nameOf(identities.tls().facts.subject)
  // No refusal: a new operator is listed later.
  for (const { domain, given } of unlistedDomains(space, ownName, configuration.domains))
    log.warn('own-name-not-listed', { domain, name: ownName, given })
  const trust = openTrust({ anchors, identity: identities.tls, space, contact: postmaster })
  const national = openNationalDirectory(configuration, { authorities: authorities.services.fhir, now, log, notes })
  const { annuaire, directory } = national

  const stores = await openStores(configuration, { now, log })
  const { db, spool, boxes, owner, owners, masters, vault, bytes, hidden, patients, quota } = stores
  const delivery = openDelivery({ configuration, stores, trust, identities, anchors, now, log })
  const { dispatcher, settlement, notices, reports, onReport } = delivery
  const bridge = await openFiling({
    ...{ configuration, notices, db, spool, vault, owner, now, log },
    identities: identities.dmp,
    anchors: authorities.dmp,
    isAlive: async id => id === owner || owners.isAlive(id),
    findBox: boxes.find,
    newId: crypto.randomUUID.bind(crypto),
  })
  const policy = policyFor(configuration, { boxes, annuaire, trust, whiteList, patients, quota, now })
  const clients = openClients<Bal>({
    ...{ configuration, db, now },
    boxes: { ...boxes, byCertificate: name => boxes.byCertificate(parseDn(name)) },
    identity: identities.tls,
    anchors: authorities.clients,
    psc: authorities.services.psc,
    format: nameOf,
  })
  const incoming = openIncoming({ configuration, stores, policy, directory, bridge, dispatcher, identities, anchors, now, log })

  const auditing = openAuditUpkeep({
    ...{ db, configuration, identities, anchors, notes, now, log },
    inForce: () => ({
      whiteList: whiteList.generatedAt.toISOString(),
      directory: directory.version,
      masterKey: masters.current,
    }),
    lists: authorities.inUse,
  })
  let renewedAt = now()
  const renewIdentities = () => {
    const renewed = identities.renew()
    auditing.renewed(renewed)
    if (!renewed.includes('tls') && now() - renewedAt < SESSION_KEYS_MS) return
    renewedAt = now()
    doors?.renew()
  }
  const renewTrust = () => {
    renewIdentities()
    authorities.tick()
    keeper.tick()
  }
  const watchDirectory = openAgeAlarm({
    directory,
    maxAge: configuration.directory.maxAge,
    now,
    onOld: age => log.warn('directory-old', { version: directory.version, hours: Math.floor(age / 3_600_000) }),
  })
  const { masterKeys } = configuration
  const authoritiesOf = watchAuthorities(configuration)
  const { tick: tellCertificates } = openCertificateAlarm({
    ...{ db, spool, reports, notes, now, log, onReport },
    certificates: () => [...identities.lasting(), ...authoritiesOf()],
    ask: identities.ask,
  })
  const upkeep = openUpkeep({
    ...{ owners, settlement, dispatcher, renewTrust, watchDirectory, tellCertificates, log },
    housekeeping: openHousekeeping({ db, bytes, hidden, now }),
    rotate: openRotation({ masters, vault, bytes, data, file: 'file' in masterKeys ? masterKeys.file : undefined, log }),
    observe: openSignsOfLife({ db, uses: openBoxUses(db, { now }), isPatient: domain => domain === configuration.patients.domain }),
    tellFilings: notices.tellDue,
    keepAudit: auditing.tick,
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

  const administration = openAdministration(db, { boxes, configuration, now })
  const opened = await openDoors({
    ...{ configuration, stores, identities, authorities, clients, policy, trust, bridge, administration, notes, now, log },
    intake: (transaction, content) => incoming.intake(transaction, content as never),
  })
  doors = opened
  upkeep.start()
  // Kept with the log, the head of the audit chain shows later that nothing before it was taken away.
  const { line, hash } = await administration.audit.head()
  log.info('audit-head', { line, hash })
  const { submission, submissions, reception } = opened.ports
  log.info('started', { hostname, submission, submissions, reception })

  return {
    ports: opened.ports,
    bridge,
    failed: db.failed,
    renew(entries) {
      auditing.reloaded(entries !== undefined)
      if (entries) auditing.renewed(identities.open(entries))
      renewTrust()
    },
    async stop() {
      await opened.close()
      await dispatcher.stop()
      await upkeep.stop()
      await keeper.stop()
      await authorities.stop()
      await bridge.stop()
      await delivery.close()
      await incoming.close()
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

/** The text of a certificate's name, as the white list writes it. */
const nameOf = (subject: readonly Rdn[]) => dnFromRdns([...subject]).toString()
