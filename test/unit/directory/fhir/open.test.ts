import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFhir } from '../../../../directory/index.ts'
import { boxTelecom, organization } from '../../../world/annuaire-simulator/index.ts'
import { HOSPITALS } from '../../../world/places.ts'
import { API_KEY, annuaireStage } from './stage.ts'

const ADDRESS = 'accueil@beta.mssante.example'
const stage = annuaireStage()
let folder: string
let apiKey: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pli-fhir-'))
  apiKey = join(folder, 'api.key')
  writeFileSync(apiKey, `${API_KEY}\n`, { mode: 0o600 })
})
afterEach(() => rmSync(folder, { recursive: true }))

const open = (given: object = {}) =>
  openFhir({
    url: stage.annuaire.url,
    apiKey,
    authorities: () => stage.anchors,
    timeout: 60_000,
    cacheFor: 60_000,
    now: Date.now,
    ...given,
  })

test('as configured, it asks', async () => {
  stage.annuaire.resources.push({ ...organization(HOSPITALS[0]!), telecom: [boxTelecom(ADDRESS, { type: 'ORG' })] })
  const fhir = open()
  expect(await fhir.lookup.find(ADDRESS)).toMatchObject({ listing: { address: ADDRESS } })
  await fhir.close()
  expect(await fhir.lookup.find(ADDRESS)).toMatchObject({ listing: { address: ADDRESS } }) // kept
})

test('a key that others can read, or that no header can carry, is not used', () => {
  chmodSync(apiKey, 0o644)
  expect(open).toThrow('chmod 600')
  writeFileSync(join(folder, 'odd.key'), 'clé', { mode: 0o600 })
  expect(() => open({ apiKey: join(folder, 'odd.key') })).toThrow('no HTTP header')
})

test('nothing goes over http', () => {
  expect(() => open({ url: 'http://127.0.0.1:1/fhir/v2' })).toThrow('must be https')
})
