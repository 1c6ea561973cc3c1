import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, type Log, openDatabase, silent } from '../../../config/index.ts'
import { auditMigrations, createIdentity, type Identity, openAudit, serverTls } from '../../../crypto/index.ts'
import { directoryMigrations, openBals } from '../../../directory/index.ts'
import { bridgeMigrations, openOppositions } from '../../../dmp-bridge/index.ts'
import { type Administration, openAdministration } from '../../../gateway/administration.ts'
import { type AuditNotes, openAuditNotes } from '../../../gateway/audit-notes.ts'
import { startAdminServer } from '../../../gateway/http/admin.ts'
import { createPki } from '../../world/pki.ts'

export const HOST = 'admin.alpha.mssante.example'
export const DOMAIN = 'alpha.mssante.example'

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  json: Record<string, unknown>
}

export interface Ask {
  method?: string
  path: string
  token?: string | undefined
  body?: unknown
  headers?: Record<string, string>
}

/** The administration API of an operator on a real HTTPS port, over a database of its own; password hashing alone is made cheap. */
export interface AdminWorld extends AsyncDisposable {
  db: Database
  administration: Administration
  notes: AuditNotes
  port: number
  ca: string
  token: string
  now: number
  /** How long failures were made to wait, in order; each waits until `letGo` is called when `holding`. */
  waited: number[]
  holding: boolean
  letGo(): void
  /** Resolves when so many were made to wait. */
  waiting(count: number): Promise<void>
  events: { event: string; detail: Record<string, unknown> }[]
  ask(asked: Ask): Promise<Answer>
}

export async function openAdminWorld(): Promise<AdminWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'pli-admin-'))
  const now = () => world.now
  const db = await openDatabase({
    file: join(folder, 'pli.db'),
    migrations: [...auditMigrations, ...directoryMigrations, ...bridgeMigrations],
  })
  const boxes = openBals(db, {
    now,
    hash: async password => `hash of ${password}`,
    verify: async (hash, password) => hash === `hash of ${password}`,
    audit: openAudit(db, { now }),
  })
  const configuration = { domains: [DOMAIN], postmaster: `postmaster@${DOMAIN}` }
  const administration = openAdministration(db, { boxes, configuration, now })
  const { identity, ca } = await keys()
  const held: (() => void)[] = []
  let awaited = { count: 0, seen: () => {} }
  const events: AdminWorld['events'] = []
  const note = (event: string, detail: Record<string, unknown> = {}) => void events.push({ event, detail })
  const log: Log = { ...silent, info: note, warn: note, error: (event, detail) => note(event, detail) }
  const notes = openAuditNotes({ now, log })
  notes.begin(administration.audit)
  const server = await startAdminServer({
    listen: { host: '127.0.0.1', port: 0 },
    tls: serverTls({ identity, door: 'test' }),
    ...administration,
    notes,
    domains: [DOMAIN],
    oppositions: openOppositions(db, { secret: Buffer.alloc(32, 1), now }),
    now,
    wait(milliseconds) {
      world.waited.push(milliseconds)
      if (world.waited.length === awaited.count) awaited.seen()
      return world.holding ? new Promise(resolve => held.push(resolve)) : Promise.resolve()
    },
    log,
  })
  const world: AdminWorld = {
    db,
    administration,
    notes,
    port: server.port,
    ca,
    token: '',
    now: Date.parse('2026-11-20T08:00:00Z'),
    waited: [],
    holding: false,
    letGo() {
      for (const go of held.splice(0)) go()
    },
    waiting: count =>
      new Promise(seen => {
        awaited = { count, seen }
      }),
    events,
    ask: asked => ask(world, asked),
    async [Symbol.asyncDispose]() {
      await server.close()
      await db.close()
      rmSync(folder, { recursive: true })
    },
  }
  world.token = await administration.tokens.create('console', 'test:maud')
  return world
}

let made: Promise<{ identity: Identity; ca: string }> | undefined

/** Made once: keys take longer than the rest of a test. */
function keys(): Promise<{ identity: Identity; ca: string }> {
  const make = async () => {
    const pki = await createPki({ now: new Date() })
    const issued = await pki.issue({ kind: 'server', commonName: HOST, organization: 'OPERATEUR', structure: '1759999072' })
    const certificatePem = [issued.certificatePem, pki.authorities[1]].join('\n')
    return { identity: createIdentity({ certificatePem, keyPem: issued.keyPem }), ca: pki.authorities[0] ?? '' }
  }
  made ??= make()
  return made
}

function ask({ port, ca, token: own }: AdminWorld, asked: Ask): Promise<Answer> {
  const { method = 'GET', path, body, headers = {} } = asked
  const token = 'token' in asked ? asked.token : own
  const bytes = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...{ host: '127.0.0.1', port, ca, servername: HOST, method, path, agent: false },
        headers: {
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
          ...(bytes === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(bytes) }),
          ...headers,
        },
      },
      response => {
        let text = ''
        response.setEncoding('utf8').on('data', chunk => {
          text += chunk
        })
        response.on('error', reject).on('end', () => {
          const json = (response.headers['content-type'] ?? '').includes('json') ? JSON.parse(text) : {}
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json })
        })
      },
    )
    sent.on('error', reject).end(bytes)
  })
}
