import { createHash, createPrivateKey, randomUUID, sign } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { createIdentity, formatName, signEnveloped, signSubmissionSet } from '../../crypto/index.ts'
import { DEFAULT_LIMITS } from '../../dmp-bridge/caps.ts'
import { buildSubmission, decide, type Policy, recogniseFile, type Sender, type Signers } from '../../dmp-bridge/index.ts'
import { localPolicy } from '../../gateway/cli/local-dmp.ts'
import { buildCda, sampleAuthor, samplePatient } from '../world/letter.ts'
import { createPki, type Issued } from '../world/pki.ts'
import { buildPdf } from './letter.ts'

/** The work on one document, step by step; `raw` steps are the bare operations. */
const STEPS = ['recognise', 'decide', 'sign', 'build'] as const
const RAW = ['sha1', 'base64', 'rsa'] as const
type Step = (typeof STEPS)[number] | (typeof RAW)[number]

/** CPU milliseconds of each step, for one document. */
export type Cost = Record<Step, number>

const TURN_MS = 300
const SHOWN: Record<Step, string> = {
  recognise: 'recognise: what the file is, its header, its form (XSD), the digests of file and PDF',
  decide: 'decide: every rule',
  sign: 'sign: canonical form, digests, XAdES of the set and VIHF (two RSA signatures)',
  build: 'build: metadata, envelope, MTOM',
  sha1: 'SHA-1 of the document',
  base64: 'base64 of the PDF, decoded',
  rsa: 'two RSA-2048 signatures',
}

/**
 * Recognises, judges, builds and signs one CDA of level 1 again and again, and beside it the bare operations that nothing can do without. The two
 * take turns, so that a busy machine is busy for both; what counts is CPU time.
 */
export async function benchDmp(options: { seconds: number; kilobytes: number; json?: string }): Promise<void> {
  const pki = await createPki({ now: new Date() })
  const issued = await pki.issue({
    kind: 'signature',
    commonName: 'pli.test',
    organization: 'Cabinet Fictif',
    structure: sampleAuthor.structure.id,
  })
  const pdf = buildPdf(options.kilobytes * 1000)
  const meter = new Meter()
  const filing = filingOf(cdaOf(pdf), signersOf(issued, pki.authorities[1] ?? '', meter), meter)
  const bare = bareOf(cdaOf(pdf), pdf.toString('base64'), issued, meter)
  for (let warm = 0; warm < 20; warm++) for (const work of [filing, bare]) await work()
  meter.forget()
  const until = Date.now() + options.seconds * 1000
  while (Date.now() < until) {
    for (const work of [filing, bare]) for (const end = Date.now() + TURN_MS; Date.now() < end; ) await work()
  }
  const cost = meter.costs()
  console.log(table(cost, options.kilobytes))
  if (options.json) await writeFile(options.json, JSON.stringify(cost, null, 2))
}

/** Adds up CPU time, of helper threads too, by step. */
class Meter {
  readonly #spent = new Map<Step, { times: number; micros: number }>()

  /** @param inside what of this time another step has counted already */
  async measure<T>(step: Step, work: () => T | Promise<T>, inside?: Step): Promise<T> {
    const [before, counted] = [process.cpuUsage(), this.#micros(inside)]
    const result = await work()
    this.#add(step, before, this.#micros(inside) - counted)
    return result
  }

  measureSync<T>(step: Step, work: () => T, times = 1): T {
    const before = process.cpuUsage()
    const result = work()
    this.#add(step, before, 0, times)
    return result
  }

  forget(): void {
    this.#spent.clear()
  }

  costs(): Cost {
    return Object.fromEntries([...this.#spent].map(([step, { times, micros }]) => [step, micros / times / 1000])) as Cost
  }

  #micros(step: Step | undefined): number {
    return (step && this.#spent.get(step)?.micros) ?? 0
  }

  #add(step: Step, before: NodeJS.CpuUsage, counted: number, times = 1): void {
    const { user, system } = process.cpuUsage(before)
    const so = this.#spent.get(step) ?? { times: 0, micros: 0 }
    this.#spent.set(step, { times: so.times + times, micros: so.micros + user + system - counted })
  }
}

/** All that is between the bytes of a document and the bytes of its request. */
function filingOf(cda: Buffer, signers: Signers, meter: Meter): () => Promise<void> {
  const policy: Policy = { ...localPolicy(), sites: [sampleAuthor.structure.id] }
  const sender: Sender = { address: '', idNatPs: `8${sampleAuthor.rpps}`, structures: [sampleAuthor.structure.id], declared: true }
  const software = { name: 'Pli', version: '0', lpsId: '1.2.3', homologation: 'BENCH', model: 'Pli', service: 'bench' }
  return async () => {
    const now = new Date()
    const recognition = await meter.measure('recognise', () => recogniseFile('cda.xml', cda, DEFAULT_LIMITS))
    const [document] = recognition.documents
    if (!document) throw new Error('the document was not recognised')
    const verdict = await meter.measure('decide', () => decide(document, recognition, sender, policy, { now }))
    if (verdict.action !== 'file') throw new Error(`it would not be filed: ${verdict.reasons.join(', ')}`)
    const context = { sender, policy, software, endpoint: 'https://dmp.invalid/repository', signers, now, newId: randomUUID }
    await meter.measure('build', () => buildSubmission(document, context), 'sign')
  }
}

/** Each request has two signatures: half of one is `sign`'s share of a document. */
function signersOf(issued: Issued, authority: string, meter: Meter): Signers {
  const identity = createIdentity({ certificatePem: issued.certificatePem + authority, keyPem: issued.keyPem })
  return {
    issuerDn: formatName(identity.facts.subject),
    signVihf: xml => {
      const referenceId = /\sID="([^"]+)"/.exec(xml)?.[1] ?? ''
      return meter.measureSync('sign', () => signEnveloped(xml, { identity, referenceId, where: { afterChild: 'Issuer' } }), 0.5)
    },
    signSubmissionSet: input => meter.measureSync('sign', () => signSubmissionSet({ identity, ...input }), 0.5),
  }
}

/** What nothing can do without: a digest of the document, the PDF out of its base64, one signature of the set and one of the VIHF. */
function bareOf(cda: Buffer, base64: string, issued: Issued, meter: Meter): () => void {
  const key = createPrivateKey(issued.keyPem)
  const signed = Buffer.alloc(500)
  return () => {
    meter.measureSync('sha1', () => createHash('sha1').update(cda).digest())
    meter.measureSync('base64', () => Buffer.from(base64, 'base64'))
    meter.measureSync('rsa', () => [sign('sha256', signed, key), sign('sha256', signed, key)])
  }
}

function cdaOf(pdf: Buffer): Buffer {
  return buildCda({
    uniqueId: '2.25.111222333',
    patient: samplePatient,
    author: sampleAuthor,
    now: new Date('2026-01-05T09:30:00Z'),
    body: { mediaType: 'application/pdf', content: pdf },
  })
}

/** @returns CPU time by step, documents a second of CPU (of one core), and the whole against the bare operations */
export function table(cost: Cost, kilobytes: number): string {
  const [whole, bare] = [STEPS, RAW].map(steps => steps.reduce((sum, step) => sum + cost[step], 0)) as [number, number]
  const line = (what: string, ms: number) => `${ms.toFixed(2).padStart(8)}  ${(ms / bare).toFixed(2).padStart(6)}  ${what}`
  return [
    `CDA of level 1 with a PDF of ${kilobytes} KB: ${(1000 / whole).toFixed(0)} documents a second for each core, ${(1000 / bare).toFixed(0)} of bare operations`,
    'ms of CPU  (of bare)',
    line('a document', whole),
    ...STEPS.map(step => line(`  ${SHOWN[step]}`, cost[step])),
    line('bare operations', bare),
    ...RAW.map(step => line(`  ${SHOWN[step]}`, cost[step])),
  ].join('\n')
}
