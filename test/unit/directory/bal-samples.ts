import type { BalType, NewBal } from '../../../directory/index.ts'
import { withLuhn } from '../../world/letter.ts'

export const [CLAIRE, PAUL, ANNE] = [withLuhn('1000000001'), withLuhn('1000000002'), withLuhn('1000000003')] as [string, string, string]
export const FINESS = '1750803447'
export const SIRET = '335600000000048'
export const at = (local: string) => `${local}@alpha.mssante.example`

/** One box of each type, of fictional people. */
export const NEW: Record<BalType, NewBal> = {
  PER: { address: at('claire'), type: 'PER', name: 'Dr Claire FICTIVE', structures: [], rpps: CLAIRE },
  ORG: { address: at('chirurgie'), type: 'ORG', name: 'Chirurgie', structures: [FINESS], responsible: 'Dr Anne FICTIVE' },
  APP: { address: at('logiciel'), type: 'APP', name: 'Dossier', structures: [FINESS], responsible: 'Dr Anne FICTIVE' },
  CAB: { address: at('cabinet'), type: 'CAB', name: 'Cabinet', structures: [], rpps: CLAIRE, holders: [CLAIRE, PAUL] },
}
