import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { lineText } from '../../gateway/cli/trace.ts'
import { openData } from '../../gateway/data.ts'
import { type Timeline, timelineOf } from '../../gateway/timeline.ts'
import type { FaultKind } from './dmp-simulator/index.ts'
import { startWorld, type World } from './index.ts'
import { sampleLetter, samplePatient } from './letter.ts'
import { type LocalConsole, localConsole, localOperator, offerCards } from './local-console.ts'
import { PATIENT_DOMAIN } from './mon-espace-sante.ts'
import { mailboxKeyIn } from './operator.ts'
import type { Pki } from './pki.ts'
import type { PscSimulator } from './psc-simulator/index.ts'
import { startPscFor } from './psc-simulator/setup.ts'
import { submit } from './submit.ts'

export interface LocalOptions {
  once?: boolean
  json?: boolean
  portBase?: number
  dir?: string
  /** what the DMP simulator does wrong from the start */
  fault?: { kind: FaultKind; times?: number }
}

/** `pli local`. @returns the exit status */
export async function local(options: LocalOptions): Promise<number> {
  const stopped = new Promise<void>(stop => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop()) // a second one does not cut the tidying short
  })
  const folder = options.dir ? await emptyFolder(resolve(options.dir)) : await mkdtemp(join(tmpdir(), 'pli-local-'))
  try {
    return await inFolder(folder, options, stopped)
  } finally {
    if (!options.dir) await rm(folder, { recursive: true, force: true })
  }
}

/** A world writes keys and lists of its own: it starts from nothing, and over nobody's files. */
async function emptyFolder(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  if ((await readdir(folder)).length > 0) throw new Error(`${folder} is not empty: give --dir a new folder`)
  return folder
}

async function inFolder(folder: string, options: LocalOptions, stopped: Promise<void>): Promise<number> {
  const say = (text: string) => (options.json ? undefined : console.log(text))
  say('Starting the local trust space: test PKI, white list, directory, DMP simulator, two operators …')
  const { world, psc } = await start(folder, options)
  if (options.fault) world.dmp.setFault(options.fault.kind, options.fault)
  try {
    if (options.once) return await sendOnce(world, options.json === true)
    const { alpha } = world.operators
    const console_ = await localOperator(alpha.configuration)
    offerCards(
      psc,
      console_.url,
      world.people.filter(({ operator }) => operator === 'alpha'),
    )
    const ready = { ...describe(world), psc: describePsc(psc, world), console: console_ }
    console.log(
      options.json
        ? JSON.stringify({ ready: true, ...ready })
        : [text(world), consoleText(console_), `Pro Santé Connect simulator: ${psc.issuer}`].join('\n'),
    )
    await stopped
    return 0
  } finally {
    await world.close()
    await psc.close()
  }
}

/** Both operators take tokens of the one simulator, and certificates of the test PKI. */
async function start(folder: string, { portBase }: LocalOptions): Promise<{ world: World; psc: PscSimulator }> {
  const signIn = {}
  const alpha = { signIn }
  let psc: PscSimulator | undefined
  const prepare = async (pki: Pki) => {
    const started = await startPscFor({ pki, folder: join(folder, 'psc'), port: portBase && portBase + 7 })
    psc = started.psc
    Object.assign(signIn, started.signIn)
    Object.assign(alpha, { console: await localConsole(started, portBase && portBase + 8) })
    return []
  }
  try {
    const world = await startWorld({ folder, sealed: true, ...(portBase ? { portBase } : {}), extra: { alpha, beta: { signIn } }, prepare })
    return { world, psc: psc as PscSimulator }
  } catch (error) {
    await psc?.close()
    throw error
  }
}

function consoleText({ url, operator, password, totpSecret }: LocalConsole): string {
  return `Pages (DMP filings): ${url}  operator ${operator}, password ${password}, secret of its codes (TOTP) ${totpSecret}`
}

const TOKEN_SECONDS = 8 * 3_600

/** @returns where it is, and a token of the sender's holder that lives for a working day */
function describePsc(psc: PscSimulator, { accounts, people }: World) {
  const { address } = accounts.sender
  const subject = `8${people.find(box => box.address === address)?.person?.rpps}`
  return { url: psc.issuer, account: address, token: psc.mint({ subject, expiresIn: TOKEN_SECONDS }), tokenSeconds: TOKEN_SECONDS }
}

/** A referral with a CDA, from a practice at alpha to a specialist at beta; everything on the way is the real thing. */
async function sendOnce(world: World, json: boolean): Promise<number> {
  const { sender, recipient } = world.accounts
  const letter = await sampleLetter(world.accounts)
  const { alpha } = world.operators
  const id = await submit(
    { port: alpha.ports.submission, ca: world.shared.anchors, servername: 'smtp.alpha.mssante.example', account: sender },
    [recipient.address],
    letter.eml,
  )
  const timeline = await completed(world, id, 60_000)
  const inDmp = world.dmp.filed.some(({ uniqueId }) => uniqueId === letter.uniqueId)
  const [state] = timeline.recipients
  const done = state?.relay === 'sent' && state.receipt === 'delivered' && state.filing === 'filed' && isAcknowledged(timeline) && inDmp
  if (json) console.log(JSON.stringify({ done, timeline, dmp: world.dmp.filed.map(({ uniqueId, typeCode }) => ({ uniqueId, typeCode })) }))
  else
    console.log(
      `${timelineLines(timeline)}\n${inDmp ? `The DMP simulator has the document ${letter.uniqueId}.` : 'The DMP simulator does not have the document.'}`,
    )
  if (!done) console.error('pli: the referral did not go all the way')
  return done ? 0 : 1
}

function timelineLines(timeline: Timeline): string {
  return timeline.lines.map(lineText).join('\n')
}

function isAcknowledged(timeline: Timeline): boolean {
  return timeline.lines.some(({ what }) => what === 'acknowledged')
}

/** A filing moves first; its line in the ledger follows. */
function isTold({ lines }: Timeline, state: string): boolean {
  return state !== 'pending' && lines.some(({ what }) => what === state)
}

/** Looks at the ledger until the whole story is told, or the time is up. */
async function completed(world: World, id: string, patience: number): Promise<Timeline> {
  const db = await openData(world.operators.alpha.data)
  try {
    for (const end = Date.now() + patience; ; ) {
      const timeline = await timelineOf(db, id)
      const settled =
        timeline &&
        isAcknowledged(timeline) &&
        timeline.filings.length > 0 &&
        timeline.filings.every(({ state }) => isTold(timeline, state))
      if (timeline && (settled || Date.now() > end)) return timeline
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  } finally {
    await db.close()
  }
}

/** Everything that a client needs. */
function describe(world: World) {
  const operators = Object.values(world.operators).map(operator => ({
    name: operator.name,
    domain: operator.domain,
    host: '127.0.0.1',
    hostname: `smtp.${operator.domain}`,
    ports: operator.ports,
    configuration: operator.configuration,
    data: operator.data,
    log: join(operator.folder, 'gateway.log'),
    maildirs: join(operator.data, 'mail', operator.domain),
    mailboxKey: mailboxKeyIn(operator.folder),
    certificate: operator.keys.server,
  }))
  return {
    folder: world.folder,
    ca: world.caFile,
    crls: world.shared.crls,
    whiteList: world.shared.whiteList,
    directory: world.shared.directory,
    operators,
    accounts: world.accounts,
    password: world.password,
    dmp: { url: world.dmp.url, log: join(world.folder, 'dmp.log') },
    patients: { domain: PATIENT_DOMAIN, example: `${samplePatient.ins}@${PATIENT_DOMAIN}`, reception: world.patientSide.port },
  }
}

function text(world: World): string {
  const { operators, accounts } = world
  const servers = Object.values(operators).map(
    ({ name, domain, ports }) =>
      `  ${name}  ${domain}  submission 127.0.0.1:${ports.submission} (STARTTLS), ${ports.submissions} (TLS), inter-operator ${ports.reception}`,
  )
  const people = Object.values(accounts).map(({ operator, address, name }) => `  ${operator}  ${address}  ${name}`)
  return [
    'The local trust space is ready. Stop it with Ctrl-C.',
    ...servers,
    'Accounts (every box of the directory has the same password):',
    ...people,
    `  password ${world.password}`,
    `Certification authority for your mail client: ${world.caFile}`,
    `Mailboxes (Maildir, sealed): ${join(operators.alpha.data, 'mail')} and ${join(operators.beta.data, 'mail')}`,
    `  read a letter: npx pli keys open-letter --key ${mailboxKeyIn(operators.beta.folder)} FILE`,
    `Patients: ${samplePatient.ins}@${PATIENT_DOMAIN} and any other matricule with its key (port ${world.patientSide.port})`,
    `DMP simulator: ${world.dmp.url}, its log ${join(world.folder, 'dmp.log')}`,
    `Trace a message: npx pli trace MESSAGE-ID -c ${operators.alpha.configuration}`,
  ].join('\n')
}
