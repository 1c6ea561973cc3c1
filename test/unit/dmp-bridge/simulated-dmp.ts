import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clientTls, createIdentity, loadAnchors } from '../../../crypto/index.ts'
import type { Dmp } from '../../../dmp-bridge/dmp.ts'
import { type DmpClientOptions, dmpClient } from '../../../dmp-bridge/dmp-client.ts'
import { openSilence } from '../../support/silence.ts'
import { type DmpSimulator, type DmpSimulatorOptions, startDmpSimulator } from '../../world/dmp-simulator/index.ts'
import { samplePatient } from '../../world/letter.ts'
import { createPki } from '../../world/pki.ts'
import { type BridgeWorld, policy, startBridgeWorld } from './bridge-world.ts'
import { signersOf, software } from './dmp-world.ts'

const { birthName, firstName, birthDate, sex } = samplePatient
const patient = { ins: samplePatient.ins ?? '', oid: samplePatient.insOid, birthName, firstName, birthDate, sex, status: 'ACTIF' as const }

/** A bridge over the real client, and the simulator that judges what it sends; both go by the bridge's clock. */
export interface SimulatedWorld extends BridgeWorld {
  simulator: DmpSimulator
  client: Dmp
}

/** RSA, as the DMP wants it, which takes its time: made once for all worlds of a test process. */
let made: ReturnType<typeof makeKeys> | undefined

async function makeKeys(now: number) {
  const pki = await createPki({ now: new Date(now) })
  const issue = (kind: 'server' | 'client' | 'signature') =>
    pki.issue({ kind, commonName: 'localhost', organization: 'Cabinet Fictif & fils', structure: policy.structure })
  const [server, client, signature] = await Promise.all([issue('server'), issue('client'), issue('signature')])
  return { pki, server, client, signature }
}

export async function startSimulatedWorld(
  options: { client?: Partial<DmpClientOptions>; simulator?: Partial<DmpSimulatorOptions> } = {},
): Promise<SimulatedWorld> {
  const now = Math.floor(Date.now() / 1000) * 1000 // the handshake goes by the machine's clock
  made ??= makeKeys(now)
  const { pki, server, client, signature } = await made
  const identityOf = (issued: { certificatePem: string; keyPem: string }) =>
    createIdentity({ certificatePem: issued.certificatePem + pki.authorities[1], keyPem: issued.keyPem })
  const world = await startBridgeWorld({ patientKey: Buffer.alloc(32, 7) })
  world.now = now
  const silence = openSilence()
  const simulator = await startDmpSimulator({
    tls: { ...server, chainPem: pki.authorities.slice(1), anchors: pki.authorities, crls: pki.crls() },
    now: () => world.now,
    patients: [patient],
    onSilence: silence.onSilence,
    ...options.simulator,
  })
  const anchors = loadAnchors(await pki.write(mkdtempSync(join(tmpdir(), 'pli-simulated-'))))
  const dmp = dmpClient({
    baseUrl: simulator.url,
    tls: () => clientTls({ identity: identityOf(client), anchors, identifiedBy: 'name' }),
    software,
    signers: signersOf(identityOf(signature)),
    timeoutMs: 60_000,
    expires: silence.expires,
    ...options.client,
  })
  await world.restart({ dmp })
  const stop = world[Symbol.asyncDispose]
  return Object.assign(world, {
    simulator,
    client: dmp,
    [Symbol.asyncDispose]: async () => {
      await stop()
      await simulator.close()
    },
  })
}
