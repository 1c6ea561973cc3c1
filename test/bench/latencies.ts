/** Milliseconds of one question after the other, in one process. */
export interface Latencies {
  what: string
  count: number
  median: number
  p99: number
  most: number
  /** CPU time, which a busy machine changes less. */
  cpuP99: number
}

/** Asks each question once to warm up, then once to measure. */
export function latenciesOf<T>(what: string, questions: readonly T[], ask: (question: T) => unknown): Latencies {
  for (const question of questions) ask(question)
  const times = questions.map(question => {
    const [from, cpu] = [performance.now(), process.cpuUsage()]
    ask(question)
    const { user, system } = process.cpuUsage(cpu)
    return { wall: performance.now() - from, cpu: (user + system) / 1000 }
  })
  const wall = times.map(time => time.wall)
  const at = (share: number) => quantile(wall, share)
  return {
    what,
    count: times.length,
    median: at(0.5),
    p99: at(0.99),
    most: at(1),
    cpuP99: quantile(
      times.map(time => time.cpu),
      0.99,
    ),
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
