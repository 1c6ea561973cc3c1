import type { Command } from 'commander'
import { loadConfiguration, openLog } from '../../config/index.ts'
import { rereadEntries } from '../certificates/reread.ts'
import { startGateway } from '../main.ts'
import { checkAnsFiles, checkKeys } from '../readiness.ts'
import type { Reloads } from './reloads.ts'

export function serveCommand(program: Command, reloads?: Reloads): void {
  program
    .command('serve')
    .description('run an operator until a signal comes')
    .requiredOption('-c, --config <file>', 'configuration')
    .option('--attached', 'end when standard input ends, as the child of another program')
    .action(async ({ config, attached }: { config: string; attached?: boolean }) => {
      const configuration = loadConfiguration(config)
      checkKeys(config, configuration, Date.now())
      await checkAnsFiles(config, configuration)
      const log = openLog(configuration.log.level)
      // A promise that nobody waited for must not take the others' mail down with it.
      process.on('unhandledRejection', error => log.error('unhandled', {}, error))
      const gateway = await startGateway(configuration, log)
      console.log(`ready ${JSON.stringify(gateway.ports)}`)
      const signal = new Promise<string>(resolve => {
        for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, resolve) // a second one does not cut the first one's work short
        if (attached) process.stdin.on('end', () => resolve('end of input')).resume()
      })
      reloads?.begin(() => gateway.renew(rereadEntries(config, configuration, log)))
      const end = await Promise.race([signal, gateway.failed])
      if (typeof end !== 'string') {
        log.error('failed', {}, end)
        log.flush(() => process.exit(1)) // its rows say what was under way: the next one takes over
        return
      }
      log.info('stopping', { signal: end })
      await gateway.stop()
      log.flush(() => process.exit(0)) // a peer that never answers may still hold a socket
    })
}
