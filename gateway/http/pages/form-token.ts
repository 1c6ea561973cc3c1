import { createHash, timingSafeEqual } from 'node:crypto'

/** What a form must carry: only a page that was made for this cookie knows it. @param cookie of the session, or of a browser that has none yet */
export function formTokenOf(cookie: string): string {
  return createHash('sha256').update(`form ${cookie}`).digest('base64url')
}

export function isFormToken(given: unknown, cookie: string): boolean {
  const expected = Buffer.from(formTokenOf(cookie))
  return (
    typeof given === 'string' &&
    given.length === expected.length &&
    timingSafeEqual(Buffer.from(given.padEnd(expected.length).slice(0, expected.length), 'latin1'), expected)
  )
}
