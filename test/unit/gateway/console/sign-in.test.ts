import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ConsoleWorld, HOLDER, OTHER, startConsoleWorld } from './console-world.ts'

const MINUTE = 60_000

let world: ConsoleWorld
beforeAll(async () => {
  world = await startConsoleWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

describe('an operator', () => {
  test('comes in with password and code; the session is another than the one before', async () => {
    const browser = world.browser()
    const before = await browser.get('/depots')
    expect(before).toMatchObject({ status: 303, location: '/connexion' })
    await browser.get('/connexion')
    browser.cookies.set('__Host-pli', 'chosen-by-somebody-else')
    const { password, code } = world.accounts.maud
    const page = await browser.post('/connexion', { nom: 'maud', 'mot-de-passe': password, code: code() })
    expect(page).toMatchObject({ status: 303, location: '/' })
    expect([page.headers['set-cookie']].flat()).toContainEqual(
      expect.stringMatching(/^__Host-pli=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
    )
    expect(browser.cookies.get('__Host-pli')).not.toBe('chosen-by-somebody-else')
    expect(await browser.get('/depots')).toMatchObject({ status: 200 })
    const stored = JSON.stringify(await world.bridge.db.run({ sql: 'SELECT * FROM console_session', parameters: [] }))
    expect(stored).not.toContain(browser.cookies.get('__Host-pli'))
  })

  test('is refused with a wrong password, a wrong code, a code that was used, and an unknown name, in the same words', async () => {
    const { password, code } = world.accounts.noe
    const browser = world.browser()
    await browser.get('/connexion')
    const used = code()
    expect(await browser.post('/connexion', { nom: 'noe', 'mot-de-passe': password, code: used })).toMatchObject({ status: 303 })
    const other = world.browser()
    await other.get('/connexion')
    const wrong = [
      { nom: 'noe', 'mot-de-passe': password, code: used },
      { nom: 'noe', 'mot-de-passe': 'no', code: used },
      { nom: 'noe', 'mot-de-passe': password, code: '000000' },
      { nom: 'nobody', 'mot-de-passe': password, code: used },
    ]
    for (const fields of wrong) {
      const page = await other.post('/connexion', fields)
      expect(page.status).toBe(403)
      expect(page.text).toContain('Le nom, le mot de passe ou le code est faux')
      expect(other.cookies.has('__Host-pli')).toBe(false)
    }
    const lines = await world.audit.list({ object: 'noe' })
    expect(lines.filter(({ action, result }) => action === 'console.sign-in' && result === 'refused')).toHaveLength(3)
  })

  test('comes in once with the recovery sentence, however it is spaced', async () => {
    const { password, recovery } = world.accounts.maud
    const sentence = ` ${recovery.toUpperCase().replace(' ', '  ')}`
    const ask = async () => {
      const browser = world.browser()
      await browser.get('/connexion')
      return (await browser.post('/connexion', { nom: 'maud', 'mot-de-passe': password, code: sentence })).status
    }
    expect([await ask(), await ask()]).toEqual([303, 403])
  })

  test('is made to wait after some failures, and told so', async () => {
    const browser = world.browser()
    await browser.get('/connexion')
    const statuses = []
    for (let guess = 0; guess < 7; guess++)
      statuses.push((await browser.post('/connexion', { nom: 'zoe', 'mot-de-passe': 'no', code: '000000' })).status)
    expect(statuses).toEqual([403, 403, 403, 403, 403, 429, 429])
  })

  test('is out when his account is removed, and when he signs out', async () => {
    const browser = await world.signedIn('noe')
    const other = await world.signedIn('noe')
    expect(await browser.post('/deconnexion', {})).toMatchObject({ status: 303, location: '/connexion' })
    expect(await browser.get('/depots')).toMatchObject({ status: 303 })
    expect(await other.get('/depots')).toMatchObject({ status: 200 })
    await world.operators.remove('noe', 'test')
    expect(await other.get('/depots')).toMatchObject({ status: 303 })
    await expect(world.operators.remove('noe', 'test')).rejects.toThrow('there is no operator noe')
    await expect(world.operators.add('maud', { mayRead: true, by: 'test' })).rejects.toThrow('there is an operator maud already')
  })
})

describe('a session', () => {
  test('ends after half an hour without use; what refreshes itself is no use', async () => {
    const browser = await world.signedIn('maud')
    world.ahead += 29 * MINUTE
    expect((await browser.get('/depots')).status).toBe(200)
    world.ahead += 29 * MINUTE
    expect((await browser.get('/depots', { 'HX-Request': 'true' })).status).toBe(200)
    world.ahead += 2 * MINUTE
    const polled = await browser.get('/depots', { 'HX-Request': 'true' })
    expect(polled).toMatchObject({ status: 401, text: '' })
    expect(polled.headers['hx-redirect']).toBe('/connexion?faute=ended')
    expect((await browser.get('/depots')).location).toBe('/connexion')
  })

  test('ends after twelve hours of use', async () => {
    const browser = await world.signedIn('maud')
    for (let quarter = 0; quarter < 4 * 12 - 1; quarter++) {
      world.ahead += 15 * MINUTE
      if ((await browser.get('/depots')).status !== 200) throw new Error(`ended after ${quarter} quarters`)
    }
    world.ahead += 15 * MINUTE
    expect(await browser.get('/depots')).toMatchObject({ status: 303, location: '/connexion?faute=ended' })
  })
})

describe('a form', () => {
  const faults = {
    'without its token': [{ jeton: '' }, {}],
    'with the token of another session': [{ jeton: 'A'.repeat(43) }, {}],
    'from another site': [{}, { origin: 'https://evil.example' }],
    'of no known origin': [{}, { origin: undefined }],
  } as const
  for (const [what, [fields, headers]] of Object.entries(faults)) {
    test(`${what} does nothing`, async () => {
      const browser = await world.signedIn('maud')
      expect((await browser.post('/deconnexion', fields, headers)).status).toBe(403)
      expect((await browser.get('/depots')).status).toBe(200)
      const stranger = world.browser()
      await stranger.get('/connexion')
      const { password, code } = world.accounts.maud
      world.ahead += MINUTE
      const asked = { nom: 'maud', 'mot-de-passe': password, code: code(), ...fields }
      expect((await stranger.post('/connexion', asked, headers)).status).toBe(403)
      expect(stranger.cookies.has('__Host-pli')).toBe(false)
    })
  }

  test('is a form, not JSON, not a file, and not long', async () => {
    const browser = await world.signedIn('maud')
    expect((await browser.post('/deconnexion', {}, { 'content-type': 'application/json' })).status).toBe(415)
    expect((await browser.post('/deconnexion', {}, { 'content-type': 'multipart/form-data; boundary=x' })).status).toBe(415)
    expect((await browser.post('/deconnexion', { long: 'x'.repeat(20_000) })).status).toBe(413)
  })
})

describe('a professional', () => {
  test('comes in with his card and is known by his boxes', async () => {
    const { browser, page } = await world.professional(HOLDER)
    expect(page).toMatchObject({ status: 303, location: '/' })
    expect((await browser.get('/depots')).text).toContain('Dr Éloi FICTIF')
  })

  test('who has no box here is told so', async () => {
    const { browser, page } = await world.professional(OTHER)
    expect(page.status).toBe(403)
    expect(page.text).toContain('aucune boîte aux lettres chez cet opérateur')
    expect(browser.cookies.has('__Host-pli')).toBe(false)
  })

  test('who refuses at Pro Santé Connect is not signed in', async () => {
    expect(await world.professional('')).toMatchObject({ page: { status: 403 } })
  })

  const distortions = {
    'another nonce': [{ claims: { nonce: 'another-nonce-0123456789' } }, 'OAUTH_JWT_CLAIM_COMPARISON_FAILED'],
    'another issuer': [{ claims: { iss: 'https://evil.example' } }, 'OAUTH_JWT_CLAIM_COMPARISON_FAILED'],
    'another client': [{ claims: { aud: 'another', azp: 'another' } }, 'OAUTH_JWT_CLAIM_COMPARISON_FAILED'],
    'a token that has ended': [{ claims: { exp: 1 } }, 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED'],
    'a weaker card': [{ claims: { acr: 'eidas0' } }, 'acr'],
    'a signature of a stranger': [{ signed: 'other-key' }, 'OAUTH_INVALID_RESPONSE'],
    'no signature': [{ signed: 'none' }, 'OAUTH_INVALID_RESPONSE'],
    'two different identities': [{ userinfo: { SubjectNameID: OTHER } }, 'no-national-id'],
    'another subject': [{ userinfo: { sub: 'f:another' } }, 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED'],
    'no identity': [{ without: ['SubjectNameID'], userinfo: { SubjectNameID: undefined } }, 'no-national-id'],
  } as const
  for (const [what, [distortion, reason]] of Object.entries(distortions)) {
    test(`is refused with ${what}`, async () => {
      world.psc.distort(distortion)
      const { browser, page } = await world.professional(HOLDER)
      world.psc.distort({})
      expect(page.status).toBe(403)
      expect(page.text).toContain('n’a pas confirmé votre identité')
      expect(world.events.findLast(({ event }) => event === 'page-psc-refused')?.detail.reason).toBe(reason)
      expect(browser.cookies.has('__Host-pli')).toBe(false)
    })
  }

  test('comes back only in the browser that went, once, and in time', async () => {
    const first = world.browser()
    const begun = await first.get('/connexion/psc')
    const { searchParams } = new URL(begun.location)
    expect(Object.fromEntries(searchParams)).toMatchObject({
      scope: 'openid scope_all',
      acr_values: 'eidas1',
      code_challenge_method: 'S256',
    })
    const back = `/connexion/psc/retour?code=x&state=${searchParams.get('state')}`
    expect((await world.browser().get(back)).status).toBe(403)
    world.ahead += 11 * MINUTE
    expect((await first.get(back)).status).toBe(403)
    expect((await first.get(back)).status).toBe(403)
  })

  test('is told when Pro Santé Connect is away', async () => {
    world.ahead += 11 * MINUTE // what is known of it is asked for again
    world.psc.setFault({ kind: 'http-500' })
    const page = await world.browser().get('/connexion/psc')
    world.psc.setFault(undefined)
    expect(page.status).toBe(503)
    expect(page.text).toContain('ne répond pas')
  })
})

test('every answer forbids what is not ours: scripts, frames, other origins, keeping', async () => {
  const browser = await world.signedIn('maud')
  for (const path of ['/connexion', '/depots', '/no-such-page', '/style.css', '/htmx.js']) {
    const { headers } = await browser.get(path)
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'/)
    expect(headers['content-security-policy']).not.toContain('unsafe')
    expect(headers['strict-transport-security']).toBe('max-age=31536000')
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(headers['cache-control']).toBe(path.includes('.') ? 'public, max-age=300' : 'no-store')
  }
  const { text } = await browser.get('/depots')
  expect(text).not.toMatch(/<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|https?:\/\//)
})

test('the log tells pages by their pattern, never by path, and holds no secret', async () => {
  const all = JSON.stringify(world.events)
  for (const page of ['GET /depots', 'GET /connexion', 'POST /connexion', 'POST /deconnexion', 'GET /connexion/psc/retour'])
    expect(all).toContain(`"${page}"`)
  expect(all).not.toContain('state=')
  for (const { password, recovery } of Object.values(world.accounts)) {
    expect(all).not.toContain(password)
    expect(all).not.toContain(recovery)
  }
})
