import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
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

/** What crypto/README.md gives to whoever has an export, sha256sum and openssl, and nothing of ours. */
const CHECK = `
previous=$(sed -n '1s/.*"from":{"line":[0-9]*,"hash":"\\([0-9a-f]*\\)"}.*/\\1/p' "$1")
sed -n 's/^{"line":\\([0-9]*\\),"hash":"\\([0-9a-f]*\\)","entry":\\(.*\\)}$/\\1 \\2 \\3/p' "$1" | while read -r line hash entry; do
  made=$(printf '%s %s %s' "$line" "$previous" "$entry" | sha256sum | cut -d' ' -f1)
  [ "$made" = "$hash" ] || echo "line $line is wrong"
  previous=$hash
done
sed -n 's/^{"checkpoint":.*"cms":"\\([^"]*\\)".*}$/\\1/p' "$1" | while read -r cms; do
  printf '%s' "$cms" | openssl base64 -d -A | openssl cms -verify -inform DER -CAfile "$2" -purpose any -attime "$3" 2>/dev/null || echo "a checkpoint is wrong"
done
`

function check(exported: readonly string[]) {
  writeFileSync(path('export'), `${exported.join('\n')}\n`)
  return run('bash', ['-c', CHECK, 'check', path('export'), path('authorities.pem'), String(NOW / 1_000)])
}

test.skipIf(!has('openssl'))('sha256sum and openssl alone verify an export, and show what the checkpoints say', async () => {
  const { stdout } = await check(lines)
  expect(stdout).not.toContain('wrong')
  const said = stdout.split('Pli audit checkpoint\n').slice(1)
  expect(said).toHaveLength(2)
  const { hash } = JSON.parse(lines.find(line => line.startsWith('{"line":5'))!) as { hash: string }
  expect(said[1]).toBe(
    `operator: ${OPERATOR}\ncheckpoint: 2\nline: 5\nhash: ${hash}\nat: 2026-11-20T08:00:04.000Z\nprevious: ${/previous: (.*)/.exec(said[1]!)?.[1]}\n`,
  )
})

test.skipIf(!has('openssl'))('and find what was changed', async () => {
  const changed = lines.map(line => (line.startsWith('{"line":3') ? line.replace('box.change', 'box.closed') : line))
  expect((await check(changed)).stdout).toMatch(/^line 3 is wrong$/m)
  const forged = lines.map(line => (line.startsWith('{"checkpoint":2') ? line.replace(/.{8}","stamp"/, 'AAAAAAA=","stamp"') : line))
  expect((await check(forged)).stdout).toMatch(/^a checkpoint is wrong$/m)
})
