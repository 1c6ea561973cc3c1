import { randomUUID } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { letPass } from '../../support/let-pass.ts'
import { sharedRecogniser } from '../../support/shared-recogniser.ts'
import { openSilence } from '../../support/silence.ts'
import { type DmpSimulator, type Patients, startDmpSimulator } from '../../world/dmp-simulator/index.ts'
import { buildLetter, type CdaOptions, sampleAuthor, samplePatient } from '../../world/letter.ts'
import { createPki, writeIdentity } from '../../world/pki.ts'
import { newFolder, type Operator, type OperatorFiles, openOperator, sender } from './operator.ts'

/** One operator's bridge and the DMP simulator, on sockets and files, under a clock that stands still until it is moved. */
export interface FilingWorld extends AsyncDisposable {
  now: number
  files: OperatorFiles
  dmp: DmpSimulator
  operator: Operator
  /** Accepts a letter with one document. @returns the document's uniqueId */
  send(id: string, options?: { uniqueId?: string; cda?: Partial<CdaOptions>; eml?: Buffer }): Promise<string>
  /** Moves the clock, doing on the way what falls due. */
  pass(milliseconds: number): Promise<void>
  /** Another process takes over the rows of one that is gone. */
  takeOver(): Promise<void>
  /** `state reasons… code` of every filing */
  states(): Promise<string[]>
}

/** RSA, as the DMP wants it, which takes its time: made once for all worlds of a test process. */
let made: ReturnType<typeof makeKeys> | undefined

async function makeKeys(now: Date) {
  const pki = await createPki({ now })
  const ours = { organization: sampleAuthor.structure.name, structure: sampleAuthor.structure.id }
  const [server, client, signature] = await Promise.all([
    pki.issue({ kind: 'server', commonName: 'dmp.test', organization: 'DMP FICTIF', structure: '1759999029' }),
    pki.issue({ kind: 'client', commonName: 'pli.a.mssante.test', ...ours }),
    pki.issue({ kind: 'signature', commonName: 'pli.a.mssante.test', ...ours }),
  ])
  return { pki, server, client, signature }
}

export async function startFilingWorld(options: { patients?: Patients; delayMs?: number } = {}): Promise<FilingWorld> {
  const start = new Date()
  const folder = newFolder(tmpdir())
  const silence = openSilence()
  made ??= makeKeys(start)
  const { pki, server, client, signature } = await made
  const dmp = await startDmpSimulator({
    tls: { ...server, chainPem: pki.authorities.slice(1), anchors: pki.authorities, crls: pki.crls() },
    now: () => world.now,
    patients: options.patients ?? 'any',
    requireHomologation: 'PLI-HOMOLOGATION',
    onSilence: silence.onSilence,
  })
  const files: OperatorFiles = {
    folder,
    dmpUrl: dmp.url,
    anchors: await pki.write(folder),
    client: await writeIdentity(folder, 'client', client, pki),
    signature: await writeIdentity(folder, 'signature', signature, pki),
  }
  let owners = 0
  const open = () =>
    openOperator(files, {
      ...options,
      owner: `gateway-${++owners}`,
      now: () => world.now,
      newId: randomUUID,
      expires: silence.expires,
      recogniser: sharedRecogniser(),
    })

  const world: FilingWorld = {
    now: start.getTime(),
    files,
    dmp,
    operator: undefined as never,
    send: async (id, letter = {}) => {
      const built = await buildLetter({
        from: `Dr Éloi FICTIF <${sender.address}>`,
        to: 'dr.autre@b.mssante.test',
        author: sampleAuthor,
        patient: samplePatient,
        now: new Date(world.now),
        newId: randomUUID,
        cda: { ...letter.cda, ...(letter.uniqueId === undefined ? {} : { uniqueId: letter.uniqueId }) },
      })
      writeFileSync(join(folder, `${id}.eml`), letter.eml ?? built.eml)
      await world.operator.db.atomically(world.operator.bridge.rowsFor({ id, sender, acceptedAt: world.now }))
      return built.uniqueId
    },
    pass: milliseconds => letPass(world, world.operator.bridge, milliseconds),
    takeOver: async () => {
      await world.operator.stop()
      world.operator = await open()
    },
    states: async () =>
      (await world.operator.bridge.orders.list())
        .map(({ state, reasons, code }) => [state, ...reasons, ...(code === undefined ? [] : [code])].join(' '))
        .sort(),
    [Symbol.asyncDispose]: async () => {
      await world.operator.stop()
      await dmp.close()
      rmSync(folder, { recursive: true })
    },
  }
  world.operator = await open()
  return world
}
