/** Enough of a request to have its wsa:MessageID. */
const HEAD = 64 * 1024

/**
 * For a client of the DMP simulator in the same process: an exchange is over as soon as the simulator says that no answer comes, and never because the
 * machine is slow.
 * @returns `onSilence` for the simulator, `expires` for the client
 */
export function openSilence(): { onSilence(messageId: string): void; expires(body: Buffer): AbortSignal } {
  const waiting = new Map<string, AbortController>()
  return {
    onSilence(messageId) {
      waiting.get(messageId)?.abort(new DOMException('no answer comes', 'TimeoutError'))
    },
    expires(body) {
      const [, messageId = ''] = /MessageID[^>]*>([^<]+)</.exec(body.toString('latin1', 0, HEAD)) ?? []
      const exchange = new AbortController()
      waiting.set(messageId, exchange)
      return exchange.signal
    },
  }
}
