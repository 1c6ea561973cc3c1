import { parseIdNatStruct } from '../identifiers.ts'
import type { BalType } from '../snapshot.ts'
import type { Where } from './client.ts'
import { alteration, deletion, insertion, MUTABLE, type PatchParameters, replacement } from './patch.ts'
import { type Carried, type Carrier, type ContactPoint, ID_NAT_PS, ID_NAT_STRUCT, identifierOf, type Mailbox } from './resources.ts'

/** As much of a box of ours as publication needs. */
export interface PublishableBox {
  address: string
  type: BalType
  rpps?: string | undefined
  structures: readonly string[]
  responsible?: string | undefined
  description?: string | undefined
  service?: string | undefined
  redListed: boolean
  suspendedAt?: number | undefined
  closedAt?: number | undefined
}

/** How the annuaire should show a box, and on whom. */
export interface Wanted {
  carrier: Carrier
  /** The one resource that should carry it (conditional PATCH). */
  condition: Readonly<Record<string, string>>
  mailbox: Mailbox
}

/** How the annuaire shows it, as far as we know: acknowledged by it, or seen there. */
export interface Known {
  carrier: Carrier
  id: string
  /** Undefined when it is not on the resource that we would choose. */
  condition?: Readonly<Record<string, string>> | undefined
  mailbox: Mailbox
  /** Only of what was just seen. */
  telecom?: ContactPoint | undefined
  /** It is there because we put it there, or where we would have put it. */
  isOurs: boolean
}

export interface Change {
  kind: 'insert' | 'replace' | 'delete'
  carrier: Carrier
  where: Where
  /** The logical id, for when several resources meet the condition (412). */
  id?: string | undefined
  parameters: PatchParameters
}

export type Step = Change | { kind: 'nothing' } | { kind: 'look' } | { kind: 'blocked'; fault: string }

/**
 * Suspended, closed and red-listed boxes are never in the national directory, all others are.
 * @returns undefined when the box should not be there, a fault when it should and nobody could carry it
 */
export function wantedOf(box: PublishableBox | undefined): Wanted | { fault: string } | undefined {
  if (!box || box.redListed || box.suspendedAt !== undefined || box.closedAt !== undefined) return undefined
  const place = placeOf(box)
  return place ? { ...place, mailbox: mailboxOf(box) } : { fault: 'no-identifier' }
}

/**
 * Who carries the box (openapi-balmss): PER on the work situation when it belongs to one structure, on the person otherwise; CAB on the one
 * responsible; ORG and APP on their first structure.
 */
function placeOf({ type, rpps, structures: [structure, ...others] }: PublishableBox): Omit<Wanted, 'mailbox'> | undefined {
  if (type === 'ORG' || type === 'APP') {
    return structure === undefined ? undefined : { carrier: 'Organization', condition: { identifier: `${ID_NAT_STRUCT}|${structure}` } }
  }
  if (rpps === undefined) return undefined
  const person = `${ID_NAT_PS}|8${rpps}`
  const site = type === 'PER' && structure !== undefined && others.length === 0 ? situationOf(structure) : undefined
  if (site === undefined) return { carrier: 'Practitioner', condition: { identifier: person } }
  return { carrier: 'PractitionerRole', condition: { 'practitioner.identifier': person, 'organization.identifier': site } }
}

/** A work situation is named by the FINESS or the SIREN of its structure; the draft knows no third way. */
function situationOf(idNatStruct: string): string | undefined {
  const structure = parseIdNatStruct(idNatStruct)
  if (structure?.kind === 'finess') return `http://finess.sante.gouv.fr|${structure.number}`
  if (structure?.kind === 'siren' || structure?.kind === 'siret') return `http://sirene.fr|${structure.number.slice(0, 9)}`
  return undefined
}

function mailboxOf({ address, type, redListed, ...texts }: PublishableBox): Mailbox {
  const mailbox: Mailbox = { address, type, redListed }
  for (const field of MUTABLE[type]) {
    const text = field === 'listeRouge' ? undefined : texts[field]?.trim()
    if (field !== 'listeRouge' && text) mailbox[field] = text
  }
  return mailbox
}

/** @param before what we had been told @returns what was found, with what that says of the place */
export function seen(carried: Carried, wanted: Wanted | undefined, before: Known | null): Known {
  const { resourceType: carrier, id } = carried.resource
  const isOurs = before?.isOurs === true && before.carrier === carrier && before.id === id
  const known: Known = { carrier, id, mailbox: carried.mailbox, telecom: carried.telecom, isOurs }
  // On whom we would have put it: whoever did, it is ours now.
  if (wanted && isPlace(wanted, carried)) return { ...known, condition: wanted.condition, isOurs: true }
  return isOurs ? { ...known, condition: before.condition } : known
}

/** A role names person and structure by reference only: one role or another of the same person is told by the condition alone. */
function isPlace({ carrier, condition }: Wanted, { resource }: Carried): boolean {
  if (resource.resourceType !== carrier) return false
  if (carrier === 'PractitionerRole') return true
  const system = carrier === 'Practitioner' ? ID_NAT_PS : ID_NAT_STRUCT
  return condition.identifier === `${system}|${identifierOf(resource, system)}`
}

/** @returns the next thing to do so that the annuaire shows what it should; pure, and nothing once it does */
export function plan(address: string, wanted: Wanted | undefined, known: Known | null): Step {
  if (!known) return wanted ? inserting(wanted) : { kind: 'nothing' }
  if (!wanted) return deleting(address, known)
  // The person or structure has changed: it leaves the one before it comes to the other. Where somebody else put it, it is theirs to move.
  if (!isSamePlace(wanted, known)) return known.isOurs ? deleting(address, known) : { kind: 'blocked', fault: 'published-elsewhere' }
  // Address and type never change; here somebody else has published this address as something else.
  if (wanted.mailbox.type !== known.mailbox.type) return { kind: 'blocked', fault: 'published-as-another-type' }
  return replacing(wanted, known)
}

function inserting({ carrier, condition, mailbox }: Wanted): Change {
  return { kind: 'insert', carrier, where: { condition }, parameters: insertion(carrier, mailbox) }
}

function deleting(address: string, { carrier, condition, id }: Known): Change {
  return { kind: 'delete', carrier, where: condition ? { condition } : { id }, id, parameters: deletion(carrier, address) }
}

function replacing({ carrier, condition, mailbox }: Wanted, { id, mailbox: before, telecom }: Known): Step {
  const values = alteration(carrier, mailbox, before)
  if (values?.parameter.length === 0) return { kind: 'nothing' }
  if (!values && !telecom) return { kind: 'look' }
  return { kind: 'replace', carrier, where: { condition }, id, parameters: values ?? replacement(carrier, mailbox, telecom ?? {}) }
}

function isSamePlace(wanted: Wanted, known: Known): boolean {
  return wanted.carrier === known.carrier && JSON.stringify(wanted.condition) === JSON.stringify(known.condition)
}
