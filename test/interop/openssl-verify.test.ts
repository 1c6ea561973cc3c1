import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { trustOf } from '../../crypto/anchors.ts'
import { judgeCertificate } from '../../crypto/chain.ts'
import { loadAnchors, readCertificate } from '../../crypto/index.ts'
import { has, tool } from '../support/tools.ts'
import { type CertificateRequest, createPki, type Issued, type Pki, selfSigned } from '../world/pki.ts'

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
