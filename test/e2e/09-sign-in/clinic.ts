import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { dnFromRdns } from '../../../directory/index.ts'
import { openBoxes } from '../../../gateway/data.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import type { FictionalBox } from '../../world/people.ts'
import { createPki, type Issued, type Pki, selfSigned } from '../../world/pki.ts'
import type { PscSimulator } from '../../world/psc-simulator/index.ts'
import { startPscFor } from '../../world/psc-simulator/setup.ts'

const DAY = 86_400_000
export const DOMAIN = 'alpha.mssante.example'
const BY = 'test'

/** The certificates that clients show, by what is right or wrong with them. */
export type Shown = 'none' | 'good' | 'operator' | 'unregistered' | 'selfSigned' | 'otherAuthority' | 'revoked' | 'expired' | 'serverOnly'

/** An operator whose clients sign in by Pro Santé Connect and by certificate too, with a practice and a laboratory among its boxes. */
export interface Clinic extends AsyncDisposable {
  stage: Stage
  psc: PscSimulator
  /** Two doctors of one practice, each with a box. */
  doctor: FictionalBox & { subject: string }
  colleague: FictionalBox & { subject: string }
  /** ORG: the doctor is a delegate. */
  secretariat: string
  /** CAB: both hold it. */
  practice: string
  /** APP: signs in with the certificate `good`. Two others share `shared`. */
  laboratory: string
  registered: string
  /** TLS options of a client that shows a certificate. */
  showing(certificate: Shown): ConnectionOptions
  files(certificate: Exclude<Shown, 'none'>): { certificate: string; key: string }
  boxes: ReturnType<typeof openBoxes>
  by: string
}

/** @param folder for the certificates as files */
export async function openClinic(folder: string): Promise<Clinic> {
  const signIn: Record<string, unknown> = {}
  const certificates = {} as Record<Exclude<Shown, 'none'>, { issued: Issued; chain: string }>
  let psc!: PscSimulator
  const stage = await openStage({
    professionals: 20,
    extra: { alpha: { signIn } },
    prepare: async pki => {
      Object.assign(certificates, await issueAll(pki))
      const started = await startPscFor({ pki, folder })
      psc = started.psc
      Object.assign(signIn, started.signIn)
      return []
    },
  })
  const { world } = stage
  for (const [name, { issued, chain }] of Object.entries(certificates)) {
    await writeFile(join(folder, `${name}.pem`), issued.certificatePem + chain)
    await writeFile(join(folder, `${name}.key`), issued.keyPem, { mode: 0o600 })
  }
  const files = (name: Exclude<Shown, 'none'>) => ({ certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) })
  const people = world.people.filter(box => box.operator === 'alpha' && box.type === 'PER')
  const at = (address: string | undefined) => {
    const box = people.find(person => (address ? person.address === address : person.address !== world.accounts.sender.address))
    if (!box?.person) throw new Error('the fictional directory lacks a professional')
    return { ...box, subject: `8${box.person.rpps}` }
  }
  const [doctor, colleague] = [at(world.accounts.sender.address), at(undefined)]
  const boxes = openBoxes(await stage.rows('alpha'), Date.now)
  const registered = dnFromRdns(certificates.good.issued.subject).toString()
  const { server } = world.operators.beta.keys
  const trusting = { ca: world.shared.anchors.map(file => readFileSync(file)), servername: `smtp.${DOMAIN}` }
  const secretariat = world.people.find(box => box.operator === 'alpha' && box.type === 'ORG')?.address ?? ''
  const [practice, laboratory] = [`cabinet.fictif@${DOMAIN}`, `laboratoire.fictif@${DOMAIN}`]

  await boxes.addDelegate(secretariat, doctor.address, BY)
  const rpps = [doctor, colleague].map(({ subject }) => subject.slice(1))
  await boxes.create(
    {
      address: practice,
      type: 'CAB',
      name: 'Cabinet fictif',
      structures: [],
      rpps: rpps[0],
      holders: rpps,
      responsible: 'Dr Maud RESPONSABLE-FICTIVE',
    },
    world.password,
    BY,
  )
  await boxes.create(
    { address: laboratory, type: 'APP', name: 'Laboratoire fictif', structures: [STRUCTURE], responsible: 'Dr Maud RESPONSABLE-FICTIVE' },
    world.password,
    BY,
  )
  await boxes.addCertificate(laboratory, registered, BY)

  return {
    stage,
    psc,
    doctor,
    colleague,
    secretariat,
    practice,
    laboratory,
    registered,
    boxes,
    by: BY,
    files,
    showing(name) {
      if (name === 'none') return trusting
      if (name === 'operator') {
        return {
          ...trusting,
          cert: readFileSync(server.certificate, 'utf8') + readFileSync(server.chain, 'utf8'),
          key: readFileSync(server.key),
        }
      }
      return { ...trusting, cert: readFileSync(files(name).certificate), key: readFileSync(files(name).key) }
    },
    async [Symbol.asyncDispose]() {
      await stage[Symbol.asyncDispose]()
      await psc.close()
    },
  }
}

/** Of the laboratory: the OU of its certificate. */
const STRUCTURE = '1750803447'
const NAMED = { organization: 'LABORATOIRE FICTIF', structure: STRUCTURE, commonName: 'Logiciel du laboratoire' }

async function issueAll(pki: Pki) {
  const now = new Date()
  const ours = pki.authorities[1] ?? ''
  const client = async (changes: Partial<Parameters<Pki['issue']>[0]> = {}) => ({
    issued: await pki.issue({ ...NAMED, kind: 'client', ...changes }),
    chain: ours,
  })
  const stranger = await createPki({ now, label: 'OTHER' })
  const revoked = await client()
  pki.revoke(revoked.issued)
  return {
    good: await client(),
    unregistered: await client({ commonName: 'Logiciel inconnu' }),
    selfSigned: { issued: await selfSigned(NAMED.commonName, now), chain: '' },
    otherAuthority: { issued: await stranger.issue({ ...NAMED, kind: 'client' }), chain: stranger.authorities[1] ?? '' },
    revoked,
    expired: await client({ notBefore: new Date(now.getTime() - 30 * DAY), notAfter: new Date(now.getTime() - DAY) }),
    serverOnly: await client({ kind: 'server', purposes: ['1.3.6.1.5.5.7.3.1'] }),
  }
}
