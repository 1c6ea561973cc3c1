import { randomBytes } from 'node:crypto'
import { type Context, Hono } from 'hono'
import { getCookie } from 'hono/cookie'
import type { Log } from '../../../config/index.ts'
import type { Audit } from '../../../crypto/index.ts'
import { Refusal } from '../../refusals.ts'
import type { Throttle } from '../../sign-in/index.ts'
import { formTokenOf } from './form-token.ts'
import type { Operators } from './operators.ts'
import { type Professionals, PscFault } from './professionals.ts'
import type { Sessions } from './sessions.ts'
import {
  addressOf,
  hasFormToken,
  refused,
  rememberSession,
  SESSION_COOKIE,
  type ShellContext,
  type ShellEnv,
  setShortCookie,
  VISIT_COOKIE,
} from './shell.tsx'
import { SIGN_IN_FAULTS, type SignInFault, SignInPage } from './sign-in-pages.tsx'

export interface SignInPagesOptions {
  operators: Pick<Operators, 'check' | 'find'>
  /** Without it there is no Pro Santé Connect here. */
  professionals?: Professionals | undefined
  /** @returns whether this professional has a box here */
  hasBox: (idNatPs: string) => Promise<boolean>
  sessions: Sessions
  throttle: Pick<Throttle, 'guess' | 'proof'>
  audit: Audit
  log: Log
}

/** A form may stay open so long before it is sent. */
const VISIT_SECONDS = 3_600
const PSC_COOKIE = '__Host-pli-psc'
const PSC_SECONDS = 600
const STATUS = { wrong: 403, throttled: 429, 'psc-failed': 403, 'psc-away': 503, 'no-box': 403, ended: 200 } as const satisfies Record<
  SignInFault,
  number
>

/** The ways in. Whoever comes through gets a session of his own; the one he had ends. */
export function signInPages(options: SignInPagesOptions): Hono<ShellEnv> {
  const { operators, professionals, sessions, throttle, audit, log } = options
  const app = new Hono<ShellEnv>()

  function page(context: Context, fault?: SignInFault, name?: string) {
    const visit = getCookie(context, VISIT_COOKIE) ?? randomBytes(32).toString('base64url')
    setShortCookie(context, VISIT_COOKIE, visit, VISIT_SECONDS)
    if (fault) context.status(STATUS[fault])
    const shown = { formToken: formTokenOf(visit), hasPsc: professionals !== undefined, ...(name !== undefined && { name }) }
    return context.render(<SignInPage {...shown} fault={fault} />, {
      title: fault && fault !== 'ended' ? 'Erreur – Connexion' : 'Connexion',
    })
  }

  async function enter(context: Context, kind: 'operator' | 'professional', name: string): Promise<Response> {
    await audit.append({ by: `console:${name}`, action: 'console.sign-in', object: name, detail: { kind } })
    const before = getCookie(context, SESSION_COOKIE)
    if (before !== undefined) await sessions.end(before)
    rememberSession(context, await sessions.begin({ kind, name }))
    return context.redirect('/', 303)
  }

  app.get('/connexion', context => {
    const fault = context.req.query('faute') ?? ''
    return page(context, Object.hasOwn(SIGN_IN_FAULTS, fault) ? (fault as SignInFault) : undefined)
  })

  app.post('/connexion', async context => {
    const visit = getCookie(context, VISIT_COOKIE)
    if (visit === undefined || !(await hasFormToken(context, visit))) return refused(context, 403)
    const { nom, 'mot-de-passe': password, code } = await context.req.parseBody()
    const asked = { name: textOf(nom).trim(), password: textOf(password), code: textOf(code).trim() }
    const from = addressOf(context)
    try {
      const operator = await throttle.guess({ address: `console:${asked.name}`, from }, () => operators.check(asked))
      if (operator) return await enter(context, 'operator', operator.name)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return page(context, 'throttled', asked.name)
    }
    // A name that nobody has may be a password in the wrong field: it is not written down.
    const known = await operators.find(asked.name)
    if (known) await audit.append({ by: `console:${known.name}`, action: 'console.sign-in', object: known.name, result: 'refused' })
    log.warn('page-sign-in-refused', { source: from })
    return page(context, 'wrong', asked.name)
  })

  if (professionals) {
    app.get('/connexion/psc', async context => {
      try {
        const { location, state } = await professionals.begin()
        setShortCookie(context, PSC_COOKIE, state, PSC_SECONDS)
        return context.redirect(location, 303)
      } catch (error) {
        return pscFault(context, error)
      }
    })
    app.get('/connexion/psc/retour', async context => {
      const state = getCookie(context, PSC_COOKIE) ?? ''
      setShortCookie(context, PSC_COOKIE, '', 0)
      try {
        const { idNatPs } = await professionals.finish(state, new URL(context.req.url).search)
        if (await options.hasBox(idNatPs)) return await enter(context, 'professional', idNatPs)
        await audit.append({ by: `console:${idNatPs}`, action: 'console.sign-in', object: idNatPs, result: 'refused' })
        return page(context, 'no-box')
      } catch (error) {
        return pscFault(context, error)
      }
    })
  }

  function pscFault(context: ShellContext, error: unknown) {
    if (!(error instanceof PscFault)) throw error
    log.warn('page-psc-refused', { source: addressOf(context), reason: error.reason })
    return page(context, error.kind === 'away' ? 'psc-away' : 'psc-failed')
  }
  return app
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 200) : ''
}
