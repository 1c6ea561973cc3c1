import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Identity, loadIdentity, signEnveloped } from '../../crypto/index.ts'
import { importExtract } from '../../directory/index.ts'
import { generateExtract } from '../world/extract.ts'
import { type AnchorPaths, type CertificateKind, createPki, type IdentityPaths, type Pki, writeIdentity } from '../world/pki.ts'
import { buildWhiteList } from '../world/white-list.ts'
import type { Boxes } from './boxes.ts'

/** What every server of the bench is given: the same certificates and the same people. */
export interface Ground {
  /** Temporary folder, on a real disk; servers that do not run as root can pass through it. */
  folder: string
  trust: AnchorPaths
  /** PEM file of all authorities. */
  ca: string
  server: GroundIdentity
  client: GroundIdentity
  signature: GroundIdentity
  sink: GroundIdentity
  whiteList: { file: string; signer: string }
  /** Snapshot of everybody below. */
  directory: string
  /** At the domain that the sink stands for. */
  recipients: Boxes
  /** At the domain of the server that is measured. */
  senders: Boxes & { password: string }
}

export interface GroundIdentity extends IdentityPaths {
  /** Certificate and chain in one PEM file. */
  full: string
}

const ADDRESSES = 600_000
export const CONNECTIONS = 20
export const HOSTS = { server: 'mail.poste.mssante.example', sink: 'mail.confrere.mssante.example' } as const
const SIGNER = 'liste-blanche.mssante.example'

/** Makes certificates, white list and directory of 600,000 addresses in a folder; takes some ten seconds. */
export async function prepareGround(folder: string): Promise<Ground> {
  const now = new Date()
  const pki = await createPki({ now })
  const trust = await pki.write(join(folder, 'trust'))
  const ca = join(folder, 'authorities.pem')
  await writeFile(ca, pki.authorities.join(''))
  const identity = (kind: CertificateKind, commonName: string) => issue(pki, folder, kind, commonName)
  const senders = { domain: 'poste.mssante.example', count: CONNECTIONS, password: 'mot de passe fictif' }
  const recipients = { domain: 'confrere.mssante.example', count: ADDRESSES - CONNECTIONS }
  const [server, sink] = [await identity('server', HOSTS.server), await identity('server', HOSTS.sink)]
  const signature = await identity('signature', SIGNER)
  return {
    folder,
    trust,
    ca,
    server,
    sink,
    signature,
    client: await identity('client', 'client.poste.mssante.example'),
    whiteList: {
      file: await writeWhiteList(folder, signature, { [senders.domain]: server, [recipients.domain]: sink }, now),
      signer: SIGNER,
    },
    directory: await importBoxes(folder, [recipients, senders], now),
    senders,
    recipients,
  }
}

async function issue(pki: Pki, folder: string, kind: CertificateKind, commonName: string): Promise<GroundIdentity> {
  const issued = await pki.issue({ kind, commonName, organization: 'OPERATEUR FICTIF', structure: '1750803447' })
  const paths = await writeIdentity(join(folder, 'identities'), `${commonName}.${kind}`, issued, pki)
  const full = `${paths.certificate}.full`
  await writeFile(full, issued.certificatePem + (await readFile(paths.chain, 'utf8')))
  return { ...paths, full }
}

async function writeWhiteList(
  folder: string,
  signature: IdentityPaths,
  domains: Record<string, IdentityPaths>,
  now: Date,
): Promise<string> {
  const signer: Identity = loadIdentity(signature)
  const entries = Object.entries(domains).map(([domain, paths]) => ({ domain, dn: loadIdentity(paths).facts.subject }))
  const file = join(folder, 'white-list.xml')
  await writeFile(
    file,
    buildWhiteList({ entries, generatedAt: now, sign: xml => signEnveloped(xml, { identity: signer, where: 'end-of-root' }) }),
  )
  return file
}

async function importBoxes(folder: string, everybody: Boxes[], now: Date): Promise<string> {
  const aside = join(folder, 'extract')
  await mkdir(aside)
  const extract = join(aside, 'extract.txt')
  const [first, ...others] = everybody
  await generateExtract(extract, first!.count, first!)
  for (const boxes of others) {
    await generateExtract(`${extract}.part`, boxes.count, boxes)
    const text = await readFile(`${extract}.part`, 'utf8')
    await appendFile(extract, text.slice(text.indexOf('\n') + 1))
  }
  const target = join(folder, 'directory.sqlite')
  await importExtract(extract, target, { now })
  await rm(aside, { recursive: true })
  return target
}
