import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../../dmp-bridge/caps.ts'
import type { DmpContext } from '../../../dmp-bridge/dmp.ts'
import { recogniseFile } from '../../../dmp-bridge/recognise.ts'
import type { SubmissionRequest } from '../../../dmp-bridge/submission.ts'
import { sampleAuthor, samplePatient } from '../../world/letter.ts'
import { policy, sender } from '../dmp-bridge/bridge-world.ts'
import { cdaOf } from '../dmp-bridge/samples.ts'
import { type SimulatedWorld, startSimulatedWorld } from '../dmp-bridge/simulated-dmp.ts'

const SITE = '1750000018'
const ins = { matricule: samplePatient.ins ?? '', oid: samplePatient.insOid }
let world: SimulatedWorld
let count = 0

beforeAll(async () => {
  world = await startSimulatedWorld({ simulator: { sites: { [policy.structure]: [SITE] } } })
})
afterAll(() => world[Symbol.asyncDispose]())

const context = (changes: Partial<DmpContext['policy']> = {}): DmpContext => ({
  sender,
  policy: { ...policy, sites: [SITE], ...changes },
  now: new Date(world.now),
  newId: () => crypto.randomUUID(),
})

/** @returns a request for new documents of their own */
async function requestOf(size: number, structure = policy.structure): Promise<SubmissionRequest> {
  const author = { ...sampleAuthor, structure: { ...sampleAuthor.structure, id: structure } }
  const documents = await Promise.all(
    Array.from({ length: size }, async () => {
      const cda = cdaOf({ uniqueId: `2.25.${++count}`, now: new Date(world.now), author })
      return (await recogniseFile('a.xml', Buffer.from(cda), DEFAULT_LIMITS)).documents[0]!
    }),
  )
  const who = { ...context(), sender: { ...sender, structures: [structure] } }
  return (await world.client.prepare(documents, who)) as SubmissionRequest
}

/** @returns the codes of the refusal, none when it was filed */
async function sent(request: SubmissionRequest, bend?: (text: string) => string): Promise<string[]> {
  const text = request.body.toString('latin1')
  const bent = bend?.(text)
  if (bent === text) throw new Error('nothing was bent')
  await world.client.file(bent === undefined ? request : { ...request, body: Buffer.from(bent, 'latin1') })
  return [...new Set((world.simulator.requests.at(-1)?.problems ?? []).map(({ code }) => code))]
}

describe('a set of several documents', () => {
  test('is filed whole, and twice is a duplicate that files nothing', async () => {
    const request = await requestOf(3)
    expect(await sent(request)).toEqual([])
    const filed = world.simulator.filed.length
    expect(await sent(request)).toEqual(['XDSDuplicateUniqueIdInRegistry'])
    expect(world.simulator.filed).toHaveLength(filed)
  })

  test('is refused when one uniqueId stands twice in it', async () => {
    const request = await requestOf(2)
    const [one = '', two = ''] = request.uniqueIds
    const codes = await sent(request, text => text.replaceAll(`"${two}"`, `"${one}"`).replaceAll(`urn:oid:${two}"`, `urn:oid:${one}"`))
    expect(codes).toEqual(['XDSRegistryDuplicateUniqueIdInMessage'])
  })

  test.each([
    ['one is of another patient', 'XDSPatientIdDoesNotMatch', secondEntry(/(value=")\d(\d{14}\^)/, '$19$2')],
    [
      'one is no member',
      'XDSRegistryMetadataError',
      (text: string) => text.replace(/<rim:Association id="HasMember-SubmissionSet01-Document02".*?<\/rim:Association>/, ''),
    ],
    [
      'one is a member twice',
      'XDSRegistryMetadataError',
      (text: string) => text.replace(/(targetObject="Document0)2("[^>]*><rim:Slot name="SubmissionSetStatus")/, '$11$2'),
    ],
    [
      'one has no bytes',
      'XDSMissingDocument',
      (text: string) => text.replace(/(<xdsb:Document id="Document02"><xop:Include [^>]*href="cid:)/, '$1no-'),
    ],
    [
      'one is not signed',
      'XDSRepositoryMetadataError',
      (text: string) => text.replace(/<ds:Reference URI="urn:oid:2\.25\.\d+"><ds:Transforms>.*?<\/ds:Reference>/, ''),
    ],
  ] as const)('is refused when %s', async (_, code, bend) => {
    const before = world.simulator.filed.length
    expect(await sent(await requestOf(2), bend)).toContain(code)
    expect(world.simulator.filed).toHaveLength(before)
  })
})

function secondEntry(what: RegExp, by: string): (text: string) => string {
  return text => text.replace(/<rim:ExtrinsicObject id="Document02".*?<\/rim:ExtrinsicObject>/s, entry => entry.replace(what, by))
}

describe('a deletion', () => {
  const problems = () => world.simulator.requests.at(-1)?.problems?.map(({ code, context }) => `${code}: ${context}`)
  const entryOf = (uniqueId = '') => world.simulator.filed.find(each => each.uniqueId === uniqueId)!

  test('is of the structure that filed, once, and of an entry that is there', async () => {
    const request = await requestOf(1, SITE)
    expect(await sent(request)).toEqual([])
    const { entryUUID } = entryOf(request.uniqueIds[0])
    const asked = (structure: string, entryUuid = entryUUID) => world.client.delete({ entryUuid, ins, structure }, context())
    expect(await asked(policy.structure)).toMatchObject({ kind: 'refused', code: 'XDSMetadataUpdateError' })
    expect(problems()).toEqual(['XDSMetadataUpdateError: only the structure that wrote and filed it may delete it'])
    expect(await asked(SITE, 'urn:uuid:00000000-0000-4000-8000-000000000000')).toMatchObject({ code: 'XDSMetadataUpdateError' })
    expect(await asked('1990000001')).toMatchObject({ kind: 'refused' }) // no structure of the certificate
    expect(entryOf(request.uniqueIds[0]).availabilityStatus).toBe('Approved')
    expect(await asked(SITE)).toEqual({ kind: 'deleted' })
    expect(await world.client.findByUniqueId(request.uniqueIds[0] ?? '', ins, context())).toEqual({ kind: 'absent', deleted: true })
    expect(await asked(SITE)).toMatchObject({ kind: 'refused', code: 'XDSMetadataUpdateError' })
    expect(await sent(request)).toEqual(['XDSDuplicateUniqueIdInRegistry'])
  })
})
