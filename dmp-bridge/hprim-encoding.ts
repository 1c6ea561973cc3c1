import iconv from 'iconv-lite'

export type HprimEncoding = 'ascii' | 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252' | 'iso-8859-15' | 'cp850' | 'macintosh'

export interface DecodedText {
  text: string
  encoding: HprimEncoding
  /** another encoding explains the octets nearly as well, and reads them otherwise */
  doubtful: boolean
}

/** In the order of what laboratories use: the first of two that explain the octets alike is taken. */
const CANDIDATES = ['windows-1252', 'iso-8859-15', 'cp850', 'macintosh'] as const

/**
 * Reads a text whose encoding nobody states, by evidence: a byte order mark, NUL octets, valid UTF-8, else the one of the four one-octet
 * encodings of the field in which the accents stand where French puts them. HTML entities, which some exports write, are resolved once.
 */
export function decodeHprim(bytes: Uint8Array): DecodedText {
  const decoded = decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  return { ...decoded, text: withoutEntities(decoded.text) }
}

function decode(bytes: Buffer): DecodedText {
  const sure = (encoding: HprimEncoding) => ({
    text: iconv.decode(bytes, encoding === 'ascii' ? 'latin1' : encoding),
    encoding,
    doubtful: false,
  })
  const wide = wideEncoding(bytes)
  if (wide) return sure(wide)
  if (!bytes.some(each => each >= 0x80)) return sure('ascii')
  if (isUtf8(bytes)) return sure('utf-8')
  const scored = CANDIDATES.map(encoding => {
    const text = iconv.decode(bytes, encoding)
    return { text, encoding, score: score(bytes, text) }
  })
  const best = scored.reduce((one, two) => (two.score > one.score ? two : one))
  const rival = scored.some(each => each.text !== best.text && best.score - each.score < MARGIN)
  return { text: best.text, encoding: best.encoding, doubtful: rival }
}

const MARGIN = 2

function wideEncoding(bytes: Buffer): 'utf-16le' | 'utf-16be' | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be'
  const head = bytes.subarray(0, 512)
  const nuls = [0, 0]
  for (const [index, each] of head.entries()) if (each === 0) nuls[index % 2]! += 1
  if (nuls[1]! > head.length / 3 && nuls[0] === 0) return 'utf-16le'
  return nuls[0]! > head.length / 3 && nuls[1] === 0 ? 'utf-16be' : undefined
}

function isUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

const LOWER = 'éèêàçùôîûâëïœüöä'
const UPPER = LOWER.toUpperCase()
const MOST_EVIDENCE = 5_000

/** Every octet above 127 is a piece of evidence. One octet is one character in all four encodings, so places agree. */
function score(bytes: Buffer, text: string): number {
  let sum = 0
  let seen = 0
  for (let index = 0; index < bytes.length && seen < MOST_EVIDENCE; index++) {
    if (bytes[index]! < 0x80) continue
    seen += 1
    sum += plausibility(text[index] ?? '', text[index - 1] ?? ' ', text[index + 1] ?? ' ')
  }
  return sum
}

/** How well a character stands between its neighbours in French; the weights only have to order the four readings. */
function plausibility(each: string, before: string, after: string): number {
  if (LOWER.includes(each)) {
    const isShouted = isUpper(before) && (isUpper(after) || !isLetter(after))
    return isShouted ? -2 : each === 'é' ? 4 : 3
  }
  if (UPPER.includes(each)) return isLower(before) ? -3 : isLower(after) && each !== 'É' ? 1 : 2
  if (isLetter(each)) return isLetter(before) ? -2 : each === 'µ' ? 2 : -1
  if (/[\p{Cc}\ufffd\u2500-\u259f]/u.test(each)) return -6
  if ('’‘'.includes(each)) return isLetter(before) && isLetter(after) ? 2 : 0
  if (isLetter(before) && isLetter(after)) return -3
  if (each === '°') return /[\dn ]/i.test(before) ? 2 : 0
  return '²³«»€±'.includes(each) ? 1 : each === '\u00a0' ? 0 : -1
}

function isLetter(each: string): boolean {
  return /\p{L}/u.test(each)
}

function isUpper(each: string): boolean {
  return /\p{Lu}/u.test(each)
}

function isLower(each: string): boolean {
  return /\p{Ll}/u.test(each)
}

/** The Latin-1 entities are in the order of their code points, from U+00A0. */
const LATIN1 =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml'.split(
    ' ',
  )
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ...LATIN1.map((name, index) => [name, String.fromCharCode(0xa0 + index)] as const),
  ...Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", rsquo: '’', oelig: 'œ', OElig: 'Œ', euro: '€', le: '≤', ge: '≥' }),
])

/** In one pass, so that `&amp;eacute;` stays the text that it was. */
function withoutEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,6})|#x([\da-f]{1,5})|([a-z]{2,8}\d?));/gi, (whole, decimal, hexadecimal, name) => {
    if (name !== undefined) return ENTITIES.get(name) ?? whole
    const code = decimal === undefined ? Number.parseInt(hexadecimal, 16) : Number(decimal)
    return code >= 0x20 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : whole
  })
}
