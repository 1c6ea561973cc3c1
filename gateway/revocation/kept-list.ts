import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type ListFacts, readList } from '../../crypto/index.ts'

/** The last good copy of a list on the disk. */
export interface KeptList {
  /** @returns undefined when there is none that can be used */
  read(): Promise<ListFacts | undefined>
  write(list: ListFacts): Promise<void>
}

/** @param authority certificate, PEM @param file where its list is kept */
export function keptList(file: string, authority: string): KeptList {
  return {
    async read() {
      try {
        return readList(await readFile(file), authority)
      } catch {
        return undefined // it is fetched anew
      }
    },
    /** Written aside and put in place by rename: a reader sees the old list or the new one. */
    async write({ der }) {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      const aside = join(dirname(file), `.${process.pid}-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`)
      try {
        const handle = await open(aside, 'wx', 0o600)
        try {
          await handle.writeFile(der)
          await handle.sync()
        } finally {
          await handle.close()
        }
        await rename(aside, file)
      } catch (error) {
        await rm(aside, { force: true })
        throw error
      }
    },
  }
}
