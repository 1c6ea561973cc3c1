import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Policy } from '../../dmp-bridge/index.ts'
import { issueKeys, OPERATORS, type OperatorKeys, SITES, testDmp } from '../../test/world/operator.ts'
import { createPki } from '../../test/world/pki.ts'
import { type DmpConfiguration, policyOf } from '../filing/index.ts'

/** The rules of the local trust space, for a file on a desk, without an installation: the test authority of the INS is allowed. */
export function localPolicy(): Policy {
  const none = { certificate: '', key: '', chain: '' }
  return policyOf(configurationOf({ client: none, signature: none }, { anchors: [], crls: [] }))
}

/** The same, as a whole configuration with fresh test keys; they are gone when `use` has ended. */
export async function withLocalDmp<T>(use: (dmp: DmpConfiguration) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'pli-keys-'))
  try {
    const pki = await createPki({ now: new Date() })
    const { anchors, crls } = await pki.write(folder)
    return await use(configurationOf(await issueKeys(pki, 'alpha', join(folder, 'alpha')), { anchors, crls }))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function configurationOf(
  keys: Pick<OperatorKeys, 'client' | 'signature'>,
  shared: { anchors: string[]; crls: string[] },
): DmpConfiguration {
  return {
    ...testDmp({ name: 'alpha', keys, shared }, 'https://dmp.invalid'),
    trust: { ...shared, authorities: [] },
    structure: OPERATORS.alpha.structure,
    sites: SITES.alpha,
    reception: false,
    delay: 0,
    documentBytes: 10 * 1024 * 1024,
    documentsPerSubmission: 10,
    vihf: '3.0',
    timeout: 60_000,
  }
}
