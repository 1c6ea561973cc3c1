import type { PatchParameters } from './patch.ts'
import { type Carried, type Carrier, type Resource, readResource, readSearch } from './resources.ts'
import { openTransport, type TransportOptions } from './transport.ts'

export interface FhirClient {
  /**
   * One search among the resources of one type.
   * @param address in lower case
   * @returns the resource that carries this box
   * @throws FhirFault
   */
  search(type: Carrier, address: string, options: { urgent?: boolean; signal: AbortSignal }): Promise<Carried | undefined>
  /**
   * Changes the telecom of one resource.
   * @param where a logical id (`{ id }`), or a condition that one resource alone must meet
   * @returns the resource as it now is
   * @throws FhirFault
   */
  patch(type: Carrier, where: Where, parameters: PatchParameters): Promise<Resource>
  close(): Promise<void>
}

export type Where = { id: string } | { condition: Readonly<Record<string, string>> }

/** A change is not waited for by anybody, and slower than a question. */
const PATCH_MS = 30_000
/** What a listing needs (`_elements`): nothing else of a person is asked for. */
const ELEMENTS = 'active,identifier,name,telecom,address,qualification'

/** The Annuaire Santé FHIR API, as the guide "API MSS" and `openapi-balmss.yaml` (draft of 2026) describe it. */
export function fhirClient(options: TransportOptions): FhirClient {
  const transport = openTransport(options)
  return {
    async search(type, address, { urgent = false, signal }) {
      const query = new URLSearchParams({ 'mailbox-mss:exact': escaped(address), _elements: ELEMENTS, _count: '10' })
      return readSearch(await transport.call({ method: 'GET', path: `/${type}?${query}`, urgent, signal }), type, address)
    },
    async patch(type, where, body) {
      const path = 'id' in where ? `/${type}/${encodeURIComponent(where.id)}` : `/${type}?${new URLSearchParams({ ...where.condition })}`
      return readResource(await transport.call({ method: 'PATCH', path, body, signal: AbortSignal.timeout(PATCH_MS) }), type)
    },
    close: () => transport.close(),
  }
}

/** In a search value these four separate or join (FHIR R4, search, §3.1.1.3); an address may hold some of them. */
function escaped(address: string): string {
  return address.replace(/[\\$,|]/g, '\\$&')
}
