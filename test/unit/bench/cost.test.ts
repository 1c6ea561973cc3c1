import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { costOf, machineSeconds } from '../../bench/cost.ts'

test('counts the CPU time of children that have ended', () => {
  const before = { tree: costOf(process.pid), machine: machineSeconds() }
  execFileSync(process.execPath, ['-e', 'const end = process.cpuUsage().user + 3e5; while (process.cpuUsage().user < end);'])
  const after = costOf(process.pid)
  expect(after.cpuSeconds - before.tree.cpuSeconds).toBeGreaterThan(0.29)
  expect(machineSeconds() - before.machine).toBeGreaterThan(0.29)
  expect(after.memory).toBeGreaterThan(10e6)
})
