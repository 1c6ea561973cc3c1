import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Configuration } from '../../../config/index.ts'
import { takeInventory } from '../../../gateway/certificates/inventory.ts'
import { createPki, writeIdentity } from '../../world/pki.ts'

test('the authorities of time stamps end too: they and their list are among what is looked after', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pli-inventory-'))
  try {
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
  } finally {
    await rm(folder, { recursive: true })
  }
})
