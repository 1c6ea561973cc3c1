import type { Dmp, DmpContext } from './dmp.ts'
import { afterFailure, type FilerTools, filed, held, type Next, noteFailure, ofAnother, type Ready } from './next.ts'

/**
 * What a replacement needs to know (TD2.1b): the entry that it replaces. One that waits here is filed first. When an earlier attempt may have
 * been the one, the document itself is looked for first: its parent would then be said to be replaced already.
 * @returns nothing for a document that replaces none
 */
export async function parentOf(
  ready: Ready,
  dmp: Dmp,
  context: DmpContext,
  tools: FilerTools,
): Promise<{ replaces: string } | Next | undefined> {
  const { filing, uniqueId, ins } = ready
  const { replaces } = ready.cda
  if (replaces === undefined) return undefined
  const waits = (await tools.filings.knownAs([replaces])).some(({ state }) => state === 'pending')
  if (waits) {
    // Two that replace each other would wait for ever.
    const givesUp = tools.now() - filing.due_at >= tools.timing.giveUpMs
    return givesUp ? held('replaced-unknown') : { to: 'pending', code: 'parent-pending', doubts: filing.doubts }
  }
  const look = async (id: string) => {
    const entry = await dmp.findByUniqueId(id, ins, context)
    if (entry.kind === 'found' || entry.kind === 'absent') return entry
    if (entry.kind === 'of-another-patient') return ofAnother(tools)
    noteFailure(entry, tools)
    return afterFailure(ready, entry, tools, false)
  }
  if (filing.attempts > 0 || filing.faults > 1 || filing.overruled.includes('"may-be-filed"')) {
    const own = await look(uniqueId)
    if ('to' in own) return own
    if (own.kind === 'found') return filed({}, tools)
  }
  const parent = await look(replaces)
  if ('to' in parent) return parent
  if (parent.kind === 'found') return { replaces: parent.entryUuid }
  tools.breaker.answered()
  return held('replaced-unknown')
}
