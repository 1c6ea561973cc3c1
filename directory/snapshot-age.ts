import type { Directory } from './snapshot.ts'

type Dated = Pick<Directory, 'importedAt' | 'generatedAt'>

const DAY = 86_400_000

/** @returns milliseconds since the publisher made what the directory says, or since it was imported when that is not known */
export function directoryAge({ importedAt, generatedAt }: Dated, now: number): number {
  return now - (generatedAt ?? importedAt).getTime()
}

/**
 * The publication has gaps of days while the directory itself goes on changing, and somebody must notice.
 * @param options.onOld told at once, and then once a day, while the directory is older than `maxAge` milliseconds; it stays in use
 * @returns what looks; call it now and then
 */
export function openAgeAlarm(options: { directory: Dated; maxAge: number; now: () => number; onOld: (age: number) => void }): () => void {
  const { directory, maxAge, now, onOld } = options
  let toldAt: number | undefined
  return () => {
    const age = directoryAge(directory, now())
    if (age <= maxAge) {
      toldAt = undefined
      return
    }
    if (toldAt !== undefined && Math.abs(now() - toldAt) < DAY) return // a clock that was set back silences nothing
    toldAt = now()
    onOld(age)
  }
}
