import { run } from './cli.ts'
import { tool } from './tools.ts'

export interface MailServer {
  host: string
  port: number
  /** The name that its certificate must carry. */
  hostname: string
  ca: string
  account: { address: string; password: string }
}

export interface SwaksMail {
  to: string
  attachment: { file: string; name: string; type: string }
}

/**
 * Submits a message with swaks: STARTTLS with a check of the chain, AUTH PLAIN.
 * @returns the id that the reply to DATA gives
 * @throws with the last words of the dialogue when it was not accepted
 */
export async function submitWithSwaks(server: MailServer, mail: SwaksMail): Promise<string> {
  const { address, password } = server.account
  const { status, stdout, stderr } = await run(tool('swaks'), [
    ...['--server', server.host, '--port', String(server.port), '--ehlo', 'poste.test', '--timeout', '50'],
    ...['--tls', '--tls-verify', '--tls-ca-path', server.ca, '--tls-sni', server.hostname],
    ...['--auth', 'PLAIN', '--auth-user', address, '--auth-password', password],
    ...['--from', address, '--to', mail.to, '--header', 'Subject: essai'],
    ...['--body', 'Bonjour, voir le document joint.'],
    ...['--attach-type', mail.attachment.type, '--attach-name', mail.attachment.name, '--attach', `@${mail.attachment.file}`],
    '--suppress-data',
  ])
  const id = /^<~ {2}250 2\.0\.0 Accepted as (\S+)$/m.exec(stdout)?.[1]
  if (status !== 0 || !id) throw new Error(`swaks (${status}): ${stderr}${stdout.split('\n').slice(-6).join('\n')}`)
  return id
}

/**
 * Submits a message with curl: `smtp://` and `--ssl-reqd`, so STARTTLS; curl checks chain and name.
 * @param file the whole message, lines ended by CRLF
 * @returns curl's exit status (0: accepted) and its words
 */
export function submitWithCurl(server: MailServer, to: string, file: string): Promise<{ status: number; stderr: string }> {
  const { address, password } = server.account
  const at = `${server.hostname}:${server.port}`
  return run(tool('curl'), [
    ...['--silent', '--show-error', '--verbose', '--max-time', '50', '--ssl-reqd', '--cacert', server.ca],
    ...['--url', `smtp://${at}/poste.test`, '--resolve', `${at}:${server.host}`],
    ...['--user', `${address}:${password}`, '--mail-from', address, '--mail-rcpt', to, '--mail-auth', address],
    ...['--upload-file', file],
  ])
}
