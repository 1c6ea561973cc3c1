import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packageRoot } from '../../../config/index.ts'
import { oid } from '../../../crypto/cms/write.ts'
import { createIdentity, type Identity } from '../../../crypto/index.ts'
import { type Proof, signProof } from '../../../gateway/proof.ts'
import { stampOf } from '../../../gateway/time-stamp.ts'
import { run } from '../../support/cli.ts'
import { forgingAuthority, opensslAuthority, startTimeStampServer, type TimeStampServer } from '../../support/time-stamp-authority.ts'
import { has } from '../../support/tools.ts'
import { type AnchorPaths, createPki, type Issued } from '../../world/pki.ts'

const now = new Date()
const digest = createHash('sha256').update('x').digest()
const proof = { about: 'message accepted by an MSSanté operator', version: 1 } as Proof

let folder: string
let anchors: AnchorPaths
let authority: Issued
let identity: Identity
let server: TimeStampServer

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pli-stamp-'))
  mkdirSync(join(folder, 'tsa'))
  const pki = await createPki({ now, key: 'ec' })
  const named = (kind: 'timeStamp' | 'server' | 'signature', commonName: string) =>
    pki.issue({ kind, commonName, organization: 'FICTIVE', structure: '1750000001', key: 'ec' })
  authority = await named('timeStamp', 'HORODATAGE FICTIF')
  identity = createIdentity(withChain(await named('signature', 'SIGNATAIRE FICTIF')))
  const host = await named('server', 'localhost')
  anchors = await pki.write(folder)
  writeFileSync(join(folder, 'authorities.pem'), pki.authorities.join(''))
  server = await startTimeStampServer(withChain(host), opensslAuthority(join(folder, 'tsa'), authority))

  function withChain({ certificatePem, keyPem }: Issued) {
    return { certificatePem: certificatePem + pki.authorities[1], keyPem }
  }
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

/** What we tell somebody who does not know us to type. */
function fromReadme(): string {
  const readme = readFileSync(join(packageRoot, 'crypto/README.md'), 'utf8')
  const [, commands = ''] = /```sh\n(at=[^`]*)```/.exec(readme) ?? []
  return commands
    .replaceAll('TSA-AUTHORITIES.pem', '"$2"')
    .replaceAll('PROOF.tsr', '"$1.tsr"')
    .replaceAll('PROOF', '"$1"')
    .replaceAll('SIGNATURE', '"$1.sig"')
}

const settings = (more: object = {}) => ({ url: server.url, ...anchors, httpsAnchors: anchors.anchors, timeout: 60_000, ...more })
const stamp = (more: object = {}) => stampOf(digest, settings(more), Date.now)

test.skipIf(!has('openssl'))(
  'a proof is stamped: openssl verifies the document, its signature and the stamp of its signature',
  async () => {
    const signed = await signProof(proof, identity, now, asked => stampOf(asked, settings(), Date.now))
    const [document, response] = [join(folder, 'proof.p7m'), join(folder, 'proof.p7m.tsr')]
    writeFileSync(document, signed.document)
    writeFileSync(response, signed.response!)
    const authorities = join(folder, 'authorities.pem')
    const shown = await run('openssl', `cms -verify -inform DER -in ${document} -CAfile ${authorities} -purpose any`.split(' '))
    expect(shown).toMatchObject({ status: 0, stderr: expect.stringContaining('CMS Verification successful') })
    expect(JSON.parse(shown.stdout)).toEqual(proof)
    const verify = (hex: string) => run('openssl', `ts -verify -digest ${hex} -in ${response} -CAfile ${authorities}`.split(' '))
    expect(await verify(signed.digest.toString('hex'))).toMatchObject({ status: 0, stdout: expect.stringContaining('Verification: OK') })
    expect((await verify(digest.toString('hex'))).status).not.toBe(0)
    // By the document alone: what is stamped is its signature (crypto/README.md).
    const alone = await run('sh', ['-ec', fromReadme(), 'sh', document, authorities])
    expect(alone).toMatchObject({ status: 0, stdout: expect.stringContaining('Verification: OK') })
    // Where a validator of CAdES looks for it: an unsigned attribute of the signature.
    const { stdout } = await run('openssl', `cms -cmsout -print -inform DER -in ${document}`.split(' '))
    expect(stdout).toMatch(/unsignedAttrs:\s+object: id-smime-aa-timeStampToken/)
    expect(server.asked).toBe(1)
  },
)

test('without an authority the document is the signed text alone', async () => {
  const { document, response } = await signProof(proof, identity, now)
  expect(response).toBeUndefined()
  expect(document.includes(oid('1.2.840.113549.1.9.16.2.14'))).toBe(false)
})

test.each<[string, () => void, RegExp, object?]>([
  ['says no', () => server.answer(forgingAuthority(authority, { status: 2 })), /gives no time stamp/],
  ['stamps something else', () => server.answer(forgingAuthority(authority, { digest: Buffer.alloc(32) })), /of something else/],
  ['answers with an error', () => server.answer(() => Buffer.from('no'), { status: 503 }), /^the time-stamp authority answered 503 /],
  [
    'answers with a page',
    () => server.answer(() => Buffer.from('<html>'), { type: 'text/html' }),
    /^the time-stamp authority answered 200 without/,
  ],
  ['answers without end', () => server.answer(() => Buffer.alloc(1 << 20)), /^the answer of the time-stamp authority is too large$/],
  [
    'shows a certificate that nobody vouches for',
    () => undefined,
    /^the time-stamp authority cannot be reached \(/,
    { httpsAnchors: undefined },
  ],
  ['says nothing', () => server.answer(() => Buffer.alloc(0), { silent: true }), /did not answer within 0\.3 s$/, { timeout: 300 }],
  ['is not there', () => undefined, /^the time-stamp authority cannot be reached \(ECONNREFUSED/, { url: 'https://127.0.0.1:1/' }],
])('an authority that %s gives no stamp', async (_, prepare, words, more) => {
  prepare()
  await expect(stamp(more)).rejects.toThrow(words)
})
