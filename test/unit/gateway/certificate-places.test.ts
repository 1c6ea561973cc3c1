import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Configuration, type Log, loadConfiguration, silent } from '../../../config/index.ts'
import { pemToDer } from '../../../crypto/certificate.ts'
import {
  type Anchors,
  clientTls,
  createIdentity,
  judgeRecipient,
  judgeSigner,
  loadAnchors,
  peerFaultOf,
  serverTls,
} from '../../../crypto/index.ts'
import { loadFor } from '../../../gateway/certificates/fitness.ts'
import { openIdentities } from '../../../gateway/certificates/identities.ts'
import { takeInventory } from '../../../gateway/certificates/inventory.ts'
import { rereadEntries } from '../../../gateway/certificates/reread.ts'
import { certificateLines, isInOrder } from '../../../gateway/cli/certificates.ts'
import { checkKeys } from '../../../gateway/readiness.ts'
import { readQuestion } from '../../world/ocsp-responder.ts'
import { type CertificateRequest, createPki, type IdentityPaths, type Issued, type Pki, writeIdentity } from '../../world/pki.ts'

/** What an operator meets who puts a file where it does not belong: at the start, in `pli check` and `pli certificates`, and at a renewal. */
const NOW = new Date()
const HOST = 'smtp.a.mssante.test'
const DOMAIN = 'a.mssante.test'
/** After the end of the authorities. */
const LATE = new Date(NOW.getTime() + 3700 * 86_400_000)
const folder = mkdtempSync(join(tmpdir(), 'pli-places-'))
afterAll(() => rmSync(folder, { recursive: true }))

type Wanted = Partial<CertificateRequest>
const confidential = [`domain-confidentiality-authority@${DOMAIN}`]
/** One of each kind that an operator has in his folder, and some that are nearly right. */
const DRAWER = {
  server: { kind: 'server', commonName: HOST },
  otherHost: { kind: 'server', commonName: 'www.a.mssante.test' },
  clientPurpose: { kind: 'server', commonName: HOST, purposes: ['1.3.6.1.5.5.7.3.2'] },
  noPurposes: { kind: 'server', commonName: HOST, keyUsage: ['keyEncipherment'] },
  client: { kind: 'client' },
  signature: { kind: 'signature' },
  mail: { kind: 'mail', emails: confidential },
  box: { kind: 'mail', emails: [`dr.fictif@${DOMAIN}`] },
  otherDomain: { kind: 'mail', emails: ['domain-confidentiality-authority@b.mssante.test'] },
  nameless: { kind: 'mail' },
  transportOnly: { kind: 'mail', emails: confidential, keyUsage: ['digitalSignature', 'keyEncipherment'] },
  agreementOnly: { kind: 'mail', emails: confidential, keyUsage: ['digitalSignature', 'keyAgreement'], key: 'rsa' },
  encryptsOnly: { kind: 'mail', emails: confidential, keyUsage: ['keyAgreement'] },
  timeStamp: { kind: 'timeStamp' },
  revoked: { kind: 'mail', emails: confidential },
  longServer: { kind: 'server', commonName: HOST, notAfter: LATE },
  longMail: { kind: 'mail', emails: confidential, notAfter: LATE },
} as const satisfies Record<string, Wanted>
type Name = keyof typeof DRAWER | 'strange'

let pki: Pki
let stranger: Pki
let files: Record<Name, IdentityPaths>
let issued: Record<Name, Issued>
let trust: { anchors: string[]; crls: string[]; authorities: never[] }
let anchors: Anchors
let said: { event: string; detail: Record<string, unknown> }[]
const note = (event: string, detail: Record<string, unknown> = {}) => void said.push({ event, detail })
const log: Log = { ...silent, info: note, warn: note, error: note }

const issue = (by: Pki, wanted: Wanted) =>
  by.issue({ kind: 'mail', commonName: 'OPERATEUR A', organization: 'OPERATEUR A', structure: '1759999029', key: 'ec', ...wanted })

beforeAll(async () => {
  pki = await createPki({ now: NOW, key: 'ec' })
  stranger = await createPki({ now: NOW, key: 'ec', label: 'OTHER' })
  const made = await Promise.all(
    Object.entries(DRAWER).map(async ([name, wanted]) => [name, await issue(pki, { ...wanted } as Wanted), pki] as const),
  )
  const all = [...made, ['strange', await issue(stranger, DRAWER.server), stranger] as const]
  issued = Object.fromEntries(all.map(([name, each]) => [name, each])) as typeof issued
  const written = await Promise.all(all.map(async ([name, each, by]) => [name, await writeIdentity(folder, name, each, by)] as const))
  files = Object.fromEntries(written) as typeof files
  pki.revoke(issued.revoked)
  trust = { ...(await pki.write(join(folder, 'igc'))), authorities: [] }
  anchors = loadAnchors(trust)
})
beforeEach(() => {
  said = []
})

const PLACES = ['tls', 'signature', 'smime.encryption.0', 'dmp.client', 'dmp.signature'] as const
type Place = (typeof PLACES)[number]
const RIGHT: Record<Place, Name> = {
  tls: 'server',
  signature: 'signature',
  'smime.encryption.0': 'mail',
  'dmp.client': 'client',
  'dmp.signature': 'signature',
}

/** A configuration with the right certificate in each place but those that are told. */
function configured(changes: Partial<Record<Place, Name>> = {}, more: { encryption?: IdentityPaths[] } = {}): Configuration {
  const at = Object.fromEntries(PLACES.map(place => [place, files[changes[place] ?? RIGHT[place]]])) as Record<Place, IdentityPaths>
  return {
    ...{ hostname: HOST, domains: [DOMAIN], data: join(folder, 'data'), masterKeys: {}, mailboxes: {}, directory: {}, signIn: {} },
    ...{ tls: { ...at.tls, ...trust }, whiteList: trust, signature: at.signature },
    smime: { encryption: more.encryption ?? [at['smime.encryption.0']] },
    dmp: { trust, client: at['dmp.client'], signature: at['dmp.signature'] },
  } as unknown as Configuration
}

const start = (configuration: Configuration, now = () => NOW.getTime()) => openIdentities(configuration, { anchors, now, log })
/** The faults of `pli check` that are about certificates of ours. */
function checked(configuration: Configuration, now = NOW.getTime()): string[] {
  try {
    checkKeys('pli.yaml', configuration, now)
    return []
  } catch (error) {
    return (error as { faults: string[] }).faults.filter(fault => PLACES.some(place => fault.startsWith(`${place}: `)))
  }
}
const own = (configuration: Configuration, now = NOW.getTime()) =>
  takeInventory(configuration, now).certificates.filter(({ kind }) => kind === 'own')

const SSL = /SERV SSL belongs here/
const KINDS = {
  server: 'extended key usage does not allow TLS servers',
  client: 'extended key usage does not allow TLS clients',
  signature: 'extended key usage does not allow signatures',
  encryption: 'key usage does not allow encryption',
}

/** Each kind in each place where it does not belong, and what is lacking. */
const WRONG: [Place, Name, string][] = [
  ['tls', 'client', KINDS.server],
  ['tls', 'signature', KINDS.server],
  ['tls', 'mail', KINDS.server],
  ['tls', 'timeStamp', KINDS.server],
  ['tls', 'clientPurpose', KINDS.server],
  ['tls', 'noPurposes', 'key usage does not allow TLS servers'],
  ['tls', 'otherHost', `does not name the host ${HOST}`],
  ['tls', 'strange', 'does not come from an accepted authority'],
  ['signature', 'server', KINDS.signature],
  ['signature', 'client', KINDS.signature],
  ['signature', 'timeStamp', KINDS.signature],
  ['signature', 'encryptsOnly', 'key usage does not allow signatures'],
  ['signature', 'revoked', 'certificate was revoked'],
  ['smime.encryption.0', 'server', KINDS.encryption],
  ['smime.encryption.0', 'client', KINDS.encryption],
  ['smime.encryption.0', 'signature', KINDS.encryption],
  ['smime.encryption.0', 'transportOnly', KINDS.encryption],
  ['smime.encryption.0', 'agreementOnly', KINDS.encryption],
  ['smime.encryption.0', 'otherDomain', `names no mail address of ours, such as ${confidential[0]}`],
  ['smime.encryption.0', 'nameless', `names no mail address of ours, such as ${confidential[0]}`],
  ['dmp.client', 'signature', KINDS.client],
  ['dmp.client', 'mail', KINDS.client],
  ['dmp.signature', 'client', KINDS.signature],
  ['dmp.signature', 'server', KINDS.signature],
  ['dmp.signature', 'revoked', 'certificate was revoked'],
]

describe.each(WRONG)('%s with the certificate "%s"', (place, name, lacks) => {
  test('is refused at the start and by the check, in the same words, and shown as wrong', () => {
    const configuration = configured({ [place]: name })
    const [fault, ...others] = checked(configuration)
    expect(others).toEqual([])
    expect(fault).toContain(`${place}: ${files[name].certificate}: CN=`)
    expect(fault).toContain(lacks)
    expect(() => start(configuration)).toThrow(fault!.slice(place.length + 2))
    const shown = own(configuration).filter(({ wrong }) => wrong !== undefined)
    expect(shown.map(each => each.place)).toEqual([place])
    expect(fault).toContain(shown[0]!.wrong)
  })
})

describe('what is right', () => {
  test.each<[Place, Name]>([
    ...PLACES.map(place => [place, RIGHT[place]] as [Place, Name]),
    ['signature', 'mail'],
    ['smime.encryption.0', 'box'],
    ['smime.encryption.0', 'encryptsOnly'],
    ['smime.encryption.0', 'revoked'], // it opens what came before
  ])('%s takes the certificate "%s"', (place, name) => {
    const configuration = configured({ [place]: name })
    expect(checked(configuration)).toEqual([])
    expect(() => start(configuration)).not.toThrow()
  })

  test('a list that is missing says nothing against our own: the others look into theirs', () => {
    const unlisted = { ...configured(), tls: { ...files.server, ...trust, crls: [] } } as unknown as Configuration
    expect(checked(unlisted)).toEqual([])
    expect(own(unlisted).filter(({ wrong }) => wrong)).toEqual([])
  })
})

test('the check tells of every wrong place at once, and of everything that is wrong with one', () => {
  const faults = checked(configured({ tls: 'signature', signature: 'server', 'smime.encryption.0': 'otherDomain', 'dmp.client': 'mail' }))
  expect(faults.map(fault => fault.split(':')[0])).toEqual(['tls', 'signature', 'smime.encryption.0', 'dmp.client'])
  expect(faults[0]).toMatch(SSL)
  expect(faults[0]).toMatch(/does not allow TLS servers; certificate does not name the host/)
})

test('a renewal that brings the wrong kind is not taken: the old one serves, and the log says why', async () => {
  const paths = await writeIdentity(folder, 'renewed', issued.server, pki)
  const identities = start({ ...configured(), tls: { ...paths, ...trust } } as unknown as Configuration)
  await writeIdentity(folder, 'renewed', issued.client, pki)
  for (let look = 0; look < 3; look += 1) expect(identities.renew()).toEqual([])
  expect(identities.tls().facts.serial).toBe(issued.server.serial.toString('hex'))
  expect(said).toEqual([
    { event: 'certificate-refused', detail: { place: 'tls', reason: expect.stringMatching(/TLS servers;.*SERV SSL belongs here/) } },
  ])
  const next = await issue(pki, DRAWER.server)
  await writeIdentity(folder, 'renewed', next, pki)
  for (let look = 0; look < 2; look += 1) identities.renew()
  expect(identities.tls().facts.serial).toBe(next.serial.toString('hex'))
})

describe('entries of smime.encryption, added and removed while we run', () => {
  const serials = (identities: ReturnType<typeof start>) => identities.encryption().map(({ facts }) => facts.serial)
  const serialsOf = (...names: Name[]) => names.map(name => issued[name].serial.toString('hex'))

  test('the new ones are taken, told by their places; the same ones are no news', () => {
    const identities = start(configured())
    expect(identities.open([files.mail])).toEqual([])
    expect(identities.open([files.box, files.mail])).toEqual(['smime.encryption.0', 'smime.encryption.1'])
    expect(serials(identities)).toEqual(serialsOf('box', 'mail'))
    expect(identities.held.map(({ place }) => place)).toEqual(expect.arrayContaining(['tls', 'smime.encryption.1']))
    expect(identities.open([files.box])).toEqual(['smime.encryption.0', 'smime.encryption.1']) // the second is gone
    expect(serials(identities)).toEqual(serialsOf('box'))
    expect(said.map(({ event }) => event)).toEqual(['encryption-entries-taken', 'encryption-entries-taken'])
  })

  test('with one that does not belong there none is taken, and the log says why', () => {
    const identities = start(configured())
    expect(identities.open([files.box, files.server])).toEqual([])
    expect(serials(identities)).toEqual(serialsOf('mail'))
    const reason = expect.stringMatching(/server\.pem: .*SERV S\/MIME belongs here/)
    expect(said).toEqual([{ event: 'certificate-refused', detail: { place: 'smime.encryption', reason } }])
  })

  test('a configuration that is read again gives its entries; what else has changed waits for a restart; a broken one gives none', () => {
    const file = join(folder, 'pli.yaml')
    const written = {
      ...{ name: 'A', postmaster: `postmaster@${DOMAIN}`, mailboxes: { publicKey: files.mail.key }, masterKeys: { environment: 'KEYS' } },
      ...{ hostname: HOST, domains: [DOMAIN], data: folder, directory: { file: files.mail.key }, signature: files.mail },
      listen: { submission: { port: 0 }, submissions: { port: 0 }, reception: { port: 0 } },
      tls: { ...files.server, anchors: trust.anchors, crls: trust.crls },
      whiteList: { file: files.mail.key, anchors: trust.anchors, crls: trust.crls, signer: 'X' },
      smime: { encryption: [files.mail] },
    }
    const write = (value: unknown) => writeFileSync(file, JSON.stringify(value))
    write(written)
    const running = loadConfiguration(file)
    write({ ...written, smime: { encryption: [files.mail, files.box] } })
    expect(rereadEntries(file, running, log)).toEqual([files.mail, files.box])
    expect(said).toEqual([])
    write({ ...written, name: 'B', smime: { policy: { default: 'never' } } })
    expect(rereadEntries(file, running, log)).toEqual([])
    write({ ...written, nonsense: 1 })
    expect(rereadEntries(file, running, log)).toBeUndefined()
    expect(said).toEqual([
      { event: 'configuration-waits-for-restart', detail: { parts: 'name smime' } },
      { event: 'configuration-refused', detail: { reason: expect.stringContaining('nonsense') } },
    ])
  })
})

/** Ours would be of no use if the others judged otherwise: each certificate of the drawer, by both. */
describe('we say of ours what others say of it', () => {
  const refuses = (place: Place, name: Name) => {
    try {
      loadFor({ place, files: files[name] }, { configuration: { hostname: HOST, domains: [DOMAIN] }, anchors, at: NOW })
      return false
    } catch {
      return true
    }
  }
  const names = (Object.keys(DRAWER) as Name[]).filter(name => !['otherHost', 'otherDomain', 'nameless'].includes(name))

  test.each([...names, 'strange' as const])('"%s"', async name => {
    const der = pemToDer(issued[name].certificatePem)
    expect(refuses('signature', name)).toBe((await judgeSigner(der, { anchors, at: NOW })).kind === 'refused')
    if (name !== 'revoked') expect(refuses('smime.encryption.0', name)).toBe((await judgeRecipient(der, anchors, NOW)).kind === 'refused')
    expect(refuses('tls', name)).toBe(await isRefusedAsServer(name))
  })

  /** One handshake of a client of ours with a server that shows it. */
  async function isRefusedAsServer(name: Name): Promise<boolean> {
    const identity = createIdentity({ certificatePem: issued[name].certificatePem, keyPem: issued[name].keyPem })
    const server = createServer(serverTls({ identity, door: 'test' }), socket => socket.on('error', () => {}))
    server.on('tlsClientError', () => {})
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const socket = connect({ host: '127.0.0.1', port, servername: HOST, ...clientTls({ anchors, identifiedBy: 'name' }) })
    try {
      await once(socket, 'secureConnect')
      return false
    } catch (error) {
      expect(peerFaultOf(error, anchors)).toBeDefined()
      return true
    } finally {
      socket.destroy()
      server.close()
    }
  }
})

describe('a certificate that opened mail and has ended', () => {
  const DAY = 86_400_000
  const HOUR = 3_600_000
  const AFTER = NOW.getTime() + 40 * DAY
  const soon = new Date(NOW.getTime() + 30 * DAY)
  const after = () => AFTER
  let entries: Record<'before' | 'old' | 'oldBox' | 'next' | 'other' | 'short' | 'gone', IdentityPaths>
  beforeAll(async () => {
    const write = async (name: string, wanted: Wanted, by = pki) => writeIdentity(folder, name, await issue(by, wanted), by)
    entries = {
      before: await write('before', {
        emails: confidential,
        notBefore: new Date(NOW.getTime() - 300 * DAY),
        notAfter: new Date(AFTER + DAY),
      }),
      old: await write('old', { emails: confidential, notAfter: soon }),
      oldBox: await write('oldBox', { emails: [`dr.fictif@${DOMAIN}`], notAfter: soon }),
      next: await write('next', { emails: confidential }),
      other: await write('other', { emails: [`dr.fictif@${DOMAIN}`] }),
      gone: await write('gone', { emails: ['domain-confidentiality-authority@given.up.test'], notAfter: soon }, stranger),
      short: await write('short', { emails: confidential, notAfter: new Date(NOW.getTime() + 35 * DAY) }),
    }
    trust = { ...(await pki.write(join(folder, 'later'), { nextUpdate: new Date(AFTER + DAY) })), authorities: [] }
    anchors = loadAnchors(trust)
  })

  /** What `pli certificates` says of the entries, and whether it fails. */
  const states = (encryption: IdentityPaths[], at: number) => {
    const lines = certificateLines(takeInventory(configured({}, { encryption }), at), at)
    return [...lines.filter(({ place }) => place.startsWith('smime')).map(({ state }) => state), lines.every(isInOrder)]
  }
  const standing = (encryption: IdentityPaths[], at = AFTER) =>
    own(configured({}, { encryption }), at)
      .filter(({ place }) => place.startsWith('smime'))
      .map(({ standing, wrong }) => wrong ?? standing)

  test.each<[string, (keyof typeof entries)[], (string | undefined)[]]>([
    ['with a later one of the same domain', ['old', 'next'], ['kept', undefined]],
    ['whichever comes first', ['next', 'old'], [undefined, 'kept']],
    ['of a box, with one of its domain', ['oldBox', 'next'], ['kept', undefined]],
    ['alone', ['old'], [undefined]],
    ['of a domain, with one of a box alone', ['old', 'other'], [undefined, undefined]],
    ['of a domain and of an authority that are ours no more, with one of today', ['gone', 'next'], ['kept', undefined]],
    ['with one that has ended too', ['old', 'short'], [undefined, undefined]],
  ])('%s', (_, names, expected) => {
    const encryption = names.map(name => entries[name])
    expect(standing(encryption)).toEqual(expected)
    expect(() => start(configured({}, { encryption }), after)).not.toThrow()
  })

  test.each<[string, () => IdentityPaths[], Date, unknown[]]>([
    ['ended with a later one: kept, and no fault', () => [entries.old, entries.next], new Date(AFTER), ['kept', 'right', true]],
    ['ended alone: a fault', () => [entries.old], new Date(AFTER), ['ended', false]],
    ['in its last week with a later one: right', () => [entries.old, entries.next], soon, ['right', 'right', true]],
    ['in its last week alone: a fault', () => [entries.old], soon, ['ends', false]],
    ['of the wrong kind: a fault', () => [files.server], NOW, ['wrong', false]],
  ])('pli certificates, %s', (_, encryption, at, expected) => {
    expect(states(encryption(), at.getTime() - HOUR)).toEqual(expected)
  })

  test('before its end it is succeeded, and no news either', () => {
    expect(standing([entries.old, entries.next], NOW.getTime())).toEqual(['succeeded', undefined])
    const lasting = (names: (keyof typeof entries)[], now: () => number) =>
      start(configured({}, { encryption: names.map(name => entries[name]) }), now)
        .lasting()
        .map(({ place }) => place)
        .filter(place => place.startsWith('smime'))
    expect(lasting(['old', 'next'], () => NOW.getTime())).toEqual(['smime.encryption.1'])
    expect(lasting(['old', 'next'], after)).toEqual(['smime.encryption.1'])
    expect(lasting(['old'], after)).toEqual(['smime.encryption.0'])
  })

  test('one that was revoked is kept once it is succeeded, and wrong while it is not', () => {
    expect(standing([files.revoked, entries.next])).toEqual(['kept', undefined])
    expect(standing([files.revoked])).toEqual([expect.stringContaining('was revoked')])
  })

  test('one that was revoked is wrong, and news, while only an older one stands beside it: its key may have been stolen', () => {
    expect(standing([entries.before, files.revoked])).toEqual([undefined, expect.stringContaining('was revoked')])
    const running = start(configured({}, { encryption: [entries.before, files.revoked] }), after)
    expect(running.lasting()).toContainEqual(expect.objectContaining({ place: 'smime.encryption.1', isRevoked: true }))
  })

  test('one whose authority has ended is wrong, as the start says; one that opens mail once nothing stands in for it', () => {
    const at = NOW.getTime() + 3660 * DAY
    const later = { ...configured({ tls: 'longServer' }, { encryption: [files.longMail] }) }
    const shown = own(later, at).filter(({ place }) => /tls|smime/.test(place))
    expect(shown.map(({ wrong }) => wrong)).toEqual([
      expect.stringMatching(/^certificate of the authority .* expired on .* \(SERV SSL belongs here\)$/),
      expect.stringMatching(/^certificate of the authority .* expired on /),
    ])
    expect(checked(later, at).filter(fault => fault.startsWith('tls'))).toEqual([expect.stringContaining(shown[0]!.wrong!)])
  })

  test('one of the wrong kind is wrong, whatever stands beside it', () => {
    expect(standing([files.signature, entries.next])[0]).toContain(KINDS.encryption)
  })
})

test('what is revoked while we run is known once the list is read, in every place, but where another opener stands in', async () => {
  const igc = await createPki({ now: NOW, key: 'ec' })
  const names = ['server', 'signature', 'client', 'mail', 'longMail'] as const
  const own = Object.fromEntries(await Promise.all(names.map(async name => [name, await issue(igc, DRAWER[name])] as const)))
  const at = async (name: string) => writeIdentity(join(folder, 'running'), name, own[name]!, igc)
  const [server, signature, client, mail, longMail] = await Promise.all(names.map(at))
  const lists = { ...(await igc.write(join(folder, 'running-lists'))), authorities: [] }
  const running = loadAnchors(lists)
  const configuration = {
    ...configured({}, { encryption: [mail!] }),
    ...{ tls: { ...server, ...lists }, signature, dmp: { trust: lists, client, signature } },
  } as unknown as Configuration
  const identities = openIdentities(configuration, { anchors: running, now: () => NOW.getTime(), log })
  const revoked = () => identities.lasting().flatMap(({ place, isRevoked }) => (isRevoked ? [place] : []))
  expect(revoked()).toEqual([])
  for (const name of ['server', 'signature', 'client', 'mail'] as const) igc.revoke(own[name]!)
  await igc.write(join(folder, 'running-lists'))
  running.reload()
  expect(revoked()).toEqual(['tls', 'signature', 'smime.encryption.0', 'dmp.client', 'dmp.signature'])
  identities.open([mail!, longMail!])
  expect(revoked()).toEqual(['tls', 'signature', 'dmp.client', 'dmp.signature'])
  await writeIdentity(join(folder, 'running'), 'server', await issue(igc, DRAWER.server), igc)
  for (let look = 0; look < 2; look += 1) identities.renew()
  expect(revoked()).toEqual(['signature', 'dmp.client', 'dmp.signature'])
})

test('where a responder stands in for a list it is asked about each of ours', async () => {
  const { anchors: files, crls } = await pki.write(join(folder, 'asked'))
  const asked = new Set<string>()
  const ask = async (_: string, request: Buffer): Promise<Buffer> => {
    asked.add(readQuestion(request).serial.toString('hex'))
    throw new Error('it is silent')
  }
  const authorities = [{ certificate: files[1]!, ocsp: 'http://ocsp.test' }]
  const unlisted = loadAnchors({ anchors: [files[0]!], crls: [crls[0]!], authorities }, { ocsp: { ask } })
  const identities = openIdentities(configured(), { anchors: unlisted, now: () => NOW.getTime(), log })
  identities.ask()
  const ours = (['server', 'signature', 'client', 'mail'] as const).map(name => issued[name].serial.toString('hex'))
  await vi.waitFor(() => expect(asked).toEqual(new Set(ours)), 20_000)
})
