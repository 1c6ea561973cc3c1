import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openFigures } from '../../../../dmp-bridge/console/index.ts'
import { samplePatient } from '../../../world/letter.ts'
import { buildPdfA } from '../../../world/pdfa-builder.ts'
import { sender } from '../../dmp-bridge/bridge-world.ts'
import { description, doctor, mailOf, pdfPart } from '../../dmp-bridge/wrap/wrap-samples.ts'
import { type Browser, type ConsoleWorld, HOLDER, startConsoleWorld } from './console-world.ts'

const HOUR = 3_600_000

let world: ConsoleWorld
let operator: Browser
let holder: Browser
let messages = 0
beforeAll(async () => {
  world = await startConsoleWorld({ patientKey: randomBytes(32) })
})
afterAll(() => world[Symbol.asyncDispose]())
beforeEach(async () => {
  operator = await world.signedIn('maud')
  holder = (await world.professional(HOLDER)).browser
})

/** @returns the id of the filing of one letter, in the state that its sender gives it */
async function filing(from: { declared?: boolean; address?: string } = {}): Promise<string> {
  const id = `message-${++messages}`
  await world.bridge.send(id, { sender: from })
  await world.bridge.bridge.drain()
  const [entry] = await world.bridge.bridge.orders.list({ messageId: id })
  return entry?.id ?? ''
}

const held = () => filing({ declared: false })
const seen = (text: string) => /name="vu" value="([^"]*)"/.exec(text)?.[1] ?? ''
const stateOf = async (id: string) => (await world.bridge.bridge.orders.find(id))?.state

describe('the list', () => {
  test('shows states and reasons in French, and what a filter asks for', async () => {
    await Promise.all([held(), filing()])
    const { text } = await operator.get('/depots')
    expect(text).toContain('Cette boîte n’a pas déclaré')
    expect(text).toMatch(/<caption>Dépôts 1 à \d+ sur \d+/)
    const rows = async (query: string) => (await operator.get(`/depots?${query}`)).text.match(/id="d-/g)?.length ?? 0
    const all = await rows('')
    const counts = [await rows('etat=held'), await rows('etat=pending')]
    expect(counts.reduce((sum, count) => sum + count)).toBe(all)
    expect(await rows('motif=not-declared')).toBe(counts[0])
    expect(await rows('motif=%25')).toBe(0)
    expect(await rows('type=96349-6')).toBe(all)
    expect(await rows('boite=NOBODY@a.mssante.test')).toBe(0)
    expect(await rows(`boite=${sender.address}`)).toBe(all)
    expect(await rows('du=2026-01-05&au=2026-01-05')).toBe(all)
    expect(await rows('du=2026-01-06')).toBe(0)
    expect(await rows('au=2026-01-04')).toBe(0)
  })

  test('asked for by what refreshes itself is that part alone; it can be stopped', async () => {
    const part = await operator.get('/depots', { 'HX-Request': 'true' })
    expect(part.text).toMatch(/^<div id="liste" hx-get="\/depots" hx-trigger="every 20s"/)
    expect((await operator.get('/depots?actualiser=non')).text).not.toContain('hx-trigger')
  })

  test('has pages', async () => {
    for (let count = 0; count < 26; count++) await world.bridge.send(`page-${count}`, { sender: { declared: false } })
    await world.bridge.bridge.drain()
    const first = (await operator.get('/depots?etat=held')).text
    expect(first.match(/id="d-/g)).toHaveLength(25)
    const next = /id="page-apres"[^>]*href="([^"]+)"/.exec(first)?.[1]?.replaceAll('&amp;', '&') ?? ''
    expect((await operator.get(next)).text).toMatch(/<caption>Dépôts 26 à/)
    expect((await operator.get('/depots?page=9999')).status).toBe(200)
  })
})

describe('one filing', () => {
  test('of another’s box is there for the operator, and does not exist for the holder', async () => {
    const id = await filing({ address: 'dr.autre@a.mssante.test' })
    for (const path of [`/depots/${id}`, `/depots/${id}/contenu`, `/depots/${id}/retenir`]) {
      expect((await operator.get(path)).status).toBe(200)
      expect((await holder.get(path)).status).toBe(404)
    }
    expect((await holder.get('/depots')).text).not.toContain(id)
    await holder.get('/depots')
    expect((await holder.post(`/depots/${id}/retenir`, { vu: 'pending' })).status).toBe(404)
    expect(await stateOf(id)).toBe('pending')
    expect((await operator.get('/depots/no-such-filing')).status).toBe(404)
    expect((await operator.get(`/depots/${id}/delete`)).status).toBe(404)
  })

  test('tells its holder whom it is about; an operator asks for it, by right, and each look is audited', async () => {
    const id = await held()
    expect((await holder.get(`/depots/${id}`)).text).toContain(samplePatient.ins)
    const page = await operator.get(`/depots/${id}`)
    expect(page.text).not.toContain(samplePatient.birthName)
    const looks = async () => (await world.audit.list({ object: id })).filter(({ action }) => action === 'console.read')
    expect(await looks()).toEqual([])
    const part = await operator.get(`/depots/${id}/contenu`, { 'HX-Request': 'true' })
    expect(part.text).toMatch(/^<dl>.*Titre/s)
    expect(part.text).toContain(samplePatient.ins)
    expect(part.headers['cache-control']).toBe('no-store')
    expect(await looks()).toMatchObject([{ by: 'console:maud' }])

    const noe = await world.signedIn('noe')
    for (const path of [`/depots/${id}`, `/depots/${id}/contenu`]) {
      const { text } = await noe.get(path)
      expect(text).toContain('ne donne pas le droit')
      expect(text).not.toContain(samplePatient.birthName)
    }
  })

  test('names no patient in the rows, the audit log or the log', async () => {
    const id = await held()
    await operator.get(`/depots/${id}/contenu`)
    const tables = ['console_session', 'console_operator', 'audit', 'filing', 'inbox']
    const rows = await Promise.all(tables.map(table => world.bridge.db.run({ sql: `SELECT * FROM ${table}`, parameters: [] })))
    const kept = JSON.stringify([rows, world.events])
    for (const word of [samplePatient.ins, samplePatient.birthName]) expect(kept).not.toContain(word)
  })
})

describe('an order', () => {
  test('is explained, confirmed, followed, and written down with who gave it', async () => {
    const id = await held()
    const page = await holder.get(`/depots/${id}/liberer`)
    expect(page.text).toContain('Vous répondez de ce motif')
    expect(await stateOf(id)).toBe('held')
    const done = await holder.post(`/depots/${id}/liberer`, { vu: seen(page.text) })
    expect(done).toMatchObject({ status: 303, location: `/depots/${id}?fait=liberer` })
    expect(await stateOf(id)).toBe('pending')
    const after = await holder.get(done.location)
    expect(after.text).toContain('C’est fait')
    expect(after.text).toContain(`Libéré par ${HOLDER}`)
    expect(await world.bridge.bridge.orders.history(id)).toMatchObject([{ order: 'release', by: `console:${HOLDER}` }])
    expect(await world.audit.list({ object: id })).toMatchObject([{ action: 'console.release', by: `console:${HOLDER}`, result: 'done' }])
  })

  test('holds, releases, gives up and tries again along the table', async () => {
    const id = await filing()
    const order = async (name: string) => {
      const page = await operator.get(`/depots/${id}/${name}`)
      return (await operator.post(`/depots/${id}/${name}`, { vu: seen(page.text) })).status
    }
    expect([await order('retenir'), await stateOf(id)]).toEqual([303, 'held'])
    expect([await order('refuser'), await stateOf(id)]).toEqual([303, 'refused'])
    expect([await order('relancer'), await stateOf(id)]).toEqual([303, 'pending'])
    expect([await order('liberer'), await stateOf(id)]).toEqual([409, 'pending'])
    expect((await operator.get(`/depots/${id}/liberer`)).text).toContain('Ce dépôt a changé d’état')
  })

  test('about something else than what was seen does nothing', async () => {
    const id = await filing()
    const page = await operator.get(`/depots/${id}/retenir`)
    await world.bridge.bridge.orders.hold(id, { by: 'cli:root' })
    expect((await operator.post(`/depots/${id}/refuser`, { vu: seen(page.text) })).status).toBe(409)
    expect((await operator.post(`/depots/${id}/refuser`, {})).status).toBe(409)
    expect(await stateOf(id)).toBe('held')
    expect((await operator.get(`/depots/${id}`)).text).toContain('root (commande de l’opérateur)')
  })

  test('without the token of the session does nothing', async () => {
    const id = await held()
    const page = await operator.get(`/depots/${id}/liberer`)
    const forged = await operator.post(`/depots/${id}/liberer`, { vu: seen(page.text), jeton: 'x' })
    const foreign = await operator.post(`/depots/${id}/liberer`, { vu: seen(page.text) }, { origin: 'https://evil.example' })
    expect([forged.status, foreign.status, await stateOf(id)]).toEqual([403, 403, 'held'])
  })

  test('to delete names the patient once his message is kept no longer', async () => {
    const id = await filing()
    await world.bridge.pass(120_000)
    expect(await stateOf(id)).toBe('filed')
    const page = await operator.get(`/depots/${id}/supprimer`)
    expect(page.text).toContain('<label for="ins">')
    const order = async (ins: string) =>
      (await operator.post(`/depots/${id}/supprimer`, { vu: seen(page.text), ins, oid: description.patient.oid })).status
    expect([await order(''), await order('123456789012345'), await stateOf(id)]).toEqual([409, 409, 'filed'])
    expect([await order(description.patient.ins), await stateOf(id)]).toEqual([303, 'deleting'])
    expect((await operator.get(`/depots/${id}`)).text).toContain('Suppression demandée par maud')
  })

  test('does not promise a release where no human may answer', async () => {
    const id = await filing({ declared: false })
    await world.bridge.db.run({
      sql: 'UPDATE filing SET reasons = ? WHERE id = ? RETURNING id',
      parameters: ['["not-declared","marked"]', id],
    })
    const { text } = await operator.get(`/depots/${id}/liberer`)
    expect(text).toContain('Faire réexaminer')
    expect(text).toMatch(/Sera vérifié de nouveau[^<]*restriction de confidentialité/)
    await operator.post(`/depots/${id}/liberer`, { vu: seen(text) })
    const [row] = await world.bridge.db.run<{ overruled: string }>({ sql: 'SELECT overruled FROM filing WHERE id = ?', parameters: [id] })
    expect(row?.overruled).toBe('["not-declared"]')
  })
})

describe('a file that does not say whose it is', () => {
  async function file(name: string): Promise<string> {
    await world.bridge.send(name, {
      sender: { ...doctor, address: sender.address },
      eml: mailOf([pdfPart(buildPdfA({ bars: ++messages }))]),
    })
    await world.bridge.bridge.drain()
    const [entry] = await world.bridge.bridge.orders.list({ messageId: name })
    expect(entry).toMatchObject({ state: 'held', reasons: ['needs-identity'] })
    return entry?.id ?? ''
  }
  const form = () => {
    const { patient, ...rest } = description
    const ofPatient = Object.entries(patient).map(([name, value]) => [`patient.${name}`, String(value)])
    return { ...Object.fromEntries(ofPatient), ...rest } as Record<string, string>
  }

  test('is given an identity by form, and becomes a document', async () => {
    const id = await file('file-1')
    expect((await holder.get(`/depots/${id}`)).text).toContain('lettre.pdf')
    const { text } = await holder.get(`/depots/${id}/decrire`)
    expect(text.match(/<label/g)).toHaveLength(13)
    const done = await holder.post(`/depots/${id}/decrire`, { ...form(), vu: seen(text) })
    expect(done).toMatchObject({ status: 303, location: `/depots/${id}?fait=decrire` })
    expect(await stateOf(id)).toBe('pending')
    const rows = await world.bridge.db.run({ sql: 'SELECT * FROM filing_description', parameters: [] })
    expect(rows).toHaveLength(1)
    expect(JSON.stringify([rows, world.events])).not.toContain(samplePatient.birthName)
    expect((await holder.get(done.location)).text).toContain('Identité donnée par')
  })

  test('keeps what was typed when something is wrong, and says what', async () => {
    const id = await file('file-2')
    const { text } = await holder.get(`/depots/${id}/decrire`)
    const wrong = { ...form(), 'patient.ins': `${description.patient.ins.slice(0, 13)}00`, vu: seen(text) }
    const page = await holder.post(`/depots/${id}/decrire`, wrong)
    expect(page.status).toBe(422)
    expect(page.text).toContain('À corriger : INS (15 caractères).')
    expect(page.text).toContain(`value="${samplePatient.birthName}"`)
    expect(await stateOf(id)).toBe('held')
  })

  test('is not given one by who may not see it', async () => {
    const id = await file('file-3')
    const noe = await world.signedIn('noe')
    expect((await noe.get(`/depots/${id}`)).text).not.toContain('/decrire')
    expect((await noe.get(`/depots/${id}/decrire`)).status).toBe(404)
    expect((await noe.post(`/depots/${id}/decrire`, { ...form(), vu: 'held needs-identity' })).status).toBe(404)
    expect(await stateOf(id)).toBe('held')
  })
})

describe('the figures', () => {
  test('count by state, reason, type and day, and know the oldest', async () => {
    const { db, now } = world.bridge
    const read = await openFigures(db).read({ since: now - HOUR, now })
    const count = Object.values(read.byState).reduce((sum, each) => sum + each, 0)
    expect(Object.values(read.byType).reduce((sum, each) => sum + each, 0)).toBe(count)
    expect(read.byType).toMatchObject({ '11488-4': 1, unknown: 2 })
    expect(read.byReason['not-declared']).toBeGreaterThan(25)
    expect(read.byDay).toMatchObject([{ day: '2026-01-05', held: read.byState.held }])
    expect(read.oldest.held).toBeLessThanOrEqual(now)
    expect(read.lastFiledAt).toBeLessThanOrEqual(now)
    expect((await openFigures(db).read({ since: now + 1, now })).byState).toEqual({})
    expect((await openFigures(db).read({ since: 0, now, boxes: [] })).byState).toEqual({})
  })

  test('are a page of tables', async () => {
    const { text } = await operator.get('/chiffres?jours=1')
    expect(text).toContain('Le DMP')
    expect(text.match(/<caption>/g)?.length).toBeGreaterThanOrEqual(4)
    expect(text).toContain('<a href="/depots?motif=not-declared">')
    expect((await holder.get('/chiffres')).status).toBe(200)
  })
})
