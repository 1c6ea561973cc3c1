import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder that holds package.json, whether this file runs as source or compiled under dist/. */
export const packageRoot = findRoot(dirname(fileURLToPath(import.meta.url)))

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder
  const parent = dirname(folder)
  if (parent === folder) throw new Error('package.json not found above the program')
  return findRoot(parent)
}

/**
 * The compiled file of a module that is to run in a thread or a child process (Node 20 cannot load TypeScript there).
 * @param source path from the package root without extension, e.g. `config/database/thread`
 * @returns absolute path of its JavaScript under dist/
 */
export function compiled(source: string): string {
  return join(packageRoot, 'dist', `${source}.js`)
}
