import type { Rules } from './refusals.ts'
import type { Association, RegistryObject, Submission } from './registry-objects.ts'
import { authors, codes, external, METADATA, oneValue, onlyKnown, slot, uniqueId } from './rules-common.ts'
import { CONTENT_TYPES, HAS_MEMBER, REPLACES, SET, SIGNS } from './tables.ts'
import { isOid, readTime } from './values.ts'
import { TOLERANCE } from './vihf.ts'

export interface CheckedSet {
  uniqueId: string
  patientId: string
}

/** Checks the RegistryPackage (spec dmp §1.5). @param filer Struct_IdNat of the VIHF: the depositor is the filer */
export function checkSet(set: RegistryObject, filer: string, now: number, rules: Rules): CheckedSet {
  const nodes = set.classifications.filter(({ node }) => node !== '')
  const declared = nodes.length === 1 && nodes[0]?.node === SET.node && nodes[0].object === set.id
  rules.check(declared, METADATA, `${set.id}: the classification node of a submission set must be there once`)
  const time = readTime(oneValue(set, 'submissionTime', rules))
  rules.check(time !== undefined && Math.abs(now - time) <= TOLERANCE, METADATA, `${set.id}: submissionTime must be now, in UTC`)
  const depositors = authors(set, SET.author, rules)
  rules.check(depositors.length === 1, METADATA, `${set.id}: there must be one author`)
  const same = depositors.some(({ institutions }) => institutions.length === 1 && institutions[0] === filer)
  rules.check(same, METADATA, `${set.id}: Aucun AuthorInstitution ne correspond à l'utilisateur du VIHF`)
  const [content] = codes(set, 'contentTypeCode', SET.contentType, [1, 1], rules)
  const known = content?.system === CONTENT_TYPES && /^\d{2}$/.test(content.code)
  rules.check(known, METADATA, `${set.id}: contentTypeCode must be of JDV_J59`)
  rules.check(isOid(external(set, SET.sourceId, 'XDSSubmissionSet.sourceId', rules)), METADATA, `${set.id}: sourceId must be an OID`)
  onlyKnown(set, Object.values(SET), rules)
  const patientId = external(set, SET.patientId, 'XDSSubmissionSet.patientId', rules)
  return { uniqueId: uniqueId(set, SET.uniqueId, 'XDSSubmissionSet.uniqueId', rules), patientId }
}

/** Checks the associations and @returns the replacements: new entry id to old entryUUID */
export function checkAssociations(submission: Submission, signatureId: string, rules: Rules): Map<string, string> {
  const { set, entries, associations } = submission
  const known = [HAS_MEMBER, SIGNS, REPLACES]
  rules.check(
    associations.every(({ type }) => known.includes(type)),
    METADATA,
    'an association has an unknown type',
  )
  const members = associations.filter(({ type }) => type === HAS_MEMBER)
  const complete = entries.every(({ id }) => members.filter(({ target }) => target === id).length === 1)
  rules.check(complete && members.length === entries.length, METADATA, 'each entry must be a member of the set once')
  for (const each of members) checkMember(each, set, rules)
  const signs = associations.filter(({ type }) => type === SIGNS)
  const signed = signs.length === 1 && signs[0]?.source === signatureId && signs[0]?.target === set.id
  rules.check(signed, METADATA, 'one association must say that the signature signs the set')
  return replacements(associations, entries, signatureId, rules)
}

function checkMember(member: Association, set: RegistryObject, rules: Rules): void {
  rules.check(member.source === set.id, METADATA, 'a HasMember association must start from the set')
  const status = slot(member, 'SubmissionSetStatus')
  rules.check(status.length === 1 && status[0] === 'Original', METADATA, 'SubmissionSetStatus must be Original')
}

function replacements(
  associations: readonly Association[],
  entries: readonly RegistryObject[],
  signatureId: string,
  rules: Rules,
): Map<string, string> {
  const found = associations.filter(({ type }) => type === REPLACES)
  for (const { source, target } of found) {
    const own = source !== signatureId && entries.some(({ id }) => id === source)
    rules.check(own, METADATA, 'an RPLC association must start from a document of the set')
    rules.check(/^urn:uuid:/.test(target), METADATA, 'an RPLC association must point to an entryUUID')
  }
  rules.check(new Set(found.map(({ source }) => source)).size === found.length, METADATA, 'a document replaces one document at most')
  return new Map(found.map(({ source, target }) => [source, target]))
}
