import { mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, openDatabase } from '../../../config/database/index.ts'
import { clientTls, loadAnchors, loadIdentity } from '../../../crypto/index.ts'
import {
  type Bridge,
  type BridgeOptions,
  bridgeLog,
  bridgeMigrations,
  createBridge,
  DEFAULT_LIMITS,
  type Dmp,
  type DmpClientOptions,
  dmpClient,
  type Sender,
} from '../../../dmp-bridge/index.ts'
import { signersOf } from '../../../gateway/filing/index.ts'
import { sampleAuthor, TEST_INS_OID } from '../../world/letter.ts'
import type { AnchorPaths, IdentityPaths } from '../../world/pki.ts'

/** Everything that another process needs to be the same operator. */
export interface OperatorFiles {
  folder: string
  dmpUrl: string
  anchors: AnchorPaths
  client: IdentityPaths
  signature: IdentityPaths
}

export const sender: Sender = {
  address: 'dr.fictif@a.mssante.test',
  idNatPs: `8${sampleAuthor.rpps}`,
  structures: [sampleAuthor.structure.id],
  declared: true,
}

/** One operator's bridge with the real client, over files. */
export interface Operator {
  bridge: Bridge
  dmp: Dmp
  policy: BridgeOptions['policy']
  db: Database
  released: string[]
  notes: { message: string; kind: string; detail: Record<string, string> }[]
  logs: string[]
  stop(): Promise<void>
}

/** @param options.delayMs the author's time; @param options.expires what ends an exchange with the DMP, before a minute is over */
export async function openOperator(
  files: OperatorFiles,
  options: { owner: string; now: () => number; newId: () => string; delayMs?: number } & Pick<BridgeOptions, 'recogniser'> &
    Pick<DmpClientOptions, 'expires'>,
): Promise<Operator> {
  const { owner, now, newId } = options
  const db = await openDatabase({ file: join(files.folder, 'pli.sqlite'), migrations: bridgeMigrations })
  const anchors = loadAnchors(files.anchors)
  const [client, signature] = [loadIdentity(files.client), loadIdentity(files.signature)]
  const dmp = dmpClient({
    baseUrl: files.dmpUrl,
    tls: () => clientTls({ identity: client, anchors, identifiedBy: 'name' }),
    software: { name: 'Pli', version: '0.1.0', lpsId: 'PLI-TEST', homologation: 'PLI-HOMOLOGATION', model: 'pont', service: 'messagerie' },
    signers: signersOf(() => signature),
    timeoutMs: 60_000,
    ...(options.expires && { expires: options.expires }),
  })
  const policy: BridgeOptions['policy'] = {
    insOids: [TEST_INS_OID],
    maxDocumentBytes: 5_000_000,
    structure: sampleAuthor.structure.id,
    structureName: sampleAuthor.structure.name,
    sector: sampleAuthor.structure.facility.code,
    responsible: { idNatPs: `8${sampleAuthor.rpps}`, name: 'FICTIF Éloi' },
    delayMs: options.delayMs ?? 60_000,
  }
  const operator: Operator = {
    ...{ db, dmp, policy, released: [], notes: [], logs: [] },
    bridge: createBridge({
      ...{ db, owner, dmp, newId, policy, patientKey: Buffer.alloc(32, 1) },
      mail: {
        read: async id => readFileSync(join(files.folder, `${id}.eml`)),
        release: async id => void operator.released.push(id),
        note: async (message, kind, detail) => void operator.notes.push({ message, kind, detail }),
      },
      ...(options.recogniser && { recogniser: options.recogniser }),
      isAlive: other => other === owner,
      limits: DEFAULT_LIMITS,
      clock: { now },
      log: bridgeLog((_level, event, fields) => void operator.logs.push(`${event} ${JSON.stringify(fields)}`)),
    }),
    stop: async () => {
      await operator.bridge.stop()
      await db.close()
    },
  }
  return operator
}

export const newFolder = (parent: string) => mkdtempSync(join(parent, 'pli-dmp-filing-'))
