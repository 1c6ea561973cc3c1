import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decrypt, encrypt, signDetached, signOpaque, verifyDetached, verifyOpaque } from '../../../crypto/cms/index.ts'
import { collect, type Source } from '../../../crypto/cms/source.ts'
import { loadAnchors } from '../../../crypto/index.ts'
import { type CmsWorld, createCmsWorld, type KeyName } from './cms-people.ts'

const now = new Date('2026-11-22T08:00:00Z')
const letter = Buffer.from('Content-Type: text/plain\r\n\r\nA letter.\r\n')
const MOST = 64 * 1024 * 1024

let world: CmsWorld
beforeAll(async () => {
  world = await createCmsWorld(now)
})
afterAll(() => world[Symbol.asyncDispose]())

const whole = (source: Source) => collect(source, MOST)
const trust = () => ({ anchors: world.anchors, at: now })
const everyone = () => Object.values(world.people).map(({ issued }) => issued.certificatePem)
const pieces = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 })

describe('what is signed', () => {
  test.each<[KeyName, 'pkcs1' | 'pss' | undefined]>([
    ['rsa', undefined],
    ['rsa', 'pss'],
    ['ec', undefined],
    ['ec384', undefined],
  ])('is verified: %s %s', async (key, scheme) => {
    const options = { by: [{ identity: world.people[key].identity, ...(scheme ? { scheme } : {}) }], at: now }
    const { signers } = await verifyDetached(await signDetached(letter, options), letter, trust())
    expect(signers).toMatchObject([{ emails: [`${key}@a.mssante.test`], signedAt: now }])
    const opaque = await verifyOpaque(signOpaque(letter, options), trust())
    expect(opaque.content).toEqual(letter)
  })

  test('may come in any pieces', () =>
    fc.assert(
      fc.asyncProperty(pieces, async parts => {
        const by = [{ identity: world.people.ec.identity }]
        const content = Buffer.concat(parts)
        await verifyDetached(await signDetached(parts, { by, at: now }), content, trust())
        expect((await verifyOpaque(signOpaque(parts, { by, at: now }), trust())).content).toEqual(content)
      }),
      { numRuns: 30 },
    ))

  test('is kept only up to a bound', async () => {
    const signed = await whole(signOpaque(letter, { by: [{ identity: world.people.ec.identity }], at: now }))
    await expect(verifyOpaque(signed, { ...trust(), most: letter.length - 1 })).rejects.toMatchObject({ reason: 'too-large' })
  })
})

describe('a signer is refused', () => {
  const signedBy = async (name: string, request: Parameters<CmsWorld['person']>[1]) => {
    const { identity } = await world.person(name, { key: 'ec', ...request })
    return signDetached(letter, { by: [{ identity }, { identity: world.people.ec.identity }], at: now })
  }

  test('whose certificate is not for mail', async () => {
    const signature = await signedBy('server', { kind: 'client' })
    await expect(verifyDetached(signature, letter, trust())).rejects.toMatchObject({ reason: 'signer', verdict: 'wrong-usage' })
  })

  test('whose certificate has ended, whatever signing time he claims', async () => {
    const signature = await signedBy('late', { notAfter: new Date(now.getTime() + 1000) })
    const later = { anchors: world.anchors, at: new Date(now.getTime() + 2000) }
    await expect(verifyDetached(signature, letter, later)).rejects.toMatchObject({ reason: 'signer', verdict: 'expired' })
  })

  test('of another authority', async () => {
    await using other = await createCmsWorld(now)
    const signature = await signDetached(letter, { by: [{ identity: other.people.ec.identity }], at: now })
    await expect(verifyDetached(signature, letter, trust())).rejects.toMatchObject({ reason: 'signer', verdict: 'not-from-anchors' })
  })

  test('while nobody knows whether he was revoked', async () => {
    const signature = await signDetached(letter, { by: [{ identity: world.people.ec.identity }], at: now })
    const anchors = loadAnchors({ ...world.anchorPaths, crls: [] })
    await expect(verifyDetached(signature, letter, { anchors, at: now })).rejects.toMatchObject({ verdict: 'revocation-unknown' })
  })
})

describe('what is encrypted', () => {
  test.each<['mail-client' | 'gateway', KeyName]>([
    ['mail-client', 'rsa'],
    ['mail-client', 'ec'],
    ['mail-client', 'ec384'],
    ['gateway', 'rsa'],
    ['gateway', 'ec'],
    ['gateway', 'ec384'],
  ])('for a %s is opened by each recipient: %s', async (profile, key) => {
    const sealed = await whole(encrypt(letter, { to: everyone(), profile, ...trust() }))
    const opened = await decrypt(sealed, { identities: [world.people[key].identity] })
    expect(opened).toMatchObject({ content: letter, isAuthenticated: profile === 'gateway' })
  })

  test('may come in any pieces', () =>
    fc.assert(
      fc.asyncProperty(pieces, fc.constantFrom('mail-client' as const, 'gateway' as const), async (parts, profile) => {
        const to = [world.people.ec.issued.certificatePem]
        const opened = await decrypt(encrypt(parts, { to, profile, ...trust() }), { identities: [world.people.ec.identity] })
        expect(opened.content).toEqual(Buffer.concat(parts))
      }),
      { numRuns: 30 },
    ))

  test('is opened only up to a bound', async () => {
    const sealed = await whole(encrypt(Buffer.alloc(5000), { to: everyone(), profile: 'gateway', ...trust() }))
    const opening = decrypt(sealed, { identities: [world.people.ec.identity], most: 4000 })
    await expect(opening).rejects.toMatchObject({ reason: 'too-large' })
  })

  test('goes to nobody when one certificate is not accepted', async () => {
    const revoked = await world.person('revoked', { key: 'ec' })
    world.pki.revoke(revoked.issued)
    const anchors = loadAnchors(await world.pki.write(world.folder))
    const sealing = encrypt(letter, { to: [...everyone(), revoked.issued.certificatePem], profile: 'gateway', anchors, at: now })
    await expect(sealing.next()).rejects.toMatchObject({ reason: 'recipient', verdict: 'revoked' })
  })

  test('goes to no certificate that is for signing only', async () => {
    const { issued } = await world.person('signs', { key: 'ec', kind: 'signature' })
    const sealing = encrypt(letter, { to: [issued.certificatePem], profile: 'gateway', ...trust() })
    await expect(sealing.next()).rejects.toMatchObject({ reason: 'recipient', verdict: 'wrong-usage' })
  })

  test('is opened with whichever of our identities it is for', async () => {
    const sealed = await whole(encrypt(letter, { to: [world.people.ec.issued.certificatePem], profile: 'gateway', ...trust() }))
    const identities = [world.people.rsa.identity, world.people.ec.identity]
    expect((await decrypt(sealed, { identities })).identity).toBe(world.people.ec.identity)
  })
})
