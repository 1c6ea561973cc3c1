import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DEFAULT_LIMITS } from '../../dmp-bridge/caps.ts'
import { decide, type Policy, type Sender } from '../../dmp-bridge/decide.ts'
import { buildDeletion } from '../../dmp-bridge/deletion-request.ts'
import type { Signers } from '../../dmp-bridge/envelope.ts'
import type { FoundDocument } from '../../dmp-bridge/facts.ts'
import { authorAsFiler, authorAsSender } from '../../dmp-bridge/inspect.ts'
import { recogniseFile } from '../../dmp-bridge/recognise.ts'
import { buildSubmission, type SubmissionRequest } from '../../dmp-bridge/submission.ts'
import type { VihfVersion } from '../../dmp-bridge/vihf.ts'
import { contextOf, signing } from '../unit/dmp-bridge/dmp-world.ts'
import { policy } from '../unit/dmp-bridge/samples.ts'
import { corpus } from './corpus.ts'
import { askOracle, type OracleHeader, type OracleRequest, openRequests } from './oracle.ts'
import type { Trust } from './xmlsec.ts'

/** entryUUID of whatever a document of the samples replaces. */
export const PARENT = 'urn:uuid:1b0c2f0e-5d0c-4c55-9d06-0d6c7b6c6c11'

/** A document of the samples that the builder takes. */
export interface Sample {
  document: FoundDocument
  /** what the oracle reads in it */
  header: OracleHeader
  /** by the rules; a document may be built and held all the same */
  fileable: boolean
  sender: Sender
  policy: Policy
}

/** One ITI-41 request, and what another MIME parser found in it. */
export interface Built {
  name: string
  samples: Sample[]
  vihf: VihfVersion
  submissionSet: string
  request: OracleRequest
}

/** Every request that the samples give: each document by itself, those of one author about one patient in sets, and an order to delete. */
export interface AllBuilt {
  single: Built[]
  sets: Built[]
  /** envelope of an ITI-57 request */
  deletion: string
  trust: Trust
}

type Unopened = Omit<Built, 'request'>

/** @param folder where the parts of each request go, by its name */
export async function buildRequests(folder: string): Promise<AllBuilt> {
  const now = new Date()
  const { pki, signers } = await signing(now)
  const single: Unopened[] = []
  let count = 0
  const write = (samples: Sample[], request: SubmissionRequest, vihf: VihfVersion): Unopened => {
    count += 1
    const name = `request-${count}`
    writeFileSync(join(folder, `${name}.type`), request.contentType)
    writeFileSync(join(folder, `${name}.request`), request.body)
    return { name, samples, vihf, submissionSet: request.submissionSetUniqueId }
  }
  for (const sample of await samplesOf()) {
    const request = attempt(() => build([sample], signers, now, '3.0'))
    if (request) single.push(write([sample], request, '3.0'))
    else if (sample.fileable) throw new Error(`${sample.header.uniqueId} would be filed, and can't be built`)
  }
  const sets = inSets(single).map(samples => write(samples, build(samples, signers, now, '4.0'), '4.0'))
  const opened = new Map(
    openRequests(
      folder,
      [...single, ...sets].map(({ name }) => name),
    ).map(each => [each.name, each]),
  )
  const open = (each: Unopened): Built => ({ ...each, request: opened.get(each.name) as OracleRequest })
  const [first] = single
  if (!first) throw new Error('nothing could be built')
  return {
    single: single.map(open),
    sets: sets.map(open),
    deletion: deletionOf(first.samples[0] as Sample, signers, now),
    trust: savedTrust(folder, pki.authorities),
  }
}

async function samplesOf(): Promise<Sample[]> {
  const samples: Sample[] = []
  for (const { file, documents } of askOracle(corpus()).filter(each => each.documents.some(({ french }) => french))) {
    const recognition = await recogniseFile(file, readFileSync(corpus(file)), DEFAULT_LIMITS)
    for (const document of recognition.documents) {
      const header = documents.find(each => each.sha256 === document.sha256)?.header
      if (!header) continue
      const [sender, filer] = [authorAsSender(document), authorAsFiler(document, policy)]
      const fileable = decide(document, recognition, sender, filer).action === 'file'
      samples.push({ document, header, fileable, sender, policy: filer })
    }
  }
  return samples
}

function build(samples: readonly Sample[], signers: Signers, now: Date, vihf: VihfVersion): SubmissionRequest {
  const [first] = samples as [Sample]
  const replaces = first.header.replaces === null ? {} : { replaces: PARENT }
  const context = contextOf(signers, now, { sender: first.sender, policy: first.policy, ...replaces })
  return buildSubmission(
    samples.map(({ document }) => document),
    { ...context, vihf },
  )
}

/** Documents that would be filed, of one author and about one patient, each once and none that replaces another. */
function inSets(single: readonly Unopened[]): Sample[][] {
  const sets = new Map<string, Map<string, Sample>>()
  for (const sample of single.flatMap(({ samples }) => samples)) {
    if (!sample.fileable || sample.header.replaces !== null) continue
    const key = JSON.stringify([sample.header.patientId, sample.sender])
    sets.set(key, (sets.get(key) ?? new Map()).set(sample.header.uniqueId, sample))
  }
  return [...sets.values()].map(set => [...set.values()]).filter(({ length }) => length > 1)
}

function deletionOf({ document, sender, policy }: Sample, signers: Signers, now: Date): string {
  const ins = document.cda?.patient.ins
  if (!ins) throw new Error('a sample without a patient was built')
  return buildDeletion({ entryUuid: PARENT, ins, structure: policy.structure }, contextOf(signers, now, { sender, policy })).envelope
}

function savedTrust(folder: string, authorities: readonly string[]): Trust {
  const [root = '', authority = ''] = authorities.map((pem, index) => {
    const file = join(folder, `authority-${index}.pem`)
    writeFileSync(file, pem)
    return file
  })
  return { root, authority }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
