import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AnchorPaths, Pki } from '../pki.ts'
import { type PscSimulator, startPscSimulator } from './index.ts'

/** The part `signIn` of a configuration. */
export interface SignInConfiguration {
  psc: {
    issuer: string
    jwks: string
    introspection: { url: string; clientId: string; clientSecret: string }
    audience: string[]
    anchors: string[]
  }
  certificates: AnchorPaths
}

/**
 * Starts the simulator with a certificate of the PKI, and writes what an administrator writes so that an operator takes its tokens, and the certificates
 * of the PKI too.
 */
export async function startPscFor(options: { pki: Pki; folder: string; port?: number | undefined }): Promise<{
  psc: PscSimulator
  signIn: SignInConfiguration
  /** The part `console.psc`. */
  web: { issuer: string; clientId: string; clientSecret: string; anchors: string[] }
}> {
  const { pki, folder, port } = options
  await mkdir(folder, { recursive: true })
  const { certificatePem, keyPem } = await pki.issue({
    kind: 'server',
    commonName: 'psc.pli.example',
    organization: 'PSC SIMULE',
    structure: '1759999029',
  })
  const certificate = { certificatePem: certificatePem + pki.authorities[1], keyPem }
  const psc = await startPscSimulator({ certificate, now: Date.now, ...(port ? { port } : {}) })
  const [secret, root] = [join(folder, 'psc.secret'), join(folder, 'psc.root.pem')]
  await writeFile(secret, `${psc.introspection.clientSecret}\n`, { mode: 0o600 })
  await writeFile(root, pki.authorities[0] ?? '')
  const webSecret = join(folder, 'console.secret')
  await writeFile(webSecret, `${psc.web.clientSecret}\n`, { mode: 0o600 })
  const { url, clientId } = psc.introspection
  const introspection = { url, clientId, clientSecret: secret }
  return {
    psc,
    web: { issuer: psc.issuer, clientId: psc.web.clientId, clientSecret: webSecret, anchors: [root] },
    signIn: {
      psc: { issuer: psc.issuer, jwks: psc.jwks, introspection, audience: [psc.audience], anchors: [root] },
      certificates: await pki.write(join(folder, 'clients')),
    },
  }
}
