import { invalid } from './outcome.ts'
import { METADATA, type Resource, type ResourceType, type Telecom } from './resources.ts'
import type { Store } from './store.ts'

const KNOWN = ['mailbox-mss', 'mailbox-mss:exact', 'mailbox-mss:contains', 'mailbox-mss-type', '_elements', '_count', '_page_token']
const EMAIL_TYPE = /fr-core-contact-point-email-type$/

/** GET of one type (openapi-balmss): unknown parameters are refused, `mailbox-mss-type` is not served yet. */
export function search(
  store: Store,
  type: ResourceType,
  query: URLSearchParams,
  url: string,
  isAddress: (text: string) => boolean,
): object {
  for (const name of query.keys()) {
    if (!KNOWN.includes(name)) throw invalid(`The search parameter ${name} is not known`)
    if (query.getAll(name).length > 1) throw invalid(`${name} is given twice`)
  }
  if (query.has('mailbox-mss-type')) throw invalid('mailbox-mss-type is not implemented')
  const meets = conditionOf(query, isAddress)
  const found = store.of(type).filter(resource => boxesOf(resource).some(({ value }) => meets(value.toLowerCase())))
  const count = whole(query.get('_count') ?? '50', 1)
  const from = whole(query.get('_page_token') ?? '0', 0)
  const page = found.slice(from, from + count)
  const link = [{ relation: 'self', url: `${url}/${type}?${query}` }]
  if (from + count < found.length) {
    const next = new URLSearchParams(query)
    next.set('_page_token', String(from + count))
    link.push({ relation: 'next', url: `${url}/${type}?${next}` })
  }
  const entry = page.map(resource => ({
    fullUrl: `${url}/${type}/${resource.id}`,
    resource: subset(resource, query.get('_elements')),
    search: { mode: 'match' },
  }))
  return { resourceType: 'Bundle', type: 'searchset', total: found.length, link, ...(entry.length > 0 ? { entry } : {}) }
}

function conditionOf(query: URLSearchParams, isAddress: (text: string) => boolean): (address: string) => boolean {
  const exact = query.get('mailbox-mss:exact') ?? query.get('mailbox-mss')
  const part = query.get('mailbox-mss:contains')
  if (exact === null && part === null) throw invalid('A search by mailbox-mss is expected')
  if (exact === null) return address => address.includes(unescaped(part ?? '').toLowerCase())
  const asked = unescaped(exact).toLowerCase()
  if (!isAddress(asked)) throw invalid('mailbox-mss is no MSSanté address')
  return address => address === asked
}

/** FHIR R4, search, §3.1.1.3. A bare comma would be an OR, which these parameters do not need. */
function unescaped(value: string): string {
  if (/(?<!\\)(?:\\\\)*[,|$]/.test(value)) throw invalid('A value holds an unescaped separator')
  return value.replace(/\\([\\$,|])/g, '$1')
}

export function boxesOf({ telecom }: Resource): Telecom[] {
  return telecom.filter(
    ({ system, extension }) => system === 'email' && extension?.some(({ url }) => url === METADATA || EMAIL_TYPE.test(url)),
  )
}

/** `_elements`: the mandatory ones stay, the tag says that the resource is incomplete. */
function subset(resource: Resource, elements: string | null): object {
  if (elements === null) return resource
  const names = ['resourceType', 'id', ...elements.split(',')]
  const tag = [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'SUBSETTED' }]
  return { ...Object.fromEntries(Object.entries(resource).filter(([name]) => names.includes(name))), meta: { ...resource.meta, tag } }
}

function whole(text: string, least: number): number {
  if (!/^\d{1,6}$/.test(text) || Number(text) < least) throw invalid('_count and _page_token are numbers')
  return Number(text)
}
