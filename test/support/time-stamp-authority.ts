import { spawnSync } from 'node:child_process'
import { createHash, createPrivateKey, sign } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { HASH_OIDS, ID_SIGNED_DATA } from '../../crypto/cms/algorithms.ts'
import { derOf, issuerAndSerialOf } from '../../crypto/cms/holder.ts'
import { algorithm, inContext, integer, NULL, octetString, oid, sequence, setOf, TAG, value } from '../../crypto/cms/write.ts'
import { elements, onlyElement } from '../../crypto/der.ts'
import type { Issued } from '../world/pki.ts'
import { tool } from './tools.ts'

interface Head {
  status?: number
  type?: string
  /** Nothing is said. */
  silent?: boolean
}

/** An authority over HTTPS (RFC 3161 §3.4). */
export interface TimeStampServer extends AsyncDisposable {
  url: string
  /** What the next queries get; octets that are no answer may have another status or type. */
  answer(reply: TimeStampAuthority, head?: Head): void
  /** Queries that came as they should. */
  asked: number
}

export async function startTimeStampServer(
  certificate: { certificatePem: string; keyPem: string },
  first: TimeStampAuthority,
): Promise<TimeStampServer> {
  let [reply, head]: [TimeStampAuthority, Head] = [first, {}]
  const server = createServer({ cert: certificate.certificatePem, key: certificate.keyPem }, async (request, response) => {
    const query = await buffer(request)
    if (request.method === 'POST' && request.headers['content-type'] === 'application/timestamp-query') started.asked++
    if (head.silent) return
    response.writeHead(head.status ?? 200, { 'content-type': head.type ?? 'application/timestamp-reply' })
    response.end(reply(query))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const started: TimeStampServer = {
    url: `https://localhost:${(server.address() as AddressInfo).port}/tsa`,
    answer(next, how = {}) {
      reply = next
      head = how
    },
    asked: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return started
}

/** Answers a query (TimeStampReq, DER) with a TimeStampResp. */
export type TimeStampAuthority = (query: Buffer) => Buffer

/**
 * A real authority: `openssl ts -reply`.
 * @param folder where its key, its settings and its serial number lie
 * @param ess hash by which the signature names the certificate: sha1 makes an ESSCertID, others an ESSCertIDv2
 */
export function opensslAuthority(folder: string, signer: Issued, { ess = 'sha256' } = {}): TimeStampAuthority {
  const path = (name: string) => join(folder, name)
  writeFileSync(path('tsa.pem'), signer.certificatePem)
  writeFileSync(path('tsa.key'), signer.keyPem)
  writeFileSync(path('serial'), '01\n')
  const settings = {
    ...{ serial: path('serial'), signer_cert: path('tsa.pem'), signer_key: path('tsa.key'), signer_digest: 'sha256' },
    ...{ default_policy: '1.2.3.4.1', digests: 'sha256', accuracy: 'secs:1', ordering: 'yes', ess_cert_id_alg: ess },
  }
  const lines = Object.entries(settings).map(([name, said]) => `${name} = ${said}`)
  writeFileSync(path('tsa.cnf'), ['[tsa]', 'default_tsa = it', '[it]', ...lines, ''].join('\n'))
  return query => {
    writeFileSync(path('query.tsq'), query)
    const files = ['-queryfile', path('query.tsq'), '-out', path('reply.tsr')]
    const { status, stderr } = spawnSync(tool('openssl'), ['ts', '-reply', '-config', path('tsa.cnf'), ...files], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`openssl ts -reply: ${stderr}`)
    return readFileSync(path('reply.tsr'))
  }
}

/** What a forged answer says otherwise than a right one. */
export interface Forgery {
  status?: number
  digest?: Buffer
  /** `null`: none. */
  nonce?: Buffer | null
  at?: Date
  contentType?: string
  /** The certificate that the signature names; `null`: none. */
  named?: Issued | null
  keyPem?: string
  extensions?: Buffer
}

const attribute = (type: string, inside: Buffer) => sequence(oid(type), setOf(inside))
const sha256 = (octets: Buffer) => createHash('sha256').update(octets).digest()

/** An authority of ours, which says what a real one would not: really signed, with an elliptic curve. */
export function forgingAuthority(signer: Issued, forgery: Forgery = {}): TimeStampAuthority {
  return query => {
    const [, imprint, nonce] = [...elements(onlyElement(query).inside)]
    const asked = [...elements(imprint!.inside)][1]!.inside
    const said = forgery.nonce === null ? Buffer.alloc(0) : value(TAG.integer, forgery.nonce ?? nonce!.inside)
    const digits = (forgery.at ?? new Date()).toISOString().replace(/[-:T]|\.\d+/g, '')
    const info = sequence(
      ...[integer(1), oid('1.2.3.4.1')],
      sequence(algorithm(HASH_OIDS.sha256, NULL), octetString(forgery.digest ?? asked)),
      ...[integer(7), value(TAG.generalizedTime, Buffer.from(digits)), said, forgery.extensions ?? Buffer.alloc(0)],
    )
    const token = signed(info, signer, forgery)
    const isGiven = (forgery.status ?? 0) < 2
    return sequence(sequence(integer(forgery.status ?? 0)), isGiven ? token : Buffer.alloc(0))
  }
}

function signed(info: Buffer, signer: Issued, { contentType = '1.2.840.113549.1.9.16.1.4', named = signer, keyPem }: Forgery): Buffer {
  const der = derOf(signer.certificatePem)
  const attributes = setOf(
    attribute('1.2.840.113549.1.9.3', oid(contentType)),
    attribute('1.2.840.113549.1.9.4', octetString(sha256(info))),
    ...(named
      ? [attribute('1.2.840.113549.1.9.16.2.47', sequence(sequence(sequence(octetString(sha256(derOf(named.certificatePem)))))))]
      : []),
  )
  const implicit = Buffer.from(attributes)
  implicit[0] = inContext(0)
  const signerInfo = sequence(
    ...[integer(1), issuerAndSerialOf(der), algorithm(HASH_OIDS.sha256), implicit, algorithm('1.2.840.10045.4.3.2')],
    octetString(sign('sha256', attributes, createPrivateKey(keyPem ?? signer.keyPem))),
  )
  const carried = sequence(oid(contentType), value(inContext(0), octetString(info)))
  const data = sequence(integer(3), setOf(algorithm(HASH_OIDS.sha256)), carried, value(inContext(0), der), setOf(signerInfo))
  return sequence(oid(ID_SIGNED_DATA), value(inContext(0), data))
}
