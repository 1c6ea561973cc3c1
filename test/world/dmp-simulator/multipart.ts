import { SoapFault } from './refusals.ts'

/** A multipart/related package (RFC 2387) as XOP asks for it: the root, and the other parts by Content-ID without brackets. */
export interface Package {
  root: Buffer
  parts: ReadonlyMap<string, Buffer>
}

const CRLF2 = Buffer.from('\r\n\r\n')

/**
 * Reads an MTOM message (XOP 1.0 §4 and §5; spec dmp §1.5). Strict: exact boundaries, every part with its own Content-ID, binary content.
 * @param contentType value of the HTTP header
 * @throws SoapFault Sender
 */
export function readPackage(contentType: string, body: Buffer): Package {
  const { value, parameters } = parseHeader(contentType)
  expect(value === 'multipart/related', 'the request is not multipart/related (MTOM is mandatory)')
  expect(parameters.get('type') === 'application/xop+xml', 'the type parameter is not application/xop+xml')
  expect(parameters.get('start-info') === 'application/soap+xml', 'the start-info parameter is not application/soap+xml')
  const boundary = parameters.get('boundary') ?? ''
  expect(/^[\w'()+,./:=? -]{0,69}[\w'()+,./:=?-]$/.test(boundary), 'the boundary is missing or not one (RFC 2046 §5.1.1)')
  const sections = split(body, boundary).map(readPart)
  const ids = sections.map(section => section.id)
  expect(new Set(ids).size === ids.length, 'two parts have the same Content-ID')
  const start = parameters.get('start')
  const root = start === undefined ? sections[0] : sections.find(section => `<${section.id}>` === start)
  if (!root) throw new SoapFault('Sender', 'the start parameter names no part')
  const type = parseHeader(root.type)
  expect(type.value === 'application/xop+xml', 'the root part is not application/xop+xml')
  expect(type.parameters.get('type') === 'application/soap+xml', 'the root part does not hold application/soap+xml')
  expect((type.parameters.get('charset') ?? 'utf-8').toLowerCase() === 'utf-8', 'the root part is not in UTF-8')
  return { root: root.content, parts: new Map(sections.filter(each => each !== root).map(each => [each.id, each.content])) }
}

/** @returns a header value in lower case and its parameters (names in lower case, quotes removed), RFC 2045 §5.1 */
export function parseHeader(header: string): { value: string; parameters: Map<string, string> } {
  const [value = '', ...rest] = header.split(/;(?=(?:[^"]*"[^"]*")*[^"]*$)/)
  const parameters = new Map<string, string>()
  for (const each of rest) {
    const match = /^\s*([\w-]+)\s*=\s*(?:"([^"]*)"|([^\s"]+))\s*$/.exec(each)
    if (!match?.[1] || parameters.has(match[1].toLowerCase())) throw new SoapFault('Sender', 'a header parameter cannot be read')
    parameters.set(match[1].toLowerCase(), match[2] ?? match[3] ?? '')
  }
  return { value: value.trim().toLowerCase(), parameters }
}

function split(body: Buffer, boundary: string): Buffer[] {
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  const framed = Buffer.concat([Buffer.from('\r\n'), body])
  expect(framed.indexOf(delimiter) >= 0, 'the boundary of the header is not in the body')
  const sections: Buffer[] = []
  let from = framed.indexOf(delimiter) + delimiter.length
  while (framed.toString('latin1', from, from + 2) !== '--') {
    expect(framed.toString('latin1', from, from + 2) === '\r\n', 'a boundary line does not end with CRLF')
    const next = framed.indexOf(delimiter, from)
    expect(next >= 0, 'the last boundary is missing')
    sections.push(framed.subarray(from + 2, next))
    from = next + delimiter.length
  }
  expect(/^(\r\n)?$/.test(framed.toString('latin1', from + 2)), 'there is something after the last boundary')
  expect(sections.length > 0, 'there is no part')
  return sections
}

function readPart(section: Buffer): { id: string; type: string; content: Buffer } {
  const end = section.indexOf(CRLF2)
  expect(end >= 0, 'a part has no blank line after its headers')
  const headers = new Map<string, string>()
  for (const line of section
    .toString('latin1', 0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')) {
    const match = /^([\w-]+):\s*(.*)$/.exec(line)
    if (!match?.[1] || headers.has(match[1].toLowerCase())) throw new SoapFault('Sender', 'a part header cannot be read')
    headers.set(match[1].toLowerCase(), match[2]?.trim() ?? '')
  }
  const id = /^<([^<>\s]+)>$/.exec(headers.get('content-id') ?? '')?.[1]
  if (id === undefined) throw new SoapFault('Sender', 'a part has no Content-ID in angle brackets')
  const encoding = (headers.get('content-transfer-encoding') ?? 'binary').toLowerCase()
  expect(encoding === 'binary' || encoding === '8bit', 'a part is not binary')
  const type = headers.get('content-type')
  if (type === undefined) throw new SoapFault('Sender', 'a part has no Content-Type')
  return { id, type, content: section.subarray(end + CRLF2.length) }
}

function expect(holds: boolean, reason: string): void {
  if (!holds) throw new SoapFault('Sender', reason)
}
