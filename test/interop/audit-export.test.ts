import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packageRoot } from '../../config/index.ts'
import { openCheckpointStamps } from '../../crypto/index.ts'
import { run } from '../support/cli.ts'
import { has } from '../support/tools.ts'
import { type AuditWorld, makeSigners, NOW, OPERATOR, openAuditWorld } from '../unit/crypto/audit-world.ts'

let world: AuditWorld
let lines: string[]

beforeAll(async () => {
  const signers = await makeSigners()
  world = await openAuditWorld(signers)
  await world.audit.append({ by: 'cli:maud', action: 'x', object: 'é "\\" 😀', detail: { why: 'a b  c\\n' } })
  await world.write(6)
  await openCheckpointStamps(world.db).keep(2, Buffer.from('a stamp, which this does not look at'))
  lines = await world.exported()
  mkdirSync(join(world.folder, 'shell'))
  writeFileSync(path('authorities.pem'), signers.pki.authorities.join(''))
})

afterAll(() => world[Symbol.asyncDispose]())

const path = (name: string) => join(world.folder, 'shell', name)

/** What crypto/README.md gives to whoever has an export, sha256sum and openssl, and nothing of ours: taken from there, so that it is what was tested. */
function recipe(): string {
  const [, shell] = /```sh\n(sed '1s(?:(?!```).)*)```/s.exec(readFileSync(join(packageRoot, 'crypto/README.md'), 'utf8')) ?? []
  const words = { EXPORT: '"$1"', 'AUTHORITIES.pem': '"$2" -attime "$3"', 'SIGNER.pem': '"$4"' }
  return Object.entries(words).reduce((text, [name, word]) => text.replaceAll(` ${name}`, ` ${word}`), shell ?? 'echo no recipe')
}

function check(exported: readonly string[]) {
  writeFileSync(path('export'), `${exported.join('\n')}\n`)
  return run('sh', ['-c', recipe(), 'check', path('export'), path('authorities.pem'), String(NOW / 1_000), path('signer.pem')])
}

test.skipIf(!has('openssl'))(
  'sha256sum and openssl alone verify an export, and show what the checkpoints say and who signed them',
  async () => {
    const { stdout } = await check(lines)
    expect(stdout).not.toMatch(/wrong|neither/)
    const said = stdout.split('Pli audit checkpoint\n').slice(1)
    expect(said).toHaveLength(2)
    const { hash } = JSON.parse(lines.find(line => line.startsWith('{"line":5'))!) as { hash: string }
    const [text, signer] = said[1]!.split('subject=')
    expect(text).toBe(
      `operator: ${OPERATOR}\ncheckpoint: 2\nline: 5\nhash: ${hash}\nat: 2026-11-20T08:00:04.000Z\nprevious: ${/previous: (.*)/.exec(said[1]!)?.[1]}\n`,
    )
    expect(signer).toMatch(/CN = .+\n$/)
  },
)

const behind = /^the checkpoint behind line 5 is wrong$/m

test.skipIf(!has('openssl')).each<[string, (line: string) => string, RegExp]>([
  ['a line', line => (line.startsWith('{"line":3') ? line.replace('box.change', 'box.closed') : line), /^line 3 is wrong$/m],
  ['a signature', line => (line.startsWith('{"checkpoint":2') ? line.replace(/.{8}","stamp"/, 'AAAAAAA=","stamp"') : line), behind],
  ['a number', line => line.replace('{"line":4,', '{"line":44,'), /^line 44 is wrong$/m],
  ['the form of a line', line => line.replace('{"line":4,', '{"line": 4,'), /^behind line 3 stands what is neither line nor checkpoint$/m],
])('and find what was changed: %s', async (_, change, words) => {
  expect((await check(lines.map(change))).stdout).toMatch(words)
})

test.skipIf(!has('openssl'))('and find that all was written anew, hashes included, below checkpoints that are right', async () => {
  await world.tamper("UPDATE audit SET object = 'x' WHERE line = 4")
  await world.forge(4)
  const { stdout } = await check(await world.exported())
  expect(stdout).toMatch(behind)
  expect(stdout).not.toMatch(/^line .* is wrong$/m)
})
