import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Configuration } from '../../../config/index.ts'
import { takeInventory, watchAuthorities } from '../../../gateway/certificates/inventory.ts'
import { isUnknown, listLines } from '../../../gateway/cli/certificates.ts'
import { createPki, writeIdentity } from '../../world/pki.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-inventory-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('the authorities of time stamps end too: they and their list are among what is looked after', async () => {
  const pki = await createPki({ now: new Date(), key: 'ec' })
  const server = { kind: 'server', commonName: 'a.test', organization: 'X', structure: '1000000000', key: 'ec' } as const
  const own = await writeIdentity(folder, 'own', await pki.issue(server), pki)
  const { anchors, crls } = await pki.write(join(folder, 'igc'))
  const trust = { anchors, crls, authorities: [] }
  const configuration = {
    ...{ data: join(folder, 'data'), tls: { ...own, ...trust }, signature: own, smime: { encryption: [] }, whiteList: trust },
    ...{ hostname: 'a.test', domains: ['a.test'] },
    ...{ directory: {}, signIn: {}, timeStamp: { anchors, crls, httpsAnchors: anchors } },
  } as unknown as Configuration
  const { certificates, lists, faults } = takeInventory(configuration, Date.now())
  expect(faults).toEqual([])
  const places = new Set(certificates.map(({ place }) => place))
  expect(places).toEqual(new Set(['tls', 'signature', 'whiteList', 'timeStamp', 'timeStamp.httpsAnchors']))
  expect(lists.map(({ place }) => place)).toContain('timeStamp')
  const authorities = certificates.filter(({ kind }) => kind === 'authority')
  expect(watchAuthorities(configuration)()).toEqual(authorities)
})

test('an authority without a list in force is told of, unless a responder is there', async () => {
  const now = Date.now()
  const pki = await createPki({ now: new Date(), key: 'ec' })
  const { anchors, crls } = await pki.write(join(folder, 'igc'))
  const [root, organisations] = [anchors[0]!, anchors[1]!]
  const own = { certificate: join(folder, 'none.pem'), key: join(folder, 'none.key') } // it is no matter here
  const lists = (tls: object, at = now) => {
    const trust = { anchors, crls, authorities: [] }
    const configuration = {
      ...{ data: folder, tls: { ...own, ...tls }, signature: own, smime: { encryption: [] } },
      ...{ whiteList: trust, directory: {}, signIn: {} },
    } as unknown as Configuration
    return listLines(takeInventory(configuration, at), at).filter(({ place }) => place === 'tls')
  }
  const unknown = (...asked: Parameters<typeof lists>) => lists(...asked).map(isUnknown)
  expect(unknown({ anchors, crls, authorities: [] })).toEqual([false, false])
  expect(unknown({ anchors, crls: [crls[0]], authorities: [] })).toEqual([false, true])
  expect(unknown({ anchors, crls, authorities: [] }, now + 90 * 86_400_000)).toEqual([true, true])
  const responder = { certificate: organisations, ocsp: 'http://ocsp.test' }
  expect(unknown({ anchors: [root], crls: [crls[0]], authorities: [responder] })).toEqual([false, false])
  expect(lists({ anchors: [root], crls: [crls[0]], authorities: [responder] })[1]).toMatchObject({ state: 'missing', responder: true })
})

describe('authorities that are looked at now and then', () => {
  let file: string
  let look: ReturnType<typeof watchAuthorities>
  const authoritiesOf = async () => (await createPki({ now: new Date(), key: 'ec' })).authorities.join('')
  const put = async (text: string) => {
    await writeFile(`${file}.new`, text)
    await rename(`${file}.new`, file)
  }

  beforeEach(async () => {
    file = join(folder, 'authorities.pem')
    await put(await authoritiesOf())
    const trust = { anchors: [file], crls: [join(folder, 'no-such-list')], authorities: [] }
    look = watchAuthorities({ tls: trust, whiteList: trust, directory: {}, signIn: {} } as unknown as Configuration)
  })

  test('are read once, whatever lists and keys there are', () => {
    const before = look()
    expect(before.map(({ place }) => place)).toEqual(['tls', 'tls', 'whiteList', 'whiteList'])
    expect(look().map(({ facts }, index) => facts === before[index]?.facts)).toEqual([true, true, true, true])
  })

  test('are read again when they were replaced, and stay known while nobody can read them', async () => {
    const prints = () => look().map(({ facts }) => facts.fingerprint256)
    const before = prints()
    await put('half a certif')
    expect(prints()).toEqual(before)
    await rm(file)
    expect(prints()).toEqual(before)
    await put(await authoritiesOf())
    expect(prints()).toHaveLength(4)
    expect(prints().filter(print => before.includes(print))).toEqual([])
  })
})
