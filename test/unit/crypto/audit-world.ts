import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, openDatabase } from '../../../config/index.ts'
import {
  type Anchors,
  type Audit,
  type AuditCheck,
  type AuditKeeper,
  type AuditVerdict,
  auditMigrations,
  createIdentity,
  exportAudit,
  formatName,
  type Identity,
  loadAnchors,
  openAudit,
  openAuditKeeper,
  verifyExport,
} from '../../../crypto/index.ts'
import { createPki, type Issued, type Pki } from '../../world/pki.ts'

export const NOW = Date.parse('2026-11-20T08:00:00Z')
export const DAY = 86_400_000
export const OPERATOR = 'smtp.alpha.mssante.example'

/** Authorities, and who signs; made once for a file of tests. */
export interface Signers {
  pki: Pki
  now: number
  issued: Issued
  identity: Identity
  /** Another organisation of the same authority. */
  stranger: Identity
}

/** @param now milliseconds: the machine's, where TLS is spoken */
export async function makeSigners(now = NOW): Promise<Signers> {
  const pki = await createPki({ now: new Date(now), key: 'ec' })
  const signer = async (organization: string) =>
    pki.issue({ kind: 'signature', commonName: organization, organization, structure: '1750000001', key: 'ec' })
  const [issued, other] = [await signer('OPÉRATEUR, FICTIF'), await signer('AUTRE')]
  const identityOf = ({ certificatePem, keyPem }: Issued) =>
    createIdentity({ certificatePem: certificatePem + pki.authorities[1], keyPem }, new Date(now))
  return { pki, now, issued, identity: identityOf(issued), stranger: identityOf(other) }
}

/** A log with its keeper, in a folder of its own. */
export interface AuditWorld extends AsyncDisposable {
  folder: string
  now: number
  db: Database
  audit: Audit
  keeper: AuditKeeper
  anchors: Anchors
  /** Lines, a second apart; a checkpoint behind every third. */
  write(count: number): Promise<void>
  /** What is in the file beside the database. */
  filed: string[]
  sign(by?: Identity): Promise<void>
  verify(check?: Partial<AuditCheck>): Promise<AuditVerdict>
  /** With copies of checkpoints that were kept elsewhere. */
  verifyWith(copies: readonly string[]): Promise<AuditVerdict>
  exported(range?: { since?: number; until?: number }): Promise<string[]>
  verifyExported(lines: readonly string[], trust?: AuditCheck['trust']): Promise<AuditVerdict>
  tamper(sql: string, ...parameters: unknown[]): Promise<Record<string, unknown>[]>
  /** Makes the hashes anew from a line on, as a forger can. */
  forge(from: number): Promise<void>
  trust(): NonNullable<AuditCheck['trust']>
  /** @returns what puts everything back as it is now */
  snapshot(): Promise<() => Promise<void>>
}

export async function openAuditWorld({ pki, now: begin, identity }: Signers, { every = 3 } = {}): Promise<AuditWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'pli-checkpoints-'))
  const db = await openDatabase({ file: join(folder, 'pli.db'), migrations: auditMigrations })
  const now = () => world.now
  const audit = openAudit(db, { now })
  const keeper = openAuditKeeper({ db, audit, operator: OPERATOR, every, interval: 3_600_000, keepFor: 200 * DAY, now })
  const paths = await pki.write(join(folder, 'igc'), { nextUpdate: new Date(begin + 2_000 * DAY) })
  const trust = () => ({ anchors: world.anchors, signers: [formatName(identity.facts.subject)], at: new Date(world.now) })
  const tamper = (sql: string, ...parameters: unknown[]) => db.run({ sql, parameters })
  const world: AuditWorld = {
    folder,
    now: begin,
    db,
    audit,
    keeper,
    anchors: loadAnchors(paths),
    filed: [],
    async write(count) {
      for (let index = 0; index < count; index++) {
        await audit.append({
          by: 'token:console',
          action: 'box.change',
          object: 'a@alpha.mssante.example',
          detail: { quota: String(index) },
        })
        world.now += 1_000
        await world.sign()
      }
    },
    async sign(by = identity) {
      await keeper.sign(by)
      const unfiled = await keeper.unfiled()
      world.filed.push(...unfiled.map(({ text }) => text))
      await keeper.filed(unfiled)
    },
    verify: check => audit.verify({ trust: trust(), ...check }),
    verifyWith: copies => world.verify({ copies: [{ file: 'kept', lines: each(copies) }] }),
    async exported(range = {}) {
      const lines: string[] = []
      for await (const line of exportAudit(db, { ...range, operator: OPERATOR, now })) lines.push(line)
      return lines
    },
    verifyExported: (lines, as) => verifyExport(() => each(lines), { trust: as ?? trust() }),
    tamper,
    async forge(from) {
      const rows = (await tamper('SELECT * FROM audit WHERE line >= ? ORDER BY line', from - 1)) as Record<string, string>[]
      let previous = rows.shift()?.hash
      for (const { line, at, by, action, object, result, detail } of rows) {
        const content = JSON.stringify([at, by, action, object, result, detail])
        previous = createHash('sha256').update(`${line} ${previous} ${content}`).digest('hex')
        await tamper('UPDATE audit SET hash = ? WHERE line = ?', previous, line)
      }
    },
    trust,
    async snapshot() {
      const tables = ['audit', 'audit_checkpoint']
      const rows = await Promise.all(tables.map(table => tamper(`SELECT * FROM ${table}`)))
      const { now } = world
      const filed = [...world.filed]
      return async () => {
        const inserts = tables.flatMap((table, index) => [
          { sql: `DELETE FROM ${table}`, parameters: [] },
          ...rows[index]!.map(row => ({
            sql: `INSERT INTO ${table} VALUES (${Object.keys(row)
              .map(() => '?')
              .join()})`,
            parameters: Object.values(row),
          })),
        ])
        await db.atomically(inserts)
        Object.assign(world, { now, filed: [...filed] })
      }
    },
    async [Symbol.asyncDispose]() {
      await db.close()
      rmSync(folder, { recursive: true })
    },
  }
  return world
}

async function* each(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines
}
