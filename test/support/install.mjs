// Finds the system tools of tools.json and installs the missing ones (root on Debian). Plain Node: it runs before anything is compiled.
// As a command: node test/support/install.mjs [test|bench]
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const tools = createRequire(import.meta.url)('./tools.json')
const POLICY = '/usr/sbin/policy-rc.d'

/** @returns the absolute path of a command, or undefined; the sbin folders are searched even where PATH lacks them */
export function findCommand(command) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.map(folder => join(folder, command)).find(isExecutable)
}

/**
 * Makes the tools of one purpose present where it can: as root on Debian it installs, elsewhere it names what lacks.
 * @param purpose 'test' or 'bench'
 * @returns the tools still missing, as entries of tools.json
 */
export function provideTools(purpose) {
  const wanted = tools.filter(tool => tool.for.includes(purpose))
  const missing = wanted.filter(tool => !findCommand(tool.command))
  if (missing.length > 0 && process.getuid?.() === 0 && existsSync('/etc/debian_version')) aptInstall(missing.flatMap(tool => tool.packages))
  return wanted.filter(tool => !findCommand(tool.command))
}

/** @returns the one line that names missing tools */
export function describeMissing(missing) {
  const packages = missing.flatMap(tool => tool.packages).join(' ')
  return `missing: ${missing.map(tool => tool.command).join(', ')} (on Debian: apt-get install --no-install-recommends ${packages})`
}

function aptInstall(packages) {
  console.log(`installing ${packages.join(' ')}`)
  withoutDaemons(() => {
    const install = ['install', '-y', '-q', '--no-install-recommends', ...packages]
    // The package lists of a fresh image may be absent or old: ask for new ones only when the first try fails.
    if (!apt(install)) apt(['update', '-q']) && apt(install)
  })
}

function apt(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const run = spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...args], { env, encoding: 'utf8' })
  if (run.status !== 0) console.error(run.stderr?.trim() || String(run.error ?? `apt-get ${args[0]} failed`))
  return run.status === 0
}

/** Debian starts the daemon of a package it installs, unless policy-rc.d says 101: ours start on their own ports, never the system's. */
function withoutDaemons(action) {
  const ours = !existsSync(POLICY)
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    action()
  } finally {
    if (ours) rmSync(POLICY)
  }
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const missing = provideTools(process.argv[2] ?? 'test')
  if (missing.length > 0) console.error(describeMissing(missing))
  process.exitCode = missing.length > 0 ? 1 : 0
}
