import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Anchors,
  createIdentity,
  type Identity,
  loadAnchors,
  SignatureFault,
  type SignEnvelopedOptions,
  signEnveloped,
  verifyEnveloped,
} from '../../../crypto/index.ts'
import { corpus, hasCorpus } from '../../support/corpus.ts'
import { cpuClock } from '../../support/cpu-time.ts'
import { createPki, type Pki } from '../../world/pki.ts'

const now = new Date('2026-11-22T08:00:00Z')
const holder = { organization: 'LISTE FICTIVE', structure: '3000000000000', commonName: 'alb.test' }
const LIST = '<?xml version="1.0" encoding="UTF-8"?>\n<List xmlns="urn:list"><!-- note --><Name>é &amp; b</Name>\r\n</List>\n'
const ASSERTION = '<saml2:Assertion xmlns:saml2="urn:saml2" ID="_a1"><saml2:Issuer>x</saml2:Issuer><saml2:Subject/></saml2:Assertion>'

let folder: string
let pki: Pki
let anchors: Anchors
let signer: Identity
let signed: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-xmldsig-'))
  pki = await createPki({ now })
  signer = createIdentity(await pki.issue({ ...holder, kind: 'signature' }), now)
  anchors = loadAnchors(await pki.write(folder))
  signed = signEnveloped(LIST, { identity: signer, where: 'end-of-root' })
})

afterAll(() => rm(folder, { recursive: true }))

const check = (xml: string, at = now, options: { anchors?: Anchors; signerName?: string } = {}) =>
  verifyEnveloped(xml, { anchors, at, ...options })

/** The reason for which a document is refused. */
function refusal(xml: string, at = now, options = {}): string | undefined {
  try {
    check(xml, at, options)
    return undefined
  } catch (error) {
    if (!(error instanceof SignatureFault)) throw error
    return error.verdict ? `${error.reason}: ${error.verdict}` : error.reason
  }
}

describe('signing and verifying', () => {
  test('gives back the content without comments and signature, and the signer', () => {
    const result = check(signed, now, { signerName: 'alb.test' })
    expect(result.signed).toBe('<List xmlns="urn:list"><Name>é &amp; b</Name>\n</List>')
    expect(result.signer.fingerprint256).toBe(signer.facts.fingerprint256)
  })

  test('leaves every other octet as it was', () => {
    expect(signed.replace(/<ds:Signature.*<\/ds:Signature>/s, '')).toBe(LIST)
  })

  test('an assertion is signed by its id, right after its issuer', () => {
    const xml = signEnveloped(ASSERTION, { identity: signer, referenceId: '_a1', where: { afterChild: 'Issuer' } })
    expect(xml).toMatch(/<\/saml2:Issuer><ds:Signature .*URI="#_a1".*<\/ds:Signature><saml2:Subject\/>/)
    expect(check(xml).signed).toContain('ID="_a1"')
  })

  test.each<[string, () => string, Omit<SignEnvelopedOptions, 'identity'>]>([
    ['twice', () => signed, { where: 'end-of-root' }],
    ['into an empty root', () => '<a/>', { where: 'end-of-root' }],
    ['after a child that is not there', () => '<a><b/></a>', { where: { afterChild: 'c' } }],
    ['by an id that the root has not', () => ASSERTION, { where: 'end-of-root', referenceId: '_a2' }],
  ])('nothing is signed %s', (_, xml, options) => {
    expect(() => signEnveloped(xml(), { identity: signer, ...options })).toThrow()
  })
})

describe('a document is refused', () => {
  const change = (from: string | RegExp, to: string): string => {
    const changed = signed.replace(from, to)
    expect(changed).not.toBe(signed)
    return changed
  }

  test('when its content was changed', () => {
    expect(refusal(change('é &amp; b', 'é &amp; c'))).toBe('altered')
  })

  test('when an element was added', () => {
    expect(refusal(change('<Name>', '<Name>x</Name><Name>'))).toBe('altered')
  })

  test('when its digest was changed with it', () => {
    expect(refusal(change(/<ds:DigestValue>.{10}/, '<ds:DigestValue>AAAAAAAAAA'))).toBe('forged')
  })

  test('when it is not signed', () => {
    expect(refusal(LIST)).toBe('unsigned')
  })

  test('when it was cut short', () => {
    expect(refusal(signed.slice(0, 60))).toBe('malformed')
    expect(refusal(signed.slice(0, -12))).toBe('malformed')
  })

  test('when it has a DTD', () => {
    expect(refusal(signed.replace('<List', '<!DOCTYPE List [<!ENTITY e "x">]><List'))).toBe('malformed')
  })

  test('when the signature is repeated, nested, or stands for another element', () => {
    const signature = /<ds:Signature.*<\/ds:Signature>/s.exec(signed)![0]
    expect(refusal(signed.replace('</List>', `${signature}</List>`))).toBe('ambiguous')
    expect(refusal(`<Evil>${signed.replace(/^<\?xml.*\?>\n/, '')}</Evil>`)).toBe('ambiguous')
    const assertion = signEnveloped(ASSERTION, { identity: signer, referenceId: '_a1', where: { afterChild: 'Issuer' } })
    const moved = /<ds:Signature.*<\/ds:Signature>/s.exec(assertion)![0]
    expect(refusal(`<Evil>${moved}<x>${ASSERTION}</x></Evil>`)).toBe('ambiguous')
    expect(refusal(assertion.replace('<saml2:Subject/>', '<saml2:Subject Id="_a1"/>'))).toBe('ambiguous')
  })

  test('CVE-2025-29774: with a second SignedInfo', () => {
    const second = /<ds:SignedInfo.*<\/ds:SignedInfo>/s.exec(signed)![0]
    expect(refusal(change('<ds:SignatureValue>', `${second}<ds:SignatureValue>`))).toBe('unsupported')
  })

  test('CVE-2025-29775: with a comment in the digest value, which is read as it was signed', () => {
    const commented = change(/<ds:DigestValue>/, '<ds:DigestValue><!--AAAA-->')
    expect(check(commented).signed).toBe(check(signed).signed)
    expect(refusal(commented.replace('é &amp; b', 'evil'))).toBe('altered')
  })

  test.each([
    ['a weaker signature', 'xmldsig-more#rsa-sha256', 'xmldsig-more#rsa-md5'],
    ['an HMAC (key confusion)', 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256', 'http://www.w3.org/2000/09/xmldsig#hmac-sha1'],
    ['a weaker digest', 'http://www.w3.org/2001/04/xmlenc#sha256', 'http://www.w3.org/2000/09/xmldsig#sha1'],
    ['another canonical form', /CanonicalizationMethod Algorithm="[^"]*"/, 'CanonicalizationMethod Algorithm="urn:x"'],
    ['an XSLT transform', 'http://www.w3.org/2000/09/xmldsig#enveloped-signature', 'http://www.w3.org/TR/1999/REC-xslt-19991116'],
    ['an external reference', 'Reference URI=""', 'Reference URI="http://evil.test/"'],
    ['no certificate', /<ds:X509Certificate>.*<\/ds:X509Certificate>/s, ''],
    ['a second reference', /(<ds:Reference.*<\/ds:Reference>)/s, '$1$1'],
  ])('with %s', (_, from, to) => {
    expect(refusal(change(from, to))).toBe('unsupported')
  })
})

describe('a signer is refused', () => {
  const sign = (identity: Identity) => signEnveloped(LIST, { identity, where: 'end-of-root' })

  test('of another authority, or one who signs for himself', async () => {
    const other = await createPki({ now, label: 'OTHER' })
    expect(refusal(sign(createIdentity(await other.issue({ ...holder, kind: 'signature' }), now)))).toBe('signer: not-from-anchors')
  })

  test('with a certificate for TLS', async () => {
    expect(refusal(sign(createIdentity(await pki.issue({ ...holder, kind: 'server' }), now)))).toBe('signer: wrong-usage')
  })

  test('who was revoked', async () => {
    const issued = await pki.issue({ ...holder, kind: 'signature' })
    pki.revoke(issued)
    const fresh = loadAnchors(await pki.write(join(folder, 'revoked')))
    expect(refusal(sign(createIdentity(issued, now)), now, { anchors: fresh })).toBe('signer: revoked')
  })

  test('whose certificate has expired, or about whom no valid list speaks', () => {
    expect(refusal(signed, new Date('2030-01-01'))).toBe('signer: expired')
    expect(refusal(signed, new Date('2027-01-01'))).toBe('signer: revocation-unknown')
  })

  test('who is not the one expected', () => {
    expect(refusal(signed, now, { signerName: 'other.test' })).toBe('signer: not-from-anchors')
  })

  test('whose certificate was put in place of another', async () => {
    const thief = await pki.issue({ ...holder, kind: 'signature' })
    const base64 = thief.certificatePem.replace(/-----[^-]+-----|\s/g, '')
    expect(refusal(signed.replace(/(<ds:X509Certificate>).*(<\/ds:X509Certificate>)/s, `$1${base64}$2`))).toBe('forged')
  })
})

describe.skipIf(!hasCorpus)('the white lists as published', () => {
  const at = new Date('2025-03-01')
  let list: string
  let pinned: Anchors

  beforeAll(async () => {
    list = await readFile(corpus('whitelist', 'valid', 'listeblanchemssante.xml'), 'utf8')
    const base64 = /<X509Certificate>(.*)<\/X509Certificate>/s.exec(list)![1]!.replaceAll('&#13;', '')
    const file = join(folder, 'signer.pem')
    await writeFile(file, `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`)
    pinned = loadAnchors({ anchors: [file], crls: [] })
  })

  test('the valid one is accepted within seconds', () => {
    const spent = cpuClock()
    const { signed, signer } = check(list, at, { anchors: pinned, signerName: 'alb.mssante.fr' })
    expect(spent()).toBeLessThan(5000)
    expect(signed.match(/<Domaine>/g)).toHaveLength(6494)
    expect(signer.notAfter.toISOString()).toBe('2026-08-23T13:54:23.000Z')
  })

  test('not after its signer’s certificate has ended, not without a configured signer, not with one letter changed', () => {
    expect(refusal(list, new Date('2026-09-01'), { anchors: pinned })).toBe('signer: expired')
    expect(refusal(list, at)).toBe('signer: not-from-anchors')
    expect(refusal(list.replace('1001-services', '1001-servicez'), at, { anchors: pinned })).toBe('altered')
  })

  test.each([
    ['tampered/3.xml', 'altered'],
    ['unsigned/2.xml', 'unsigned'],
    ['truncated/listeblanchemssante.xml', 'malformed'],
  ])('%s is refused', async (name, reason) => {
    expect(refusal(await readFile(corpus('whitelist', ...name.split('/')), 'utf8'), at, { anchors: pinned })).toBe(reason)
  })
})
