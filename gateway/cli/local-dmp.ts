import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { issueKeys, OPERATORS, SITES, testDmp } from '../../test/world/operator.ts'
import { createPki } from '../../test/world/pki.ts'
import type { DmpConfiguration } from '../filing.ts'

/** A DMP configuration with fresh test keys, as the local trust space has it: for a file on a desk, without an installation. */
export async function localDmp(): Promise<DmpConfiguration> {
  const folder = await mkdtemp(join(tmpdir(), 'pli-keys-'))
  const pki = await createPki({ now: new Date() })
  const { anchors, crls } = await pki.write(folder)
  const keys = await issueKeys(pki, 'alpha', join(folder, 'alpha'))
  const shared = { anchors, crls }
  return {
    ...testDmp({ name: 'alpha', keys, shared }, 'https://dmp.invalid'),
    structure: OPERATORS.alpha.structure,
    sites: SITES.alpha,
    delay: 0,
    documentBytes: 10 * 1024 * 1024,
    timeout: 60_000,
  }
}
