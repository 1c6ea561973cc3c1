import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TOTP, URI } from 'otpauth'
import { Agent, type Dispatcher, request } from 'undici'
import { type Log, silent } from '../../../../config/index.ts'
import { type Audit, createIdentity, openAudit, serverTls } from '../../../../crypto/index.ts'
import { type Bals, openBals } from '../../../../directory/index.ts'
import { migrations } from '../../../../gateway/data.ts'
import { dataKey } from '../../../../gateway/data-key.ts'
import { openConsole } from '../../../../gateway/http/console.ts'
import { type Operators, operatorsOf } from '../../../../gateway/http/pages/operators.ts'
import { newVault } from '../../../support/vault.ts'
import { createPki, type Pki } from '../../../world/pki.ts'
import { type PscSimulator, startPscSimulator } from '../../../world/psc-simulator/index.ts'
import { type BridgeWorld, sender, startBridgeWorld } from '../../dmp-bridge/bridge-world.ts'

export interface Page {
  status: number
  headers: Dispatcher.ResponseData['headers']
  text: string
  location: string
}

/** A browser, as far as a server sees it: cookies, and the origin of the page that sends a form. */
export interface Browser {
  cookies: Map<string, string>
  get(path: string, headers?: Record<string, string>): Promise<Page>
  /** Sends a form with the token of the page that was seen last. */
  post(path: string, fields: Record<string, string>, headers?: Record<string, string | undefined>): Promise<Page>
  token: string
}

/** The console of an operator on a real HTTPS port, over a bridge that files, and a Pro Santé Connect. Only password hashing is made cheap. */
export interface ConsoleWorld extends AsyncDisposable {
  bridge: BridgeWorld
  psc: PscSimulator
  boxes: Bals
  audit: Audit
  operators: Operators
  url: string
  port: number
  ca: string
  /** milliseconds by which the console is ahead of the bridge's clock */
  ahead: number
  events: { event: string; detail: Record<string, unknown> }[]
  /** Of the operators `maud` (may read) and `noe` (may not). */
  accounts: Record<'maud' | 'noe', { password: string; recovery: string; code(): string }>
  browser(): Browser
  signedIn(name: 'maud' | 'noe'): Promise<Browser>
  professional(subject: string): Promise<{ browser: Browser; page: Page }>
}

export const HOLDER = sender.idNatPs ?? ''
export const OTHER = '899700000008'

let made:
  | Promise<{ pki: Pki; identity: ReturnType<typeof createIdentity>; certificate: { certificatePem: string; keyPem: string } }>
  | undefined

/** Made once: keys take longer than the rest of a test. */
function keys() {
  made ??= (async () => {
    const pki = await createPki({ now: new Date() })
    const issued = await pki.issue({
      kind: 'server',
      commonName: 'console.a.mssante.test',
      organization: 'OPERATEUR',
      structure: '1759999072',
    })
    const certificate = { certificatePem: [issued.certificatePem, pki.authorities[1]].join('\n'), keyPem: issued.keyPem }
    return { pki, identity: createIdentity(certificate), certificate }
  })()
  return made
}

export async function startConsoleWorld(options: Parameters<typeof startBridgeWorld>[0] = {}): Promise<ConsoleWorld> {
  const { pki, identity, certificate } = await keys()
  const ca = pki.authorities[0] ?? ''
  const folder = mkdtempSync(join(tmpdir(), 'pli-console-'))
  const bridge = await startBridgeWorld({ ...options, migrations })
  const { db } = bridge
  const now = () => bridge.now + world.ahead
  const audit = openAudit(db, { now })
  const hash = async (password: string) => `hash of ${password}`
  const verify = async (encoded: string, password: string) => encoded === `hash of ${password}`
  const boxes = openBals(db, { now, hash, verify, audit })
  const vault = newVault()
  const psc = await startPscSimulator({ certificate, now: Date.now })
  const secret = join(folder, 'psc.secret')
  writeFileSync(secret, `${psc.web.clientSecret}\n`, { mode: 0o600 })
  const events: ConsoleWorld['events'] = []
  const note = (event: string, detail: Record<string, unknown> = {}) => void events.push({ event, detail })
  const log: Log = { ...silent, info: note, warn: note, error: (event, detail, cause) => note(event, { ...detail, cause: String(cause) }) }
  const origin = 'https://console.a.mssante.test'
  const server = await openConsole({
    configuration: {
      name: 'Opérateur Alpha (fictif)',
      data: folder,
      console: {
        listen: { host: '127.0.0.1', port: 0 },
        url: origin,
        psc: { issuer: psc.issuer, clientId: psc.web.clientId, clientSecret: secret },
      },
    } as never,
    ...{ db, bridge: bridge.bridge, boxes, vault, audit, now, log },
    tls: serverTls({ identity, door: 'test' }),
    authorities: () => [ca],
    hashing: { hash, verify },
  })
  psc.register({ redirectUri: `${origin}/connexion/psc/retour`, cards: [] })
  const agent = new Agent({ connect: { ca, servername: 'console.a.mssante.test' } })

  const browser = (): Browser => {
    const cookies = new Map<string, string>()
    const ask = async (
      path: string,
      given: { method?: 'GET' | 'POST'; headers?: Record<string, string | undefined>; body?: string },
    ): Promise<Page> => {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const all = Object.entries({ ...(cookie && { cookie }), ...given.headers }).filter(([, value]) => value !== undefined)
      const target = path.startsWith('https:') ? path : `https://127.0.0.1:${server.port}${path}`
      const answer = await request(target, {
        dispatcher: agent,
        method: given.method ?? 'GET',
        headers: Object.fromEntries(all) as Record<string, string>,
        ...(given.body === undefined ? {} : { body: given.body }),
      })
      for (const line of [answer.headers['set-cookie'] ?? []].flat()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        if (/Max-Age=0/i.test(line)) cookies.delete(name)
        else cookies.set(name, value)
      }
      const text = await answer.body.text()
      self.token = /name="jeton" value="([^"]+)"/.exec(text)?.[1] ?? self.token
      return { status: answer.statusCode, headers: answer.headers, text, location: String(answer.headers.location ?? '') }
    }
    const self: Browser = {
      cookies,
      token: '',
      get: (path, headers = {}) => ask(path, { headers }),
      post: (path, fields, headers = {}) =>
        ask(path, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded', origin, ...headers },
          body: new URLSearchParams({ jeton: self.token, ...fields }).toString(),
        }),
    }
    return self
  }

  const operators = operatorsOf({ db, key: dataKey(folder, 'console', vault), name: 'test', audit, now, hashing: { hash, verify } })
  const account = async (name: string, mayRead: boolean) => {
    const { password, otpauth, recovery } = await operators.add(name, { mayRead, by: 'test' })
    const totp = URI.parse(otpauth) as TOTP
    return { password, recovery, code: () => totp.generate({ timestamp: now() }) }
  }
  const world: ConsoleWorld = {
    bridge,
    psc,
    boxes,
    audit,
    operators,
    url: origin,
    port: server.port,
    ca,
    ahead: 0,
    events,
    accounts: undefined as never,
    browser,
    async signedIn(name) {
      const own = browser()
      await own.get('/connexion')
      world.ahead += 60_000 // a code is good once
      const { password, code } = world.accounts[name]
      const page = await own.post('/connexion', { nom: name, 'mot-de-passe': password, code: code() })
      if (page.status !== 303) throw new Error(`sign-in answered ${page.status}`)
      await own.get('/depots')
      return own
    },
    async professional(subject) {
      const own = browser()
      const begun = await own.get('/connexion/psc')
      const shown = await request(begun.location, {
        dispatcher: agent,
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ subject }).toString(),
      })
      await shown.body.dump()
      const back = new URL(String(shown.headers.location))
      return { browser: own, page: await own.get(back.pathname + back.search) }
    },
    async [Symbol.asyncDispose]() {
      await server.close()
      await psc.close()
      await agent.close()
      await bridge[Symbol.asyncDispose]()
    },
  }
  const holder = { rpps: HOLDER.slice(1), idNatPs: HOLDER }
  const box = { type: 'PER' as const, name: 'Dr Éloi FICTIF', structures: [...sender.structures], ...holder }
  await boxes.create({ address: sender.address, ...box }, 'a password of a box', 'test')
  world.accounts = { maud: await account('maud', true), noe: await account('noe', false) }
  return world
}
