import { CmsFault } from './fault.ts'
import { piecesOf, type Source } from './source.ts'
import { header, TAG } from './write.ts'

const DEEPEST = 32
/** Pieces of octet strings in one object: 64 MiB in the pieces of 1 KiB that OpenSSL writes are 65,536. Each costs some microseconds. */
const MOST_SEGMENTS = 200_000
/** Longest encoding of an identifier and a length that we read. */
const LONGEST_HEADER = 6

interface Frame {
  /** Where the value must end; of an indefinite one, where the one around it must. */
  end: number
  isIndefinite: boolean
}

/**
 * Reads BER (X.690 §8) as it arrives: lengths definite or not, strings in one piece or many. Mail clients and `openssl cms -stream` write the outer
 * layers of a message so. What is small (certificates, signers, recipients) is handed out whole, definite and bounded, for a schema to parse;
 * what is large (content) flows through. Nothing is kept but the piece being read.
 */
export class BerReader {
  readonly #pieces: AsyncGenerator<Buffer>
  #unread: Buffer = Buffer.alloc(0)
  #offset = 0
  #frames: Frame[] = []
  #segmentCount = 0
  constructor(source: Source) {
    this.#pieces = piecesOf(source)
  }

  /**
   * Reads a source to its end, which the parser must reach, and lets go of it whatever happens.
   * @throws CmsFault
   */
  static async read<T>(source: Source, parse: (reader: BerReader) => Promise<T>): Promise<T> {
    const reader = new BerReader(source)
    try {
      const result = await parse(reader)
      if ((await reader.next()) !== undefined) throw new CmsFault('malformed', 'something follows the CMS object')
      return result
    } finally {
      await reader.#pieces.return(undefined)
    }
  }

  /** The identifier octet of the next value, or undefined at the end of the value that was entered (outside any: of the source). */
  async next(): Promise<number | undefined> {
    const frame = this.#frames.at(-1)
    if (frame && !frame.isIndefinite && this.#offset === frame.end) return undefined
    if (!frame && !(await this.#fill(1))) return undefined
    await this.#need(1)
    return frame?.isIndefinite && this.#unread[0] === 0 ? undefined : this.#unread[0]
  }

  /** Goes into a constructed value. */
  async enter(tag: number, what: string): Promise<void> {
    const head = await this.#head()
    if (head.tag !== tag) throw new CmsFault('malformed', `${what} is not where it should be`)
    this.#push(head.length)
  }

  /** Comes out of a value that must be finished. */
  async leave(): Promise<void> {
    const frame = this.#frames.at(-1)!
    if (frame.isIndefinite) await this.#endOfContents()
    else if (this.#offset !== frame.end) throw new CmsFault('malformed', 'a value holds more than it should')
    this.#frames.pop()
  }

  /**
   * The next value whole, its own lengths made definite.
   * @param tag which it must have, if given
   * @param most octets
   */
  async element(most: number, tag?: number): Promise<Buffer> {
    return this.#element(this.#offset + most, tag)
  }

  /**
   * The contents of an octet string, as they come.
   * @param tag of its primitive form
   */
  async *octets(tag: number = TAG.octetString): AsyncGenerator<Buffer> {
    const head = await this.#head()
    if (head.tag === tag && head.length !== undefined) yield* this.#flow(head.length)
    else if (head.tag === (tag | 0x20)) yield* this.#segments(head.length)
    else throw new CmsFault('malformed', 'an octet string is not where it should be')
  }

  async *#segments(length: number | undefined): AsyncGenerator<Buffer> {
    this.#push(length)
    while ((await this.next()) !== undefined) {
      if (++this.#segmentCount > MOST_SEGMENTS) throw new CmsFault('too-large', 'an octet string comes in too many pieces')
      yield* this.octets()
    }
    await this.leave()
  }

  async *#flow(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0; ) {
      await this.#need(1)
      const piece = this.#unread.subarray(0, left)
      this.#skip(piece.length)
      left -= piece.length
      yield piece
    }
  }

  async #element(limit: number, tag?: number): Promise<Buffer> {
    const { octets, length, ...head } = await this.#head()
    if (tag !== undefined && head.tag !== tag) throw new CmsFault('malformed', 'a value is not where it should be')
    if (this.#offset + (length ?? 0) > limit) throw new CmsFault('too-large', 'a value is longer than we read')
    if (length !== undefined) return Buffer.concat([octets, await this.#take(length)])
    this.#push(undefined)
    const parts: Buffer[] = []
    while ((await this.next()) !== undefined) parts.push(await this.#element(limit))
    await this.leave()
    const inside = Buffer.concat(parts)
    return Buffer.concat([header(head.tag, inside.length), inside])
  }

  async #head(): Promise<{ tag: number; length: number | undefined; octets: Buffer }> {
    await this.#need(2)
    const tag = this.#unread[0]!
    const first = this.#unread[1]!
    if ((tag & 0x1f) === 0x1f) throw new CmsFault('malformed', 'multi-byte ASN.1 tag')
    const count = first & 0x80 ? first & 0x7f : 0
    if (2 + count > LONGEST_HEADER) throw new CmsFault('too-large', 'an ASN.1 length has more than four octets')
    if (first === 0x80 && !(tag & 0x20)) throw new CmsFault('malformed', 'a primitive ASN.1 value of indefinite length')
    await this.#need(2 + count)
    const octets = this.#unread.subarray(0, 2 + count)
    const length = first === 0x80 ? undefined : count === 0 ? first : octets.readUIntBE(2, count)
    this.#skip(octets.length)
    if (this.#offset + (length ?? 0) > this.#end()) throw new CmsFault('malformed', 'an ASN.1 value runs past its end')
    return { tag, length, octets }
  }

  #push(length: number | undefined): void {
    if (this.#frames.length >= DEEPEST) throw new CmsFault('too-large', 'ASN.1 values are nested too deeply')
    this.#frames.push({ end: length === undefined ? this.#end() : this.#offset + length, isIndefinite: length === undefined })
  }

  async #endOfContents(): Promise<void> {
    await this.#need(2)
    if (this.#unread.readUInt16BE() !== 0) throw new CmsFault('malformed', 'a value holds more than it should')
    this.#skip(2)
  }

  #end(): number {
    return this.#frames.at(-1)?.end ?? Number.POSITIVE_INFINITY
  }

  async #take(length: number): Promise<Buffer> {
    if (!(await this.#fill(length))) throw truncated()
    const taken = this.#unread.subarray(0, length)
    this.#skip(length)
    return taken
  }

  #skip(count: number): void {
    this.#unread = this.#unread.subarray(count)
    this.#offset += count
  }

  async #need(count: number): Promise<void> {
    if (this.#offset + count > this.#end()) throw new CmsFault('malformed', 'an ASN.1 value runs past its end')
    if (this.#unread.length < count && !(await this.#fill(count))) throw truncated()
  }

  /** @returns false when the source ends before that many octets are there */
  async #fill(count: number): Promise<boolean> {
    if (this.#unread.length >= count) return true
    const parts = [this.#unread]
    let length = this.#unread.length
    while (length < count) {
      const { value, done } = await this.#pieces.next()
      if (done) break
      parts.push(value)
      length += value.length
    }
    this.#unread = this.#unread.length === 0 && parts.length === 2 ? parts[1]! : Buffer.concat(parts)
    return length >= count
  }
}

function truncated(): CmsFault {
  return new CmsFault('malformed', 'the ASN.1 ends too early')
}
