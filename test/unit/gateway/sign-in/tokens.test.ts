import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Refusal } from '../../../../gateway/refusals.ts'
import { openNationalService, openTokens, type Tokens } from '../../../../gateway/sign-in/index.ts'
import { createPki, selfSigned } from '../../../world/pki.ts'
import { type PscSimulator, startPscSimulator } from '../../../world/psc-simulator/index.ts'
import type { MintOptions } from '../../../world/psc-simulator/mint.ts'

const SUBJECT = '899700000001'
const SECOND = 1_000

let psc: PscSimulator
let authorities: readonly string[]
let clock = Date.UTC(2026, 10, 22, 8)
let tokens: Tokens

beforeAll(async () => {
  const pki = await createPki({ now: new Date(), key: 'ec' })
  const certificate = await pki.issue({
    kind: 'server',
    commonName: 'psc.pli.example',
    organization: 'PSC FICTIF',
    structure: '1759999029',
  })
  psc = await startPscSimulator({
    certificate: { ...certificate, certificatePem: certificate.certificatePem + pki.authorities[1] },
    now: () => clock,
  })
  authorities = [pki.authorities[0]!]
})
afterAll(async () => {
  await psc.close()
})
beforeEach(() => {
  psc.setFault(undefined)
  tokens = opened()
})
afterEach(() => tokens.close())

function opened(changes: { secret?: string; issuer?: string; authorities?: string[] } = {}): Tokens {
  return openTokens({
    issuer: changes.issuer ?? psc.issuer,
    jwks: psc.jwks,
    introspection: { ...psc.introspection, ...(changes.secret ? { clientSecret: changes.secret } : {}) },
    audience: [psc.audience, 'autre-logiciel'],
    service: openNationalService(() => changes.authorities ?? authorities),
    now: () => clock,
  })
}

/** @returns the holder's number, or the refusal as the client hears it */
async function checked(token: string, by: Tokens = tokens): Promise<string> {
  try {
    return (await by.check(token)).idNatPs
  } catch (error) {
    if (error instanceof Refusal) return `${error.code} ${error.message}`
    throw error
  }
}

const minted = (options: MintOptions = {}) => checked(psc.mint({ subject: SUBJECT, ...options }))
const asked = (path: string) => psc.requests.filter(request => request.path === path).length

describe('a token that opens', () => {
  test.each<[string, MintOptions]>([
    ['signed with RS256', {}],
    ['signed with ES256', { signed: 'es256' }],
    ['whose subject only the introspection tells', { subjectIn: 'introspection' }],
    ['whose subject only the token tells', { subjectIn: 'token' }],
    ['for several audiences, ours among them', { audience: ['account', 'autre-logiciel'] }],
    ['issued to our client for another audience', { audience: 'account', azp: 'autre-logiciel' }],
    ['that ends in a second', { expiresIn: 1 }],
  ])('%s', async (_, options) => {
    expect(await minted(options)).toBe(SUBJECT)
  })
})

describe('a token is refused', () => {
  test.each<[string, MintOptions, string]>([
    ['signed with none', { signed: 'none' }, '535 The token is not one of Pro Sante Connect: it is not signed with an accepted algorithm'],
    [
      'signed with HS256 and the public key',
      { signed: 'hs256' },
      '535 The token is not one of Pro Sante Connect: it is not signed with an accepted algorithm',
    ],
    [
      'signed by a stranger under the issuer’s key id',
      { signed: 'other-key' },
      '535 The token is not one of Pro Sante Connect: its signature is wrong',
    ],
    [
      'signed by a stranger under his own key id',
      { signed: 'unknown-key' },
      '535 The token is not one of Pro Sante Connect: its key is not one of the issuer',
    ],
    [
      'of another issuer',
      { issuer: 'https://auth.autre.example/realm' },
      '535 The token is not one of Pro Sante Connect: another issuer wrote it',
    ],
    [
      'with another audience',
      { audience: 'logiciel-inconnu' },
      '535 The token was issued for other software: its audience (aud, azp) is none of the software that this operator knows',
    ],
    [
      'without an audience',
      { without: ['aud', 'azp'] },
      '535 The token was issued for other software: its audience (aud, azp) is none of the software that this operator knows',
    ],
    ['that is an identity token', { typ: 'ID' }, '535 The token was issued for other software: it is no access token'],
    ['expired by a second', { expiresIn: -1 }, '535 The token has expired, ask for a new one: it ended at 2026-11-22T07:59:59.000Z'],
    ['that ends at this instant', { expiresIn: 0 }, '535 The token has expired, ask for a new one: it ended at 2026-11-22T08:00:00.000Z'],
    ['without an end', { without: ['exp'] }, '535 The token cannot be read: its claim "exp" is missing or wrong'],
    ['that is not valid yet', { notBefore: 30 }, '535 The token has expired, ask for a new one: it is not valid yet: is a clock wrong?'],
    ['that names nobody', { subject: undefined }, '535 The token does not open this mailbox: it names no professional (SubjectNameID)'],
    [
      'whose introspection names somebody else',
      { introspectedSubject: '899700000002' },
      '535 The token does not open this mailbox: it names no professional (SubjectNameID)',
    ],
  ])('%s', async (_, options, words) => {
    expect(await minted(options)).toBe(words)
  })

  test('whose session was ended', async () => {
    const token = psc.mint({ subject: SUBJECT })
    psc.end(token)
    expect(await checked(token)).toBe('535 Pro Sante Connect says that the token is not active any more, ask for a new one')
  })

  test.each(['x', 'a.b.c', `${'a'.repeat(9_001)}`, ''])('that is no token (%#)', async text => {
    expect(await checked(text)).toMatch(/^535 The token cannot be read/)
  })

  test('with a changed claim, whatever the introspection says', async () => {
    const [header, payload, signature] = psc.mint({ subject: SUBJECT }).split('.') as [string, string, string]
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const forged = Buffer.from(JSON.stringify({ ...claims, SubjectNameID: '899700000002' })).toString('base64url')
    expect(await checked(`${header}.${forged}.${signature}`)).toMatch(/its signature is wrong$/)
  })

  test('before anybody is asked about it, when its words alone condemn it', async () => {
    const before = asked('introspect')
    for (const options of [{ signed: 'none' }, { expiresIn: -1 }, { audience: 'logiciel-inconnu' }] as const) await minted(options)
    expect(asked('introspect')).toBe(before)
  })
})

describe('nothing fails open: temporary, never a yes', () => {
  const LATER = '454 Authentication cannot be checked now, try again later'

  test.each([
    { kind: 'down' },
    { kind: 'down', path: 'introspect' },
    { kind: 'http-500', path: 'introspect' },
    { kind: 'down', path: 'certs' },
    { kind: 'http-500', path: 'certs' },
  ] as const)('$kind $path', async fault => {
    psc.setFault(fault)
    expect(await minted()).toBe(LATER)
    psc.setFault(undefined)
    expect(await minted()).toBe(SUBJECT)
  })

  test('an introspection that does not answer in five seconds', async () => {
    psc.setFault({ kind: 'slow', path: 'introspect' })
    expect(await minted()).toBe(LATER)
  })

  test('our own client secret refused', async () => {
    const other = opened({ secret: 'wrong' })
    expect(await checked(psc.mint({ subject: SUBJECT }), other)).toBe(LATER)
    await other.close()
  })

  test('a service whose certificate does not come from the configured authorities', async () => {
    const other = opened({ authorities: [(await selfSigned('psc.pli.example', new Date())).certificatePem] })
    expect(await checked(psc.mint({ subject: SUBJECT }), other)).toBe(LATER)
    await other.close()
  })
})

describe('what is remembered', () => {
  test('an active answer, for thirty seconds', async () => {
    const token = psc.mint({ subject: SUBJECT })
    const before = asked('introspect')
    for (let count = 0; count < 4; count += 1) expect(await checked(token)).toBe(SUBJECT)
    expect(asked('introspect')).toBe(before + 1)
    psc.end(token)
    clock += 30 * SECOND
    expect(await checked(token)).toMatch(/not active any more/)
  })

  test('never past the end of the token', async () => {
    const token = psc.mint({ subject: SUBJECT, expiresIn: 5 })
    expect(await checked(token)).toBe(SUBJECT)
    clock += 5 * SECOND
    expect(await checked(token)).toMatch(/^535 The token has expired/)
  })

  test('the issuer’s keys: a new one is found, and unknown ones make us ask twice a minute at most', async () => {
    expect(await minted()).toBe(SUBJECT)
    psc.rotate()
    clock += 29 * SECOND
    const before = asked('certs')
    expect(await minted()).toMatch(/its key is not one of the issuer$/)
    expect(asked('certs')).toBe(before)
    clock += SECOND
    expect(await minted()).toBe(SUBJECT)
    for (let count = 0; count < 5; count += 1) await minted({ signed: 'unknown-key' })
    expect(asked('certs')).toBe(before + 1)
  })

  test('and not for longer than ten minutes when the issuer can not be asked', async () => {
    expect(await minted()).toBe(SUBJECT)
    psc.setFault({ kind: 'down', path: 'certs' })
    clock += 9 * 60 * SECOND
    expect(await minted()).toBe(SUBJECT)
    clock += 60 * SECOND
    expect(await minted()).toMatch(/^454 /)
  })
})
