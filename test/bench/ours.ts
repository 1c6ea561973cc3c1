import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { compiled } from '../../config/paths.ts'
import { createMailboxKeys, createMasterKeyFile } from '../../crypto/index.ts'
import { openBoxes, openData } from '../../gateway/data.ts'
import { freePort } from '../world/ports.ts'
import { addresses } from './boxes.ts'
import type { Contender, Running } from './contender.ts'
import { type Ground, HOSTS } from './ground.ts'
import { untilListening } from './listening.ts'

/**
 * `pli serve` in a process of its own.
 * @param profiles folder for the CPU profile of each thread; none are made without it
 */
export function ours(ground: Ground, profiles?: string): Contender {
  return { name: 'ours', start: ({ folder, sinkPort }) => start(ground, folder, sinkPort, profiles) }
}

async function start(ground: Ground, folder: string, sinkPort: number, profiles?: string): Promise<Running> {
  const port = await freePort()
  const data = join(folder, 'data')
  const file = join(folder, 'pli.json')
  await mkdir(data)
  createMasterKeyFile(join(folder, 'master.keys'))
  createMailboxKeys(join(folder, 'mailboxes'))
  await writeFile(file, JSON.stringify(configuration(ground, data, port, sinkPort)))
  await createBoxes(ground, data)

  const log = join(folder, 'pli.log')
  const output = openSync(log, 'w')
  const profiling = profiles ? ['--cpu-prof', `--cpu-prof-dir=${profiles}`] : []
  // A session of its own, as Postfix makes for itself: Linux shares the CPU among sessions first (sched(7), autogroup).
  const child = spawn(process.execPath, [...profiling, compiled('gateway/cli/pli'), 'serve', '-c', file], {
    stdio: ['ignore', output, output],
    detached: true,
  })
  closeSync(output)
  const ended = once(child, 'exit')
  await untilListening(port, ended)
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
  }
  return { port, pid: child.pid!, log, stop }
}

/** Everything that a configuration can switch on is on. No document is filed, since the letters hold none: nobody listens at the DMP's port. */
function configuration(ground: Ground, data: string, port: number, sinkPort: number) {
  const { trust, whiteList, server, client, signature, senders, recipients } = ground
  const identity = ({ certificate, key, chain }: Ground['server']) => ({ certificate, key, chain })
  const loopback = (listenPort: number) => ({ host: '127.0.0.1', port: listenPort })
  return {
    name: 'Opérateur fictif',
    hostname: HOSTS.server,
    domains: [senders.domain],
    postmaster: `postmaster@${senders.domain}`,
    data,
    masterKeys: { file: 'master.keys' },
    mailboxes: { publicKey: 'mailboxes.pub' },
    listen: { submission: loopback(port), submissions: loopback(0), reception: loopback(0) },
    tls: { ...identity(server), ...trust },
    signature: identity(signature),
    whiteList: { ...whiteList, ...trust },
    directory: { file: ground.directory },
    routes: { [recipients.domain]: `127.0.0.1:${sinkPort}` },
    dmp: {
      url: 'https://127.0.0.1:9',
      trust,
      client: identity(client),
      signature: identity(signature),
      structure: '1750803447',
      structureName: 'OPERATEUR FICTIF',
      responsible: { idNatPs: '899000000000', name: 'Responsable Fictif' },
      software: { name: 'Pli', version: '0', lpsId: '0', homologation: '0', model: 'Pli', service: 'bench' },
    },
  }
}

/** The bench's senders, declared, so that the bridge has its say about each message. */
async function createBoxes({ senders }: Ground, data: string): Promise<void> {
  const db = await openData(data)
  const boxes = openBoxes(db, Date.now)
  for (const address of addresses(senders)) {
    const box = { name: 'Service fictif', structures: ['1750803447'], responsible: 'Responsable Fictif' }
    await boxes.create({ address, type: 'ORG', ...box }, senders.password, 'bench')
    await boxes.declare(address, 'bench')
  }
  await db.close()
}
