import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decrypt, encrypt, signDetached, signOpaque, verifyDetached, verifyOpaque } from '../../../crypto/cms/index.ts'
import { collect, type Source } from '../../../crypto/cms/source.ts'
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

describe('signing', () => {
  test.each<[KeyName, 'pkcs1' | 'pss' | undefined]>([
    ['rsa', undefined],
    ['rsa', 'pss'],
    ['ec', undefined],
    ['ec384', undefined],
  ])('%s %s', async (key, scheme) => {
    const options = { by: [{ identity: world.people[key].identity, ...(scheme ? { scheme } : {}) }], at: now }
    const { signers } = await verifyDetached(await signDetached(letter, options), letter, trust())
    expect(signers).toMatchObject([{ emails: [`${key}@a.mssante.test`], signedAt: now }])
    const opaque = await verifyOpaque(signOpaque(letter, options), trust())
    expect(opaque.content).toEqual(letter)
  })
})

describe('encrypting', () => {
  test.each<['mail-client' | 'gateway', KeyName]>([
    ['mail-client', 'rsa'],
    ['mail-client', 'ec'],
    ['mail-client', 'ec384'],
    ['gateway', 'rsa'],
    ['gateway', 'ec'],
    ['gateway', 'ec384'],
  ])('for a %s, %s', async (profile, key) => {
    const to = Object.values(world.people).map(({ issued }) => issued.certificatePem)
    const sealed = await whole(encrypt(letter, { to, profile, ...trust() }))
    const opened = await decrypt(sealed, { identities: [world.people[key].identity] })
    expect(opened).toMatchObject({ content: letter, isAuthenticated: profile === 'gateway' })
  })
})
