import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { createMailboxKeys, createMasterKeyFile } from '../../crypto/index.ts'
import { sampleAuthor, withLuhn } from './letter.ts'
import { PATIENT_DOMAIN } from './mon-espace-sante.ts'
import { DOMAINS, type Operator } from './people.ts'
import type { CertificateKind, CertificateRequest, IdentityPaths, Pki } from './pki.ts'

export type OperatorName = Operator

/** What tells the two operators of the local trust space apart. Both are fictional. */
export const OPERATORS = {
  alpha: {
    title: 'Opérateur Alpha (fictif)',
    host: 'smtp.alpha.mssante.example',
    structure: `1${withLuhn('75999907')}`,
    organization: 'OPERATEUR ALPHA',
  },
  beta: {
    title: 'Opérateur Bêta (fictif)',
    host: 'smtp.beta.mssante.example',
    structure: `1${withLuhn('69999902')}`,
    organization: 'OPERATEUR BETA',
  },
} as const

export interface OperatorFiles {
  folder: string
  configuration: string
  data: string
}

export interface OperatorPorts {
  submission: number
  submissions: number
  reception: number
}

/** Where everything that the operators share lies. */
export interface SharedFiles {
  anchors: string[]
  crls: string[]
  whiteList: string
  whiteListSigner: string
  directory: string
}

export interface OperatorKeys {
  server: IdentityPaths
  client: IdentityPaths
  signature: IdentityPaths
  mail: IdentityPaths
}

/** Issues the certificates of an operator (SERV SSL, ORG AUTH_CLI, ORG SIGN, SERV S/MIME) and writes them. */
export async function issueKeys(
  pki: Pki,
  name: OperatorName,
  folder: string,
): Promise<OperatorKeys & { subject: Awaited<ReturnType<Pki['issue']>>['subject'] }> {
  const { host, structure, organization } = OPERATORS[name]
  await mkdir(folder, { recursive: true })
  const issue = async (kind: CertificateKind, commonName: string, more: Partial<CertificateRequest> = {}) => {
    const issued = await pki.issue({ kind, commonName, organization, structure, ...more })
    const certificate = join(folder, `${kind}.crt.pem`)
    const key = join(folder, `${kind}.key.pem`)
    const chain = join(folder, `${kind}.chain.pem`)
    await writeFile(certificate, issued.certificatePem)
    await writeFile(key, issued.keyPem, { mode: 0o600 })
    await writeFile(chain, pki.authorities[1] ?? '')
    return { paths: { certificate, key, chain }, subject: issued.subject }
  }
  // RFC 3183 §3: the names by which a domain signs, and is encrypted to.
  const emails = ['domain-signing-authority', 'domain-confidentiality-authority'].map(authority => `${authority}@${DOMAINS[name]}`)
  const [server, client, signature, mail] = await Promise.all([
    issue('server', host),
    issue('client', organization),
    issue('signature', organization),
    issue('mail', organization, { emails, key: 'ec' }),
  ])
  return { server: server.paths, client: client.paths, signature: signature.paths, mail: mail.paths, subject: server.subject }
}

export interface OperatorSetup {
  name: OperatorName
  folder: string
  ports: OperatorPorts
  keys: OperatorKeys
  shared: SharedFiles
  /** `domain → host:port` of the other operator. */
  routes: Record<string, string>
  dmpUrl?: string | undefined
  /** Overrides of the configuration, for tests: merged at the top level. */
  extra?: Record<string, unknown> | undefined
}

/** As `pli keys create` makes it, once for each folder. */
function masterKeysIn(folder: string): string {
  const file = join(folder, 'master.keys')
  if (!existsSync(file)) createMasterKeyFile(file)
  return file
}

/** As `pli keys create-mailbox` makes them, once for each folder. The private one would lie on the IMAP server. @returns the public one */
function mailboxKeysIn(folder: string): string {
  const file = mailboxKeyIn(folder)
  if (!existsSync(file)) createMailboxKeys(file)
  return `${file}.pub`
}

/** The private key that opens the mailboxes of an operator. */
export function mailboxKeyIn(folder: string): string {
  return join(folder, 'mailboxes.key')
}

/** Writes the configuration of one operator, as an administrator would. */
export async function writeConfiguration(setup: OperatorSetup): Promise<OperatorFiles> {
  const { name, folder, ports, keys, shared, routes } = setup
  const { title, host } = OPERATORS[name]
  await mkdir(folder, { recursive: true })
  const listen = (port: number) => ({ host: '127.0.0.1', port })
  const value = {
    name: title,
    hostname: host,
    domains: [DOMAINS[name]],
    postmaster: `postmaster@${DOMAINS[name]}`,
    data: join(folder, 'data'),
    masterKeys: { file: masterKeysIn(folder) },
    mailboxes: { publicKey: mailboxKeysIn(folder) },
    listen: { submission: listen(ports.submission), submissions: listen(ports.submissions), reception: listen(ports.reception) },
    tls: { ...keys.server, anchors: shared.anchors, crls: shared.crls },
    signature: keys.mail,
    whiteList: { file: shared.whiteList, anchors: shared.anchors, crls: shared.crls, signer: shared.whiteListSigner },
    directory: { file: shared.directory },
    patients: { domain: PATIENT_DOMAIN },
    routes,
    ...(setup.dmpUrl ? { dmp: testDmp(setup, setup.dmpUrl) } : {}),
    ...setup.extra,
    smime: { encryption: [keys.mail], ...(setup.extra?.smime as object | undefined) },
  }
  const configuration = join(folder, 'pli.yaml')
  await writeFile(configuration, stringify(value))
  return { folder, configuration, data: value.data }
}

/** Test INS authority allowed, no time to hold a document back: this is a demonstration. */
export function testDmp(
  {
    name,
    keys,
    shared,
  }: { name: OperatorName; keys: Pick<OperatorKeys, 'client' | 'signature'>; shared: Pick<SharedFiles, 'anchors' | 'crls'> },
  url: string,
) {
  return {
    url,
    trust: { anchors: shared.anchors, crls: shared.crls },
    client: keys.client,
    signature: keys.signature,
    structure: OPERATORS[name].structure,
    structureName: OPERATORS[name].organization,
    sector: 'SA41',
    sites: SITES[name],
    responsible: { idNatPs: `8${withLuhn('1000000000')}`, name: 'RESPONSABLE FICTIF' },
    software: {
      name: 'Pli',
      version: '0.1.0',
      lpsId: 'PLI-LOCAL',
      homologation: 'PLI-LOCAL-HOMOLOGATION',
      model: 'passerelle',
      service: 'messagerie',
    },
    insOids: ['1.2.250.1.213.1.4.8', '1.2.250.1.213.1.4.9', '1.2.250.1.213.1.4.10'],
    delay: '0s',
  }
}

/** Structures that the operator's certificate speaks for; alpha's include those under which published example documents were written. */
export const SITES: Record<OperatorName, string[]> = {
  alpha: [sampleAuthor.structure.id, '1750803447', '1120456789', '2801234567', '1490012345'],
  beta: [OPERATORS.beta.structure],
}
