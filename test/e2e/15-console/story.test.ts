import { createHash, X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { has, tool } from '../../support/tools.ts'
import { type ConsoleWorld, startConsoleWorld } from '../../unit/gateway/console/console-world.ts'

describe.skipIf(!has('chromium'))('an operator at his keyboard', () => {
  let world: ConsoleWorld
  let browser: Browser
  beforeAll(async () => {
    world = await startConsoleWorld()
    browser = await chromium.launch({
      executablePath: tool('chromium'),
      args: [
        `--host-resolver-rules=MAP ${new URL(world.url).hostname} 127.0.0.1:${world.port}`,
        `--ignore-certificate-errors-spki-list=${await keyOf(world.port)}`, // this one key of ours, and no other
      ],
    })
  })
  afterAll(async () => {
    await browser?.close()
    await world?.[Symbol.asyncDispose]()
  })

  for (const javaScriptEnabled of [true, false]) {
    test(`signs in, finds what is held, and releases it, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async () => {
      await world.bridge.send(`message-${javaScriptEnabled}`, { sender: { declared: false } })
      await world.bridge.bridge.drain()
      const [filing] = await world.bridge.bridge.orders.list({ messageId: `message-${javaScriptEnabled}` })
      const page = await browser.newPage({ javaScriptEnabled, locale: 'fr-FR' })
      const complaints: string[] = []
      page.on('console', message => void complaints.push(message.text()))
      page.on('pageerror', error => void complaints.push(String(error)))

      await page.goto(world.url)
      await isFit(page, 'Connexion')
      world.ahead += 60_000
      const { password, code } = world.accounts.maud
      for (const [field, text] of Object.entries({ nom: 'maud', 'mot-de-passe': password, code: code() })) {
        await tabTo(page, `#${field}`)
        await page.keyboard.type(text)
      }
      await enter(page)
      await isFit(page, 'Dépôts au DMP')
      await page.keyboard.press('Tab')
      expect(await page.locator(':focus').textContent()).toBe('Aller au contenu')

      await tabTo(page, '#n-held')
      await enter(page)
      await tabTo(page, `#d-${filing?.id}`)
      await enter(page)
      await isFit(page, 'Lettre d')
      await tabTo(page, 'a[href$="/contenu"]')
      await page.keyboard.press('Enter')
      await page.getByText('TESTOU').waitFor()
      if (!javaScriptEnabled) await page.goBack()

      await tabTo(page, 'a[href$="/liberer"]')
      await enter(page)
      await isFit(page, 'Libérer')
      await tabTo(page, 'main button')
      await enter(page)
      await isFit(page, 'Lettre d')
      expect(await page.getByRole('status').textContent()).toContain('C’est fait')
      expect(await world.bridge.bridge.orders.find(filing?.id ?? '')).toMatchObject({ state: 'pending' })
      expect(complaints).toEqual([]) // the policy of the page refuses nothing of ours
      await page.close()
    })
  }
})

/** Presses Tab until the focus is there, and can be seen there (RGAA 10.7, 12.8). */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press('Tab')
    const found = await page.evaluate<string | null>(
      `document.activeElement.matches(${JSON.stringify(selector)}) ? getComputedStyle(document.activeElement).outlineStyle : null`,
    )
    if (found === null) continue
    expect(found).toBe('solid')
    return
  }
  throw new Error(`the keyboard does not reach ${selector}`)
}

async function enter(page: Page): Promise<void> {
  await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')])
}

const SEEN = `(() => {
  const all = selector => [...document.querySelectorAll(selector)]
  const ids = all('[id]').map(({ id }) => id)
  return {
    lang: document.documentElement.lang,
    headings: all('h1').map(each => each.textContent),
    landmarks: ['header', 'main'].map(name => all(name).length),
    unlabelled: all('input:not([type=hidden]), select').filter(each => each.labels.length === 0).length,
    uncaptioned: all('table').filter(each => !each.querySelector('caption')).length,
    unscoped: all('th').filter(each => !each.hasAttribute('scope')).length,
    twice: ids.filter((id, index) => ids.indexOf(id) !== index),
    wide: document.documentElement.scrollWidth > innerWidth,
  }
})()`

/** Landmarks, one heading of the first level, labels, captions, languages: what a screen reader needs. */
async function isFit(page: Page, heading: string): Promise<void> {
  const seen = await page.evaluate<{ headings: string[] }>(SEEN)
  expect(seen).toMatchObject({ lang: 'fr', landmarks: [1, 1], unlabelled: 0, uncaptioned: 0, unscoped: 0, twice: [], wide: false })
  expect(seen.headings).toHaveLength(1)
  expect(seen.headings[0]).toContain(heading)
  expect(await page.title()).toMatch(/ – Opérateur Alpha \(fictif\)$/)
}

/** @returns the digest by which Chromium knows the key of a server */
function keyOf(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      const { publicKey } = new X509Certificate(socket.getPeerCertificate().raw)
      resolve(
        createHash('sha256')
          .update(publicKey.export({ type: 'spki', format: 'der' }))
          .digest('base64'),
      )
      socket.destroy()
    })
    socket.on('error', reject)
  })
}
