import { runPli } from '../../gateway/cli/program.ts'
import type { CliResult } from './cli.ts'

/**
 * What `pli` does, in this process: without the second that a process takes to start. One at a time, since it hears whatever this process says;
 * of what it says with `console`, it hears nothing.
 */
export async function pliHere(...args: string[]): Promise<CliResult> {
  const said = { stdout: '', stderr: '' }
  const restore = (['stdout', 'stderr'] as const).map(name => {
    const { write } = process[name]
    process[name].write = ((text: string | Uint8Array) => {
      said[name] += typeof text === 'string' ? text : Buffer.from(text).toString()
      return true
    }) as typeof write
    return () => {
      process[name].write = write
    }
  })
  const before = process.exitCode
  process.exitCode = undefined
  try {
    const status = await runPli(args)
    return { status: status || Number(process.exitCode ?? 0), ...said }
  } finally {
    process.exitCode = before
    for (const back of restore) back()
  }
}
