import { BerReader } from './ber.ts'
import { readOid } from './read.ts'
import { TAG } from './write.ts'

/** The content type that a CMS object begins with (RFC 5652 §3); the rest is not looked at. */
export async function peekContentType(cms: Buffer): Promise<string> {
  const reader = new BerReader(cms)
  await reader.enter(TAG.sequence, 'the content info')
  return readOid(await reader.element(64, TAG.oid))
}
