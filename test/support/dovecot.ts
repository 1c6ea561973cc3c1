import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../world/ports.ts'
import { type CliResult, run } from './cli.ts'
import { tool } from './tools.ts'
import { until } from './until.ts'

/** A Dovecot of our own on a free loopback port: one user, whose mail is one Maildir. */
export interface Dovecot extends AsyncDisposable {
  /** Asks by curl. @param path of the URL, e.g. `INBOX;UID=1`; @param request another one than that of the URL */
  ask(path: string, request?: string): Promise<CliResult>
  /** Appends a mail to the inbox, as a client does. */
  append(mail: string): Promise<CliResult>
  log(): string
}

/** Dovecot runs no mail process as root. */
const MAIL_USER = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : { uid: userInfo().uid, gid: userInfo().gid }
const LOGIN_USER = process.getuid?.() === 0 ? 'dovenull' : userInfo().username

/** @returns a new folder that the mail process may enter, whoever it runs as; to be removed by the caller */
export function folderForDovecot(): string {
  const folder = mkdtempSync('/tmp/pli-dovecot-') // its sockets have short names
  chmodSync(folder, 0o755)
  return folder
}

/**
 * @param mail holds the Maildir, made by {@link folderForDovecot}: from then on it is the mail user's
 * @param privateKey file; without it Dovecot knows the public key only
 */
export async function startDovecot(options: { mail: string; maildir: string; publicKey: string; privateKey?: string }): Promise<Dovecot> {
  const folder = folderForDovecot()
  mkdirSync(join(folder, 'home'))
  for (const path of [join(folder, 'home'), ...below(options.mail)]) chownSync(path, MAIL_USER.uid, MAIL_USER.gid)
  const port = await freePort()
  writeFileSync(join(folder, 'dovecot.conf'), configuration({ ...options, folder, port }))
  const child = spawn(tool('dovecot'), ['-F', '-c', join(folder, 'dovecot.conf')], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  const log = () => readFileSync(join(folder, 'dovecot.log'), 'utf8')
  const curl = (path: string, ...args: string[]) =>
    run(tool('curl'), ['-sS', '--max-time', '20', '-u', 'personne:secret', '--url', `imap://127.0.0.1:${port}/${path}`, ...args])
  await until('Dovecot answers', () => answers(port)).catch(error => {
    throw new Error([error.message, ...log().trimEnd().split('\n').slice(-10)].join('\n'))
  })
  return {
    ask: (path, request) => curl(path, ...(request ? ['-X', request] : [])),
    async append(mail) {
      writeFileSync(join(folder, 'mail'), mail)
      return curl('INBOX', '-T', join(folder, 'mail'))
    },
    log,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

interface Setup {
  folder: string
  port: number
  maildir: string
  publicKey: string
  privateKey?: string
}

/** The part `plugin` is what the README asks of an operator. */
function configuration({ folder, port, maildir, publicKey, privateKey }: Setup): string {
  return `
base_dir = ${folder}/run
state_dir = ${folder}/run
log_path = ${folder}/dovecot.log
protocols = imap
ssl = no
disable_plaintext_auth = no
listen = 127.0.0.1
default_internal_user = ${userInfo().username}
default_internal_group =
default_login_user = ${LOGIN_USER}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:${maildir}:INDEX=MEMORY
mail_plugins = mail_crypt
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=${MAIL_USER.uid} gid=${MAIL_USER.gid} home=${folder}/home
}
service imap-login {
  chroot =
  inet_listener imap {
    address = 127.0.0.1
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
service anvil {
  chroot =
}
plugin {
  ${privateKey ? `mail_crypt_global_private_key = <${privateKey}` : ''}
  mail_crypt_global_public_key = <${publicKey}
  mail_crypt_save_version = 2
}
`
}

function below(folder: string): string[] {
  return readdirSync(folder, { recursive: true }).map(name => join(folder, String(name)))
}

/** @returns whether it greets */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    const [greeting] = await once(socket, 'data')
    return String(greeting).startsWith('* OK')
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
