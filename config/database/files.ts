import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Job } from './index.ts'

/**
 * Writes and syncs the files of a batch; each folder is synced once for all of its new names.
 * @returns what went wrong, by job: the rows of such a job must not be written
 */
export function writeFiles(jobs: readonly Job[]): Map<number, string> {
  const faults = new Map<number, string>()
  const folders = new Map<string, number[]>()
  for (const { id, files = [] } of jobs) {
    for (const { path, bytes } of files) {
      attempt(faults, [id], () => writeFile(path, bytes))
      folders.set(dirname(path), [...(folders.get(dirname(path)) ?? []), id])
    }
  }
  for (const [folder, ids] of folders) attempt(faults, ids, () => syncFolder(folder))
  return faults
}

function attempt(faults: Map<number, string>, ids: readonly number[], work: () => void): void {
  try {
    work()
  } catch (error) {
    for (const id of ids) faults.set(id, (error as Error).message)
  }
}

function writeFile(path: string, bytes: Uint8Array): void {
  const file = openSync(path, 'wx', 0o600)
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
    fdatasyncSync(file)
  } finally {
    closeSync(file)
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
