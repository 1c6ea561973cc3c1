import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tool } from '../support/tools.ts'
import { freePort } from '../world/ports.ts'
import { addresses, type Boxes } from './boxes.ts'
import type { Contender, Running } from './contender.ts'
import type { Ground } from './ground.ts'
import { untilListening } from './listening.ts'

/** Debian's Postfix with a configuration folder, queue, data folder, port and master of its own. Root is needed: Postfix wants to own its queue. */
export function postfix(ground: Ground): Contender {
  if (process.getuid?.() !== 0) throw new Error('Postfix can only be started by root')
  const maps = buildMaps(ground)
  return { name: 'postfix', start: options => start({ ...options, ground, maps }) }
}

interface Setup {
  folder: string
  sinkPort: number
  ground: Ground
  maps: { senders: string; recipients: string }
}

async function start(setup: Setup): Promise<Running> {
  const port = await freePort()
  const conf = join(setup.folder, 'conf')
  for (const folder of ['conf', 'queue', 'data']) mkdirSync(join(setup.folder, folder), { mode: 0o755 })
  execFileSync('chown', ['postfix', join(setup.folder, 'data')])
  writeFileSync(join(conf, 'main.cf'), mainCf(setup))
  writeFileSync(join(conf, 'master.cf'), masterCf(port))

  const output = openSync(join(setup.folder, 'start.log'), 'w')
  const child = spawn(tool('postfix'), ['-c', conf, 'start-fg'], { stdio: ['ignore', output, output] })
  closeSync(output)
  const ended = once(child, 'exit')
  await untilListening(port, ended)
  const stop = async () => {
    execFileSync(tool('postfix'), ['-c', conf, 'stop'], { stdio: 'ignore' })
    await ended
  }
  return { port, pid: child.pid!, log: join(setup.folder, 'mail.log'), stop }
}

/** The same questions that ours asks its directory, in Postfix's fastest read-only table. Built once. */
function buildMaps({ folder, senders, recipients }: Ground): Setup['maps'] {
  const build = (name: string, everybody: Boxes[]) => {
    const file = join(folder, name)
    const lines = everybody.flatMap(boxes => [...addresses(boxes)].map(address => `${address} OK\n`))
    writeFileSync(file, lines.join(''))
    execFileSync('/usr/sbin/postmap', [`lmdb:${file}`], { stdio: 'inherit' })
    return file
  }
  return { senders: build('senders', [senders, recipients]), recipients: build('recipients', [recipients]) }
}

/** Each line that is not a matter of course has its reason in this folder's README. */
function mainCf({ folder, sinkPort, ground, maps }: Setup): string {
  return `compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
maillog_file = ${folder}/mail.log
maillog_file_prefixes = ${folder}
lmdb_map_size = 268435456

myhostname = postfix.mssante.example
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
biff = no
message_size_limit = 104857600

smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = ${ground.server.full}
smtpd_tls_key_file = ${ground.server.key}
smtpd_sender_restrictions = check_sender_access lmdb:${maps.senders}, reject
smtpd_relay_restrictions = check_recipient_access lmdb:${maps.recipients}, reject
smtpd_forbid_bare_newline = yes
smtpd_client_event_limit_exceptions = static:all

relayhost = [127.0.0.1]:${sinkPort}
smtp_tls_security_level = encrypt
smtp_tls_cert_file = ${ground.client.full}
smtp_tls_key_file = ${ground.client.key}
smtp_tls_CAfile = ${ground.ca}
smtp_tls_connection_reuse = yes
smtp_connection_cache_on_demand = yes
smtp_connection_cache_destinations = [127.0.0.1]:${sinkPort}
initial_destination_concurrency = 20
default_destination_concurrency_limit = 40
in_flow_delay = 0
hash_queue_names = deferred, defer, active, incoming
`
}

/** Debian's services, without chroot, and only those that a relay uses. */
function masterCf(port: number): string {
  return `127.0.0.1:${port} inet n - n - - smtpd
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
tlsproxy  unix  -       -       n       -       0       tlsproxy
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
`
}
