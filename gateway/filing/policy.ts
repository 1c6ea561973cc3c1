import type { Configuration } from '../../config/index.ts'
import { type BridgePolicy, loadRules } from '../../dmp-bridge/index.ts'

export type DmpConfiguration = NonNullable<Configuration['dmp']>

/** What this operator files, and as whom. Without a DMP nothing is filed, and what could be is held. @throws RulesFault */
export function policyOf(dmp: DmpConfiguration | undefined): BridgePolicy {
  const own = {
    maxDocumentBytes: dmp?.documentBytes ?? 10 * 1024 * 1024,
    structure: dmp?.structure ?? '',
    sites: dmp?.sites ?? [],
    ...(dmp?.ansFiles === undefined ? {} : { ansFiles: dmp.ansFiles }),
  }
  return {
    ...own,
    insOids: dmp?.insOids ?? [],
    structureName: dmp?.structureName ?? '',
    sector: dmp?.sector ?? 'SA41',
    responsible: dmp?.responsible ?? { idNatPs: '', name: '' },
    delayMs: dmp?.delay ?? 0,
    ...(dmp?.rules === undefined ? {} : { rules: loadRules(dmp.rules, own) }),
    ...(dmp && { documentsPerSubmission: dmp.documentsPerSubmission }),
  }
}
