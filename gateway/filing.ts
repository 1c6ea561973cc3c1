import { Piscina } from 'piscina'
import { type Configuration, compiled, type Database, type Log } from '../config/index.ts'
import {
  type Anchors,
  clientTls,
  formatName,
  type Identity,
  type IdentityFiles,
  packIdentity,
  signEnveloped,
  signSubmissionSet,
  type Vault,
} from '../crypto/index.ts'
import type { Bal, Directory, Professional } from '../directory/index.ts'
import {
  type Bridge,
  type BridgePolicy,
  bridgeLog,
  createBridge,
  DEFAULT_LIMITS,
  type Dmp,
  dmpClient,
  HOLD_PATH,
  type HoldLinks,
  loadRules,
  openHoldLinks,
  redisBell,
  type Sender,
  type Signers,
  type SubmissionRequest,
  type Unfit,
} from '../dmp-bridge/index.ts'
import type { Identities } from './certificates/identities.ts'
import { dataKey } from './data-key.ts'
import type { FilingNotices } from './filing-notices.ts'
import type { PrepareTask } from './prepare-thread.ts'
import type { Spool } from './spool/index.ts'

export type DmpConfiguration = NonNullable<Configuration['dmp']>

/**
 * Who sends, as the bridge wants to know it.
 * @param directory where the holder of a box of a person is looked up: his files that are no CDA are wrapped under that name
 */
export function senderOf(box: Bal, directory?: Pick<Directory, 'holder'>): Sender {
  const { address, type, idNatPs, structures, declaredAt } = box
  const person = type === 'PER' ? { person: personOf(holderOf(address, directory)) } : {}
  return { address, structures, declared: declaredAt !== undefined, ...(idNatPs ? { idNatPs } : {}), ...person }
}

/** Professions whose specialty is part of the code of an author (JDV_J01): doctors, dentists, nurses. */
const WITH_SKILL = ['10', '40', '60']

/** Names are empty when the annuaire does not know them: such a file waits, nothing is made up. */
function personOf(holder: Professional | undefined): NonNullable<Sender['person']> {
  if (!holder) return { family: '', given: '' }
  const { lastName, firstName, professionCode, skillCode, profession, skill, idNatStruct, structure } = holder
  const isSpecialist = skillCode !== '' && WITH_SKILL.includes(professionCode)
  const code = `G15_${professionCode}${isSpecialist ? `/${skillCode}` : ''}`
  const label = isSpecialist && skill !== '' ? `${profession} - ${skill}` : profession
  return {
    family: lastName,
    given: firstName,
    ...(professionCode === '' ? {} : { specialty: { code, label, system: '1.2.250.1.213.1.1.4.5' } }),
    ...(idNatStruct === '' ? {} : { structure: { id: idNatStruct, name: structure } }),
  }
}

/** A snapshot that can't be read at this moment is no reason to refuse the mail. */
function holderOf(address: string, directory: Pick<Directory, 'holder'> | undefined): Professional | undefined {
  try {
    return directory?.holder(address)
  } catch {
    return undefined
  }
}

/** Who received a message, as the bridge wants to know it: the first, and the others who may file it in its place. */
export function receiverOf([first, ...others]: readonly [Bal, ...Bal[]]): Sender {
  const received = (box: Bal): Sender => {
    const { person: _, ...facts } = senderOf(box) // no file of his is wrapped
    return { ...facts, mode: 'reception' }
  }
  return { ...received(first), ...(others.length > 0 ? { others: others.map(received) } : {}) }
}

/** So many boxes are asked whether they may file what came for all of them; a letter to more is no letter about one patient. */
const MOST_RECEIVERS = 20

/** @returns what finds our boxes among recipients: those of a structure that the certificate speaks for before the others */
export function receiversAmong(
  find: (address: string) => Promise<Bal | undefined>,
  { structure, sites }: Pick<DmpConfiguration, 'structure' | 'sites'>,
): (addresses: readonly string[]) => Promise<readonly Bal[]> {
  const isOurs = ({ structures }: Bal) => structures.some(each => each === structure || sites.includes(each))
  return async addresses => {
    const found = await Promise.all(addresses.slice(0, MOST_RECEIVERS).map(find))
    const boxes = found.filter(each => each !== undefined)
    return [...boxes.filter(isOurs), ...boxes.filter(each => !isOurs(each))]
  }
}

/** What this operator files, and as whom. Without a DMP nothing is filed, and what could be is held. @throws RulesFault */
export function policyOf(dmp: DmpConfiguration | undefined): BridgePolicy {
  const own = {
    maxDocumentBytes: dmp?.documentBytes ?? 10 * 1024 * 1024,
    structure: dmp?.structure ?? '',
    sites: dmp?.sites ?? [],
    ...(dmp?.ansFiles === undefined ? {} : { ansFiles: dmp.ansFiles }),
  }
  return {
    ...own,
    insOids: dmp?.insOids ?? [],
    structureName: dmp?.structureName ?? '',
    sector: dmp?.sector ?? 'SA41',
    responsible: dmp?.responsible ?? { idNatPs: '', name: '' },
    delayMs: dmp?.delay ?? 0,
    ...(dmp?.rules === undefined ? {} : { rules: loadRules(dmp.rules, own) }),
    ...(dmp && { documentsPerSubmission: dmp.documentsPerSubmission }),
  }
}

/** The certificate ORG SIGN as the bridge may use it. @param identity asked for at each signature */
export function signersOf(identity: () => Identity): Signers {
  return {
    get issuerDn() {
      return formatName(identity().facts.subject)
    },
    signVihf: xml => signEnveloped(xml, { identity: identity(), referenceId: idOf(xml), where: { afterChild: 'Issuer' } }),
    signSubmissionSet: input => signSubmissionSet({ identity: identity(), ...input }),
  }
}

function idOf(assertion: string): string {
  return /\sID="([^"]+)"/.exec(assertion)?.[1] ?? ''
}

/** The paths alone, of a part of the configuration that may say more. */
export function identityFiles(files: IdentityFiles): IdentityFiles {
  if ('pkcs12' in files) return { pkcs12: files.pkcs12, passphrase: files.passphrase }
  return { certificate: files.certificate, key: files.key, chain: files.chain }
}

/** The largest document that is taken is canonicalised, digested and signed in a few seconds. */
const PREPARING_MS = 60_000

/** @returns what runs each piece of work when the one before has ended, well or not */
export function oneAfterTheOther(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return work => {
    const mine = last.then(work, work)
    last = mine
    return mine
  }
}

/** The DMP's client; requests are built and signed in a thread of their own. */
function openDmp(dmp: DmpConfiguration, identities: NonNullable<Identities['dmp']>, anchors: Anchors): Dmp {
  const threads = new Piscina<PrepareTask, SubmissionRequest | Unfit>({
    filename: compiled('gateway/prepare-thread'),
    workerData: dmp,
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: 60_000,
  })
  threads.on('error', () => {}) // a thread that cannot start: the filing is tried again, nothing else falls with it
  const inTurn = oneAfterTheOther()
  const client = dmpClient({
    baseUrl: dmp.url,
    tls: () => clientTls({ identity: identities.client(), anchors, identifiedBy: 'name' }),
    software: dmp.software,
    vihf: dmp.vihf,
    signers: signersOf(identities.signature),
    timeoutMs: dmp.timeout,
  })
  return {
    ...client,
    async prepare(documents, { newId: _, ...asked }) {
      // The limit counts from its own turn: who waits behind a slow document is not slow himself.
      const request = await inTurn(() =>
        threads.run({ documents, asked, signature: packIdentity(identities.signature()) }, { signal: AbortSignal.timeout(PREPARING_MS) }),
      )
      if ('unfit' in request) return request
      return { ...request, body: Buffer.from(request.body) } // a Buffer comes out of a thread as plain bytes
    },
    close: async () => {
      await client.close()
      await threads.destroy()
    },
  }
}

/** Links that a sender may hold his documents back with: keyed beside the database, so that no row makes one. */
export function holdLinksOf(data: string, vault: Vault, now: () => number): HoldLinks {
  return openHoldLinks({ secret: dataKey(data, 'patients', vault), now })
}

/** Where a sender is sent to about his filings; without pages nowhere, and without a delay there is nothing to hold. */
export function filingLinks(
  { console, dmp, data }: Configuration,
  vault: Vault,
  now: () => number,
): { pages?: string; holdLinkOf?: (messageId: string) => string } {
  if (!console) return {}
  const links = holdLinksOf(data, vault, now)
  const holdLinkOf = (id: string) => `${console.url}${HOLD_PATH}/${links.tokenOf(id)}`
  return { pages: `${console.url}/depots`, ...(dmp && dmp.delay > 0 ? { holdLinkOf } : {}) }
}

/** Wires the bridge to our spool: it reads messages, releases them, and writes in their ledger. */
export function openFiling(options: {
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
}): Bridge {
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
      bell: redisBell({
        url: configuration.redis.url,
        onFault: error => log.warn('redis-away', { code: (error as NodeJS.ErrnoException).code ?? error.name }),
      }),
    }),
    log: bridgeLog((level, event, fields) => log[level](event, { ...fields, reasons: String(fields.reasons ?? '') } as never)),
  })
}
