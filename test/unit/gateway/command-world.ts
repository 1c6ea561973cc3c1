import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { vi } from 'vitest'
import { stringify } from 'yaml'
import type { Database } from '../../../config/index.ts'
import { type AuditLine, createMailboxKeys, createMasterKeyFile, openAudit } from '../../../crypto/index.ts'
import { openData } from '../../../gateway/data.ts'
import { createPki, type Pki, writeIdentity } from '../../world/pki.ts'

/** An operator that does not run: his configuration, his keys and, once something was written, his data. */
export interface CommandWorld {
  folder: string
  config: string
  data: string
  pki: Pki
  path(name: string): string
  rows<T>(work: (db: Database) => Promise<T>): Promise<T>
  /** The lines of the audit log, without numbers and times. */
  audit(): Promise<Pick<AuditLine, 'by' | 'action' | 'object' | 'result' | 'detail'>[]>
  remove(): void
}

export async function openCommandWorld(): Promise<CommandWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'pli-commands-'))
  const path = (name: string) => join(folder, name)
  const pki = await createPki({ now: new Date(), key: 'ec' })
  for (const name of ['own.pem', 'own.key', 'list.xml', 'directory.sqlite']) writeFileSync(path(name), '')
  createMasterKeyFile(path('master.keys'))
  createMailboxKeys(path('mailboxes.key'))
  const person = { kind: 'signature', commonName: 'OPÉRATEUR', organization: 'OPÉRATEUR', structure: '1750000001', key: 'ec' } as const
  const signature = await writeIdentity(folder, 'signature', await pki.issue(person), pki)
  const trust = await pki.write(folder)
  const listen = (port: number) => ({ host: '127.0.0.1', port })
  writeFileSync(
    path('pli.yaml'),
    stringify({
      name: 'Opérateur',
      hostname: 'smtp.a.test',
      domains: ['a.test'],
      postmaster: 'postmaster@a.test',
      data: 'data',
      listen: { submission: listen(587), submissions: listen(465), reception: listen(25) },
      tls: { certificate: 'own.pem', key: 'own.key', ...trust },
      signature,
      whiteList: { file: 'list.xml', ...trust, signer: 'alb.test' },
      masterKeys: { file: 'master.keys' },
      mailboxes: { publicKey: 'mailboxes.key.pub' },
      directory: { file: 'directory.sqlite' },
    }),
  )
  const rows = async <T>(work: (db: Database) => Promise<T>): Promise<T> => {
    const db = await openData(path('data'))
    try {
      return await work(db)
    } finally {
      await db.close()
    }
  }
  return {
    ...{ folder, config: path('pli.yaml'), data: path('data'), pki, path, rows },
    audit: async () =>
      (await rows(db => openAudit(db, { now: Date.now }).list())).map(({ by, action, object, result, detail }) => ({
        ...{ by, action, object, result, detail },
      })),
    remove: () => rmSync(folder, { recursive: true }),
  }
}

/**
 * Runs a command here, as `pli` does. @returns what it said on standard output, and on standard error
 * @throws as the command does
 */
export async function runCommand(add: (program: Command) => void, ...args: string[]): Promise<{ out: string; err: string }> {
  const said = { out: '', err: '' }
  const into = (name: 'out' | 'err') => (text: unknown) => {
    said[name] += String(text)
    return true
  }
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(into('out')),
    vi.spyOn(process.stderr, 'write').mockImplementation(into('err')),
    vi.spyOn(console, 'log').mockImplementation(text => void into('out')(`${text}\n`)),
    vi.spyOn(console, 'error').mockImplementation(text => void into('err')(`${text}\n`)),
  ]
  try {
    const program = new Command()
    add(program)
    for (const command of [program, ...program.commands.flatMap(each => [each, ...each.commands])]) command.exitOverride()
    await program.parseAsync(args, { from: 'user' })
    return said
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}
