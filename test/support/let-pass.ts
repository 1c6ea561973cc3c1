/** Lets time pass by a clock that is a number: the bridge does at each moment what is due then, as it would by its own timers. */
export async function letPass(
  clock: { now: number },
  bridge: { drain(): Promise<number | undefined> },
  milliseconds: number,
): Promise<void> {
  const end = clock.now + milliseconds
  for (;;) {
    const wakeAt = await bridge.drain()
    if (wakeAt === undefined || wakeAt > end) break
    clock.now = Math.max(wakeAt, clock.now + 1)
  }
  clock.now = end
}
