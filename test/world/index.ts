import { randomUUID } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { hashPassword, loadIdentity, openAudit, signEnveloped, verifyPassword } from '../../crypto/index.ts'
import { importExtract, openBals, openRecipientCertificates } from '../../directory/index.ts'
import { openData } from '../../gateway/data.ts'
import { type DmpSimulator, startDmpSimulator } from './dmp-simulator/index.ts'
import { writeExtract } from './extract.ts'
import { type GatewayProcess, startProcess } from './gateway-process.ts'
import { withLuhn } from './letter.ts'
import { issuePatientSide, PATIENT_DOMAIN, type PatientSide, startPatientSide } from './mon-espace-sante.ts'
import {
  issueKeys,
  OPERATORS,
  type OperatorFiles,
  type OperatorKeys,
  type OperatorName,
  type SharedFiles,
  SITES,
  writeConfiguration,
} from './operator.ts'
import { balOf, buildPeople, DOMAINS, type FictionalBox, letterAuthor, publishedAuthor } from './people.ts'
import { createPki, type Pki } from './pki.ts'
import { freePorts } from './ports.ts'
import { buildWhiteList } from './white-list.ts'

export interface WorldOptions {
  /** Everything is written below it. */
  folder: string
  /** First of ten ports; free ones without it. */
  portBase?: number
  /** Overrides of an operator's configuration. */
  extra?: Partial<Record<OperatorName, Record<string, unknown>>>
  /** Environment of the gateways, for tests that kill them. */
  env?: Partial<Record<OperatorName, Record<string, string>>>
  professionals?: number
  /** Each of our two operators knows the certificate of the other's domain: mail between them is signed and encrypted. */
  sealed?: boolean
  /** Issues more certificates, and revokes, before the lists are written. @returns domains that the white list names besides ours */
  prepare?: (pki: Pki) => Promise<ListedOperator[]>
}

export interface ListedOperator {
  domain: string
  /** A text is written into the white list as it is. */
  dn: WorldOperator['subject'] | string
  description: string
  /** Its boxes in the national directory. */
  boxes?: readonly FictionalBox[]
  /** `host:port` where our two operators reach it. */
  route?: string
}

export interface Account {
  operator: OperatorName
  address: string
  name: string
  password: string
}

export interface WorldOperator extends OperatorFiles {
  name: OperatorName
  domain: string
  ports: { submission: number; submissions: number; reception: number }
  keys: OperatorKeys
  subject: Awaited<ReturnType<Pki['issue']>>['subject']
  process: GatewayProcess
  env: Record<string, string>
}

export interface World extends AsyncDisposable {
  folder: string
  pki: Pki
  shared: SharedFiles
  operators: Record<OperatorName, WorldOperator>
  dmp: DmpSimulator
  /** Where patients are written to, and write from. */
  patientSide: PatientSide
  people: readonly FictionalBox[]
  /** The same application password for every box of a local world. */
  password: string
  accounts: Record<'sender' | 'published' | 'recipient' | 'service', Account>
  caFile: string
  close(): Promise<void>
}

/** A SIRET with a right key that nobody has. */
const NOBODY = `3${withLuhn('7599990120001')}`
/** Who made the boxes, in their audit log. */
const BY = 'local'
const SIGNER = 'liste-blanche.pli.example'

/**
 * Starts the local trust space: test PKI, signed white list, directory, DMP simulator and two whole operators, each a
 * process of its own. Nothing of it leaves the loopback.
 */
export async function startWorld(options: WorldOptions): Promise<World> {
  const { folder } = options
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const pki = await createPki({ now: new Date() })
  const others = [...((await options.prepare?.(pki)) ?? [])]
  const { anchors, crls } = await pki.write(join(folder, 'pki'))
  const ofPatients = await issuePatientSide(pki, NOBODY)
  others.push({ domain: PATIENT_DOMAIN, dn: ofPatients.subject, description: 'Mon espace santé (fictif)' })
  const keys = {
    alpha: await issueKeys(pki, 'alpha', join(folder, 'alpha', 'keys')),
    beta: await issueKeys(pki, 'beta', join(folder, 'beta', 'keys')),
  }
  const people = buildPeople({ count: options.professionals ?? 300 })
  const listed = [...people, ...others.flatMap(({ boxes }) => boxes ?? [])]
  const shared = { anchors, crls, whiteListSigner: SIGNER, ...(await writeLists(pki, folder, keys, listed, others)) }
  const routes = Object.fromEntries(others.flatMap(({ domain, route }) => (route ? [[domain, route]] : [])))
  const dmp = await startDmp(pki, folder, options.portBase)
  const patientSide = await startPatientSide({ pki, issued: ofPatients, anchors, port: options.portBase && options.portBase + 9 })
  const password = `local-${randomUUID().slice(0, 18)}`
  const ports = await choosePorts(options.portBase)

  const start = async (name: OperatorName, other: OperatorName): Promise<WorldOperator> => {
    const files = await writeConfiguration({
      name,
      folder: join(folder, name),
      ports: ports[name],
      keys: keys[name],
      shared,
      routes: { ...routes, [DOMAINS[other]]: `127.0.0.1:${ports[other].reception}`, [PATIENT_DOMAIN]: `127.0.0.1:${patientSide.port}` },
      dmpUrl: dmp.url,
      extra: options.extra?.[name],
    })
    await createBoxes(
      name,
      files.data,
      people.filter(box => box.operator === name),
      password,
    )
    if (options.sealed) await enterCertificate(files.data, DOMAINS[other], keys[other].mail)
    const env = options.env?.[name] ?? {}
    const process = await startProcess(files, env)
    return { ...files, name, domain: DOMAINS[name], ports: ports[name], keys: keys[name], subject: keys[name].subject, process, env }
  }
  const started = await Promise.allSettled([start('alpha', 'beta'), start('beta', 'alpha')])
  const [alpha, beta] = started.map(result => (result.status === 'fulfilled' ? result.value : undefined))
  if (!alpha || !beta) {
    await Promise.all([alpha?.process.stop(), beta?.process.stop(), dmp.close(), patientSide.close()])
    throw started.find(result => result.status === 'rejected')?.reason
  }
  const operators = { alpha, beta }
  const close = async () => {
    await Promise.all(Object.values(operators).map(operator => operator.process.stop()))
    await dmp.close()
    await patientSide.close()
  }
  return {
    folder,
    pki,
    shared,
    operators,
    dmp,
    patientSide,
    people,
    password,
    accounts: accounts(people, password),
    caFile: anchors[0] ?? '',
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Starts an operator again after it was stopped or killed. */
export async function restart(operator: WorldOperator): Promise<void> {
  operator.process = await startProcess(operator, operator.env)
}

async function writeLists(
  pki: Pki,
  folder: string,
  keys: Record<OperatorName, { subject: WorldOperator['subject'] }>,
  people: readonly FictionalBox[],
  others: readonly ListedOperator[],
): Promise<{ whiteList: string; directory: string }> {
  const lists = join(folder, 'lists')
  await mkdir(lists, { recursive: true })
  const signer = await pki.issue({ kind: 'signature', commonName: SIGNER, organization: 'LISTE BLANCHE FICTIVE', structure: NOBODY })
  const paths = { certificate: join(lists, 'signer.crt.pem'), key: join(lists, 'signer.key.pem') }
  await writeFile(paths.certificate, signer.certificatePem)
  await writeFile(paths.key, signer.keyPem, { mode: 0o600 })
  const identity = loadIdentity(paths)
  const whiteList = join(lists, 'listeblanche.xml')
  const entries = (['alpha', 'beta'] as const).map(name => ({
    domain: DOMAINS[name],
    dn: keys[name].subject,
    description: OPERATORS[name].title,
  }))
  await writeFile(
    whiteList,
    buildWhiteList({
      entries: [...entries, ...others],
      generatedAt: new Date(),
      sign: xml => signEnveloped(xml, { identity, where: 'end-of-root' }),
    }),
  )
  const extract = join(lists, 'Extraction_Correspondance_MSSante.txt')
  const directory = join(lists, 'directory.sqlite')
  await writeExtract(extract, people)
  await importExtract(extract, directory, { now: new Date() })
  return { whiteList, directory }
}

async function startDmp(pki: Pki, folder: string, portBase: number | undefined): Promise<DmpSimulator> {
  const server = await pki.issue({ kind: 'server', commonName: 'dmp.pli.example', organization: 'DMP SIMULE', structure: NOBODY })
  const sites = Object.fromEntries((['alpha', 'beta'] as const).map(name => [OPERATORS[name].structure, SITES[name]]))
  return startDmpSimulator({
    ...(portBase ? { port: portBase + 6 } : {}),
    tls: {
      certificatePem: server.certificatePem,
      keyPem: server.keyPem,
      chainPem: pki.authorities.slice(1),
      anchors: pki.authorities,
      crls: pki.crls(),
    },
    now: Date.now,
    log: join(folder, 'dmp.log'),
    patients: 'any',
    requireHomologation: 'PLI-LOCAL-HOMOLOGATION',
    sites,
  })
}

/** One password, hashed once: the boxes of a local world are many, and argon2 is slow on purpose. */
async function createBoxes(name: OperatorName, data: string, boxes: readonly FictionalBox[], password: string): Promise<void> {
  const db = await openData(data)
  const hash = await hashPassword(password)
  const audit = openAudit(db, { now: Date.now })
  const bals = openBals(db, { now: Date.now, hash: async () => hash, verify: verifyPassword, audit })
  await Promise.all(boxes.map(box => bals.create(balOf(box), password, BY)))
  await bals.create(
    {
      address: `postmaster@${DOMAINS[name]}`,
      type: 'ORG',
      name: 'Postmaster',
      structures: [OPERATORS[name].structure],
      responsible: 'Dr Maud RESPONSABLE-FICTIVE',
    },
    password,
    BY,
  )
  await Promise.all([publishedAuthor, letterAuthor].filter(box => boxes.includes(box)).map(box => bals.declare(box.address, BY)))
  await db.close()
}

/** Makes an operator know the certificate of another's domain, as `pli directory certificate add` does. */
export async function enterCertificate(data: string, domain: string, { certificate }: { certificate: string }): Promise<void> {
  const db = await openData(data)
  const certificates = openRecipientCertificates(db, { now: Date.now, audit: openAudit(db, { now: Date.now }) })
  await certificates.add({ subject: domain, pem: await readFile(certificate, 'utf8'), source: 'operator', by: BY })
  await db.close()
}

function accounts(people: readonly FictionalBox[], password: string): World['accounts'] {
  const at = (box: FictionalBox): Account => ({ operator: box.operator, address: box.address, name: box.name, password })
  const specialist =
    people.find(box => box.operator === 'beta' && box.person?.skill?.code === 'SM04') ?? people.find(box => box.operator === 'beta')
  const service = people.find(box => box.operator === 'beta' && box.type === 'ORG')
  if (!specialist || !service) throw new Error('the fictional directory has no recipient')
  return { sender: at(letterAuthor), published: at(publishedAuthor), recipient: at(specialist), service: at(service) }
}

async function choosePorts(base: number | undefined): Promise<Record<OperatorName, WorldOperator['ports']>> {
  const list = base === undefined ? await freePorts(6) : Array.from({ length: 6 }, (_, index) => base + index)
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = list
  return { alpha: { submission: a, submissions: b, reception: c }, beta: { submission: d, submissions: e, reception: f } }
}
