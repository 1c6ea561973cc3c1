import { CmsFault } from './cms/fault.ts'

const MOST_HEADER = 256 * 1024

/** A header field: its name in lower case, and all of it as it was written, folding and last CRLF included (octets as latin1). */
export interface Field {
  name: string
  raw: string
}

/** A MIME entity: header fields and body. */
export interface Entity {
  fields: Field[]
  body: Buffer
}

/** @throws CmsFault `malformed` or `too-large` */
export function readEntity(octets: Buffer): Entity {
  const entity = startOfEntity(octets)
  if (!entity) throw new CmsFault('malformed', 'the mail header has no end')
  return entity
}

/**
 * As {@link readEntity}, of a mail that is still coming.
 * @returns undefined while its header has no end
 */
export function startOfEntity(octets: Buffer): Entity | undefined {
  const header = endOfHeader(octets)
  return header && { fields: readFields(octets.toString('latin1', 0, header.fields)), body: octets.subarray(header.body) }
}

/** Where the fields end and where the body starts. */
function endOfHeader(octets: Buffer): { fields: number; body: number } | undefined {
  const start = octets.subarray(0, MOST_HEADER)
  if (start.indexOf('\r\n') === 0) return { fields: 0, body: 2 }
  const [crlf, lf] = [start.indexOf('\r\n\r\n'), start.indexOf('\n\n')]
  if (crlf >= 0 && (lf < 0 || crlf < lf)) return { fields: crlf + 2, body: crlf + 4 }
  if (lf >= 0) return { fields: lf + 1, body: lf + 2 }
  if (octets.length >= MOST_HEADER) throw new CmsFault('too-large', `the mail header is longer than ${MOST_HEADER} octets`)
  return undefined
}

function readFields(header: string): Field[] {
  const raws = header.replace(/\r?\n/g, '\r\n').match(/[^\r\n][^\n]*\n(?:[ \t][^\n]*\n)*/g) ?? []
  return raws.map(raw => {
    const name = /^([!-9;-~]+)[ \t]*:/.exec(raw)?.[1]
    if (!name) throw new CmsFault('malformed', 'a line of the mail header is no field')
    return { name: name.toLowerCase(), raw }
  })
}

/** The body of a field, unfolded. */
export function bodyOf({ raw }: Field): string {
  return raw
    .slice(raw.indexOf(':') + 1)
    .replace(/\r\n/g, '')
    .trim()
}

/** @throws CmsFault when there are two: readers would not agree on which one counts */
export function onlyField(fields: readonly Field[], name: string): Field | undefined {
  const [field, ...more] = fields.filter(candidate => candidate.name === name)
  if (more.length > 0) throw new CmsFault('malformed', `the mail has several ${name} fields`)
  return field
}

/** RFC 2045 §5.1; type and names of parameters in lower case. */
export function contentTypeOf(fields: readonly Field[]): { type: string; parameters: ReadonlyMap<string, string> } {
  const field = onlyField(fields, 'content-type')
  const text = field ? bodyOf(field) : 'text/plain'
  const parameters = [...text.matchAll(/;\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]+)/g)].map(([, name, value]): [string, string] => [
    name!.toLowerCase(),
    value!.startsWith('"') ? value!.slice(1, -1).replace(/\\(.)/g, '$1') : value!,
  ])
  return { type: text.split(';')[0]!.trim().toLowerCase(), parameters: new Map(parameters) }
}

/** The Content-Transfer-Encoding, lower case. */
export function encodingOf(fields: readonly Field[]): string {
  const field = onlyField(fields, 'content-transfer-encoding')
  return field ? bodyOf(field).toLowerCase() : '7bit'
}

/**
 * The bare addresses of an address list (RFC 5322 §3.4), without names, comments and groups.
 * What cannot be read is left out: this text goes outside the encryption. A quote without an end reaches to the end, so that no field takes long to read.
 */
export function addressesIn(field: Field): string[] {
  const addresses: string[] = []
  let mailbox = ''
  for (const [token] of withoutComments(bodyOf(field)).matchAll(/"(?:[^"\\]|\\.)*(?:"|\\?$)|<[^<>]*>|[,;:]|[^",;:<>]+|./g)) {
    if (token === ':') mailbox = ''
    else if (token === ',' || token === ';') addresses.push(mailbox)
    if (/^[,;:]$/.test(token)) mailbox = ''
    else mailbox += token
  }
  return [...addresses, mailbox]
    .map(text => inBrackets(text).trim())
    .filter(address => /^(?:"[^"\r\n]*"|[^\s@<>"]+)@[^\s@<>"]+$/.test(address))
}

function inBrackets(text: string): string {
  const start = text.indexOf('<')
  const end = text.indexOf('>', start)
  return start < 0 || end < 0 ? text : text.slice(start + 1, end)
}

function withoutComments(text: string): string {
  if (!text.includes('(')) return text
  let depth = 0
  return [...text.matchAll(/"(?:[^"\\]|\\.)*(?:"|\\?$)|\\.|[\s\S]/g)]
    .map(([token]) => {
      if (token === '(') depth++
      const kept = depth === 0 ? token : ' '
      if (token === ')' && depth > 0) depth--
      return kept
    })
    .join('')
}
