import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../config/index.ts'
import { fetchedListName, isOlderList, type ListFacts, readCertificate, readList } from '../../crypto/index.ts'
import { ExchangeFault } from '../exchange.ts'
import { listFolder, type TrustFiles } from './anchors.ts'
import { downloadList, type Validators } from './download.ts'
import { keptList } from './kept-list.ts'

export type ListFaultReason = 'unreachable' | 'too-slow' | 'too-large' | 'answer' | 'invalid' | 'older' | 'outdated' | 'not-yet-valid'

/** A download that changed nothing. */
export class ListFault extends Fault<ListFaultReason> {
  override readonly name = 'ListFault'
}

/** A list of one authority: where it is published, and the copy of it that we keep. */
export interface ListSource {
  readonly url: string
  readonly kind: 'complete' | 'delta'
  /** The copy that we keep, read again. */
  kept(): Promise<ListFacts | undefined>
  /** Fetches it. @returns the new list that is kept now, or undefined when there is no other @throws ListFault */
  update(now: number, signal: AbortSignal): Promise<ListFacts | undefined>
}

/** Every list that is to be fetched, once, however many parts of the configuration name it. @throws Error when a certificate can't be read */
export function listSources(trusts: readonly TrustFiles[], data: string): ListSource[] {
  const named = trusts
    .flatMap(({ authorities }) => authorities)
    .flatMap(({ certificate, crl, deltaCrl }) => [
      ...(crl === undefined ? [] : [{ certificate, kind: 'complete' as const, url: crl }]),
      ...(deltaCrl === undefined ? [] : [{ certificate, kind: 'delta' as const, url: deltaCrl }]),
    ])
    .map(({ certificate, ...source }) => {
      const pem = readFileSync(certificate, 'latin1')
      return { ...source, pem, file: fetchedListName(readCertificate(pem).fingerprint256, source.kind) }
    })
  const distinct = new Map(named.map(source => [`${source.file} ${source.url}`, source]))
  return [...distinct.values()].map(({ file, ...source }) => openSource({ ...source, file: join(listFolder(data), file) }))
}

function openSource({ url, kind, pem, file }: { url: string; kind: 'complete' | 'delta'; pem: string; file: string }): ListSource {
  const copy = keptList(file, pem)
  let fetched: { der: Buffer; validators: Validators } | undefined
  return {
    url,
    kind,
    kept: copy.read,
    async update(now, signal) {
      const known = await copy.read()
      const isOurs = known !== undefined && fetched?.der.equals(known.der)
      const answer = await asked(() => downloadList(url, { known: isOurs ? fetched?.validators : undefined, signal }))
      if (answer.kind === 'unchanged') return undefined
      const list = verified(answer.bytes, pem, kind)
      const kept = await copy.read() // another process may have been faster
      check(list, kept, now)
      fetched = { der: list.der, validators: answer.validators }
      if (kept?.der.equals(list.der)) return undefined
      await copy.write(list)
      return list
    },
  }
}

async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw cause instanceof ExchangeFault ? new ListFault(cause.reason, cause.message, { cause }) : cause
  }
}

function verified(bytes: Buffer, pem: string, kind: 'complete' | 'delta'): ListFacts {
  try {
    const list = readList(bytes, pem)
    if (list.kind !== kind) throw new Error(`a ${list.kind} list was not expected there`)
    return list
  } catch (cause) {
    throw new ListFault('invalid', (cause as Error).message, { cause })
  }
}

/** An older list, shown again, would bring back who was revoked since. */
function check(list: ListFacts, known: ListFacts | undefined, now: number): void {
  if (known && isOlderList(list, known)) throw new ListFault('older', 'it is older than the one that is kept')
  if (list.nextUpdate.getTime() < now) throw new ListFault('outdated', `it ended on ${list.nextUpdate.toISOString()}`)
  if (list.thisUpdate.getTime() > now) throw new ListFault('not-yet-valid', `it begins on ${list.thisUpdate.toISOString()}`)
}
