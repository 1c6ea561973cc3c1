import { normalisedAddress } from './extract-line.ts'
import { idNatPs, isRpps, parseIdNatPs, parseIdNatStruct } from './identifiers.ts'
import type { BalType } from './snapshot.ts'

/** A box hosted here. Address and type never change (ANS mailbox API, 2026). */
export interface Bal {
  address: string
  type: BalType
  rpps?: string
  idNatPs?: string
  /** IdNat_Struct of the structures it belongs to. */
  structures: string[]
  /** For people: `Dr Prénom NOM`, or service and structure. */
  name: string
  /** When its holder declared to inform the patients and to record their oppositions; until then nothing is filed for the box. */
  declaredAt?: number
  suspendedAt?: number
}

/** What a box is created from. */
export type NewBal = Omit<Bal, 'declaredAt' | 'suspendedAt'>

export type BalReason = 'address' | 'name' | 'rpps' | 'id-nat-ps' | 'structures' | 'password' | 'address-taken' | 'unknown-box'

/** A box that cannot be created or changed as asked. The message is a sentence for the operator. */
export class BalFault extends Error {
  override readonly name = 'BalFault'
  readonly reason: BalReason

  constructor(reason: BalReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

/**
 * Checks a new box against the rules of its type (MOS, BoiteLettreMSS): PER and CAB belong to one person known by RPPS (for
 * CAB: the one responsible), ORG and APP to a structure and to nobody.
 * @returns the box with its IdNat_PS filled in
 * @throws BalFault
 */
export function checkNewBal(bal: NewBal): NewBal {
  if (normalisedAddress(bal.address) !== bal.address) throw new BalFault('address', 'The address must be a plain one in lower case')
  if (bal.name.trim() === '' || /\p{Cc}/u.test(bal.name)) throw new BalFault('name', 'The name must be one line of text')
  checkStructures(bal)
  return bal.type === 'PER' || bal.type === 'CAB' ? checkedPerson(bal) : checkedStructure(bal)
}

function checkedPerson(bal: NewBal): NewBal {
  if (bal.rpps === undefined || !isRpps(bal.rpps)) {
    throw new BalFault('rpps', `A ${bal.type} box belongs to one person: an RPPS number of 11 digits with a right key is needed`)
  }
  if (bal.idNatPs !== undefined && parseIdNatPs(bal.idNatPs)?.number !== bal.rpps) {
    throw new BalFault('id-nat-ps', 'The national identifier is not the one of the RPPS number')
  }
  return { ...bal, idNatPs: idNatPs(bal.rpps) }
}

function checkedStructure(bal: NewBal): NewBal {
  if (bal.rpps !== undefined || bal.idNatPs !== undefined) {
    throw new BalFault('rpps', `A ${bal.type} box belongs to a structure and carries no person's number`)
  }
  if (bal.structures.length === 0) throw new BalFault('structures', `A ${bal.type} box needs the structure that it belongs to`)
  return bal
}

function checkStructures({ structures }: NewBal): void {
  const wrong = structures.find(structure => !parseIdNatStruct(structure))
  if (wrong !== undefined) throw new BalFault('structures', `${wrong} is not a national structure identifier (1 + FINESS, 3 + SIRET …)`)
  if (new Set(structures).size !== structures.length) throw new BalFault('structures', 'A structure is given twice')
}
