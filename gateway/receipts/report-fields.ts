import { AddressFault, parseAddress } from '../address.ts'

/** Fields of one block of a machine-readable report part; names in lower case, the first of a repeated field wins. */
export type Fields = ReadonlyMap<string, string>

/** A report may name this many recipients (RFC 5321 §4.5.3.1.8 asks for 100); the rest is not read. */
const mostBlocks = 2_001

/**
 * Reads a message/delivery-status or message/disposition-notification body: blocks of header-like fields parted by empty
 * lines (RFC 3464 §2.1). Lenient, since real reports are: any line end, blanks anywhere, a line that is no field is passed over.
 */
export function readBlocks(text: string): Fields[] {
  const blocks: Map<string, string>[] = []
  let block: Map<string, string> | undefined
  for (const line of text
    .replace(/\r\n?/g, '\n')
    .replace(/\n[ \t]+(?=\S)/g, ' ')
    .split('\n')) {
    if (line.trim() === '') block = undefined
    const [, name, value] = /^([!-9;-~]+)[ \t]*:(.*)$/.exec(line) ?? []
    if (name === undefined || value === undefined) continue
    if (block === undefined) {
      if (blocks.length === mostBlocks) return blocks
      block = new Map()
      blocks.push(block)
    }
    if (!block.has(name.toLowerCase())) block.set(name.toLowerCase(), value.trim())
  }
  return blocks
}

/**
 * A recipient as a report or an ORCPT names it (RFC 3464 §2.3.1, RFC 6533 §3), made comparable.
 * @param typed `rfc822; dr.martin@…`, `utf-8; …`, or an address alone
 * @returns the normalised address when it is one, else the text without outer blanks in lower case
 */
export function recipientKey(typed: string): string {
  const [, type = '', rest = ''] = /^[ \t]*(?:([A-Za-z0-9-]+)[ \t]*;)?(.*)$/s.exec(typed) ?? []
  const text = rest.trim().replace(/^<(.*)>$/s, '$1')
  const address = type.toLowerCase() === 'utf-8' ? decodeUtf8Address(text) : text
  try {
    return parseAddress(address)
  } catch (error) {
    if (error instanceof AddressFault) return address.toLowerCase()
    throw error
  }
}

/** `rfc822; a@b`, or RFC 6533 §3 `utf-8; h\x{E9}l@b` so that the report stays ASCII. */
export function typedAddress(address: string): string {
  if (!/[^\x21-\x7e]/.test(address)) return `rfc822; ${address}`
  const escaped = [...address].map(letter =>
    /[!-[\]-~]/.test(letter) ? letter : `\\x{${letter.codePointAt(0)?.toString(16).toUpperCase()}}`,
  )
  return `utf-8; ${escaped.join('')}`
}

function decodeUtf8Address(text: string): string {
  return text.replace(/\\x\{([0-9A-Fa-f]{1,6})\}/g, (whole, hex: string) => {
    const point = Number.parseInt(hex, 16)
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole
  })
}
