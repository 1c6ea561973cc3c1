import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inContext, sequence, value } from '../../../crypto/cms/write.ts'
import { type Anchors, askTimeStamp, loadAnchors, readTimeStamp, TimeStampFault } from '../../../crypto/index.ts'
import { forgingAuthority, opensslAuthority, type TimeStampAuthority } from '../../support/time-stamp-authority.ts'
import { has } from '../../support/tools.ts'
import { type CertificateRequest, createPki, type Issued, type Pki } from '../../world/pki.ts'

const now = new Date()
const digest = createHash('sha256').update('what is stamped').digest()
const request: CertificateRequest = {
  ...{ kind: 'timeStamp', commonName: 'HORODATAGE FICTIF', organization: 'AUTORITE FICTIVE', structure: '1750000001', key: 'ec' },
}

let folder: string
let pki: Pki
let anchors: Anchors
let authority: Issued
let others: Record<'expired' | 'revoked' | 'stranger' | 'plain' | 'broad' | 'lenient', Issued>

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pli-stamps-'))
  pki = await createPki({ now, key: 'ec' })
  const stranger = await createPki({ now, key: 'ec', label: 'OTHER' })
  authority = await pki.issue(request)
  others = {
    expired: await pki.issue({ ...request, notBefore: new Date(now.getTime() - 9e8), notAfter: new Date(now.getTime() - 1e8) }),
    revoked: await pki.issue(request),
    stranger: await stranger.issue(request),
    plain: await pki.issue({ ...request, kind: 'signature' }),
    broad: await pki.issue({ ...request, purposes: ['1.3.6.1.5.5.7.3.8', '1.3.6.1.5.5.7.3.4'] }),
    lenient: await pki.issue({ ...request, purposesCritical: false }),
  }
  pki.revoke(others.revoked)
  anchors = loadAnchors(await pki.write(folder))
})

afterAll(() => rmSync(folder, { recursive: true }))

async function stamped(reply: TimeStampAuthority, at = new Date()) {
  const { question, query } = askTimeStamp(digest, at)
  return readTimeStamp(reply(query), question, { anchors, at })
}

const faultOf = (reply: TimeStampAuthority) =>
  stamped(reply).then(
    () => undefined,
    error => (error instanceof TimeStampFault ? error : Promise.reject(error)),
  )

describe.skipIf(!has('openssl'))('a stamp of openssl', () => {
  test.each(['sha256', 'sha512', 'sha1'])('is accepted, its certificate named by %s', async ess => {
    const { at, authority: name, token } = await stamped(opensslAuthority(folder, authority, { ess }))
    expect(Math.abs(at.getTime() - Date.now())).toBeLessThan(60_000)
    expect(name).toMatch(/^CN=HORODATAGE FICTIF,/)
    expect(token[0]).toBe(0x30)
  })

  test('never says anything else when an octet was changed', async () => {
    const { question, query } = askTimeStamp(digest, now)
    const reply = opensslAuthority(folder, authority)(query)
    const right = await readTimeStamp(reply, question, { anchors, at: new Date() })
    const spots = fc.record({ at: fc.integer({ min: 0, max: reply.length - 1 }), flip: fc.integer({ min: 1, max: 255 }) })
    await fc.assert(
      fc.asyncProperty(spots, async ({ at, flip }) => {
        const changed = Buffer.from(reply)
        changed[at]! ^= flip
        const read = await readTimeStamp(changed, question, { anchors, at: new Date() }).catch(error => error)
        // Left over: octets that nothing signs and nothing rests on (parameters of an algorithm, the text of a status).
        if (read instanceof TimeStampFault) return
        expect(read).toMatchObject({ at: right.at, authority: right.authority })
      }),
      { numRuns: 300 },
    )
  })
})

test('a stamp is what it should be', async () => {
  expect(await stamped(forgingAuthority(authority))).toMatchObject({ authority: expect.stringMatching(/^CN=HORODATAGE FICTIF,/) })
  expect(await stamped(forgingAuthority(authority, { status: 1 }))).toMatchObject({ at: expect.any(Date) })
})

const critical = () =>
  value(inContext(1), sequence(Buffer.from([0x06, 0x01, 0x2a]), Buffer.from([0x01, 0x01, 0xff]), Buffer.from([0x04, 0x00])))
const hours = (count: number) => new Date(Date.now() + count * 3_600_000)

test.each<[string, () => TimeStampAuthority, string, RegExp]>([
  ['that says no', () => forgingAuthority(authority, { status: 2 }), 'refused', /gives no time stamp \(rejection\)/],
  ['of another digest', () => forgingAuthority(authority, { digest: Buffer.alloc(32) }), 'other', /of something else/],
  ['with another nonce', () => forgingAuthority(authority, { nonce: Buffer.alloc(16, 1) }), 'other', /another question/],
  ['without a nonce', () => forgingAuthority(authority, { nonce: null }), 'other', /another question/],
  ['from yesterday', () => forgingAuthority(authority, { at: hours(-24) }), 'time', /the clock of the authority or ours is wrong/],
  ['from tomorrow', () => forgingAuthority(authority, { at: hours(24) }), 'time', /the clock of the authority or ours is wrong/],
  ['that is signed mail', () => forgingAuthority(authority, { contentType: '1.2.840.113549.1.7.1' }), 'malformed', /no time stamp/],
  ['with a critical extension', () => forgingAuthority(authority, { extensions: critical() }), 'malformed', /cannot be read/],
  ['whose signature names no certificate', () => forgingAuthority(authority, { named: null }), 'signer', /does not name one certificate/],
  [
    'whose signature names another certificate',
    () => forgingAuthority(authority, { named: others.plain }),
    'signer',
    /names another certificate/,
  ],
  ['signed by another key', () => forgingAuthority(authority, { keyPem: others.plain.keyPem }), 'signer', /not made by the key/],
  ['of a certificate without the purpose', () => forgingAuthority(others.plain), 'signer', /does not allow time stamps/],
  ['of a certificate for more than that', () => forgingAuthority(others.broad), 'signer', /not for time stamps alone/],
  ['of a certificate whose purpose is not critical', () => forgingAuthority(others.lenient), 'signer', /not for time stamps alone/],
  ['of a certificate that has ended', () => forgingAuthority(others.expired), 'signer', /expired/],
  ['of a certificate that was revoked', () => forgingAuthority(others.revoked), 'signer', /revoked/],
  ['of another authority’s certificate', () => forgingAuthority(others.stranger), 'signer', /not come from an accepted authority/],
  ['that is nothing', () => () => Buffer.alloc(0), 'malformed', /cannot be read/],
  ['that is garbage', () => () => Buffer.from('<html>an error</html>'), 'malformed', /cannot be read/],
  [
    'that goes on behind its end',
    () => query => Buffer.concat([forgingAuthority(authority)(query), Buffer.from([5, 0])]),
    'malformed',
    /cannot be read/,
  ],
])('an answer %s is refused', async (_, reply, reason, words) => {
  const fault = await faultOf(reply())
  expect(fault).toMatchObject({ reason, message: expect.stringMatching(words) })
})

test('garbage of any kind is refused with a sentence', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async octets => {
      expect(await faultOf(() => Buffer.from(octets))).toMatchObject({ reason: 'malformed' })
    }),
    { numRuns: 200 },
  )
})
