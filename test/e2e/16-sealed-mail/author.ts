import { spawnSync } from 'node:child_process'
import { tool } from '../../support/tools.ts'
import type { IdentityPaths } from '../../world/pki.ts'

const MOST = 64 * 1024 * 1024
export const OAEP = ['-keyopt', 'rsa_padding_mode:oaep', '-keyopt', 'rsa_oaep_md:sha256']
export const ECDH = ['-keyopt', 'ecdh_kdf_md:sha256', '-aes256-wrap']

/** Fields outside: without the protection of the header that RFC 9788 gives. */
export interface Outside {
  from: string
  to: string
  subject?: string
}

function outer({ from, to, subject = 'Lettre' }: Outside): string[] {
  return ['-from', from, '-to', to, '-subject', subject]
}

/** `openssl cms` as the author of a mail. @returns what it writes, with the line ends of mail */
function cms(input: Buffer, ...args: string[]): Buffer {
  const { status, stdout, stderr } = spawnSync(tool('openssl'), ['cms', ...args], { input, maxBuffer: MOST })
  if (status !== 0) throw new Error(`openssl cms ${args[0]}: ${stderr.toString()}`)
  return Buffer.from(stdout.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1')
}

/** @param outside absent when it is encrypted afterwards */
export function signed(entity: Buffer, by: IdentityPaths, outside?: Outside, form: 'detached' | 'opaque' = 'detached'): Buffer {
  const args = ['-signer', by.certificate, '-inkey', by.key, '-certfile', by.chain, '-md', 'sha256']
  return cms(entity, '-sign', ...args, ...(form === 'opaque' ? ['-nodetach'] : []), ...(outside ? outer(outside) : []))
}

/** @param args to whom, and how: `-recip FILE -keyopt …` */
export function encrypted(entity: Buffer, cipher: 'aes-256-cbc' | 'aes-256-gcm', args: readonly string[], outside: Outside): Buffer {
  return cms(entity, '-encrypt', `-${cipher}`, ...outer(outside), ...args)
}

/** @returns whether openssl finds the signature right */
export function verifies(mail: Buffer, authorities: string): boolean {
  const { status } = spawnSync(tool('openssl'), ['cms', '-verify', '-CAfile', authorities, '-out', '/dev/null'], {
    input: mail,
    maxBuffer: MOST,
  })
  return status === 0
}

/** What is inside: a MIME entity. @param fields of the header, protected (RFC 9788) when the Content-Type says so */
export function entity(text: string, fields: readonly string[] = [], type = 'text/plain; charset=utf-8'): Buffer {
  return Buffer.from([...fields, `Content-Type: ${type}`, '', text, ''].join('\r\n'))
}

/** One octet in the middle of a line of base64, near the end, is another. */
export function altered(mail: Buffer): Buffer {
  const text = mail.toString('latin1').trimEnd()
  const at = text.lastIndexOf('\r\n', text.length - 100) + 20
  const other = text[at] === 'A' ? 'B' : 'A'
  return Buffer.from(`${text.slice(0, at)}${other}${text.slice(at + 1)}\r\n`, 'latin1')
}
