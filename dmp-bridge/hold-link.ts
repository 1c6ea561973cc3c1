import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'

/** Where the links lead, on the operator's pages; the token comes behind it. */
export const HOLD_PATH = '/retenir'

/** As long as a DMP that is away is tried, and a weekend more: what is not filed can be held. */
const LASTS_MS = 7 * 86_400_000
const MAC_BYTES = 20
const TIME_BYTES = 6

export interface HoldLinks {
  /** @returns the token of a message's link: letters that stand in a URL as they are, of which only this operator can make another */
  tokenOf(messageId: string): string
  /** @returns the message; undefined when the token is not ours, was altered, or has ended: nobody learns which */
  messageOf(token: string): string | undefined
}

/**
 * Links by which a sender holds the documents of one message back, without signing in. A token holds its message and its end, under a keyed hash:
 * nothing is kept of it, and it allows nothing but to hold.
 * @param options.secret any key of this operator: the links' own is derived from it
 */
export function openHoldLinks({ secret, now }: { secret: Buffer; now: () => number }): HoldLinks {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'pli hold link 1', 32))
  const macOf = (said: Buffer) => createHmac('sha256', key).update(said).digest().subarray(0, MAC_BYTES)

  return {
    tokenOf(messageId) {
      const end = Buffer.alloc(TIME_BYTES)
      end.writeUIntBE(now() + LASTS_MS, 0, TIME_BYTES)
      const said = Buffer.concat([end, Buffer.from(messageId)])
      return Buffer.concat([macOf(said), said]).toString('base64url')
    },

    messageOf(token) {
      if (!/^[\w-]{36,400}$/.test(token)) return undefined
      const bytes = Buffer.from(token, 'base64url')
      if (bytes.toString('base64url') !== token) return undefined // one message has one form of its token
      const [mac, said] = [bytes.subarray(0, MAC_BYTES), bytes.subarray(MAC_BYTES)]
      if (said.length <= TIME_BYTES || !timingSafeEqual(mac, macOf(said))) return undefined
      return said.readUIntBE(0, TIME_BYTES) > now() ? said.toString('utf8', TIME_BYTES) : undefined
    },
  }
}
