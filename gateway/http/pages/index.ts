import type { Hono } from 'hono'
import type { Configuration, Database, Log } from '../../../config/index.ts'
import { type Audit, readSecret, type ServerTls } from '../../../crypto/index.ts'
import type { PageEnv } from '../../../dmp-bridge/console/index.ts'
import { type BoxesOfPeople, boxesOfPerson, openFamiliarNetworks, openThrottle, type SignInBox } from '../../sign-in/index.ts'
import { type HttpsServer, openHttps } from '../server.ts'
import { type Hashing, operatorsOf } from './operators.ts'
import { openProfessionals } from './professionals.ts'
import { openSessions, type Person } from './sessions.ts'
import { openPageShell, type SignedIn } from './shell.tsx'
import { signInPages } from './sign-in.tsx'

export interface ConsoleOptions {
  console: NonNullable<Configuration['console']>
  /** name of the operator, for people */
  name: string
  tls: ServerTls
  db: Database
  boxes: BoxesOfPeople<SignInBox & { readonly name: string }>
  /** of 32 octets: seals secrets of codes, and what a browser keeps while it is at Pro Santé Connect */
  key: Buffer
  /** Of Pro Santé Connect, PEM; undefined: the machine's own ones. */
  authorities: () => readonly string[] | undefined
  areas: readonly { path: string; title: string; app: Hono<PageEnv> }[]
  /** Pages for anybody: they protect themselves. */
  open: readonly Hono[]
  audit: Audit
  /** milliseconds */
  now: () => number
  hashing?: Hashing | undefined
  log: Log
}

/** Starts the pages for people: HTTPS, on the loopback unless the configuration says otherwise. @throws when the port can't be had */
export async function startConsole(options: ConsoleOptions): Promise<HttpsServer> {
  const { console, name, db, boxes, key, audit, now, log } = options
  const { psc, url } = console
  const operators = operatorsOf(options)
  const sessions = openSessions(db, { now })
  const professionals =
    psc &&
    openProfessionals({ psc, authorities: options.authorities, secret: readSecret(psc.clientSecret, 'client secret'), url, key, now })

  async function knows({ kind, name }: Person): Promise<SignedIn | undefined> {
    if (kind === 'operator') {
      const operator = await operators.find(name)
      return operator && { visitor: { by: `console:${name}`, boxes: undefined, mayRead: operator.mayRead }, label: name }
    }
    const own = await boxesOfPerson(boxes, name)
    const [first] = [...own].sort((a, b) => Number(b.type === 'PER') - Number(a.type === 'PER'))
    return first && { visitor: { by: `console:${name}`, boxes: own.map(({ address }) => address), mayRead: true }, label: first.name }
  }

  const signIn = signInPages({
    operators,
    professionals,
    hasBox: async idNatPs => (await boxesOfPerson(boxes, idNatPs)).length > 0,
    sessions,
    throttle: openThrottle({ familiar: openFamiliarNetworks(db, { now }), now }),
    audit,
    log,
  })
  const app = openPageShell({ origin: url, operator: name, sessions, knows, areas: options.areas, open: options.open, signIn, now, log })
  const server = await openHttps({
    listen: { ...console.listen, place: 'console.listen' },
    tls: options.tls,
    fetch: app.fetch as never,
    log,
  })
  return {
    port: server.port,
    renew: server.renew,
    async close() {
      await server.close()
      await professionals?.close()
    },
  }
}
