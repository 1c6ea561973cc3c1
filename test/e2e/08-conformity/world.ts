import { dnFromRdns } from '../../../directory/index.ts'
import type { ListedOperator } from '../../world/index.ts'
import { type Peer, startPeer } from '../../world/peer.ts'
import type { FictionalBox } from '../../world/people.ts'
import { type CertificateRequest, createPki, type Issued, type Pki } from '../../world/pki.ts'
import { HOSPITALS } from '../../world/places.ts'

const DAY = 86_400_000

/** The six negative cases of the national test tool MOTCO1, by its own names (they stand in the published white list). */
export const CASES = ['cert-expire', 'cert-revoque', 'cert-non-igc', 'cert-cn-diff-dn', 'cert-no-match', 'sans-tls'] as const
export type Case = (typeof CASES)[number]

/** What must pass: the positive case, and a name written in two code points on one side and in one on the other (directory/README.md). */
export const RIGHT = ['cert-valide', 'accents-nfd-certificate', 'accents-nfd-list'] as const
export type Name = Case | (typeof RIGHT)[number]

export interface Tool {
  /** What it shows, as a client and as a server; nothing for sans-tls. */
  certificates: Partial<Record<Name, { cert: string; key: string }>>
  peers: Record<Name, Peer>
  listed: ListedOperator[]
  close(): Promise<void>
}

export const domainOf = (name: Name) => `${name}-audit.motco.example`
export const boxOf = (name: Name) => `essai@${domainOf(name)}`

/** One operator for each case: listed, certified, running, and right in everything but the one thing that its name says. */
export async function startTool(pki: Pki): Promise<Tool> {
  const now = new Date()
  const stranger = await createPki({ now, label: 'OTHER' })
  const request = (name: Name, other: Partial<CertificateRequest> = {}): CertificateRequest => ({
    kind: 'server',
    commonName: `${name}.motco.example`,
    organization: 'OUTIL FICTIF',
    structure: '1699999025',
    ...other,
  })
  const past = { notBefore: new Date(now.getTime() - 30 * DAY), notAfter: new Date(now.getTime() - DAY) }
  const accented = 'HÔPITAL ÉLÉONORE FICTIF'
  const [valid, expired, revoked, foreign, renamed, decomposed, composed] = await Promise.all([
    pki.issue(request('cert-valide', { organization: 'AUTRE OPERATEUR FICTIF' })),
    pki.issue(request('cert-expire', past)),
    pki.issue(request('cert-revoque')),
    stranger.issue(request('cert-non-igc')),
    pki.issue(request('cert-cn-diff-dn', { commonName: 'renamed.motco.example' })),
    pki.issue(request('accents-nfd-certificate', { organization: accented.normalize('NFD') })),
    pki.issue(request('accents-nfd-list', { organization: accented.normalize('NFC') })),
  ])
  pki.revoke(revoked)
  const shown = ({ certificatePem, keyPem }: Issued, by: Pki = pki) => ({ cert: certificatePem + by.authorities[1], key: keyPem })
  const certificates: Tool['certificates'] = {
    'cert-expire': shown(expired),
    'cert-revoque': shown(revoked),
    'cert-non-igc': shown(foreign, stranger),
    'cert-cn-diff-dn': shown(renamed),
    'cert-no-match': shown(valid),
    'cert-valide': shown(valid),
    'accents-nfd-certificate': shown(decomposed),
    'accents-nfd-list': shown(composed),
  }
  const named = (name: Name, subject = valid.subject) =>
    subject.map(rdn => (rdn.type === 'CN' ? { ...rdn, value: `${name}.motco.example` } : rdn))
  const names: Record<Name, ListedOperator['dn']> = {
    'cert-expire': expired.subject,
    'cert-revoque': revoked.subject,
    'cert-non-igc': foreign.subject,
    'cert-cn-diff-dn': named('cert-cn-diff-dn', renamed.subject),
    'cert-no-match': named('cert-no-match'),
    'sans-tls': named('sans-tls'),
    'cert-valide': valid.subject,
    'accents-nfd-certificate': dnFromRdns(decomposed.subject).toString().normalize('NFC'),
    'accents-nfd-list': dnFromRdns(composed.subject).toString().normalize('NFD'),
  }
  const peers = {} as Record<Name, Peer>
  const listed: ListedOperator[] = []
  for (const name of [...CASES, ...RIGHT]) {
    peers[name] = await startPeer({ shows: certificates[name] })
    const route = `127.0.0.1:${peers[name].port}`
    listed.push({ domain: domainOf(name), dn: names[name], description: `Outil fictif, ${name}`, route, boxes: [box(name)] })
  }
  return { certificates, peers, listed, close: async () => void (await Promise.all(Object.values(peers).map(peer => peer.close()))) }
}

function box(name: Name): FictionalBox {
  const place = HOSPITALS[0]!
  return { address: boxOf(name), operator: 'beta', type: 'ORG', place, service: 'Essais', name: `Essais, ${place.name}` }
}
