import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Anchors, createIdentity, type Identity, loadAnchors, protectMail } from '../../../../crypto/index.ts'
import { type Opening, openOpening } from '../../../../gateway/opening/index.ts'
import { openPlaces } from '../../../../gateway/opening/places.ts'
import { createPki } from '../../../world/pki.ts'

const MEGABYTE = 1024 * 1024
const mail = Buffer.from('From: dr.autre@b.mssante.test\r\nContent-Type: text/plain\r\n\r\nBonjour.\r\n')

let folder: string
let anchors: Anchors
let withoutLists: Anchors
let identity: Identity
let opening: Opening
let sealed: Buffer
let signed: Buffer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-opening-'))
  const pki = await createPki({ now: new Date(), key: 'ec' })
  const paths = await pki.write(folder)
  anchors = loadAnchors(paths)
  withoutLists = loadAnchors({ ...paths, crls: [] })
  const { certificatePem, keyPem } = await pki.issue({
    kind: 'mail',
    key: 'ec',
    organization: 'F',
    structure: '1759999029',
    commonName: 'f',
  })
  identity = createIdentity({ certificatePem, keyPem })
  opening = openOpening({ identities: () => [identity], anchors, most: MEGABYTE, now: Date.now })
  const at = new Date()
  const sign = { by: [{ identity }], at }
  signed = await buffer(protectMail(mail, { sign }))
  sealed = await buffer(protectMail(mail, { sign, encrypt: { to: [certificatePem], profile: 'gateway', anchors, at } }))
})
afterAll(async () => {
  await opening.close()
  await rm(folder, { recursive: true, force: true })
})

describe('when a mail cannot be looked into', () => {
  const within = (protection: 'encrypted' | 'signed', read: () => Promise<Buffer>, through = opening) =>
    through.within(protection, read, async seen => seen)

  test('one that may be encrypted waits for better times, with the cause for the log', async () => {
    const cause = new Error('the disk')
    await expect(within('encrypted', () => Promise.reject(cause))).rejects.toMatchObject({ code: 451, reason: 'openingUnavailable', cause })
  })

  test('one that is only signed goes on, and that is said', async () => {
    expect(await within('signed', () => Promise.reject(new Error('the disk')))).toEqual({ kind: 'unseen' })
  })

  test('and after it the next one is opened: its place is free again', async () => {
    for (let count = 0; count < 3; count += 1) await within('signed', () => Promise.reject(new Error('the disk')))
    expect(await within('encrypted', async () => sealed)).toMatchObject({ kind: 'opened', ciphers: ['aes-256-gcm'] })
  })

  test('certificates are judged where the lists are: without one nothing is known, and the mail comes back', async () => {
    const unsure = openOpening({ identities: () => [identity], anchors: withoutLists, most: MEGABYTE, now: Date.now })
    const fault = { reason: 'signer', verdict: 'revocation-unknown' }
    expect(await within('encrypted', async () => sealed, unsure)).toMatchObject({ kind: 'closed', fault })
    expect(await within('signed', async () => signed, unsure)).toMatchObject({ kind: 'unverified', fault })
    await unsure.close()
  })
})

describe('places', () => {
  test('so many at once; the others in their order', async () => {
    const places = openPlaces(2)
    const [first, second] = [await places.take(1000), await places.take(1000)]
    const order: string[] = []
    const third = places.take(1000).then(release => order.push('third') && release)
    const fourth = places.take(1000).then(release => order.push('fourth') && release)
    first!()
    first!() // again: it is not his any more
    await third
    expect(order).toEqual(['third'])
    second!()
    await fourth
    expect(order).toEqual(['third', 'fourth'])
  })

  test('who waits too long gets none, and takes none later', async () => {
    const places = openPlaces(1)
    const release = await places.take(1000)
    expect(await places.take(1)).toBeUndefined()
    release!()
    expect(await places.take(1)).toBeDefined()
  })
})
