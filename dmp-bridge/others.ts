import type { Budget } from './budget.ts'
import type { Limits } from './caps.ts'
import type { Recognition } from './facts.ts'
import { looksLikeHl7 } from './hl7v2.ts'
import { readHl7 } from './hl7v2-documents.ts'
import { readHprimFile } from './hprim-parts.ts'
import { isHprim, plainKind } from './kinds.ts'

/**
 * Reads a file that is neither an archive nor a CDA: a message of HL7 v2 with documents in it, results in HPRIM Médecin, or what is left alone.
 * @param path of the file, whose end is its name
 * @param type declared media type, lower case; may be empty
 */
export function readOther(path: string, content: Uint8Array, type: string, limits: Limits, budget: Budget): Recognition {
  if (looksLikeHl7(content)) return readHl7(path, content, limits, budget)
  const reason = plainKind(path, content, type)
  const isLeft = reason !== 'text' && reason !== 'unrelated'
  if (!isLeft && isHprim(path, content)) return readHprimFile(path, content)
  return { documents: [], ignored: [{ path, reason }], faults: [] }
}
