import { spawn, spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AsnConvert } from '@peculiar/asn1-schema'
import { GeneralName, GeneralSubtree, GeneralSubtrees, NameConstraints } from '@peculiar/asn1-x509'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { trustOf } from '../../crypto/anchors.ts'
import { derToPem } from '../../crypto/certificate.ts'
import { judgeCertificate } from '../../crypto/chain.ts'
import { loadAnchors, readCertificate } from '../../crypto/index.ts'
import { openAnchors } from '../../gateway/revocation/index.ts'
import { has, tool } from '../support/tools.ts'
import { Anchorage, AUTHORITY, judged, judgedOnline, listOf, type Party, party, SERVER } from '../unit/crypto/parties.ts'
import { type CertificateRequest, createPki, type Issued, type Pki, selfSigned } from '../world/pki.ts'
import { extension, nameOf } from '../world/pki-certificates.ts'

const now = new Date()
const DAY = 86_400_000
const operator: CertificateRequest = {
  kind: 'server',
  organization: 'OPÉRATEUR, "FICTIF"',
  structure: '1750000001',
  commonName: 'mta.test',
}

let folder: string
let pki: Pki
let other: Pki

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-openssl-'))
  ;[pki, other] = await Promise.all([createPki({ now }), createPki({ now, label: 'OTHER' })])
})

afterAll(() => rm(folder, { recursive: true }))

/** What OpenSSL and we say of one certificate, with the same authorities and lists. */
async function judge({ certificatePem }: Issued, options: { lists?: number; nextUpdate?: Date } = {}) {
  const paths = await pki.write(
    folder,
    options.nextUpdate ? { thisUpdate: new Date(now.getTime() - 30 * DAY), nextUpdate: options.nextUpdate } : {},
  )
  const crls = paths.crls.slice(0, options.lists ?? 2)
  await writeFile(join(folder, 'leaf.pem'), certificatePem)
  const files = ['-CAfile', paths.anchors[0]!, '-untrusted', paths.anchors[1]!, ...crls.flatMap(crl => ['-CRLfile', crl])]
  const { status, stderr } = spawnSync(tool('openssl'), ['verify', '-crl_check_all', ...files, join(folder, 'leaf.pem')], {
    encoding: 'utf8',
  })
  const verdict = judgeCertificate(new X509Certificate(certificatePem).raw, trustOf(loadAnchors({ ...paths, crls })), 'tls', now)
  return {
    openssl: status === 0 ? 'OK' : /error \d+ at [^:]*: *(.*)/.exec(stderr)?.[1],
    ours: verdict.kind === 'trusted' ? 'OK' : verdict.why,
  }
}

describe.skipIf(!has('openssl'))('openssl verify -crl_check_all agrees with us', () => {
  test('good', async () => {
    expect(await judge(await pki.issue(operator))).toEqual({ openssl: 'OK', ours: 'OK' })
  })

  test('good, on an elliptic curve', async () => {
    expect(await judge(await pki.issue({ ...operator, key: 'ec' }))).toEqual({ openssl: 'OK', ours: 'OK' })
  })

  test('expired', async () => {
    const issued = await pki.issue({ ...operator, notBefore: new Date(now.getTime() - 9 * DAY), notAfter: new Date(now.getTime() - DAY) })
    expect(await judge(issued)).toEqual({ openssl: 'certificate has expired', ours: 'expired' })
  })

  test('not yet valid', async () => {
    const issued = await pki.issue({ ...operator, notBefore: new Date(now.getTime() + DAY) })
    expect(await judge(issued)).toEqual({ openssl: 'certificate is not yet valid', ours: 'not-yet-valid' })
  })

  test('revoked', async () => {
    const issued = await pki.issue(operator)
    pki.revoke(issued)
    expect(await judge(issued)).toEqual({ openssl: 'certificate revoked', ours: 'revoked' })
  })

  test('of another authority', async () => {
    expect(await judge(await other.issue(operator))).toEqual({
      openssl: 'unable to get local issuer certificate',
      ours: 'not-from-anchors',
    })
  })

  test('self-signed', async () => {
    const result = await judge(await selfSigned('mta.test', now))
    expect(result.ours).toBe('not-from-anchors')
    expect(result.openssl).toMatch(/self.signed certificate|unable to get certificate CRL/)
  })

  test('without the list of its authority', async () => {
    expect(await judge(await pki.issue(operator), { lists: 1 })).toEqual({
      openssl: 'unable to get certificate CRL',
      ours: 'revocation-unknown',
    })
  })

  test('with a list that has ended', async () => {
    const result = await judge(await pki.issue(operator), { nextUpdate: new Date(now.getTime() - DAY) })
    expect(result).toEqual({ openssl: 'CRL has expired', ours: 'revocation-unknown' })
  })

  test('on the subject, serial number and dates', async () => {
    const issued = await pki.issue(operator)
    await writeFile(join(folder, 'shown.pem'), issued.certificatePem)
    const args = ['x509', '-noout', '-subject', '-serial', '-nameopt', 'RFC2253,-esc_msb,utf8', '-in', join(folder, 'shown.pem')]
    const { stdout } = spawnSync(tool('openssl'), args, { encoding: 'utf8' })
    const facts = readCertificate(issued.certificatePem)
    expect(facts.subject).toEqual(issued.subject)
    expect(stdout).toContain('subject=CN=mta.test,OU=1750000001,O=OPÉRATEUR\\, \\"FICTIF\\",ST=Paris (75),C=FR\n')
    expect(stdout.toLowerCase()).toContain(`serial=${facts.serial}\n`)
  })
})

describe.skipIf(!has('openssl'))('openssl ocsp answers, and we judge', () => {
  let authority: Party
  let responder: Party
  let leaves: Record<'good' | 'revoked' | 'unknown', Party>
  let address: string
  let stop: () => Promise<void>
  const ocspFolder = new Anchorage()

  beforeAll(async () => {
    const dates = { notBefore: new Date(now.getTime() - DAY), notAfter: new Date(now.getTime() + 365 * DAY) }
    authority = await party('CA', undefined, { ...AUTHORITY, ...dates })
    const leaf = (name: string) => party(name, authority, { ...dates, purposes: SERVER })
    leaves = { good: await leaf('good'), revoked: await leaf('revoked'), unknown: await leaf('unknown') }
    const nocheck = extension('1.3.6.1.5.5.7.48.1.5', false, Buffer.from('0500', 'hex'))
    responder = await party('responder', authority, { ...dates, purposes: ['1.3.6.1.5.5.7.3.9'], extensions: [nocheck] })
    ;({ address, stop } = await startOpenssl(ocspFolder, { authority, responder, ...leaves }))
  })

  afterAll(async () => {
    await stop()
    ocspFolder.remove()
  })

  test.each([
    ['good', 'trusted'],
    ['revoked', 'revoked'],
    ['unknown', 'revocation-unknown'],
  ] as const)('%s', async (name, expected) => {
    const anchors = openAnchors(
      { anchors: [], crls: [], authorities: [{ certificate: ocspFolder.write(derToPem(authority.der, 'CERTIFICATE')), ocsp: address }] },
      { data: ocspFolder.folder },
    )
    expect(judged(leaves[name], anchors, { at: now })).toBe('revocation-unknown')
    expect(await judgedOnline(leaves[name], anchors, new Date())).toBe(expected)
  })
})

/** `openssl ocsp -port` with an index of its CA; OpenSSL makes each answer, with our nonce in it. */
async function startOpenssl(folder: Anchorage, parties: Record<'authority' | 'responder' | 'good' | 'revoked', Party>) {
  const { authority, responder, good, revoked } = parties
  const until = '351231235959Z'
  const line = (status: string, { serial, name }: Party) =>
    [status, until, status === 'R' ? '261101000000Z' : '', serial.toString('hex').toUpperCase(), 'unknown', `/CN=${name[0]!.value}`].join(
      '\t',
    )
  const index = folder.write(`${line('V', good)}\n${line('R', revoked)}\n`)
  const pem = ({ der }: Party) => folder.write(derToPem(der, 'CERTIFICATE'))
  const key = folder.write(responder.keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  const files = ['-index', index, '-CA', pem(authority), '-rsigner', pem(responder), '-rkey', key]
  const child = spawn(tool('openssl'), ['ocsp', ...files, '-port', '0', '-nmin', '5', '-ignore_err'], { stdio: ['ignore', 'pipe', 'pipe'] })
  const port = await new Promise<string>((resolve, reject) => {
    let said = ''
    const listen = (chunk: Buffer) => {
      said += chunk
      const [, found] = /ACCEPT \S*?:(\d+)/.exec(said) ?? []
      if (found) resolve(found)
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    child.on('exit', () => reject(new Error(said)))
  })
  const stop = async () => {
    child.kill()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  return { address: `http://127.0.0.1:${port}/`, stop }
}

describe.skipIf(!has('openssl'))('openssl verify agrees with us on what only a few authorities do', () => {
  const anchorage = new Anchorage()
  const dates = { notBefore: new Date(now.getTime() - DAY), notAfter: new Date(now.getTime() + 365 * DAY) }
  const fresh = { thisUpdate: new Date(now.getTime() - 1000), nextUpdate: new Date(now.getTime() + DAY) }
  let root: Party
  let plain: Party

  beforeAll(async () => {
    root = await party('ROOT', undefined, { ...AUTHORITY, ...dates })
    plain = await party('CA', root, { ...AUTHORITY, ...dates })
  })

  afterAll(() => anchorage.remove())

  function both(leaf: Party, authority: Party, lists: Buffer[], ...flags: string[]) {
    const all = [listOf(root, fresh), ...lists]
    const [ca, sub, end] = [root, authority, leaf].map(({ der }) => anchorage.write(derToPem(der, 'CERTIFICATE')))
    const crls = all.flatMap(list => ['-CRLfile', anchorage.write(derToPem(list, 'X509 CRL'))])
    const args = ['verify', '-crl_check_all', ...flags, '-CAfile', ca!, '-untrusted', sub!, ...crls, end!]
    const { status } = spawnSync(tool('openssl'), args, { encoding: 'utf8' })
    return { openssl: status === 0, ours: judged(leaf, anchorage.load([root, authority], all), { at: now }) === 'trusted' }
  }

  const mail = (rfc822Name: string) => new GeneralName({ rfc822Name })
  const host = (dNSName: string) => new GeneralName({ dNSName })
  const ip = (iPAddress: string) => new GeneralName({ iPAddress })
  const organisation = (value: string) => new GeneralName({ directoryName: nameOf([{ type: 'O', value }]) })

  test.each<[string, GeneralName, GeneralName, GeneralName]>([
    ['rfc822Name', mail('a.test'), mail('x@a.test'), mail('x@b.test')],
    ['rfc822Name of a domain', mail('.a.test'), mail('x@sub.a.test'), mail('x@a.test')],
    ['dNSName', host('a.test'), host('mta.a.test'), host('ba.test')],
    ['iPAddress', ip('10.1.0.0/16'), ip('10.1.2.3'), ip('10.2.0.1')],
    ['iPAddress v6', ip('fd00::/16'), ip('fd00::1'), ip('fd01::1')],
    ['directoryName', organisation('PLI'), organisation('pli'), organisation('OTHER')],
  ])('name constraints: %s, permitted and excluded', async (_, base, inside, outside) => {
    for (const kind of ['permittedSubtrees', 'excludedSubtrees'] as const) {
      const value = new NameConstraints({ [kind]: new GeneralSubtrees([new GeneralSubtree({ base })]) })
      const extensions = [extension('2.5.29.30', true, Buffer.from(AsnConvert.serialize(value)))]
      const bound = await party('BOUND', root, { ...AUTHORITY, ...dates, extensions })
      for (const name of [inside, outside]) {
        const isAllowed = (name === inside) === (kind === 'permittedSubtrees')
        // The subject is an organisation as well: it stands where the alternative name does.
        const subject = base.directoryName ? [{ type: 'O', value: name === inside ? 'pli' : 'OTHER' }] : 'leaf'
        const leaf = await party(subject, bound, { ...dates, names: [name] })
        expect(both(leaf, bound, [listOf(bound, fresh)]), `${kind} ${isAllowed}`).toEqual({ openssl: isAllowed, ours: isAllowed })
      }
    }
  })

  test('delta lists: revoked since, released since', async () => {
    const leaf = await party('leaf', plain, { ...dates, purposes: SERVER })
    const reason = (code: number) => [extension('2.5.29.21', false, Buffer.from([0x0a, 0x01, code]))]
    const entry = (code: number) => ({ revoked: [{ serial: leaf.serial, on: dates.notBefore, extensions: reason(code) }] })
    const freshest = extension('2.5.29.46', false, Buffer.from('300f300da00ba0098607687474703a2f2f', 'hex')) // OpenSSL wants to see one
    const since = extension('2.5.29.27', true, Buffer.from([0x02, 0x01, 0x05]))
    const base = (content = {}) => listOf(plain, { ...fresh, number: 5, extensions: [freshest], ...content })
    const delta = (content = {}) => listOf(plain, { ...fresh, number: 6, extensions: [since], ...content })
    expect(both(leaf, plain, [base(), delta()], '-extended_crl', '-use_deltas')).toEqual({ openssl: true, ours: true })
    expect(both(leaf, plain, [base(), delta(entry(1))], '-extended_crl', '-use_deltas')).toEqual({ openssl: false, ours: false })
    expect(both(leaf, plain, [base(entry(6)), delta(entry(8))], '-extended_crl', '-use_deltas')).toEqual({ openssl: true, ours: true })
    expect(both(leaf, plain, [base(entry(6))], '-extended_crl', '-use_deltas')).toEqual({ openssl: false, ours: false })
  })
})
