import { getConnInfo } from '@hono/node-server/conninfo'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { getCookie, setCookie } from 'hono/cookie'
import { csrf } from 'hono/csrf'
import { jsxRenderer } from 'hono/jsx-renderer'
import { routePath } from 'hono/route'
import type { Log } from '../../../config/index.ts'
import type { PageEnv, Visitor } from '../../../dmp-bridge/console/index.ts'
import { assets } from './assets.ts'
import { formTokenOf, isFormToken } from './form-token.ts'
import { Frame } from './frame.tsx'
import type { Person, Sessions } from './sessions.ts'
import { FaultPage } from './sign-in-pages.tsx'

/** Who is signed in, as the pages know him. */
export interface SignedIn {
  visitor: Visitor
  /** how he knows himself: shown at the top */
  label: string
}

export type ShellEnv = { Variables: PageEnv['Variables'] & { label: string; session: string } }
export type ShellContext = Context<ShellEnv>

export interface PageShellOptions {
  /** `https://…`, as browsers see us: of the forms that we take */
  origin: string
  operator: string
  sessions: Sessions
  /** @returns undefined when he may not be here any more */
  knows: (person: Person) => Promise<SignedIn | undefined>
  /** Pages of the rooms, for who is signed in. */
  areas: readonly { path: string; title: string; app: Hono<PageEnv> }[]
  /** Pages for anybody: they protect themselves. */
  open: readonly Hono[]
  /** The ways to sign in, for anybody. */
  signIn: Hono<ShellEnv>
  /** milliseconds */
  now: () => number
  log: Log
}

/** `__Host-`: of this host alone, over TLS, for every path; no other site or subdomain can set it. */
export const SESSION_COOKIE = '__Host-pli'
/** Of a browser that has not signed in: it only ties the form of the sign-in to it. */
export const VISIT_COOKIE = '__Host-pli-visite'
const COOKIE = { secure: true, httpOnly: true, sameSite: 'Lax', path: '/' } as const

const MAX_BODY = 16 * 1024
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  // With no-referrer a browser says `Origin: null` of our own forms (Fetch standard §3.2).
  'Referrer-Policy': 'same-origin',
  'Strict-Transport-Security': 'max-age=31536000',
  'X-Content-Type-Options': 'nosniff',
}

/**
 * The shell of the pages for people: who is signed in first, then the page. Forms are taken from our own origin only, and with the token of their session.
 * One line of the log says which page, by whom, status and duration; never the path.
 */
export function openPageShell(options: PageShellOptions): Hono<ShellEnv> {
  const { origin, operator, areas, now, log } = options
  const app = new Hono<ShellEnv>()

  app.use(async (context, next) => {
    const began = now()
    await next()
    const { headers } = context.res
    for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value)
    if (!headers.has('Cache-Control')) headers.set('Cache-Control', 'no-store')
    const operation = `${context.req.method} ${routePath(context)}`
    log.info('page', { operation, by: context.var.visitor?.by ?? '', status: context.res.status, ms: now() - began })
  })
  app.use(bodyLimit({ maxSize: MAX_BODY, onError: context => refused(context as ShellContext, 413) }))
  app.use(
    jsxRenderer(({ children, title }, context) => {
      const { label, formToken, visitor } = context.var as Partial<ShellEnv['Variables']>
      const signedIn = visitor && label !== undefined && formToken !== undefined ? { label, formToken } : undefined
      return (
        <Frame title={title} operator={operator} areas={areas} signedIn={signedIn} path={context.req.path}>
          {children}
        </Frame>
      )
    }),
  )
  app.use(csrf({ origin }))
  app.route('/', assets())
  for (const each of options.open) app.route('/', each)
  app.use(formsOnly)
  app.route('/', options.signIn)
  app.use((context, next) => withSession(context, next, options))
  app.post('/deconnexion', async context => {
    await options.sessions.end(context.var.session)
    forgetSession(context)
    return context.redirect('/connexion', 303)
  })
  app.get('/', context => context.redirect(areas[0]?.path ?? '/connexion', 303))
  for (const area of areas) app.route(area.path, area.app as never)
  app.notFound(context => refused(context, 404))
  app.onError((error, context) => {
    if ('getResponse' in error) return refused(context, 403)
    log.error('page-failed', {}, error)
    return refused(context, 500)
  })
  return app
}

/** Every POST is a form of a page of ours: a script's JSON or a file is none. */
async function formsOnly(context: ShellContext, next: () => Promise<void>): Promise<Response | undefined> {
  const { method } = context.req
  if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') return refused(context, 405)
  if (method === 'POST' && !/^application\/x-www-form-urlencoded *(;|$)/i.test(context.req.header('Content-Type') ?? ''))
    return refused(context, 415)
  await next()
}

async function withSession(
  context: ShellContext,
  next: () => Promise<void>,
  { sessions, knows }: PageShellOptions,
): Promise<Response | undefined> {
  const cookie = getCookie(context, SESSION_COOKIE)
  const isUse = context.req.header('HX-Request') === undefined // only what refreshes itself is asked for by htmx
  const person = cookie === undefined ? undefined : await sessions.find(cookie, isUse)
  const known = person && (await knows(person))
  if (cookie === undefined || !known) {
    if (cookie !== undefined) await sessions.end(cookie)
    forgetSession(context)
    const fault = cookie === undefined ? '' : '?faute=ended'
    if (isUse) return context.redirect(`/connexion${fault}`, 303)
    return context.body(null, 401, { 'HX-Redirect': `/connexion${fault}` })
  }
  context.set('session', cookie)
  context.set('visitor', known.visitor)
  context.set('label', known.label)
  context.set('formToken', formTokenOf(cookie))
  if (context.req.method === 'POST' && !(await hasFormToken(context, cookie))) return refused(context, 403)
  await next()
}

/** @returns whether the form was made for this cookie */
export async function hasFormToken(context: Context, cookie: string): Promise<boolean> {
  return isFormToken((await context.req.parseBody()).jeton, cookie)
}

export function rememberSession(context: Context, cookie: string): void {
  setCookie(context, SESSION_COOKIE, cookie, COOKIE)
}

export function setShortCookie(context: Context, name: string, value: string, maxAge: number): void {
  setCookie(context, name, value, { ...COOKIE, maxAge })
}

function forgetSession(context: Context): void {
  setShortCookie(context, SESSION_COOKIE, '', 0)
}

export function addressOf(context: Context): string {
  return getConnInfo(context).remote.address ?? ''
}

const FAULTS = {
  403: [
    'Demande refusée',
    'Cette demande ne vient pas d’une page de ce site, ou cette page est trop ancienne. Revenez à l’accueil et recommencez.',
  ],
  404: ['Page introuvable', 'Cette page n’existe pas, ou elle ne vous concerne pas.'],
  405: ['Demande refusée', 'Cette demande n’est pas prévue.'],
  413: ['Demande refusée', 'Cette demande est trop longue.'],
  415: ['Demande refusée', 'Cette demande n’est pas un formulaire de ce site.'],
  500: ['Erreur interne', 'Quelque chose a échoué ici. Regardez si l’ordre a été exécuté avant de recommencer.'],
} as const

export async function refused(context: ShellContext, status: keyof typeof FAULTS): Promise<Response> {
  const [title, text] = FAULTS[status]
  context.status(status)
  return context.render(<FaultPage title={title} text={text} />, { title })
}
