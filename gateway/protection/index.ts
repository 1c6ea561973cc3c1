import { isAscii } from 'node:buffer'
import { availableParallelism } from 'node:os'
import { Piscina } from 'piscina'
import { compiled, forThread } from '../../config/index.ts'
import { type EncryptionProfile, type Identity, outermostLayer, packIdentity, packRecipient, profileCipher } from '../../crypto/index.ts'
import type { Choice, Encrypt, Holder, Sendable } from './choice.ts'
import { openPlanner, type PlannerOptions } from './planner.ts'
import type { ProtectTask } from './protection-thread.ts'

export type { Choice, EncryptionPolicy, Sendable, Unsendable } from './choice.ts'
export { openPlanner, type Planner } from './planner.ts'

/** To a domain its gateway reads, to a box any mail client (DESIGN decision 4). */
const PROFILES: Record<Holder, EncryptionProfile> = { box: 'mail-client', domain: 'gateway' }

/** The largest message takes a few seconds, and others may be before it; a connection that waits meanwhile is kept for five minutes (RFC 5321 §4.5.3.2.7). */
const PATIENCE = 4 * 60_000

/** What leaves, what the peer must be able to take, and what the ledger says of it. */
export interface Outgoing {
  content: Buffer
  /** octets */
  size: number
  eightBit: boolean
  utf8: boolean
  ledger: Readonly<Record<string, string>>
}

/** A message on its way to one recipient: what its spool rows say. */
interface Outward {
  message_id: string
  address: string
  /** Empty for a report. */
  sender: string
  size: number
  eight_bit: number
  utf8: number
}

export interface ProtectionOptions extends PlannerOptions {
  /** What signs the mail that leaves, asked for at each one. */
  signature: () => Identity
}

export type Protection = ReturnType<typeof openProtection>

/** Signs and encrypts the mail that leaves, in threads. */
export function openProtection(options: ProtectionOptions) {
  const { anchors, now, signature } = options
  const planner = openPlanner(options)
  const threads = new Piscina<ProtectTask, Uint8Array>({
    filename: compiled('gateway/protection/protection-thread'),
    minThreads: 0,
    maxThreads: Math.max(1, availableParallelism() - 1),
    idleTimeout: 60_000,
  })
  threads.on('error', () => {}) // a thread that cannot start: the recipient is tried again later
  /** Recipients behind the same certificate get the same octets, made once while any of them is carried. */
  const made = new Map<string, { octets: Promise<Buffer>; users: number }>()

  /** A large letter takes a while to look at, and its recipients share its octets. */
  const looks = new WeakMap<Buffer, Promise<boolean>>()

  function isEncrypted(content: Buffer): Promise<boolean> {
    const known = looks.get(content) ?? outermostLayer(content).then(layer => layer === 'encrypted')
    looks.set(content, known)
    return known
  }

  async function protect(content: Buffer, pem: string, profile: EncryptionProfile): Promise<Buffer> {
    const at = now()
    const recipient = await packRecipient(pem, anchors, new Date(at))
    const { octets, transferList } = forThread(content)
    const task: ProtectTask = { content: octets, signature: packIdentity(signature()), recipient, profile, at }
    const protectedMail = await threads.run(task, { signal: AbortSignal.timeout(PATIENCE), transferList })
    return Buffer.from(protectedMail.buffer, protectedMail.byteOffset, protectedMail.byteLength)
  }

  function protectedFor({ to, certificate }: Encrypt, leg: Outward, content: Buffer): { octets: Promise<Buffer>; done(): void } {
    const profile = PROFILES[to]
    const key = `${leg.message_id} ${profile} ${certificate.fingerprint}`
    const shared = made.get(key) ?? { octets: protect(content, certificate.pem, profile), users: 0 }
    shared.users += 1
    made.set(key, shared)
    const done = () => {
      shared.users -= 1
      if (shared.users === 0) made.delete(key)
    }
    return { octets: shared.octets, done }
  }

  return {
    /** How the message would go to this recipient. */
    async plan({ address, sender }: Outward, content: Buffer): Promise<Choice> {
      return planner.plan(address, { isReport: sender === '', isEncrypted: await isEncrypted(content) })
    },

    /**
     * Makes what leaves and gives it to `send`.
     * @throws CmsFault for a mail that cannot be protected; what `send` throws
     */
    async apply<T>(choice: Sendable, leg: Outward, content: Buffer, send: (outgoing: Outgoing) => Promise<T>): Promise<T> {
      if (choice.kind !== 'encrypt') return send(asItIs(choice, leg, content))
      const { octets, done } = protectedFor(choice, leg, content)
      try {
        return await send(sealed(choice, leg, await octets))
      } finally {
        done()
      }
    },

    close: () => threads.destroy(),
  }
}

function asItIs(choice: Exclude<Sendable, Encrypt>, { size, eight_bit, utf8 }: Outward, content: Buffer): Outgoing {
  const ledger: Outgoing['ledger'] = choice.kind === 'as-is' ? { protection: 'by-author' } : { protection: 'none', because: choice.because }
  return { content, size, eightBit: eight_bit === 1, utf8: utf8 === 1, ledger }
}

/** Only what is left of the header outside can have octets above 127 (RFC 6532), and the envelope. */
function sealed({ to, certificate }: Encrypt, { address, sender }: Outward, content: Buffer): Outgoing {
  const eightBit = !isAscii(content)
  const ledger = {
    protection: 'signed-encrypted',
    encryptedTo: to,
    certificate: certificate.fingerprint,
    cipher: profileCipher(PROFILES[to]),
  }
  return { content, size: content.length, eightBit, utf8: eightBit || !isAscii(Buffer.from(address + sender)), ledger }
}
