/** A mail to be written, with what its parts hold. */
export type Node = WrittenLeaf | { kind: 'mixed' | 'related' | 'alternative' | 'signed' | 'report'; boundary: string; parts: Node[] }

interface WrittenLeaf {
  kind: 'leaf'
  type: string
  charset: string | undefined
  encoding: string
  attached: boolean
  text: string
}

/** A part as a reader that knows little sees it. */
export interface Leaf {
  type: string
  charset: string
  encoding: string
  /** Whether it says that it shows the subject. */
  isMarked: boolean
  content: Buffer
}

type Read = Leaf | { parts: Read[] }

/** @returns the mail, line ends CRLF */
export function written(node: Node): Buffer {
  if (node.kind !== 'leaf') {
    const mark = Buffer.from(`\r\n--${node.boundary}\r\n`)
    return Buffer.concat([
      Buffer.from(`Content-Type: multipart/${node.kind}; boundary="${node.boundary}"\r\n\r\nmime`),
      ...node.parts.flatMap(part => [mark, written(part)]),
      Buffer.from(`\r\n--${node.boundary}--\r\n`),
    ])
  }
  const { type, charset, encoding, attached, text } = node
  const kept = charset === 'windows-1252' ? text.replace(/[^\x00-\x7f\xa0-\xff]/g, '') : text
  const content = Buffer.from(kept.replace(/\r?\n|\r/g, '\r\n'), charset === undefined || /utf-8|jis/.test(charset) ? 'utf8' : 'latin1')
  const disposition = attached ? 'Content-Disposition: attachment; filename="a"\r\n' : ''
  const header = `Content-Type: ${type}${charset ? `; charset=${charset}` : ''}\r\nContent-Transfer-Encoding: ${encoding}\r\n${disposition}\r\n`
  return Buffer.concat([Buffer.from(header), encoded(content, encoding)])
}

function encoded(content: Buffer, encoding: string): Buffer {
  if (encoding === 'base64') return Buffer.from(content.toString('base64').replace(/.{76}/g, '$&\r\n'))
  if (encoding !== 'quoted-printable') return content
  return Buffer.from(
    content.toString('latin1').replace(/[^\r\n!-<>-~]/g, octet => `=${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`),
  )
}

/** Reads a mail in the simplest way: whole, and by splitting it. */
export function read(entity: Buffer): Read {
  const text = entity.toString('latin1')
  const end = text.startsWith('\r\n') ? 0 : text.indexOf('\r\n\r\n')
  const header = end < 0 ? text : text.slice(0, end)
  const body = end < 0 ? '' : text.slice(end + (end === 0 ? 2 : 4))
  const boundary = /boundary="?([^"\r\n;]*)/.exec(header)?.[1]
  if (boundary !== undefined) {
    const lines = body.split('\r\n')
    const parts: string[][] = []
    for (const line of lines) {
      const trimmed = line.replace(/[ \t]+$/, '')
      if (trimmed === `--${boundary}--`) break
      if (trimmed === `--${boundary}`) parts.push([])
      else parts.at(-1)?.push(line)
    }
    return { parts: parts.map(part => read(Buffer.from(part.join('\r\n'), 'latin1'))) }
  }
  const encoding = /^Content-Transfer-Encoding: (\S+)/im.exec(header)?.[1] ?? '7bit'
  return {
    type: /^Content-Type: ([^;\s]+)/im.exec(header)?.[1] ?? 'text/plain',
    charset: /charset="?([^"\s;]+)/i.exec(header)?.[1] ?? 'us-ascii',
    encoding,
    isMarked: header.includes('hp-legacy-display="1"'),
    content: decoded(body, encoding),
  }
}

function decoded(body: string, encoding: string): Buffer {
  if (encoding === 'base64') return Buffer.from(body, 'base64')
  if (encoding !== 'quoted-printable') return Buffer.from(body, 'latin1')
  const octets = body.replace(/[ \t]+(?=\r\n|$)/g, '').replace(/=(?:\r\n|$)/g, '')
  return Buffer.from(
    octets.replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}

export function leavesOf(node: Read): Leaf[] {
  return 'parts' in node ? node.parts.flatMap(leavesOf) : [node]
}

/** What a reader that knows RFC 9788 shows of a part (§4.5.3.2, §4.5.3.3): texts as texts, whatever their charset and encoding. */
export function withoutDisplay({ type, charset, isMarked, content }: Leaf, subject: string): { type: string; text: string } {
  const text = textOf(content, charset)
  if (!isMarked) return { type, text }
  if (type === 'text/plain') {
    const [mark] = /^\ufeff?/.exec(text) ?? ['']
    const shown = text.slice(mark.length)
    if (!shown.startsWith(`Subject: ${subject}\r\n\r\n`)) throw new Error(`no subject in ${JSON.stringify(text)}`)
    return { type, text: mark + shown.slice(shown.indexOf('\r\n\r\n') + 4) }
  }
  const without = text.replace(/\r\n<div class="header-protection-legacy-display">\r\n<pre>Subject: [^<\r\n]*<\/pre>\r\n<\/div>\r\n/, '')
  if (without === text) throw new Error(`no subject in ${JSON.stringify(text)}`)
  return { type, text: without }
}

/** The generated mails have no octets between 128 and 159, which are other characters in windows-1252, and which Node takes for the same. */
export function textOf(content: Buffer, charset: string): string {
  const isOneOctet = /^(?:us-ascii|iso-8859-1|windows-1252)$/.test(charset)
  return isOneOctet ? content.toString('latin1') : new TextDecoder(charset, { ignoreBOM: charset === 'utf-8' }).decode(content)
}
