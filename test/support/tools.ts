import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { packageRoot } from '../../config/paths.ts'

interface Tool {
  command: string
  packages: string[]
}

const listed: Tool[] = JSON.parse(readFileSync(join(packageRoot, 'test/support/tools.json'), 'utf8'))

/**
 * Whether a system tool is on this machine. For `describe.skipIf(!has('xmlsec1'))`; `npm test` has installed it, or failed, or said that it lacks.
 * @param command a name of tools.json
 */
export function has(command: string): boolean {
  return find(command) !== undefined
}

/**
 * @param command a name of tools.json
 * @returns its absolute path (the sbin folders are searched too)
 * @throws when it is not installed
 */
export function tool(command: string): string {
  const path = find(command)
  if (!path) throw new Error(`${command} is not installed (on Debian: apt-get install ${entry(command).packages.join(' ')})`)
  return path
}

function find(command: string): string | undefined {
  entry(command)
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].map(folder => join(folder, command)).find(isExecutable)
}

function entry(command: string): Tool {
  const found = listed.find(candidate => candidate.command === command)
  if (!found) throw new Error(`${command} is not in test/support/tools.json`)
  return found
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
