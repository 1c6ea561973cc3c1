import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Hono } from 'hono'
import { packageRoot } from '../../../config/index.ts'

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect x="3" y="7" width="26" height="18" rx="2" fill="#1f4e79"/><path d="M3 9l13 9 13-9" fill="none" stroke="#fff" stroke-width="2"/><circle cx="16" cy="18" r="4" fill="#b3261e"/></svg>`

/** Stylesheet, htmx and icon, from our own origin: read once, the same for everybody. */
export function assets(): Hono {
  const app = new Hono()
  const htmx = join(dirname(createRequire(import.meta.url).resolve('htmx.org')), 'htmx.min.js')
  const files = {
    '/style.css': ['text/css; charset=utf-8', readFileSync(join(packageRoot, 'gateway/http/pages/style.css'), 'utf8')],
    '/htmx.js': ['text/javascript; charset=utf-8', readFileSync(htmx, 'utf8')],
    '/icone.svg': ['image/svg+xml', ICON],
  } as const
  for (const [path, [type, content]] of Object.entries(files)) {
    const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`
    const headers = { 'Content-Type': type, 'Cache-Control': 'public, max-age=300', ETag: etag }
    app.get(path, context =>
      context.req.header('If-None-Match') === etag ? context.body(null, 304, headers) : context.body(content, 200, headers),
    )
  }
  return app
}
