import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DmpSimulator, type DmpSimulatorOptions, type Patients, startDmpSimulator } from '../../world/dmp-simulator/index.ts'
import { buildCda, buildPdf, type CdaOptions, insWithKey, oidOf, sampleAuthor, samplePatient } from '../../world/letter.ts'
import { createPki, type Issued, type Pki } from '../../world/pki.ts'
import { type Draft, request } from './dmp-request.ts'

export const now = new Date(Math.floor(Date.now() / 1000) * 1000)
export const structure = sampleAuthor.structure.id
export const otherStructure = '1750000018'
/** The INS of a patient whose DMP is closed. */
export const closed = insWithKey('1800175114001')
export const ins = samplePatient.ins ?? ''

const known = { oid: samplePatient.insOid, birthName: 'TESTOU', firstName: 'HÉLOÏSE', birthDate: '1984-03-09', sex: 'F' } as const
const patients: Patients = [
  { ...known, ins, status: 'ACTIF' },
  { ...known, ins: closed, status: 'FERME' },
]

export interface Reply {
  status: number
  text: string
  /** RegistryError codes, or code and subcode of a SOAP fault, without prefix. */
  codes: string[]
}

/** A simulator, its PKI, and a client that is not the bridge's. */
export interface DmpWorld extends AsyncDisposable {
  dmp: DmpSimulator
  pki: Pki
  issued: Record<'server' | 'client' | 'signature' | 'revoked' | 'other', Issued>
  log(): string
  /** @returns a request that is right in everything, with ids of its own */
  draft(): Draft
  post(path: string, type: string, body: Buffer | string, client?: Issued): Promise<Reply>
  send(draft: Draft, client?: Issued): Promise<Reply>
}

export async function openDmpWorld(options: Partial<DmpSimulatorOptions> = {}): Promise<DmpWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'pli-dmp-'))
  const pki = await createPki({ now })
  const issued = await issueAll(pki)
  const { certificatePem, keyPem } = issued.server
  const tls = { certificatePem, keyPem, chainPem: pki.authorities.slice(1), anchors: pki.authorities, crls: pki.crls() }
  const dmp = await startDmpSimulator({ tls, now: () => now.getTime(), log: join(folder, 'dmp.log'), patients, ...options })
  let count = 0
  const id = () => oidOf(`00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`)
  const post: DmpWorld['post'] = (path, type, body, client = issued.client) => call(`${dmp.url}${path}`, type, body, client, pki)
  return {
    dmp,
    pki,
    issued,
    log: () => readFileSync(join(folder, 'dmp.log'), 'utf8'),
    post,
    draft() {
      const ids = { uniqueId: id(), submissionSetUniqueId: id(), signatureUniqueId: id() }
      const patientId = `${ins}^^^&${samplePatient.insOid}&ISO^NH`
      const who = { patientId, structure, structureName: sampleAuthor.structure.name, person: `8${sampleAuthor.rpps}` }
      return { url: dmp.url, now, signer: issued.signature, ...ids, ...who, cda: cdaOf(ids.uniqueId) }
    },
    send(draft, client) {
      const { type, body } = request(draft)
      return post('/repository', type, body, client)
    },
    async [Symbol.asyncDispose]() {
      await dmp.close()
      rmSync(folder, { recursive: true })
    },
  }
}

/** @returns the CDA of a draft, with the changes of a case */
export function cdaOf(uniqueId: string, changes: Partial<CdaOptions> = {}): Buffer {
  const body = { mediaType: 'application/pdf' as const, content: buildPdf(['Essai']) }
  return buildCda({ uniqueId, patient: samplePatient, author: sampleAuthor, now, body, ...changes })
}

/** @returns a replacement that throws when there is nothing to replace, so that no case goes untested */
export function swap(from: string | RegExp, to: string): (text: string) => string {
  return text => {
    if (typeof from === 'string' ? !text.includes(from) : text.search(from) < 0) throw new Error(`nothing to bend: ${from}`)
    return text.replace(from, () => to)
  }
}

async function issueAll(pki: Pki): Promise<DmpWorld['issued']> {
  const issue = (kind: 'server' | 'client' | 'signature', id = structure) =>
    pki.issue({ kind, commonName: kind === 'server' ? 'dmp.test' : 'essai', organization: 'Cabinet, "Fictif"', structure: id })
  const [server, client, signature, revoked, other] = await Promise.all([
    issue('server'),
    issue('client'),
    issue('signature'),
    issue('client'),
    issue('signature', otherStructure),
  ])
  pki.revoke(revoked)
  return { server, client, signature, revoked, other }
}

/** Each call opens its own connection, so that each shows its certificate. */
function call(url: string, type: string, body: Buffer | string, client: Issued, pki: Pki): Promise<Reply> {
  const identity = { cert: client.certificatePem, key: client.keyPem, ca: [...pki.authorities], agent: false as const }
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(url, { method: 'POST', headers: { 'content-type': type }, ...identity }, async response => {
      const text = Buffer.concat(await response.toArray()).toString()
      const codes = [...text.matchAll(/errorCode="(\w+)"|<env:Value[^>]*>(?:env|dmp|wsa):(\w+)/g)].map(match => match[1] ?? match[2] ?? '')
      resolve({ status: response.statusCode ?? 0, text, codes: [...new Set(codes)] })
    })
    outgoing.on('error', reject).end(body)
  })
}
