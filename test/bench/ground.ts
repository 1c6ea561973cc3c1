import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** What every server of the bench is given: the same certificates and the same people. */
export interface Ground {
  /** Temporary folder, on a real disk; servers that do not run as root can pass through it. */
  folder: string
  /** PEM file of the roots. */
  ca: string
  server: PemFiles
  client: PemFiles
  sink: PemFiles
  recipients: { count: number; domain: string }
  senders: { address: string; password: string }[]
}

export interface PemFiles {
  certificate: string
  key: string
}

export async function prepareGround(folder: string): Promise<Ground> {
  const ssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
  ssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=ca', '-days', '10')
  const issue = (name: string) => {
    ssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    ssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', `${name}.pem`, '-days', '10')
    return { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) }
  }
  return {
    folder,
    ca: join(folder, 'ca.pem'),
    server: issue('server'),
    client: issue('client'),
    sink: issue('sink'),
    recipients: { count: 600_000, domain: 'b.mssante.test' },
    senders: Array.from({ length: 20 }, (_, n) => ({ address: `sender${n}@a.mssante.test`, password: 'x' })),
  }
}
