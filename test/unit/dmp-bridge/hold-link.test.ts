import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { silent } from '../../../config/index.ts'
import { holdPages } from '../../../dmp-bridge/console/index.ts'
import { type HoldLinks, openHoldLinks } from '../../../dmp-bridge/hold-link.ts'
import { openPageShell } from '../../../gateway/http/pages/shell.tsx'
import { samplePatient } from '../../world/letter.ts'
import { type BridgeWorld, startBridgeWorld } from './bridge-world.ts'

const SECRET = Buffer.alloc(32, 7)
const DAY = 86_400_000
const ORIGIN = 'https://pages.a.mssante.test'

describe('tokens', () => {
  let now = Date.UTC(2026, 0, 5)
  const links = openHoldLinks({ secret: SECRET, now: () => now })

  test('a token names its message, for a week, in letters of a URL', () => {
    const token = links.tokenOf('m1')
    expect(token).toMatch(/^[\w-]+$/)
    expect(links.messageOf(token)).toBe('m1')
    now += 7 * DAY - 1
    expect(links.messageOf(token)).toBe('m1')
    now += 1
    expect(links.messageOf(token)).toBeUndefined()
  })

  test('no other token is taken: not one changed anywhere, nor one of another key, nor anything else', () => {
    const token = links.tokenOf('m1')
    const bytes = Buffer.from(token, 'base64url')
    for (const at of bytes.keys()) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(links.messageOf(changed.toString('base64url'))).toBeUndefined()
    }
    const other = openHoldLinks({ secret: Buffer.alloc(32, 8), now: () => now })
    for (const wrong of [other.tokenOf('m1'), `${token}A`, token.slice(0, -1), `${token}=`, '', 'm1', 'A'.repeat(60), 'é'.repeat(60)]) {
      expect(links.messageOf(wrong)).toBeUndefined()
    }
  })
})

describe('the pages behind the link', () => {
  let world: BridgeWorld
  let links: HoldLinks
  let shell: Pick<Hono, 'request'>
  beforeEach(async () => {
    world = await startBridgeWorld()
    links = openHoldLinks({ secret: SECRET, now: () => world.now })
    const pages = holdPages({
      links,
      orders: world.bridge.orders,
      acceptedAt: async id => (world.mails.has(id) ? world.now : undefined),
      ring: () => {},
      now: () => world.now,
    })
    // Nobody signs in here: what the shell knows of people is never asked.
    const people = { sessions: undefined as never, knows: async () => undefined, areas: [], signIn: new Hono() as never }
    shell = openPageShell({ ...people, origin: ORIGIN, operator: 'Alpha', open: [pages], now: () => world.now, log: silent }) as never
  })
  afterEach(() => world[Symbol.asyncDispose]())

  const path = (id: string) => `${ORIGIN}/retenir/${links.tokenOf(id)}`
  const post = (url: string, origin = ORIGIN) =>
    shell.request(url, { method: 'POST', headers: { Origin: origin, 'Content-Type': 'application/x-www-form-urlencoded' }, body: '' })

  test('looking changes nothing; the button holds, and says so; the order is the link’s', async () => {
    await world.send('m1')
    await world.pass(1_000)
    const shown = await shell.request(path('m1'))
    const html = await shown.text()
    expect(shown.status).toBe(200)
    expect(html).toContain('Document 1 (Compte rendu) : dépôt prévu le')
    expect(html).toContain('Retenir ce document</button>')
    await shell.request(path('m1'), { method: 'HEAD' })
    expect(await world.states()).toEqual(['pending'])
    for (const secret of [samplePatient.ins!, samplePatient.birthName, 'IHE_XDM']) expect(html).not.toContain(secret)

    const done = await post(path('m1'))
    expect(await done.text()).toContain('Document 1 (Compte rendu) : retenu</li>')
    expect(await world.states()).toEqual(['held author-request'])
    const [filing] = await world.bridge.orders.list()
    expect(await world.bridge.orders.history(filing!.id)).toMatchObject([{ order: 'hold', by: 'link' }])
    expect(await (await post(path('m1'))).text()).toContain('déjà retenu')
    await world.pass(600_000)
    expect(world.dmp.filed).toEqual([])
  })

  test('too late is said', async () => {
    await world.send('m1')
    await world.pass(120_000)
    expect(await (await post(path('m1'))).text()).toContain('trop tard : déjà déposé dans le DMP')
    expect(await world.states()).toEqual(['filed'])
  })

  test('a link that is none, or has ended, or is of no message: one page, 404, nothing changed', async () => {
    await world.send('m1')
    await world.pass(1_000)
    const forged = `${ORIGIN}/retenir/${openHoldLinks({ secret: Buffer.alloc(32), now: () => world.now }).tokenOf('m1')}`
    const answers = await Promise.all([shell.request(forged), post(forged), post(path('m2')), post(`${ORIGIN}/retenir/${'A'.repeat(80)}`)])
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404])
    const texts = await Promise.all(answers.map(each => each.text()))
    expect(texts[0]).toContain('Rien n’a été changé')
    expect(new Set(texts.map(text => text.replace(/<a [^>]*>/g, ''))).size).toBe(1)
    expect(await world.states()).toEqual(['pending'])
  })

  test('a form of another site is refused', async () => {
    await world.send('m1')
    await world.pass(1_000)
    expect((await post(path('m1'), 'https://elsewhere.example')).status).toBe(403)
    expect(await world.states()).toEqual(['pending'])
  })

  test('who tries tokens is told to wait, who has one is not kept from holding', async () => {
    await world.send('m1')
    await world.pass(1_000)
    const tries = Array.from({ length: 70 }, (_, at) => shell.request(`${ORIGIN}/retenir/${'A'.repeat(60 + at)}`))
    expect((await Promise.all(tries)).filter(({ status }) => status === 429)).toHaveLength(10)
    expect((await post(path('m1'))).status).toBe(200)
    expect(await world.states()).toEqual(['held author-request'])
  })
})
