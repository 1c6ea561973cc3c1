import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { PeerVerdict } from '../../crypto/index.ts'
import type { Judge, Use } from './look.ts'

interface Question {
  number: number
  certificate: Uint8Array
  use: Use
}

type Answer = { number: number } & ({ verdict: PeerVerdict } | { failed: string })

/**
 * Lets a thread ask for a verdict. Judging is done where the revocation lists are as they are now, and what a responder has answered; the thread has neither.
 * @returns the end for the thread, and what closes both
 */
export function judgePort(judge: Judge): { port: MessagePort; close(): void } {
  const { port1, port2 } = new MessageChannel()
  port1.on('message', async ({ number, certificate, use }: Question) => {
    port1.postMessage({ number, ...(await answered(() => judge(octets(certificate), use))) } satisfies Answer)
  })
  return { port: port2, close: () => port1.close() }
}

async function answered(judge: () => Promise<PeerVerdict>): Promise<{ verdict: PeerVerdict } | { failed: string }> {
  try {
    return { verdict: await judge() }
  } catch (error) {
    return { failed: (error as Error).message }
  }
}

/** In the thread: the judge at the other end. */
export function judgeBehind(port: MessagePort): Judge {
  const waiting = new Map<number, (answer: Answer) => void>()
  let number = 0
  port.on('message', (answer: Answer) => waiting.get(answer.number)?.(answer))
  return async (certificate, use) => {
    const mine = ++number
    const answer = await new Promise<Answer>(resolve => {
      waiting.set(mine, resolve)
      port.postMessage({ number: mine, certificate, use } satisfies Question)
    })
    waiting.delete(mine)
    if ('failed' in answer) throw new Error(answer.failed)
    return answer.verdict
  }
}

function octets({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
