import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../support/cli.ts'
import { tool } from '../../support/tools.ts'
import type { ListedOperator } from '../../world/index.ts'
import { type PeerLetter, startPeer } from '../../world/peer.ts'
import type { CertificateRequest, Issued, Pki } from '../../world/pki.ts'
import { HOSPITALS } from '../../world/places.ts'

/** Domains of another operator, each a case. */
export const DOMAINS = {
  /** encrypted to a whole domain */
  whole: 'domaine.gamma.mssante.example',
  /** to one of its boxes */
  boxes: 'boites.gamma.mssante.example',
  /** nothing is known */
  none: 'rien.gamma.mssante.example',
  /** must be encrypted, and nothing is known */
  required: 'exige.gamma.mssante.example',
  revoked: 'revoque.gamma.mssante.example',
} as const

export const boxAt = (domain: string, local = 'accueil') => `${local}@${domain}`

/** Another operator: it takes every letter, keeps it, and opens it with `openssl cms`, which shares no code with us. */
export interface Gamma extends AsyncDisposable {
  listed: ListedOperator[]
  /** Certificates of a domain, of a box, and one that was revoked. */
  certificates: Record<'whole' | 'box' | 'revoked', Issued>
  /** What it has taken for a recipient so far. */
  taken(recipient: string): PeerLetter[]
}

export async function startGamma(pki: Pki): Promise<Gamma> {
  const ours = { organization: 'OPERATEUR GAMMA', structure: '1699999025' }
  const mail = (email: string, more: Partial<CertificateRequest> = {}) =>
    pki.issue({ kind: 'mail', commonName: email, emails: [email], ...ours, ...more })
  const [server, whole, box, revoked] = await Promise.all([
    pki.issue({ kind: 'server', commonName: 'smtp.gamma.mssante.example', key: 'ec', ...ours }),
    mail(`domain-confidentiality-authority@${DOMAINS.whole}`),
    mail(boxAt(DOMAINS.boxes), { key: 'ec' }),
    mail(boxAt(DOMAINS.revoked), { key: 'ec' }),
  ])
  pki.revoke(revoked)
  const peer = await startPeer({ shows: { cert: server.certificatePem + pki.authorities[1], key: server.keyPem } })
  const place = HOSPITALS[0]!
  const boxes = (domain: string) =>
    ['accueil', 'chirurgie'].map(local => ({
      ...{ address: boxAt(domain, local), operator: 'beta' as const, type: 'ORG' as const },
      ...{ place, service: local, name: `${local}, ${place.name}` },
    }))
  const listed = Object.values(DOMAINS).map(domain => ({
    ...{ domain, dn: server.subject, description: 'Opérateur Gamma (fictif)' },
    ...{ route: `127.0.0.1:${peer.port}`, boxes: boxes(domain) },
  }))
  return {
    listed,
    certificates: { whole, box, revoked },
    taken: to => peer.letters.filter(({ recipient }) => recipient === to),
    [Symbol.asyncDispose]: () => peer.close(),
  }
}

/** Opens a letter as its recipient does: decrypted with a key, then verified. @returns what was signed */
export async function opened(folder: string, { content }: PeerLetter, by: Issued, anchors: readonly string[]): Promise<string> {
  const file = (name: string) => join(folder, `opened.${name}`)
  await writeFile(file('eml'), content, 'latin1')
  await writeFile(file('pem'), by.certificatePem)
  await writeFile(file('key'), by.keyPem, { mode: 0o600 })
  await writeFile(file('ca'), anchors.join('\n'))
  await openssl('-decrypt', '-in', file('eml'), '-recip', file('pem'), '-inkey', file('key'), '-out', file('signed'))
  await openssl('-verify', '-in', file('signed'), '-CAfile', file('ca'), '-signer', file('signer'), '-out', file('letter'))
  const { stdout } = await run('cat', [file('signer'), file('letter')])
  return stdout
}

async function openssl(...args: string[]): Promise<void> {
  const { status, stderr } = await run(tool('openssl'), ['cms', ...args])
  if (status !== 0) throw new Error(`openssl cms ${args[0]}: ${stderr}`)
}
