import { sharedConcat } from '../../config/threads.ts'
import { type EncryptionProfile, type PackedIdentity, type PackedRecipient, protectMail, unpackIdentity } from '../../crypto/index.ts'

export interface ProtectTask {
  content: Uint8Array
  signature: PackedIdentity
  recipient: PackedRecipient
  profile: EncryptionProfile
  /** milliseconds: the signing time */
  at: number
}

/** Entry of the thread: signing and encrypting a large letter takes longer than an SMTP dialogue may wait. @returns the protected mail, CRLF */
export default async function protect({ content, signature, recipient, profile, at }: ProtectTask): Promise<Uint8Array> {
  const sign = { by: [{ identity: unpackIdentity(signature) }], at: new Date(at) }
  const pieces: Buffer[] = []
  for await (const piece of protectMail(content, { sign, encrypt: { judged: [recipient], profile } })) pieces.push(piece)
  return sharedConcat(pieces)
}
