import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Anchors, createIdentity, type Identity, loadAnchors } from '../../../crypto/index.ts'
import { type CertificateRequest, createPki, type IdentityPaths, type Issued, type Pki, writeIdentity } from '../../world/pki.ts'

export type KeyName = 'rsa' | 'ec' | 'ec384'

/** Someone of the S/MIME tests: a certificate of the test PKI, its files for openssl, and the identity made of it. */
export interface Person {
  issued: Issued
  identity: Identity
  paths: IdentityPaths
}

export interface CmsWorld extends AsyncDisposable {
  folder: string
  now: Date
  pki: Pki
  anchors: Anchors
  anchorPaths: { anchors: string[]; crls: string[] }
  /** One for each kind of key. */
  people: Record<KeyName, Person>
  person(name: string, request?: Partial<CertificateRequest>): Promise<Person>
}

/** A PKI and three people with mail certificates. @param now real time where openssl judges too */
export async function createCmsWorld(now: Date): Promise<CmsWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'pli-cms-'))
  const pki = await createPki({ now })
  const anchorPaths = await pki.write(folder)
  const person = async (name: string, request: Partial<CertificateRequest> = {}): Promise<Person> => {
    const email = `${name}@a.mssante.test`
    const issued = await pki.issue({
      ...{ kind: 'mail', organization: 'HÔPITAL FICTIF', structure: '1130000001', commonName: email, emails: [email] },
      ...request,
    })
    const paths = await writeIdentity(folder, name, issued, pki)
    const certificatePem = `${issued.certificatePem}\n${pki.authorities[1]}`
    return { issued, paths, identity: createIdentity({ certificatePem, keyPem: issued.keyPem }, now) }
  }
  const [rsa, ec, ec384] = await Promise.all([person('rsa'), person('ec', { key: 'ec' }), person('ec384', { key: 'ec384' })])
  return {
    ...{ folder, now, pki, anchorPaths, anchors: loadAnchors(anchorPaths), people: { rsa, ec, ec384 }, person },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}
