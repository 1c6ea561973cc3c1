import { z } from 'zod'
import { FILING_NOTICES } from './bal-types.ts'
import { PURPOSES } from './box-use.ts'

/** The forms of the administration API. What is checked here is the form; the rules of the boxes are bal-rules'. */

const line = z.string().min(1).max(200)
const at = (what: string) => z.number().int().describe(`${what}, milliseconds since 1970-01-01 UTC`)
const rpps = z.string().max(11).describe('RPPS number, 11 digits')
const structures = z.array(z.string().max(30)).max(200).describe('IdNat_Struct: 1 and the FINESS, or 3 and the SIRET')
const purposes = z.array(z.enum(PURPOSES)).max(PURPOSES.length).describe('what letters the box is there for')
const quotaBytes = z.number().int().positive().describe('most bytes that it may hold')
const redListed = z.boolean().describe('the box works and is never published')
const filingNotices = z.enum(FILING_NOTICES).describe('what it is told of the filing of its documents; all by default, problems at least')
const holdLink = z.boolean().describe('whether it gets a link to hold documents back before they are filed; PER and CAB by default')
const paperless = z.boolean().describe('its holder no longer wants paper')

export const address = z
  .string()
  .min(3)
  .max(254)
  .describe('address of the box, lower case')
  .meta({ example: 'claire.exemple@exemple.mssante.fr' })
export const type = z.enum(['PER', 'ORG', 'APP', 'CAB']).describe('TRE_R257')
export const state = z.enum(['open', 'suspended', 'closed'])
export const dn = z.string().min(3).max(1000).describe("subject of the client certificate, RFC 4514; its OU is one of the box's structures")

export const box = z
  .object({
    address,
    type,
    state,
    name: z.string(),
    rpps: rpps.optional(),
    idNatPs: z.string().optional(),
    holders: z.array(rpps).describe('RPPS of whoever the box belongs to'),
    structures,
    responsible: z.string().optional(),
    description: z.string().optional(),
    service: z.string().optional(),
    redListed,
    paperless,
    purposes,
    delegates: z.array(address).describe('PER boxes that may write as it, beside the holders of a CAB'),
    certificates: z.array(dn).describe('client certificates by which it signs in (APP)'),
    quotaBytes: quotaBytes.optional(),
    filingNotices: filingNotices.optional(),
    holdLink: holdLink.optional(),
    declaredAt: at('when its holder declared to inform the patients').optional(),
    suspendedAt: at('when it was suspended').optional(),
    closedAt: at('when it was closed, for ever').optional(),
    revision: z.number().int().describe('counts the changes; its ETag'),
  })
  .meta({ id: 'Box' })

export const boxList = z.object({ boxes: z.array(box) })

export const newBox = z
  .strictObject({
    address,
    type,
    name: line.describe('as people read it'),
    structures: structures.default([]),
    rpps: rpps.optional(),
    holders: z.array(rpps).max(200).optional(),
    responsible: line.optional(),
    description: z.string().max(1000).optional(),
    service: line.optional(),
    redListed: redListed.optional(),
    paperless: paperless.optional(),
    purposes: purposes.optional(),
    quotaBytes: quotaBytes.optional(),
  })
  .meta({ id: 'NewBox' })

export const boxChanges = z
  .strictObject({
    name: line.optional(),
    structures: structures.optional(),
    rpps: rpps.optional(),
    holders: z.array(rpps).max(200).optional(),
    responsible: line.optional(),
    description: z.string().max(1000).nullable().optional(),
    service: line.nullable().optional(),
    redListed: redListed.optional(),
    paperless: paperless.optional(),
    quotaBytes: quotaBytes.nullable().optional(),
    filingNotices: filingNotices.nullable().optional(),
    holdLink: holdLink.nullable().optional(),
  })
  .describe('what changes; null takes a value away. Address and type never change')
  .meta({ id: 'BoxChanges' })

export const created = z.object({ box, password: z.string().describe('application password, shown this once') })
export const password = z.object({ password: z.string().describe('application password, shown this once') })
export const purposesBody = z.strictObject({ purposes })
export const certificateBody = z.strictObject({ dn })

export const auditLine = z
  .object({
    line: z.number().int(),
    at: at('when'),
    by: z.string(),
    action: z.string(),
    object: z.string(),
    result: z.enum(['done', 'refused']),
    detail: z.record(z.string(), z.string()),
    hash: z.string().describe('SHA-256 of this line and of the hash before it'),
  })
  .meta({ id: 'AuditLine' })

export const auditList = z.object({ lines: z.array(auditLine) })
export const auditVerdict = z.object({
  lines: z.number().int(),
  head: z.object({ line: z.number().int(), hash: z.string() }),
  fault: z.object({ line: z.number().int(), why: z.string() }).optional(),
})
export const auditQuery = z.object({
  object: address.optional().describe('only lines about this box or token'),
  by: line.optional(),
  after: z.coerce.number().int().min(0).optional().describe('only lines behind this one; the last ones without it'),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
})
export const boxQuery = z.object({ type: type.optional(), state: state.optional(), structure: z.string().max(30).optional() })
export const certificateQuery = z.object({ dn })
