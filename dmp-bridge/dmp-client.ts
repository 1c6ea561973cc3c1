import type { ConnectionOptions } from 'node:tls'
import { buildDeletion } from './deletion-request.ts'
import type { Dmp, DmpAnswer, DmpContext } from './dmp.ts'
import { type Exchange, openTransport } from './dmp-transport.ts'
import type { Signers, SoapRequest } from './envelope.ts'
import { buildExistenceTest } from './existence.ts'
import { buildLookup } from './lookup.ts'
import { judge, judgeFailure } from './outcome.ts'
import { existenceAnswer, isExistenceResponse, lookupAnswer } from './responses.ts'
import { registryAnswer } from './soap.ts'
import { prepareSubmission } from './submission.ts'
import { existenceTraits } from './traits.ts'
import type { Software, VihfVersion } from './vihf.ts'
import type { XmlElement } from './xml.ts'

/** The services below the base address of a DMP (spec dmp §1.1). */
const REPOSITORY = '/repository'
const REGISTRY = '/registry'
const PATIENTS = '/patients'

export interface DmpClientOptions {
  /** `https://…/si-dmp-server/v2/services`: each environment has its own */
  baseUrl: string
  /** mutual TLS with the certificate ORG AUTH_CLI, as `clientTls({ identifiedBy: 'name' })` of crypto makes it, asked for at each connection */
  tls: () => ConnectionOptions
  software: Software
  /** with the certificate ORG SIGN */
  signers: Signers
  /** '3.0' when absent */
  vihf?: VihfVersion
  /** for one whole exchange */
  timeoutMs: number
  /** what ends the exchange of a request, in place of that time */
  expires?: (body: Buffer) => AbortSignal
}

/**
 * The DMP over XDS.b: ITI-41 to file, ITI-57 to delete, TD0.2 and TD3.1b to ask. Nothing of an answer but its codes leaves this room.
 * @throws when the address is not https
 */
export function dmpClient(options: DmpClientOptions): Dmp {
  const { baseUrl, software, signers, vihf = '3.0' } = options
  const transport = openTransport(options)
  const context = (path: string, asked: DmpContext) => ({ ...asked, software, signers, vihf, endpoint: baseUrl.replace(/\/$/, '') + path })
  const ask = (path: string, { action, envelope }: SoapRequest) =>
    transport.post(path, { contentType: `application/soap+xml; charset=utf-8; action="${action}"`, body: Buffer.from(envelope) })

  return {
    prepare: (documents, asked) => prepareSubmission(documents, context(REPOSITORY, asked)),
    file: async request => judge(read(await transport.post(REPOSITORY, request), registryAnswer)),
    exists: async (ins, asked) => {
      const request = buildExistenceTest(ins, context(PATIENTS, asked))
      const exchange = await ask(PATIENTS, request)
      const answer = read(exchange, content => existenceAnswer(content, { ins, queryId: request.queryId }))
      if (answer.kind === 'status') return { ...answer, traits: exchange.kind === 'body' ? existenceTraits(exchange.content) : {} }
      // An answer to TD0.2 that says nothing of this patient is about him; anything else that can't be read is about our set-up.
      const isHis = answer.kind === 'unreadable' && exchange.kind === 'body' && isExistenceResponse(exchange.content)
      return isHis ? { kind: 'ambiguous', code: 'unreadable-answer' } : judgeFailure(answer)
    },
    findByUniqueId: async (uniqueId, ins, asked) => {
      const request = buildLookup(uniqueId, { ...context(REGISTRY, asked), ins })
      const answer = read(await ask(REGISTRY, request), content => lookupAnswer(content, { uniqueId, ins }))
      return answer.kind === 'found' || answer.kind === 'absent' || answer.kind === 'of-another-patient' ? answer : judgeFailure(answer)
    },
    delete: async (target, asked) => {
      const answer = read(await ask(REGISTRY, buildDeletion(target, context(REGISTRY, asked))), registryAnswer)
      return answer.kind === 'accepted' ? { kind: 'deleted' } : judgeFailure(answer)
    },
    close: () => transport.close(),
  }
}

/** Any service may refuse with the registry's errors in place of its own answer. */
function read<Answer>(exchange: Exchange, content: (body: XmlElement) => Answer): Answer | Exclude<DmpAnswer, { kind: 'accepted' }> {
  if (exchange.kind !== 'body') return exchange
  const refusal = registryAnswer(exchange.content)
  return refusal.kind === 'errors' || refusal.kind === 'contradictory' ? refusal : content(exchange.content)
}
