import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/build.ts'],
    // No test changes what a module keeps, and to load every module anew for each file took a fifth of the time.
    isolate: false,
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // For what happens beside the test: the machine may be slow, or busy.
    expect: { poll: { timeout: 40_000 } },
  },
})
