import type { Purpose } from './box-use.ts'
import type { BalType } from './snapshot.ts'

/** What a box is told of the filing of its documents. There is no `none`: that nobody may overlook a hold is a rule, not a wish (EX_GEN-1150). */
export const FILING_NOTICES = ['all', 'problems'] as const
export type FilingNotices = (typeof FILING_NOTICES)[number]

/** A box hosted here. Address and type never change (ANS mailbox API, 2026). */
export interface Bal {
  address: string
  type: BalType
  /** For people: `Dr Prénom NOM`, or service and structure. */
  name: string
  /** Of the person (PER), of the one responsible among the holders (CAB). */
  rpps?: string
  idNatPs?: string
  /** RPPS of whoever the box belongs to: one (PER), several with the responsible (CAB), none (ORG, APP). */
  holders: string[]
  /** IdNat_Struct of the structures it belongs to. */
  structures: string[]
  /** Who answers for it, as text (MOS `responsable`). */
  responsible?: string
  description?: string
  /** MOS `serviceRattachement`. */
  service?: string
  /** The box works and is never published (MOS `listeRouge`). */
  redListed: boolean
  /** Its holder no longer wants paper (MOS `dematerialisation`). */
  paperless: boolean
  purposes: Purpose[]
  /** Addresses of the PER boxes that may write as it, beside the holders of a CAB. */
  delegates: string[]
  /** Names (RFC 4514) of the client certificates by which an application signs in (APP). */
  certificates: string[]
  /** Undefined: as much as the disk takes. */
  quotaBytes?: number
  /** Undefined: all. */
  filingNotices?: FilingNotices
  /** Whether it is sent a link to hold its documents back before they are filed. Undefined: as its type has it. */
  holdLink?: boolean
  /** When its holder declared to inform the patients and to record their oppositions; until then nothing is filed for the box. */
  declaredAt?: number
  suspendedAt?: number
  /** For ever: the address is never given again. */
  closedAt?: number
  /** Counts the changes; a change may be asked for upon one revision only. */
  revision: number
}

/** What a box is created from. */
export interface NewBal {
  address: string
  type: BalType
  name: string
  structures: string[]
  rpps?: string | undefined
  idNatPs?: string | undefined
  /** The one responsible alone by default. */
  holders?: string[] | undefined
  responsible?: string | undefined
  description?: string | undefined
  service?: string | undefined
  redListed?: boolean | undefined
  paperless?: boolean | undefined
  purposes?: Purpose[] | undefined
  quotaBytes?: number | undefined
  filingNotices?: FilingNotices | undefined
  holdLink?: boolean | undefined
}

/** What may be changed of a box; null takes a value away. */
export interface BalChanges {
  name?: string | undefined
  rpps?: string | undefined
  holders?: string[] | undefined
  structures?: string[] | undefined
  responsible?: string | undefined
  description?: string | null | undefined
  service?: string | null | undefined
  redListed?: boolean | undefined
  paperless?: boolean | undefined
  purposes?: Purpose[] | undefined
  quotaBytes?: number | null | undefined
  filingNotices?: FilingNotices | null | undefined
  holdLink?: boolean | null | undefined
}

/** What belongs to the kind of box: TRE_R257, MOS BoiteLettreMSS, ANS mailbox API 2026 and its exploratory page for CAB. */
export interface BalRules {
  /** `one` person, `several` with one responsible, `nobody`. */
  people: 'one' | 'several' | 'nobody'
  needsStructure: boolean
  /** Others may write as it. */
  delegation: boolean
  /** It signs in by a certificate. */
  certificates: boolean
  /** Fields that it has beside those of all boxes. */
  has: readonly ('responsible' | 'description' | 'service')[]
  /** Fields that may change after its creation. */
  mutable: readonly (keyof BalChanges)[]
}

const ALWAYS = ['name', 'redListed', 'paperless', 'purposes', 'quotaBytes', 'filingNotices', 'holdLink'] as const

export const BAL_RULES: Record<BalType, BalRules> = {
  PER: {
    people: 'one',
    needsStructure: false,
    delegation: false,
    certificates: false,
    has: [],
    mutable: [...ALWAYS, 'structures'],
  },
  ORG: {
    people: 'nobody',
    needsStructure: true,
    delegation: true,
    certificates: false,
    has: ['responsible', 'description', 'service'],
    mutable: [...ALWAYS, 'responsible', 'description', 'service'],
  },
  APP: {
    people: 'nobody',
    needsStructure: true,
    delegation: false,
    certificates: true,
    has: ['responsible', 'description', 'service'],
    mutable: [...ALWAYS, 'responsible', 'description', 'service'],
  },
  CAB: {
    people: 'several',
    needsStructure: false,
    delegation: true,
    certificates: false,
    has: ['responsible', 'description'],
    mutable: [...ALWAYS, 'structures', 'rpps', 'holders', 'responsible', 'description'],
  },
}
