import { randomBytes } from 'node:crypto'
import { OCSPResponseStatus } from '@peculiar/asn1-ocsp'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type AnswerContent, makeAnswer, readQuestion, respond } from '../../world/ocsp-responder.ts'
import { type CertificateContent, extension, newKeys } from '../../world/pki-certificates.ts'
import { Anchorage, AUTHORITY, DAY, day, judged, judgedOnline, listOf, NOW, type Party, party, SERVER } from './parties.ts'

// The cases of RFC 6960 and RFC 9654. Only the CA's list is missing, so that its responder has the word.

const RESPONDER: Partial<CertificateContent> = {
  purposes: ['1.3.6.1.5.5.7.3.9'],
  extensions: [extension('1.3.6.1.5.5.7.48.1.5', false, Buffer.from('0500', 'hex'))],
}

const anchorage = new Anchorage()
let root: Party
let ca: Party
let leaf: Party
/** What was asked, and what failed, in this test. */
let questions: ReturnType<typeof readQuestion>[]
let faults: string[]

beforeAll(async () => {
  root = await party('ROOT', undefined, AUTHORITY)
  ca = await party('CA', root, AUTHORITY)
  leaf = await party('leaf', ca, { purposes: SERVER })
})

beforeEach(() => {
  questions = []
  faults = []
})

afterAll(() => anchorage.remove())

type Answering = (question: ReturnType<typeof readQuestion>, request: Buffer) => Buffer | Promise<Buffer>

/** Anchors whose lists are these (the root's alone when absent), and whose responder answers so. */
function online(answering: Answering, lists = [listOf(root)]) {
  return anchorage.load([root, ca], lists, {
    ask: async (_, request) => {
      const question = readQuestion(request)
      questions.push(question)
      return answering(question, request)
    },
    failed: (_, reason) => faults.push(reason),
  })
}

/** A right answer of the CA itself, except for what is given. */
function answer(content: Partial<AnswerContent> = {}): Answering {
  return ({ serial, hash, nonce }) =>
    makeAnswer({
      ...{ issuerDer: ca.der, serial, hash, nonce, status: 'good', thisUpdate: day(-0.1), nextUpdate: day(0.4) },
      ...{ signer: { der: ca.der, key: ca.keys.privateKey, isIssuer: true }, ...content },
    })
}

/** Signed by somebody whom the CA may have appointed. */
const by = ({ der, keys }: Party): Partial<AnswerContent> => ({ signer: { der, key: keys.privateKey, isIssuer: false } })

describe('an answer', () => {
  test('good', async () => {
    expect(await judgedOnline(leaf, online(answer()))).toBe('trusted')
    expect(faults).toEqual([])
  })

  test('revoked', async () => expect(await judgedOnline(leaf, online(answer({ status: 'revoked' })))).toBe('revoked'))

  test('unknown means no', async () => {
    expect(await judgedOnline(leaf, online(answer({ status: 'unknown' })))).toBe('revocation-unknown')
    expect(questions.map(({ hash }) => hash)).toEqual(['sha1', 'sha256'])
  })

  test('by SHA-256 alone', async () => {
    const modern: Answering = (question, request) =>
      question.hash === 'sha256' ? answer()(question, request) : respond(OCSPResponseStatus.unauthorized)
    expect(await judgedOnline(leaf, online(modern))).toBe('trusted')
  })

  test('without a nonce, made beforehand', async () => {
    expect(await judgedOnline(leaf, online(answer({ nonce: undefined })))).toBe('trusted')
  })

  test('without an end is of this moment', async () => {
    const made = new Date(NOW.getTime() - 60_000)
    expect(await judgedOnline(leaf, online(answer({ thisUpdate: made, nextUpdate: undefined })))).toBe('trusted')
    expect(await judgedOnline(leaf, online(answer({ nextUpdate: undefined })))).toBe('revocation-unknown')
  })

  test('of a delegated responder', async () => {
    expect(await judgedOnline(leaf, online(answer(by(await party('responder', ca, RESPONDER)))))).toBe('trusted')
  })

  test('of a delegated responder that is itself on a list, and good', async () => {
    const responder = await party('responder', ca, { purposes: ['1.3.6.1.5.5.7.3.9'] })
    const late = listOf(ca, { thisUpdate: day(-6), nextUpdate: day(1) }) // its last part: the responder is asked
    expect(await judgedOnline(leaf, online(answer(by(responder)), [listOf(root), late]))).toBe('trusted')
    expect(faults).toEqual([])
  })
})

describe('is refused, and nothing known', () => {
  const refusedAs = async (answering: Answering, reason: string, of = leaf) => {
    expect(await judgedOnline(of, online(answering))).toBe('revocation-unknown')
    expect(faults).toEqual([reason])
  }

  test('replay: an old response', () => refusedAs(answer({ nonce: undefined, thisUpdate: day(-2), nextUpdate: day(-1) }), 'outdated'))

  test('replay: an old response, with the nonce of another question', () => refusedAs(answer({ nonce: randomBytes(32) }), 'nonce'))

  test('wrong nonce: ours cut short', () =>
    refusedAs((question, request) => answer({ nonce: question.nonce.subarray(0, 31) })(question, request), 'nonce'))

  test('expired response', () => refusedAs(answer({ thisUpdate: day(-2), nextUpdate: new Date(NOW.getTime() - 1000) }), 'outdated'))

  test('not yet valid response', () => refusedAs(answer({ thisUpdate: day(0.2) }), 'not-yet-valid'))

  test('response of another certificate', async () => {
    const other = await party('other', ca, { purposes: SERVER })
    await refusedAs(answer({ serial: other.serial }), 'other-certificate')
  })

  test('response of another issuer with the same serial number', () => refusedAs(answer({ issuerDer: root.der }), 'other-certificate'))

  test('responder without the purpose', async () => {
    await refusedAs(answer(by(await party('server', ca, { ...RESPONDER, purposes: SERVER }))), 'responder')
    faults = []
    await refusedAs(answer(by(await party('any purpose', ca, { ...RESPONDER, purposes: ['2.5.29.37.0'] }))), 'responder')
  })

  test('responder appointed by a stranger', async () => {
    const stranger = await party('CA', undefined, AUTHORITY)
    await refusedAs(answer(by(await party('responder', stranger, RESPONDER))), 'responder')
  })

  test('responder appointed by another authority of ours', async () => {
    await refusedAs(answer(by(await party('responder', root, RESPONDER))), 'responder')
  })

  test('responder that has ended', async () => {
    await refusedAs(answer(by(await party('responder', ca, { ...RESPONDER, notAfter: day(-1) }))), 'responder')
  })

  test('responder that may have been revoked', async () => {
    await refusedAs(answer(by(await party('responder', ca, { purposes: RESPONDER.purposes! }))), 'responder')
  })

  test('responder whose key may not sign', async () => {
    await refusedAs(answer(by(await party('responder', ca, { ...RESPONDER, keyUsage: ['keyEncipherment'] }))), 'responder')
  })

  test('bad signature', () => {
    return refusedAs(async (question, request) => {
      const response = await answer()(question, request)
      response[response.length - 3]! ^= 1
      return response
    }, 'forged')
  })

  test('signed by another key', async () => {
    const { privateKey } = await newKeys('ec')
    await refusedAs(answer({ signer: { der: ca.der, key: privateKey, isIssuer: true } }), 'forged')
  })

  test.each(['tryLater', 'internalError', 'sigRequired'] as const)('%s', status =>
    refusedAs(() => respond(OCSPResponseStatus[status]), 'unsuccessful'),
  )

  test('garbage', () => refusedAs(() => Buffer.from('<html>404</html>'), 'malformed'))
  test('nothing', () => refusedAs(() => Buffer.alloc(0), 'malformed'))
  test('successful, and empty', () => refusedAs(() => respond(OCSPResponseStatus.successful), 'malformed'))

  test('cut at any octet', async () => {
    const whole = Buffer.from(await answer()({ serial: leaf.serial, hash: 'sha1', nonce: randomBytes(32) }, Buffer.alloc(0)))
    for (let length = 0; length < whole.length; length += 17) {
      faults = []
      await refusedAs(() => whole.subarray(0, length), 'malformed')
    }
  })

  test('silence', () => refusedAs(() => Promise.reject(new Error('it takes too long')), 'unreachable'))
})

describe('lists and answers', () => {
  const revokedIn = (content = {}) => listOf(ca, { revoked: [{ serial: leaf.serial, on: day(-2) }], ...content })

  test('a fresh list is enough: nobody is asked', async () => {
    expect(await judgedOnline(leaf, online(answer({ status: 'revoked' }), [listOf(root), listOf(ca)]))).toBe('trusted')
    expect(questions).toEqual([])
  })

  test('outdated list: the responder has the word', async () => {
    const outdated = listOf(ca, { thisUpdate: day(-8), nextUpdate: day(-1) })
    expect(await judgedOnline(leaf, online(answer(), [listOf(root), outdated]))).toBe('trusted')
  })

  test('late list that says good, responder that says revoked: revoked', async () => {
    const late = listOf(ca, { thisUpdate: day(-6), nextUpdate: day(1) })
    expect(await judgedOnline(leaf, online(answer({ status: 'revoked' }), [listOf(root), late]))).toBe('revoked')
  })

  test('late list, silent responder: the list is in force until its end', async () => {
    const anchors = online(
      () => respond(OCSPResponseStatus.tryLater),
      [listOf(root), listOf(ca, { thisUpdate: day(-6), nextUpdate: day(1) })],
    )
    expect(await judgedOnline(leaf, anchors)).toBe('trusted')
    expect(await judgedOnline(leaf, anchors, day(1.1))).toBe('revocation-unknown')
  })

  test('outdated list that says revoked, responder that says good: revoked', async () => {
    const outdated = revokedIn({ thisUpdate: day(-8), nextUpdate: day(-1) })
    expect(await judgedOnline(leaf, online(answer(), [listOf(root), outdated]))).toBe('revoked')
  })

  test('a verdict that was remembered is void once the responder says revoked', async () => {
    const late = listOf(ca, { thisUpdate: day(-6), nextUpdate: day(1) })
    const anchors = online(answer({ status: 'revoked' }), [listOf(root), late])
    expect(judged(leaf, anchors)).toBe('trusted')
    expect(await judgedOnline(leaf, anchors)).toBe('revoked')
    anchors.reload()
    expect(judged(leaf, anchors)).toBe('revoked')
  })

  test('an answer is kept until its end, and no longer', async () => {
    const anchors = online(answer())
    for (const at of [NOW, day(0.1), day(0.39)]) expect(await judgedOnline(leaf, anchors, at)).toBe('trusted')
    expect(questions).toHaveLength(1)
    expect(judged(leaf, anchors, { at: day(0.41) })).toBe('revocation-unknown')
  })

  test('an answer is kept for twelve hours at most', async () => {
    const anchors = online(answer({ nextUpdate: day(30) }))
    expect(await judgedOnline(leaf, anchors)).toBe('trusted')
    expect(judged(leaf, anchors, { at: day(0.51) })).toBe('revocation-unknown')
  })

  test('an answer about one certificate is none about another of the same serial number', async () => {
    const twin = await party('twin', root, { purposes: SERVER, serial: leaf.serial })
    const anchors = anchorage.load([root, ca], [], { ask: async (_, request) => answer()(readQuestion(request), request) })
    await judgedOnline(leaf, anchors)
    expect(judged(twin, anchors)).toBe('revocation-unknown')
  })

  test('many who wait for one answer ask once', async () => {
    const anchors = online(answer())
    expect(await Promise.all([1, 2, 3].map(() => judgedOnline(leaf, anchors)))).toEqual(['trusted', 'trusted', 'trusted'])
    expect(questions).toHaveLength(1)
  })

  test('a responder that failed is left alone for half a minute', async () => {
    const anchors = online(() => respond(OCSPResponseStatus.tryLater))
    for (const seconds of [0, 10, 29]) await judgedOnline(leaf, anchors, new Date(NOW.getTime() + seconds * 1000))
    expect(questions).toHaveLength(1)
    await judgedOnline(leaf, anchors, new Date(NOW.getTime() + 31_000))
    expect(questions).toHaveLength(2)
  })

  test('nor is it asked about others meanwhile, as long as their lists are in force', async () => {
    const other = await party('other', ca, { purposes: SERVER })
    const silent = () => Promise.reject(new Error('it takes too long'))
    const late = online(silent, [listOf(root), listOf(ca, { thisUpdate: day(-6), nextUpdate: day(1) })])
    for (const each of [leaf, other]) expect(await judgedOnline(each, late)).toBe('trusted')
    expect(questions).toHaveLength(1)
    const without = online(silent)
    questions = []
    for (const each of [leaf, other]) expect(await judgedOnline(each, without)).toBe('revocation-unknown')
    expect(questions).toHaveLength(2)
  })

  test('nobody is asked about a certificate that is refused anyway', async () => {
    const expired = await party('expired', ca, { purposes: SERVER, notAfter: day(-1) })
    const stranger = await party('stranger', undefined, { purposes: SERVER })
    const anchors = online(answer())
    expect(await judgedOnline(expired, anchors)).toBe('expired')
    expect(await judgedOnline(stranger, anchors)).toBe('not-from-anchors')
    expect(questions).toEqual([])
  })

  test('a question has a nonce of 32 octets, and never the same', async () => {
    await judgedOnline(leaf, online(answer()))
    await judgedOnline(leaf, online(answer()))
    expect(questions.map(({ nonce }) => nonce.length)).toEqual([32, 32])
    expect(questions[0]!.nonce.equals(questions[1]!.nonce)).toBe(false)
    expect(questions[0]!.serial.equals(leaf.serial)).toBe(true)
  })

  test('who was revoked stays so, whatever answer of an earlier time is shown again', async () => {
    const anchors = online(({ serial, hash, nonce }) =>
      questions.length === 1
        ? answer({ status: 'revoked', thisUpdate: day(-0.1), nextUpdate: day(0.1) })({ serial, hash, nonce }, Buffer.alloc(0))
        : answer({ nonce: undefined, thisUpdate: day(-0.3), nextUpdate: day(0.4) })({ serial, hash, nonce }, Buffer.alloc(0)),
    )
    expect(await judgedOnline(leaf, anchors)).toBe('revoked')
    expect(await judgedOnline(leaf, anchors, day(0.2))).toBe('revoked')
    expect(faults).toEqual(['older'])
  })

  test('who was revoked and is so no longer is asked for again, after the answer’s end', async () => {
    let status: 'revoked' | 'good' = 'revoked'
    const at = (instant: Date): Answering =>
      answer({ status, thisUpdate: new Date(instant.getTime() - DAY / 10), nextUpdate: new Date(instant.getTime() + DAY / 10) })
    let instant = NOW
    const anchors = online((question, request) => at(instant)(question, request))
    expect(await judgedOnline(leaf, anchors)).toBe('revoked')
    status = 'good'
    instant = day(1)
    expect(judged(leaf, anchors, { at: instant })).toBe('revoked')
    expect(await judgedOnline(leaf, anchors, instant)).toBe('trusted')
  })
})
