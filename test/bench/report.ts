import type { Figures } from './measure.ts'

export interface Run {
  server: string
  bytes: number
  round: number
  figures: Figures
}

const HEADINGS = ['size', 'server', 'accepted/s', 'delivered/s', 'CPU ms/msg', 'other cores', 'peak MB', 'processes', 'missing', 'doubles']

/** @returns the medians of several rounds, a line for each size and server, and the ratio of the first server to the second */
export function table(runs: Run[]): string {
  const rows: string[][] = []
  for (const bytes of distinct(runs.map(run => run.bytes))) {
    const servers = distinct(runs.map(run => run.server))
    const medians = servers.map(server => median(runs.filter(run => run.bytes === bytes && run.server === server).map(run => run.figures)))
    for (const [index, figures] of medians.entries()) rows.push([`${bytes / 1000} KB`, servers[index]!, ...cells(figures)])
    const [first, second] = medians
    if (first && second) rows.push([`${bytes / 1000} KB`, `${servers[0]} / ${servers[1]}`, ...ratios(first, second)])
  }
  return align([HEADINGS, ...rows])
}

export function median(all: Figures[]): Figures {
  const middle = (key: keyof Omit<Figures, 'trouble'>) => {
    const sorted = all.map(figures => figures[key]).sort((a, b) => a - b)
    const half = (sorted.length - 1) / 2
    return (sorted[Math.floor(half)]! + sorted[Math.ceil(half)]!) / 2
  }
  const worst = (key: 'missing' | 'doubles' | 'refused') => Math.max(...all.map(figures => figures[key]))
  return {
    accepted: middle('accepted'),
    delivered: middle('delivered'),
    deliveredUnderLoad: middle('deliveredUnderLoad'),
    bench: middle('bench'),
    others: middle('others'),
    cpuPerMessage: middle('cpuPerMessage'),
    memory: middle('memory'),
    processes: middle('processes'),
    // A loss in one round of three is a loss: these are not medians.
    missing: worst('missing'),
    doubles: worst('doubles'),
    refused: worst('refused'),
  }
}

function cells(figures: Figures): string[] {
  return [
    figures.accepted.toFixed(0),
    figures.delivered.toFixed(0),
    (figures.cpuPerMessage * 1000).toFixed(2),
    figures.others.toFixed(1),
    (figures.memory / 1e6).toFixed(0),
    figures.processes.toFixed(0),
    String(figures.missing),
    String(figures.doubles),
  ]
}

function ratios(first: Figures, second: Figures): string[] {
  const ratio = (key: 'accepted' | 'delivered' | 'cpuPerMessage' | 'memory') => (first[key] / second[key]).toFixed(2)
  return [ratio('accepted'), ratio('delivered'), ratio('cpuPerMessage'), '', ratio('memory'), '', '', '']
}

function align(rows: string[][]): string {
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows
    .map(row => row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  '))
    .join('\n')
}

function distinct<T>(values: T[]): T[] {
  return [...new Set(values)]
}
