import { invalid, Refused } from './outcome.ts'
import type { Resource, ResourceType } from './resources.ts'

/** Systems of the conditions of a PATCH (openapi-balmss), each with the one that the resources carry. */
const PERSON_SYSTEMS: Record<string, string> = {
  'https://rpps.esante.gouv.fr': 'https://rpps.esante.gouv.fr',
  'urn:oid:1.2.250.1.71.4.2.1': 'urn:oid:1.2.250.1.71.4.2.1',
}
const SITUATION_SYSTEMS: Record<string, string> = {
  'http://finess.sante.gouv.fr': 'https://finess.esante.gouv.fr',
  'http://sirene.fr': 'https://sirene.fr',
}
const STRUCTURE_SYSTEMS: Record<string, string> = { ...SITUATION_SYSTEMS, 'urn:oid:1.2.250.1.71.4.2.2': 'urn:oid:1.2.250.1.71.4.2.2' }

/** The resources, and the condition of a conditional PATCH. */
export class Store {
  readonly resources: Resource[] = []

  of(type: ResourceType): Resource[] {
    return this.resources.filter(({ resourceType }) => resourceType === type)
  }

  find(type: string, id: string): Resource | undefined {
    return this.resources.find(resource => resource.resourceType === type && resource.id === id)
  }

  /** @throws Refused 404 */
  byId(type: ResourceType, id: string): Resource {
    const resource = this.find(type, id)
    if (!resource) throw new Refused(404, 'not-found', `${type}/${id} is not known`)
    return resource
  }

  /** @returns the only resource that meets the condition @throws Refused 400, 404, 412 */
  byCondition(type: ResourceType, query: URLSearchParams): Resource {
    const asked = (name: string, systems: Record<string, string>) => tokenOf(query, name, systems)
    const found = type === 'PractitionerRole' ? this.roles(asked) : this.identified(type, asked)
    if (found.length > 1) {
      const text = 'Multiple matches found for conditional PATCH — 0 or 1 match required, but the search returned more than one result.'
      throw new Refused(412, 'conflict', text)
    }
    if (!found[0]) throw new Refused(404, 'not-found', `No ${type} meets the condition`)
    return found[0]
  }

  private identified(type: 'Practitioner' | 'Organization', asked: Asked): Resource[] {
    const token = asked('identifier', type === 'Practitioner' ? PERSON_SYSTEMS : STRUCTURE_SYSTEMS)
    return this.of(type).filter(resource => carries(resource, token))
  }

  private roles(asked: Asked): Resource[] {
    const who = asked('practitioner.identifier', PERSON_SYSTEMS)
    const where = asked('organization.identifier', SITUATION_SYSTEMS)
    const target = (role: Resource, link: 'practitioner' | 'organization') => {
      const [type = '', id = ''] = String((role[link] as { reference?: string } | undefined)?.reference).split('/')
      return this.find(type, id)
    }
    return this.of('PractitionerRole').filter(
      role => carries(target(role, 'practitioner'), who) && carries(target(role, 'organization'), where),
    )
  }
}

interface Token {
  system: string
  value: string
}
type Asked = (name: string, systems: Record<string, string>) => Token

function tokenOf(query: URLSearchParams, name: string, systems: Record<string, string>): Token {
  const [text, ...more] = query.getAll(name)
  const [given = '', value, ...rest] = text?.split('|') ?? []
  const system = systems[given]
  if (more.length > 0 || rest.length > 0 || !value || system === undefined) throw invalid(`${name} must be one of the known systems|value`)
  return { system, value }
}

function carries(resource: Resource | undefined, token: Token): boolean {
  return resource?.identifier.some(({ system, value }) => system === token.system && value === token.value) ?? false
}
