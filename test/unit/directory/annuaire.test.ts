import { expect, test } from 'vitest'
import { AnnuaireUnavailable, type Listing, type LookedUp, openAnnuaire } from '../../../directory/index.ts'

const KNOWN: Listing = { address: 'accueil@beta.mssante.example', type: 'ORG', name: 'Accueil' }
const NEW: Listing = { address: 'nouveau@beta.mssante.example', type: 'APP', name: 'Nouveau' }
const directory = {
  find: (address: string) => (address === KNOWN.address ? KNOWN : undefined),
  nearest: (address: string) => (address === 'acueil@beta.mssante.example' ? KNOWN : undefined),
  version: '2026-11-20T04:12Z',
}
const at = Date.parse('2026-11-22T06:30:59Z')

function asked(answer: () => LookedUp | undefined | Promise<LookedUp | undefined>) {
  const questions: string[] = []
  const fhir = {
    find(address: string) {
      questions.push(address)
      return answer()
    },
  }
  return { fhir, questions }
}

test('who is in the extract is found at once, and nobody else is asked', () => {
  const { fhir, questions } = asked(() => Promise.reject(new AnnuaireUnavailable('down')))
  const annuaire = openAnnuaire({ directory, fhir })
  expect(annuaire.find(KNOWN.address)).toEqual({ listing: KNOWN, source: 'extract', version: '2026-11-20T04:12Z' })
  expect(questions).toEqual([])
  expect(annuaire.version).toBe('2026-11-20T04:12Z')
})

test('who is not in the extract is asked of the service, and the trace can tell when it answered', async () => {
  const { fhir } = asked(async () => ({ listing: NEW, redListed: true, at }))
  const found = await openAnnuaire({ directory, fhir }).find(NEW.address)
  expect(found).toEqual({ listing: NEW, source: 'fhir', version: '2026-11-22T06:30Z', redListed: true })
})

test('an answer out of the cache needs no promise, and no answer is a no', async () => {
  const kept = openAnnuaire({ directory, fhir: asked(() => ({ listing: NEW, redListed: false, at })).fhir })
  expect(kept.find(NEW.address)).toMatchObject({ source: 'fhir' })
  expect(await openAnnuaire({ directory, fhir: asked(async () => undefined).fhir }).find('x@beta.mssante.example')).toBeUndefined()
  expect(openAnnuaire({ directory }).find('x@beta.mssante.example')).toBeUndefined()
})

test('what cannot be known is neither yes nor no', async () => {
  const { fhir } = asked(() => Promise.reject(new AnnuaireUnavailable('down')))
  await expect(openAnnuaire({ directory, fhir }).find('x@beta.mssante.example')).rejects.toThrow(AnnuaireUnavailable)
  const broken = {
    ...directory,
    find: () => {
      throw new Error('disk')
    },
  }
  expect(() => openAnnuaire({ directory: broken }).find(KNOWN.address)).toThrow(AnnuaireUnavailable)
})

test('an address that may hold an INS is asked of nobody', () => {
  const { fhir, questions } = asked(() => undefined)
  const annuaire = openAnnuaire({ directory, fhir })
  for (const local of ['279035121518989', '2790351215189', '27903.51215189', '279032a215189']) {
    expect(annuaire.find(`${local}@beta.mssante.example`)).toBeUndefined()
  }
  expect(annuaire.find('reponse@patient.mssante.fr')).toBeUndefined()
  expect(questions).toEqual([])
})

test('the nearest one comes out of the extract alone', () => {
  const { fhir, questions } = asked(() => ({ listing: NEW, redListed: false, at }))
  const annuaire = openAnnuaire({ directory, fhir })
  expect(annuaire.nearest('acueil@beta.mssante.example')).toBe(KNOWN)
  expect(annuaire.nearest('nouveu@beta.mssante.example')).toBeUndefined()
  expect(questions).toEqual([])
})
