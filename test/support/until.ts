/**
 * Looks again and again until what other processes do is there. For what crosses a process; inside one, await the event itself.
 * @param look returns undefined (or false) while it is not there yet
 * @param what for the error, when the time is up
 * @param patience milliseconds
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  patience = 40_000,
): Promise<T> {
  for (const end = performance.now() + patience; ; ) {
    const found = await look()
    if (found !== undefined && found !== false) return found as T
    if (performance.now() > end) throw new Error(`waited ${patience} ms in vain: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}
