import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs'

/** A file that was not there before, being written for somebody. Disposed of before it is kept, it is gone again. */
export interface FreshFile extends Disposable {
  /** @throws Error with one sentence, as the two below */
  write(part: Uint8Array | string): void
  /** After it the octets are on the disk. Of several files that belong together all are synced before one is kept. */
  sync(): void
  keep(): void
}

/**
 * Makes a file that nobody had: what is there is never written over, and nothing half written stays.
 * @param mode for its owner alone unless said
 * @throws the system's error (EEXIST, ENOENT, …), which names the file; nothing was made then
 */
export function freshFile(file: string, mode = 0o600): FreshFile {
  const handle = openSync(file, 'wx', mode)
  let isKept = false
  const attempt = (work: () => void) => {
    try {
      work()
    } catch (cause) {
      throw new Error(`${file} could not be written, and nothing of it is left: ${(cause as Error).message}`, { cause })
    }
  }
  return {
    write: part => attempt(() => writeFileSync(handle, part)),
    sync: () => attempt(() => fsyncSync(handle)),
    keep() {
      isKept = true
    },
    [Symbol.dispose]() {
      closeSync(handle)
      if (!isKept) rmSync(file, { force: true })
    },
  }
}

/** One whole file, as {@link freshFile} makes it. */
export function writeFresh(file: string, content: Uint8Array | string, mode?: number): void {
  using fresh = freshFile(file, mode)
  fresh.write(content)
  fresh.sync()
  fresh.keep()
}
