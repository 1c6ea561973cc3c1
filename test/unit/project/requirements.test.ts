import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../../config/paths.ts'

const [header, ...lines] = readFileSync(join(packageRoot, 'test/requirements.tsv'), 'utf8').trimEnd().split('\n')
const rows = lines.map(line => {
  const [id = '', requirement = '', status = '', file = '', proof = ''] = line.split('\t')
  return { id, requirement, status, file, proof }
})

test('every requirement says how far it is, and what is done names a file and a test that exist', () => {
  expect(header).toBe('id\trequirement\tstatus\tfile\ttest')
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length)
  for (const { id, status, file, proof } of rows) {
    expect(['done', 'partial', 'no'], id).toContain(status)
    if (status === 'done') expect(proof, id).not.toBe('')
    for (const path of [file, proof].filter(Boolean)) expect(existsSync(join(packageRoot, path)), `${id}: ${path}`).toBe(true)
  }
})

test('every rule that the code cites is in the list', () => {
  const files = execFileSync('find', ['gateway', 'directory', 'crypto', 'dmp-bridge', 'config', '-name', '*.ts'], {
    cwd: packageRoot,
    encoding: 'utf8',
  })
  const cited = files
    .trim()
    .split('\n')
    .flatMap(file => readFileSync(join(packageRoot, file), 'utf8').match(/\b(ECO(\.\d+){3}|(EX|REC)_[A-Z0-9.]+-\d+)/g) ?? [])
  const listed = rows.map(({ id }) => id)
  expect([...new Set(cited)].filter(id => !listed.includes(id))).toEqual([])
})
