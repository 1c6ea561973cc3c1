import type { Ignored, Recognition } from './facts.ts'
import { readHprim } from './hprim.ts'

/**
 * A file of HPRIM Médecin as parts of a message: one for each dossier, so that whatever wraps them later takes one patient's at a time. Nothing of
 * it is filed yet.
 */
export function readHprimFile(path: string, content: Uint8Array): Recognition {
  const hprim = readHprim(content)
  if (!hprim) return { documents: [], ignored: [{ path, reason: content.length === 0 ? 'hprim' : 'hprim-unreadable' }], faults: [] }
  const { parts, patients } = hprim
  const each = parts.map((_part, index): Ignored => ({ path: parts.length === 1 ? path : `${path}/${index + 1}`, reason: 'hprim' }))
  const births = [...new Set(parts.flatMap(({ header }) => header?.birthDate ?? []))]
  return {
    documents: [],
    ignored: patients > 1 ? [{ path, reason: 'hprim-several-patients' }, ...each] : each,
    faults: [],
    ...(births.length === 0 ? {} : { births }),
  }
}
