/**
 * A clock of this process's own work: what other processes do on the machine does not count.
 * @returns what tells the milliseconds of user CPU since now
 */
export function cpuClock(): () => number {
  const start = process.cpuUsage().user
  return () => (process.cpuUsage().user - start) / 1000
}
