import { Command, InvalidArgumentError } from 'commander'
import { benchCrypto } from './crypto.ts'
import { benchDirectory } from './directory.ts'
import { benchDmp } from './dmp.ts'
import { benchRelay } from './relay.ts'

const program = new Command('bench')
program
  .command('relay')
  .description('ours and Postfix in turn: messages a second accepted and relayed')
  .option('--seconds <n>', 'measured time of each run', positive, 15)
  .option('--rounds <n>', 'runs of each server and size', positive, 3)
  .option('--sizes <list>', 'message sizes in KB', list, [10, 100])
  .option('--only <server>', 'ours or postfix')
  .option('--dir <folder>', 'where to put queues: a real disk')
  .option('--prof <folder>', 'run ours with --cpu-prof, profiles there')
  .option('--json <file>', 'write every run to this file')
  .action(benchRelay)
program
  .command('directory')
  .description('a large extract: import, swap under load, search as a person types')
  .option('--lines <n>', 'of each extract', positive, 600_000)
  .option('--dir <folder>', 'where to put some 1.5 GB')
  .option('--json <file>', 'write every figure to this file')
  .action(benchDirectory)
program
  .command('crypto')
  .description('sign and encrypt a mail, beside the raw operations of OpenSSL that it contains')
  .option('--seconds <n>', 'measured time of each profile', positive, 10)
  .option('--kilobytes <n>', 'size of the mail', positive, 100)
  .option('--json <file>', 'write every figure to this file')
  .action(benchCrypto)
program
  .command('dmp')
  .description('recognise, judge, build and sign a document for the DMP, beside the bare operations that it contains')
  .option('--seconds <n>', 'measured time', positive, 20)
  .option('--kilobytes <n>', 'size of the PDF in the document', positive, 1000)
  .option('--json <file>', 'write every figure to this file')
  .action(benchDmp)
try {
  await program.parseAsync()
} catch (error) {
  console.error(`bench: ${(error as Error).message}`)
  process.exit(1) // timers of the run that failed would keep the process
}

function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('a number above 0')
  return value
}

function list(text: string): number[] {
  return text.split(',').map(positive)
}
