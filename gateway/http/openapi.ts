import { z } from 'zod'
import type { Endpoint } from './endpoint.ts'
import { PROBLEM_TYPE, problem } from './problem.ts'

type Json = Record<string, unknown>

/** Where the document is served; it describes itself too. */
export const DOCUMENT_PATH = '/openapi.json'

/**
 * The OpenAPI 3.1 document of these operations, made from the very forms that check the calls.
 * @param info.version of the package
 */
export function openApiOf(endpoints: readonly Endpoint[], info: { title: string; version: string; description: string }): Json {
  const schemas: Json = {}
  const schemaOf = (form: z.ZodType, io: 'input' | 'output') =>
    withComponents(z.toJSONSchema(form, { io, unrepresentable: 'any' }) as Json, schemas)
  const paths: Record<string, Json> = {}
  for (const endpoint of endpoints) {
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method]: operationOf(endpoint, schemaOf) }
  }
  paths[DOCUMENT_PATH] = {
    get: {
      operationId: 'openapi',
      summary: 'This document',
      responses: {
        200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: { type: 'object' } } } },
        ...refusals(schemaOf, [401, 429]),
      },
    },
  }
  return {
    openapi: '3.1.0',
    info,
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'made by `pli admin token create`' } },
      schemas,
    },
  }
}

const TEXT = { type: 'string' }

type SchemaOf = (form: z.ZodType, io: 'input' | 'output') => Json

function operationOf(endpoint: Endpoint, schemaOf: SchemaOf): Json {
  const { id, summary, params, query, body, text, status, answer, conditional } = endpoint
  const isAboutOne = Object.keys(params.shape).length > 0
  const isChange = endpoint.method !== 'get'
  const statuses = [
    ...(body ? [400] : []),
    ...(body || text ? [413, 415] : []),
    401,
    429,
    ...(isAboutOne ? [404] : []),
    ...(isChange ? [409] : []),
    ...(conditional ? [412] : []),
    422,
    500,
  ]
  return {
    operationId: id,
    summary,
    parameters: [
      ...parametersOf(params, 'path', schemaOf),
      ...parametersOf(query, 'query', schemaOf),
      ...(conditional
        ? [
            {
              name: 'If-Match',
              in: 'header',
              required: false,
              schema: { type: 'string' },
              description: 'the ETag of the box that was read',
            },
          ]
        : []),
    ],
    ...(text ? { requestBody: { required: true, content: Object.fromEntries(text.map(type => [type, { schema: TEXT }])) } } : {}),
    ...(body ? { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input') } } } } : {}),
    responses: {
      [status]: {
        description: status === 201 ? 'Created' : 'Done',
        content: { 'application/json': { schema: schemaOf(answer, 'output') } },
      },
      ...refusals(schemaOf, statuses),
    },
  }
}

function parametersOf(form: z.ZodObject, where: 'path' | 'query', schemaOf: SchemaOf): Json[] {
  const { properties = {}, required = [] } = schemaOf(form, 'input') as { properties?: Json; required?: string[] }
  return Object.entries(properties).map(([name, schema]) => ({ name, in: where, required: required.includes(name), schema }))
}

const MEANINGS: Record<number, string> = {
  400: 'The body is no JSON object',
  401: 'No token, or a wrong one',
  404: 'There is none',
  409: 'It is not in a state for this',
  412: 'It has changed in the meantime',
  413: 'The body is too long',
  415: 'The body is not said to be of a type that is taken',
  422: 'Everything that is wrong with what was asked',
  429: 'Too many wrong tokens, come back later',
  500: 'A fault of ours: nothing was promised',
}

function refusals(schemaOf: SchemaOf, statuses: readonly number[]): Json {
  const content = { [PROBLEM_TYPE]: { schema: schemaOf(problem, 'output') } }
  return Object.fromEntries(statuses.map(status => [status, { description: MEANINGS[status], content }]))
}

/** Named forms go to the components of the document, each once. */
function withComponents({ $schema: _, $defs = {}, ...schema }: Json, components: Json): Json {
  const moved = (value: unknown) => JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json
  for (const [name, definition] of Object.entries($defs as Json)) {
    const { $schema: _draft, id: _id, ...rest } = moved(definition)
    components[name] = rest
  }
  const { id, ...rest } = moved(schema)
  if (typeof id !== 'string') return rest
  components[id] = rest
  return { $ref: `#/components/schemas/${id}` }
}
