import { afterEach, beforeAll, beforeEach } from 'vitest'
import { fhirClient } from '../../../../directory/fhir/client.ts'
import { openLimiter } from '../../../../directory/fhir/limiter.ts'
import { type AnnuaireSimulator, startAnnuaireSimulator } from '../../../world/annuaire-simulator/index.ts'
import { createPki, type Issued, type Pki } from '../../../world/pki.ts'

export const FICTIONAL = /\.mssante\.example$/
export const API_KEY = 'fictional-key'

/** A simulator for each test of a file, and clients of it. The service's own clock counts the calls of a second. */
export function annuaireStage() {
  let pki: Pki
  let server: Issued
  let closing: (() => Promise<void>)[] = []
  const stage = {
    annuaire: undefined as unknown as AnnuaireSimulator,
    get anchors() {
      return pki.authorities
    },
    client(options: { apiKey?: string; anchors?: readonly string[]; url?: string } = {}) {
      const { apiKey = API_KEY, anchors = pki.authorities, url = stage.annuaire.url } = options
      const client = fhirClient({ baseUrl: url, apiKey, authorities: () => anchors, limiter: openLimiter() })
      closing.push(() => client.close())
      return client
    },
    later: (close: () => Promise<void>) => void closing.push(close),
  }
  beforeAll(async () => {
    pki = await createPki({ now: new Date(), key: 'ec' })
    server = await pki.issue({
      kind: 'server',
      commonName: 'annuaire.pli.example',
      organization: 'ANNUAIRE SIMULE',
      structure: '1999999999',
      key: 'ec',
    })
  })
  beforeEach(async () => {
    const tls = { ...server, chainPem: pki.authorities.slice(1) }
    stage.annuaire = await startAnnuaireSimulator({ tls, apiKey: API_KEY, fictional: FICTIONAL })
    stage.later(() => stage.annuaire.close())
  })
  afterEach(async () => {
    for (const close of closing.reverse()) await close()
    closing = []
  })
  return stage
}
