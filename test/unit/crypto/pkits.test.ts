import { AsnConvert } from '@peculiar/asn1-schema'
import { GeneralName, GeneralSubtree, GeneralSubtrees, NameConstraints } from '@peculiar/asn1-x509'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CertificateContent, extension, type ListContent, nameOf } from '../../world/pki-certificates.ts'
import { Anchorage, AUTHORITY, day, judged, listOf, NOW, type Party, party, SERVER } from './parties.ts'

// The cases of NIST's PKITS (Public Key Interoperability Test Suite) and of RFC 5280 that apply here, each under its own name.

const anchorage = new Anchorage()
let root: Party
let ca: Party
let leaf: Party

beforeAll(async () => {
  root = await party('ROOT', undefined, AUTHORITY)
  ca = await party('CA', root, AUTHORITY)
  leaf = await party('leaf', ca, { purposes: SERVER })
})

afterAll(() => anchorage.remove())

const issued = (content: Partial<CertificateContent> = {}) => party('leaf', ca, { purposes: SERVER, ...content })
/** The verdict on the usual leaf, or another, when the CA's lists are these. */
const withLists = (lists: Buffer[], of: Party = leaf, at = NOW) => judged(of, anchorage.load([root, ca], [listOf(root), ...lists]), { at })

describe('signatures (PKITS 4.1)', () => {
  test('valid', () => expect(judged(leaf, anchorage.load([root, ca]))).toBe('trusted'))

  test('bad signature of the certificate', () => {
    const forged = Buffer.from(leaf.der)
    forged[forged.length - 1]! ^= 1
    expect(judged(forged, anchorage.load([root, ca]))).toBe('not-from-anchors')
  })

  test('bad signature of the authority', async () => {
    const stranger = await party('STRANGER', undefined, AUTHORITY)
    const impostor = await party('CA', { ...root, keys: stranger.keys }, AUTHORITY)
    expect(() => anchorage.load([root, impostor])).toThrow(/no issuer among the anchors/)
  })
})

describe('dates (PKITS 4.2)', () => {
  test('not yet valid', async () => {
    expect(judged(await issued({ notBefore: day(1) }), anchorage.load([root, ca]))).toBe('not-yet-valid')
  })

  test('expired', async () => expect(judged(await issued({ notAfter: day(-1) }), anchorage.load([root, ca]))).toBe('expired'))

  test('authority not yet valid', async () => {
    const young = await party('YOUNG', root, { ...AUTHORITY, notBefore: day(1) })
    expect(judged(await party('leaf', young), anchorage.load([root, young]))).toBe('not-yet-valid')
  })

  test('authority expired', async () => {
    const ended = await party('ENDED', root, { ...AUTHORITY, notAfter: day(-1) })
    expect(judged(await party('leaf', ended), anchorage.load([root, ended]))).toBe('expired')
  })
})

describe('names and paths (PKITS 4.3, 4.5, 4.6)', () => {
  test('missing intermediate', () => expect(judged(leaf, anchorage.load([root]))).toBe('not-from-anchors'))

  test('authority without its root', () => expect(() => anchorage.load([ca])).toThrow(/no issuer/))

  test('issuer is no authority', async () => {
    const plain = await party('PLAIN', root, { keyUsage: ['keyCertSign'] })
    expect(judged(await party('leaf', plain), anchorage.load([root, plain], [listOf(root)]))).toBe('not-from-anchors')
  })

  test('path too long', async () => {
    const last = await party('LAST', root, { ...AUTHORITY, authority: { pathLength: 0 } })
    const below = await party('BELOW', last, AUTHORITY)
    expect(judged(await party('leaf', below), anchorage.load([root, last, below]))).toBe('not-from-anchors')
  })
})

describe('an authority whose certificate was renewed for the same key', () => {
  let renewed: Party
  beforeAll(async () => {
    renewed = await party('CA', root, AUTHORITY, ca.keys)
  })

  test('is the authority that it was: its list is for both, in whatever order they are written', () => {
    for (const both of [
      [root, ca, renewed],
      [root, renewed, ca],
    ])
      expect(judged(leaf, anchorage.load(both, [listOf(root), listOf(ca)]))).toBe('trusted')
  })

  test('may keep the one that has expired beside it', async () => {
    const ended = await party('CA', root, { ...AUTHORITY, notAfter: day(-1) }, ca.keys)
    for (const both of [
      [root, ended, renewed],
      [root, renewed, ended],
    ])
      expect(judged(leaf, anchorage.load(both, [listOf(root), listOf(ca)]))).toBe('trusted')
  })

  test('revokes for both', () => {
    const list = listOf(ca, { revoked: [{ serial: leaf.serial, on: day(-2) }] })
    for (const both of [
      [root, ca, renewed],
      [root, renewed, ca],
    ])
      expect(judged(leaf, anchorage.load(both, [listOf(root), list]))).toBe('revoked')
  })

  test('revokes, though its older certificate has expired', async () => {
    const ended = await party('CA', root, { ...AUTHORITY, notAfter: day(-1) }, ca.keys)
    const list = listOf(ca, { revoked: [{ serial: leaf.serial, on: day(-2) }] })
    for (const both of [
      [root, ended, renewed],
      [root, renewed, ended],
    ])
      expect(judged(leaf, anchorage.load(both, [listOf(root), list]))).toBe('revoked')
  })
})

describe('usage (PKITS 4.7)', () => {
  test('authority whose key may not sign certificates', async () => {
    const mute = await party('MUTE', root, { ...AUTHORITY, keyUsage: ['cRLSign'] })
    expect(judged(await party('leaf', mute), anchorage.load([root, mute]))).toBe('not-from-anchors')
  })

  test('wrong key usage', async () => {
    expect(judged(await issued({ keyUsage: ['keyEncipherment'] }), anchorage.load([root, ca]))).toBe('wrong-usage')
  })

  test('wrong extended key usage', async () => {
    expect(judged(await issued({ purposes: ['1.3.6.1.5.5.7.3.4'] }), anchorage.load([root, ca]))).toBe('wrong-usage')
    expect(judged(leaf, anchorage.load([root, ca]), { usage: 'signature' })).toBe('wrong-usage')
  })

  test.each([
    ['unknown critical extension', '1.2.3.4'],
    ['critical policy constraints', '2.5.29.36'],
    ['critical inhibit any-policy', '2.5.29.54'],
  ])('%s', async (_, id) => {
    const odd = await issued({ extensions: [extension(id, true, Buffer.from('3000', 'hex'))] })
    expect(judged(odd, anchorage.load([root, ca]))).toBe('wrong-usage')
  })
})

describe('revocation lists (PKITS 4.4)', () => {
  const revoked = (party: Party) => ({ revoked: [{ serial: party.serial, on: day(-2) }] })

  test('missing', () => expect(withLists([])).toBe('revocation-unknown'))
  test('revoked', () => expect(withLists([listOf(ca, revoked(leaf))])).toBe('revoked'))

  test('revoked authority', () => {
    expect(judged(leaf, anchorage.load([root, ca], [listOf(root, revoked(ca)), listOf(ca)]))).toBe('revoked')
  })

  test('expired', () => expect(withLists([listOf(ca, { thisUpdate: day(-8), nextUpdate: day(-1) })])).toBe('revocation-unknown'))
  test('not yet valid', () => expect(withLists([listOf(ca, { thisUpdate: day(1) })])).toBe('revocation-unknown'))

  test('expired, and revoked by it: revoked all the same', () => {
    expect(withLists([listOf(ca, { thisUpdate: day(-8), nextUpdate: day(-1), ...revoked(leaf) })])).toBe('revoked')
  })

  test('bad signature', () => {
    const list = listOf(ca)
    list[list.length - 1]! ^= 1
    expect(() => withLists([list])).toThrow(/signature .* is wrong/)
  })

  test('signed by another key', async () => {
    const stranger = await party('CA', undefined, AUTHORITY)
    expect(() => withLists([listOf(ca, {}, stranger.keys.privateKey)])).toThrow(/signature .* is wrong/)
    expect(() => withLists([listOf({ ...ca, keys: root.keys })])).toThrow(/signature .* is wrong/)
  })

  test('signed by an authority whose key may not sign lists', async () => {
    const noLists = await party('NO LISTS', root, { ...AUTHORITY, keyUsage: ['keyCertSign'] })
    expect(() => anchorage.load([root, noLists])).toThrow(/signature .* is wrong/)
  })

  test('of another issuer', async () => {
    const other = await party('OTHER', undefined, AUTHORITY)
    expect(() => withLists([listOf(other)])).toThrow(/not among the anchors/)
  })

  test('same serial number, another issuer: not revoked', async () => {
    const other = await party('OTHER', root, AUTHORITY)
    const lists = [listOf(root), listOf(ca), listOf(other, revoked(leaf))]
    expect(judged(leaf, anchorage.load([root, ca, other], lists))).toBe('trusted')
  })

  test('without end', () => {
    const endless = { nextUpdate: undefined } as unknown as Partial<ListContent>
    expect(() => withLists([listOf(ca, endless)])).toThrow()
  })

  test('partitioned', () => {
    for (const isCritical of [true, false]) {
      const part = extension('2.5.29.28', isCritical, Buffer.from('3000', 'hex'))
      expect(() => withLists([listOf(ca, { extensions: [part] })])).toThrow(/complete list is needed/)
    }
  })

  test('the entries of a list are not read before it is known whose it is', () => {
    const odd = [{ serial: Buffer.from([1]), on: day(-2), extensions: [extension('2.5.29.21', true, Buffer.from([0x0a, 0x01, 8]))] }]
    const whole = listOf(ca, { revoked: odd })
    expect(() => withLists([whole])).toThrow(/entry with a critical extension/)
    const forged = Buffer.from(whole)
    forged[forged.length - 1]! ^= 1
    expect(() => withLists([forged])).toThrow(/signature .* is wrong/)
  })

  test('a newer one replaces an older one, an older one nothing', () => {
    const [older, newer] = [listOf(ca, { thisUpdate: day(-3) }), listOf(ca, { number: 2, ...revoked(leaf) })]
    expect(withLists([older, newer])).toBe('revoked')
    expect(withLists([newer, older])).toBe('revoked')
  })
})

describe('delta lists (PKITS 4.15, RFC 5280 §5.2.4)', () => {
  const since = (base: number) => extension('2.5.29.27', true, Buffer.from([0x02, 0x01, base]))
  const delta = (content: Partial<ListContent>, base = 5, of = ca) =>
    listOf(of, { number: 6, thisUpdate: day(-0.5), nextUpdate: day(0.5), extensions: [since(base)], ...content })
  const entry = (on = day(-0.6)) => ({ serial: leaf.serial, on })
  const reason = (code: number) => [extension('2.5.29.21', false, Buffer.from([0x0a, 0x01, code]))]
  const base = (content: Partial<ListContent> = {}) => listOf(ca, { number: 5, ...content })

  test('revoked since the complete list', () => {
    expect(withLists([base()])).toBe('trusted')
    expect(withLists([base(), delta({ revoked: [entry()] })])).toBe('revoked')
  })

  test('revoked by the complete list, not named since', () => {
    expect(withLists([base({ revoked: [entry()] }), delta({})])).toBe('revoked')
  })

  test('no longer on hold (removeFromCRL)', () => {
    const held = base({ revoked: [{ ...entry(), extensions: reason(6) }] })
    expect(withLists([held])).toBe('revoked')
    expect(withLists([held, delta({ revoked: [{ ...entry(), extensions: reason(8) }] })])).toBe('trusted')
  })

  test('another reason is no release', () => {
    const held = base({ revoked: [{ ...entry(), extensions: reason(6) }] })
    expect(withLists([held, delta({ revoked: [{ ...entry(), extensions: reason(1) }] })])).toBe('revoked')
  })

  test('outdated delta: the complete list is in force until its own end', () => {
    const lists = [base(), delta({})]
    expect(withLists(lists, leaf, day(3))).toBe('trusted')
    expect(withLists(lists, leaf, day(7))).toBe('revocation-unknown')
  })

  test('outdated delta: who was revoked stays revoked, who was released is so no longer', () => {
    expect(withLists([base(), delta({ revoked: [entry()] })], leaf, day(3))).toBe('revoked')
    const held = base({ revoked: [entry()] })
    expect(withLists([held, delta({ revoked: [{ ...entry(), extensions: reason(8) }] })], leaf, day(3))).toBe('revoked')
  })

  test('delta of a later complete list than the one here is not combined', () => {
    expect(withLists([base(), delta({ revoked: [entry()] }, 6)])).toBe('trusted')
  })

  test('delta made before the complete list is not combined', () => {
    const held = base({ number: 7, revoked: [entry()] })
    expect(withLists([held, delta({ revoked: [{ ...entry(), extensions: reason(8) }] })])).toBe('revoked')
  })

  test('complete list without a number takes no delta', () => {
    const numbered = base()
    expect(withLists([numbered, delta({ revoked: [entry()] }, 5)])).toBe('revoked')
    expect(withLists([listOf(ca, { number: 4 }), delta({ revoked: [entry()] }, 5)])).toBe('trusted')
  })

  test('delta alone says nothing', () => expect(withLists([delta({})])).toBe('revocation-unknown'))

  test('delta of another authority says nothing', async () => {
    const other = await party('OTHER', root, AUTHORITY)
    const lists = [listOf(root), base(), listOf(other, { number: 5 }), delta({ revoked: [entry()] }, 5, other)]
    expect(judged(leaf, anchorage.load([root, ca, other], lists))).toBe('trusted')
  })

  test('delta signed by another key', () => {
    const forged = delta({ revoked: [{ ...entry(), extensions: reason(8) }] }, 5, { ...ca, keys: root.keys })
    expect(() => withLists([base(), forged])).toThrow(/signature .* is wrong/)
  })
})

describe('name constraints (PKITS 4.13, RFC 5280 §4.2.1.10)', () => {
  const C_FR = { type: 'C', value: 'FR' }
  const O_PLI = { type: 'O', value: 'PLI' }
  const directory = (...rdns: { type: string; value: string }[]) => new GeneralName({ directoryName: nameOf(rdns) })
  const mail = (rfc822Name: string) => new GeneralName({ rfc822Name })
  const host = (dNSName: string) => new GeneralName({ dNSName })
  const ip = (iPAddress: string) => new GeneralName({ iPAddress })
  const uri = (uniformResourceIdentifier: string) => new GeneralName({ uniformResourceIdentifier })
  type Rules = { permitted?: GeneralName[]; excluded?: GeneralName[] }

  function constraints({ permitted, excluded }: Rules) {
    const subtrees = (names: GeneralName[]) => new GeneralSubtrees(names.map(base => new GeneralSubtree({ base })))
    const value = new NameConstraints({
      ...(permitted && { permittedSubtrees: subtrees(permitted) }),
      ...(excluded && { excludedSubtrees: subtrees(excluded) }),
    })
    return extension('2.5.29.30', true, Buffer.from(AsnConvert.serialize(value)))
  }

  async function verdict(rules: Rules, names: GeneralName[], subject: string | { type: string; value: string }[] = 'leaf') {
    const bound = await party('BOUND', root, { ...AUTHORITY, extensions: [constraints(rules)] })
    const certificate = await party(subject, bound, names.length > 0 ? { names } : {})
    return judged(certificate, anchorage.load([root, bound]))
  }

  test.each<[string, Rules, GeneralName[], string]>([
    ['rfc822Name permitted: host', { permitted: [mail('a.test')] }, [mail('x@a.test')], 'trusted'],
    ['rfc822Name permitted: capitals of the host', { permitted: [mail('a.test')] }, [mail('x@A.Test')], 'trusted'],
    ['rfc822Name not permitted: another host', { permitted: [mail('a.test')] }, [mail('x@b.test')], 'wrong-usage'],
    ['rfc822Name not permitted: host below', { permitted: [mail('a.test')] }, [mail('x@sub.a.test')], 'wrong-usage'],
    ['rfc822Name permitted: hosts of a domain', { permitted: [mail('.a.test')] }, [mail('x@sub.a.test')], 'trusted'],
    ['rfc822Name not permitted: the domain itself', { permitted: [mail('.a.test')] }, [mail('x@a.test')], 'wrong-usage'],
    ['rfc822Name permitted: mailbox', { permitted: [mail('x@a.test')] }, [mail('x@a.test')], 'trusted'],
    ['rfc822Name not permitted: another mailbox', { permitted: [mail('x@a.test')] }, [mail('y@a.test')], 'wrong-usage'],
    ['rfc822Name not permitted: one of two', { permitted: [mail('a.test')] }, [mail('x@a.test'), mail('x@b.test')], 'wrong-usage'],
    ['rfc822Name excluded', { excluded: [mail('a.test')] }, [mail('x@a.test')], 'wrong-usage'],
    ['rfc822Name not excluded', { excluded: [mail('a.test')] }, [mail('x@b.test')], 'trusted'],
    ['rfc822Name that is no address', { excluded: [mail('a.test')] }, [mail('a.test')], 'wrong-usage'],
    ['dNSName permitted', { permitted: [host('a.test')] }, [host('a.test')], 'trusted'],
    ['dNSName permitted: below', { permitted: [host('a.test')] }, [host('mta.a.test')], 'trusted'],
    ['dNSName not permitted', { permitted: [host('a.test')] }, [host('b.test')], 'wrong-usage'],
    ['dNSName not permitted: same end, no label', { permitted: [host('a.test')] }, [host('ba.test')], 'wrong-usage'],
    ['dNSName excluded', { excluded: [host('a.test')] }, [host('mta.A.test')], 'wrong-usage'],
    ['dNSName excluded: within a wildcard', { excluded: [host('mta.a.test')] }, [host('*.a.test')], 'wrong-usage'],
    ['dNSName not excluded', { excluded: [host('a.test')] }, [host('b.test')], 'trusted'],
    ['dNSName permitted and excluded', { permitted: [host('a.test')], excluded: [host('x.a.test')] }, [host('x.a.test')], 'wrong-usage'],
    ['iPAddress permitted', { permitted: [ip('10.1.0.0/16')] }, [ip('10.1.2.3')], 'trusted'],
    ['iPAddress not permitted', { permitted: [ip('10.1.0.0/16')] }, [ip('10.2.2.3')], 'wrong-usage'],
    ['iPAddress excluded', { excluded: [ip('10.1.0.0/16')] }, [ip('10.1.2.3')], 'wrong-usage'],
    ['iPAddress not excluded', { excluded: [ip('10.1.0.0/16')] }, [ip('10.2.2.3')], 'trusted'],
    ['iPAddress of six octets more', { permitted: [ip('10.1.0.0/16')] }, [ip('fd00::1')], 'wrong-usage'],
    ['iPAddress v6 permitted', { permitted: [ip('fd00::/16')] }, [ip('fd00::1')], 'trusted'],
    ['iPAddress v6 excluded', { excluded: [ip('fd00::/16')] }, [ip('fd00::1')], 'wrong-usage'],
    ['a form that is not constrained', { permitted: [host('a.test')] }, [mail('x@b.test')], 'trusted'],
    ['a form that we can not compare, constrained', { excluded: [uri('a.test')] }, [uri('https://b.test')], 'wrong-usage'],
    ['a form that we can not compare, constrained but absent', { excluded: [uri('a.test')] }, [host('b.test')], 'trusted'],
  ])('%s', async (_, rules, names, expected) => expect(await verdict(rules, names)).toBe(expected))

  test.each<[string, Rules, { type: string; value: string }[], string]>([
    ['directoryName permitted', { permitted: [directory(C_FR, O_PLI)] }, [C_FR, O_PLI, { type: 'CN', value: 'x' }], 'trusted'],
    ['directoryName permitted: case and spaces', { permitted: [directory(C_FR, O_PLI)] }, [C_FR, { type: 'O', value: ' pli ' }], 'trusted'],
    ['directoryName not permitted', { permitted: [directory(C_FR, O_PLI)] }, [C_FR, { type: 'O', value: 'OTHER' }], 'wrong-usage'],
    ['directoryName not permitted: shorter', { permitted: [directory(C_FR, O_PLI)] }, [C_FR], 'wrong-usage'],
    ['directoryName not permitted: other order', { permitted: [directory(C_FR, O_PLI)] }, [O_PLI, C_FR], 'wrong-usage'],
    ['directoryName excluded', { excluded: [directory(C_FR, O_PLI)] }, [C_FR, O_PLI, { type: 'CN', value: 'x' }], 'wrong-usage'],
    ['directoryName not excluded', { excluded: [directory(C_FR, O_PLI)] }, [C_FR, { type: 'O', value: 'OTHER' }], 'trusted'],
    ['mail address in the subject', { permitted: [mail('a.test')] }, [{ type: '1.2.840.113549.1.9.1', value: 'x@b.test' }], 'wrong-usage'],
    ['host as common name', { permitted: [host('a.test')] }, [{ type: 'CN', value: 'mta.b.test' }], 'wrong-usage'],
    ['a common name that is no host', { permitted: [host('a.test')] }, [{ type: 'CN', value: 'Dr FICTIF' }], 'trusted'],
  ])('%s', async (_, rules, subject, expected) => expect(await verdict(rules, [], subject)).toBe(expected))

  test('of a higher authority hold below every other', async () => {
    const bound = await party('BOUND', root, { ...AUTHORITY, extensions: [constraints({ permitted: [host('a.test')] })] })
    const below = await party('BELOW', bound, AUTHORITY)
    const inside = await party('leaf', below, { names: [host('a.test')] })
    const outside = await party('leaf', below, { names: [host('b.test')] })
    const anchors = anchorage.load([root, bound, below])
    expect([judged(inside, anchors), judged(outside, anchors)]).toEqual(['trusted', 'wrong-usage'])
  })

  test('malformed', async () => {
    const ofThreeOctets = Buffer.from('3009a007300587030a0000', 'hex')
    const broken = await party('BROKEN', root, { ...AUTHORITY, extensions: [extension('2.5.29.30', true, ofThreeOctets)] })
    const certificate = await party('leaf', broken, { names: [ip('10.0.0.1')] })
    expect(judged(certificate, anchorage.load([root, broken]))).toBe('wrong-usage')
  })
})
