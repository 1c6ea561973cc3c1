/** One part of a mail. `content` text is UTF-8. */
export interface MailPart {
  /** Full value, parameters but `name` included: 'text/plain; charset=utf-8'. */
  type: string
  content: string | Buffer
  /** Makes it an attachment of that name. */
  filename?: string
  /** Base64 when absent. '8bit' and '7bit' leave the content as it is, with CRLF line ends. */
  encoding?: 'base64' | '8bit' | '7bit'
}

export interface MailOptions {
  from: string
  to: string | readonly string[]
  subject: string
  date: Date
  /** Without angle brackets. */
  messageId: string
  /** Added as they are given, after the usual ones. */
  headers?: Readonly<Record<string, string>>
  /** One part makes a simple message, several a multipart. */
  parts: readonly MailPart[]
  /** 'mixed' when absent. */
  multipart?: string
  /** Must not occur in a part that is not in base64. */
  boundary?: string
}

/**
 * @returns an RFC 5322 message with CRLF line ends, each header on lines of at most 998 octets. Header values with other characters than
 * printable ASCII (subject, display names) become RFC 2047 words. No Bcc, no random value: equal options give equal bytes.
 */
export function buildMail(options: MailOptions): Buffer {
  const headers = {
    'Message-ID': `<${options.messageId}>`,
    Date: options.date.toUTCString().replace('GMT', '+0000'),
    From: address(options.from),
    To: [options.to].flat().map(address).join(',\r\n '),
    Subject: words(options.subject),
    'MIME-Version': '1.0',
    ...options.headers,
  }
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const [only, ...others] = options.parts
  if (only && others.length === 0) return Buffer.concat([Buffer.from(head.join('')), part(only)])
  const boundary = options.boundary ?? '=_pli_0123456789'
  head.push(`Content-Type: multipart/${options.multipart ?? 'mixed'}; boundary="${boundary}"\r\n`)
  const body = options.parts.flatMap(each => [Buffer.from(`--${boundary}\r\n`), part(each), Buffer.from('\r\n')])
  return Buffer.concat([Buffer.from(`${head.join('')}\r\n`), ...body, Buffer.from(`--${boundary}--\r\n`)])
}

function part({ type, content, filename, encoding = 'base64' }: MailPart): Buffer {
  const named = filename ? `${type}; name="${words(filename)}"` : type
  const disposition = filename ? `Content-Disposition: attachment; filename="${words(filename)}"\r\n` : ''
  const head = `Content-Type: ${named}\r\nContent-Transfer-Encoding: ${encoding}\r\n${disposition}\r\n`
  return Buffer.concat([Buffer.from(head), encoding === 'base64' ? base64Lines(Buffer.from(content)) : crlf(content)])
}

function crlf(content: string | Buffer): Buffer {
  return Buffer.from(Buffer.from(content).toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1')
}

/** RFC 2045 §6.8: lines of 76 characters. */
function base64Lines(content: Buffer): Buffer {
  return Buffer.from((content.toString('base64').match(/.{1,76}/g) ?? []).join('\r\n'))
}

/** RFC 2047: words of 75 characters at most, never cut inside a character (45 octets make 60 characters of base64). */
function words(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text
  const pieces: string[] = ['']
  for (const character of text) {
    if (Buffer.byteLength(pieces.at(-1) + character) > 45) pieces.push('')
    pieces.push(pieces.pop() + character)
  }
  return pieces.map(piece => `=?utf-8?B?${Buffer.from(piece).toString('base64')}?=`).join('\r\n ')
}

/** `Name <box@domain>` or a bare address; the display name is encoded or quoted when it must be. */
function address(text: string): string {
  const match = /^(.*?)\s*<([^<>]+)>$/.exec(text)
  if (!match?.[1]) return text
  const [, name, box] = match as unknown as [string, string, string]
  if (!/^[\x20-\x7e]*$/.test(name)) return `${words(name)} <${box}>`
  return /^[\w !#$%&'*+/=?^`{|}~-]*$/.test(name) ? `${name} <${box}>` : `"${name.replace(/["\\]/g, '\\$&')}" <${box}>`
}
