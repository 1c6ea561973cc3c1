import { BalFault, type BalFaultLine, type BalReason, throwFaults } from './bal-fault.ts'
import { BAL_RULES, type Bal, type BalChanges, type NewBal } from './bal-types.ts'
import { PURPOSES } from './box-use.ts'
import { DnFault, parseDn } from './dn.ts'
import { normalisedAddress } from './extract-line.ts'
import { idNatPs, isRpps, parseIdNatPs, parseIdNatStruct } from './identifiers.ts'

/** A new box whose rules are kept, completed. */
export type CheckedBal = Omit<Bal, 'delegates' | 'certificates' | 'declaredAt' | 'suspendedAt' | 'closedAt' | 'revision'>

const MAX_LINE = 200
const MAX_DESCRIPTION = 1000
const MOST = 200

/**
 * Checks a new box against the rules of its type (MOS, BoiteLettreMSS; BAL_RULES): PER belongs to one person known by RPPS, CAB to several with
 * one responsible, ORG and APP to a structure, with a responsible person.
 * @returns the box with its IdNat_PS and what was left out filled in
 * @throws BalFault with all faults
 */
export function checkNewBal(input: NewBal): CheckedBal {
  throwFaults(faultsOf(input))
  return completed(input)
}

/**
 * Applies changes to a box. Only what changes is judged, so that a box from before a rule can still be changed elsewhere.
 * @returns the box as it would be, and the names of the fields that differ
 * @throws BalFault with all faults: a field that this type of box may not change, or a rule of its type
 */
export function checkChanges(bal: Bal, changes: BalChanges): { after: CheckedBal; changed: (keyof BalChanges)[] } {
  const asked = (Object.keys(changes) as (keyof BalChanges)[]).filter(field => changes[field] !== undefined)
  const frozen = asked.filter(field => !BAL_RULES[bal.type].mutable.includes(field))
  const allowed = asked.filter(field => !frozen.includes(field))
  const given = Object.fromEntries(allowed.map(field => [field, changes[field] ?? undefined]))
  // The national identifier follows from the number.
  const after: NewBal = { ...bal, ...given, idNatPs: undefined }
  const touched = new Set<string>([...allowed, ...(allowed.includes('rpps') ? ['holders'] : [])])
  throwFaults([
    ...frozen.map(field => fault(field, 'immutable', `The ${field} of a ${bal.type} box does not change`)),
    ...faultsOf(after).filter(({ field }) => touched.has(field)),
  ])
  const complete = completed(after)
  return { after: complete, changed: asked.filter(field => !isSame(complete[field], bal[field])) }
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/**
 * The name of a client certificate that an APP box may sign in with: one OU, which is one of the structures of the box (spec: ORG AUTH_CLI).
 * @returns the text as it is shown, and the key by which names are compared
 * @throws BalFault
 */
export function checkCertificate({ type, structures }: Pick<Bal, 'type' | 'structures'>, text: string): { dn: string; key: string } {
  if (!BAL_RULES[type].certificates) throw new BalFault('certificate', `A ${type} box does not sign in by a certificate`)
  const name = parsedName(text)
  const units = name.rdns.filter(rdn => rdn.type === 'OU').map(rdn => rdn.value)
  if (units.length !== 1 || !structures.includes(units[0] as string)) {
    throw new BalFault('certificate', 'The OU of the certificate must be a structure of the box, and the only OU')
  }
  return { dn: name.toString(), key: name.key }
}

function parsedName(text: string) {
  try {
    return parseDn(text)
  } catch (cause) {
    if (cause instanceof DnFault) throw new BalFault('certificate', `Not a distinguished name: ${cause.message}`, { cause })
    throw cause
  }
}

function completed(input: NewBal): CheckedBal {
  const { address, type, structures, rpps, quotaBytes } = input
  const bal: CheckedBal = {
    address,
    type,
    name: input.name.trim().normalize('NFC'),
    structures,
    holders: rpps === undefined ? [] : [...(input.holders ?? [rpps])],
    redListed: input.redListed ?? false,
    paperless: input.paperless ?? false,
    purposes: PURPOSES.filter(purpose => input.purposes?.includes(purpose)),
  }
  if (rpps !== undefined) Object.assign(bal, { rpps, idNatPs: idNatPs(rpps) })
  for (const field of ['responsible', 'description', 'service'] as const) {
    const text = input[field]
    if (text !== undefined) bal[field] = text.trim().normalize('NFC')
  }
  if (quotaBytes !== undefined) bal.quotaBytes = quotaBytes
  if (input.filingNotices !== undefined) bal.filingNotices = input.filingNotices
  if (input.holdLink !== undefined) bal.holdLink = input.holdLink
  return bal
}

function faultsOf(input: NewBal): BalFaultLine[] {
  return [addressFault, nameFault, structureFaults, peopleFaults, textFaults, useFaults].flatMap(rule => rule(input) ?? [])
}

function fault(field: string, reason: BalReason, message: string): BalFaultLine {
  return { field, reason, message }
}

function addressFault({ address }: NewBal) {
  if (normalisedAddress(address) !== address) return fault('address', 'address', 'The address must be a plain one in lower case')
  const local = address.slice(0, address.indexOf('@'))
  // A box is a folder of that name: one with a slash could be listed, and never take a letter. RFC 5321 §4.5.3.1.1.
  if (local.includes('/') || local.length > 64) return fault('address', 'address', 'Before the @ are 64 characters at most, and no slash')
  return undefined
}

function nameFault({ name }: NewBal) {
  return isLine(name, MAX_LINE) ? undefined : fault('name', 'name', 'The name must be one line of text')
}

/** One line that shows everything it holds: no control, no invisible formatting character. */
function isLine(text: string, most: number): boolean {
  return text.trim() !== '' && text.length <= most && !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text)
}

function structureFaults({ type, structures }: NewBal) {
  const faults = structures
    .filter(structure => !parseIdNatStruct(structure))
    .map(wrong => fault('structures', 'structures', `${wrong} is not a national structure identifier (1 + FINESS, 3 + SIRET …)`))
  if (new Set(structures).size !== structures.length) faults.push(fault('structures', 'structures', 'A structure is given twice'))
  if (structures.length > MOST) faults.push(fault('structures', 'structures', `At most ${MOST} structures`))
  if (BAL_RULES[type].needsStructure && structures.length === 0) {
    faults.push(fault('structures', 'structures', `A ${type} box needs the structure that it belongs to`))
  }
  return faults
}

function peopleFaults({ type, rpps, idNatPs: national, holders }: NewBal) {
  const { people } = BAL_RULES[type]
  if (people === 'nobody') {
    const has = rpps !== undefined || national !== undefined || (holders?.length ?? 0) > 0
    return has ? [fault('rpps', 'rpps', `A ${type} box belongs to a structure and carries no person's number`)] : []
  }
  const whose = people === 'one' ? 'belongs to one person' : 'has one person responsible'
  if (rpps === undefined || !isRpps(rpps)) {
    return [fault('rpps', 'rpps', `A ${type} box ${whose}: an RPPS number of 11 digits with a right key is needed`)]
  }
  if (national !== undefined && parseIdNatPs(national)?.number !== rpps) {
    return [fault('idNatPs', 'id-nat-ps', 'The national identifier is not the one of the RPPS number')]
  }
  return holders === undefined ? [] : holderFaults(people, rpps, holders)
}

function holderFaults(people: 'one' | 'several', rpps: string, holders: readonly string[]) {
  const wrong = (message: string) => [fault('holders', 'holders', message)]
  if (!holders.every(isRpps)) return wrong('Each holder is an RPPS number of 11 digits with a right key')
  if (new Set(holders).size !== holders.length) return wrong('A holder is given twice')
  if (holders.length > MOST) return wrong(`At most ${MOST} holders`)
  if (!holders.includes(rpps)) return wrong('The one responsible must be among the holders')
  return people === 'one' && holders.length > 1 ? wrong('A PER box belongs to one person') : []
}

function textFaults(input: NewBal) {
  const { has } = BAL_RULES[input.type]
  const faults = (['responsible', 'description', 'service'] as const).flatMap(field => {
    const text = input[field]
    if (text === undefined) return []
    if (!has.includes(field)) return [fault(field, field, `A ${input.type} box has no ${field}`)]
    return isLine(text, field === 'description' ? MAX_DESCRIPTION : MAX_LINE)
      ? []
      : [fault(field, field, `The ${field} must be one line of text`)]
  })
  if (BAL_RULES[input.type].people === 'nobody' && input.responsible === undefined) {
    faults.push(fault('responsible', 'responsible', `A ${input.type} box needs a person responsible for it`))
  }
  return faults
}

function useFaults({ purposes = [], quotaBytes }: NewBal) {
  const faults: BalFaultLine[] = []
  if (!purposes.every(purpose => PURPOSES.includes(purpose))) {
    faults.push(fault('purposes', 'purposes', `A purpose is one of ${PURPOSES.join(', ')}`))
  }
  if (quotaBytes !== undefined && (!Number.isSafeInteger(quotaBytes) || quotaBytes < 1)) {
    faults.push(fault('quotaBytes', 'quota', 'A quota is a whole number of bytes'))
  }
  return faults
}
