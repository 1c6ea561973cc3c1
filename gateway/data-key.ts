import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const KEY_BYTES = 32

/**
 * A key that lies beside the database, not in it; made when it is asked for first.
 * @throws one sentence when its file holds something else
 */
export function dataKey(data: string, name: 'patients' | 'console'): Buffer {
  const file = join(data, `${name}.key`)
  try {
    writeFileSync(file, randomBytes(KEY_BYTES), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const key = readFileSync(file)
  // Left behind by a crash or a full disk: under an empty key a patient's number could be found by trying them all.
  if (key.length !== KEY_BYTES) throw new Error(`${file} does not hold a key of ${KEY_BYTES} octets: put the right one back`)
  return key
}
