import { describe, expect, test } from 'vitest'
import { pli } from '../../support/cli.ts'
import { pliHere } from '../../support/cli-here.ts'
import { corpus, hasCorpus } from '../../support/corpus.ts'

/** `pli whitelist check` on the published files, without a configuration: integrity is checked, and the output says that origin is not. */
const check = (...args: string[]) => pliHere('whitelist', 'check', ...args)

describe.skipIf(!hasCorpus)('the published lists', () => {
  const valid = corpus('whitelist', 'valid', 'listeblanchemssante.xml')

  test('the real one is right on its day, and nobody is led to believe more', async () => {
    const { status, stdout } = await pli('whitelist', 'check', valid, '--at', '2025-03-01') // in a process of its own, once
    expect(status).toBe(0)
    expect(stdout).toContain('right: 6494 entries, 391 DNs (383 names once quotes and blanks are read), generated 2025-02-28T15:42:07.000Z')
    expect(stdout).toContain('Who signed it was NOT checked')
  })

  test('for programs', async () => {
    const { status, stdout } = await check(valid, '--at', '2025-03-01', '--json')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ accepted: true, entries: 6494, dns: 391, names: 383, skipped: 0, checked: 'integrity' })
  })

  test.each([
    ['tampered', '3.xml', 'altered'],
    ['unsigned', '2.xml', 'unsigned'],
    ['truncated', 'listeblanchemssante.xml', 'malformed'],
  ])('%s/%s is refused: %s', async (kind, name, detail) => {
    const { status, stdout, stderr } = await check(corpus('whitelist', kind!, name!), '--at', '2025-03-01', '--json')
    expect(status).toBe(1)
    expect(stderr).toMatch(new RegExp(`^pli: ${detail}: The signature of the white list is refused: [^\n]+\n$`))
    expect(JSON.parse(stdout)).toMatchObject({ accepted: false, reason: 'signature', detail })
  })

  test.each([
    ['2026-09-01', 'expired on 2026-08-23'],
    ['2020-01-01', 'not valid before 2023-08-23'],
  ])('the real one is refused on %s: its signer’s certificate %s', async (at, words) => {
    const { status, stderr } = await check(valid, '--at', at!)
    expect(status).toBe(1)
    expect(stderr).toMatch(/^pli: signer: /)
    expect(stderr).toContain(words)
  })

  test('the real one is refused a month before it was made', async () => {
    const { status, stderr } = await check(valid, '--at', '2025-02-01')
    expect(status).toBe(1)
    expect(stderr).toMatch(/^pli: future: /)
  })
})

test('a file that is not there is refused in one sentence', async () => {
  const { status, stderr } = await check('/nowhere/list.xml')
  expect(status).toBe(1)
  expect(stderr).toBe('pli: unreadable: The white list /nowhere/list.xml cannot be read\n')
})

test.each([[[]], [['list.xml', '--at', 'yesterday']], [['list.xml', '--at', '2025-02-30T99:00Z']]])('%j is bad usage', async args => {
  expect(await check(...args!)).toMatchObject({ status: 2, stdout: '' })
})
