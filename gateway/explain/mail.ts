import type { Bal } from '../../directory/index.ts'
import { ContentFault, ContentGuard } from '../content-guard.ts'
import { protectionOf, refusalOfClosed, type Seen, verdictOf } from '../opening/index.ts'
import { contentLimits } from '../policy.ts'
import type { Handed } from '../session.ts'
import { type Judged, linesOf } from './line.ts'
import type { ExplainParts } from './request.ts'

/** What a mail would meet on its way in. @returns as well the box of ours that writes it */
export async function mailLines(
  parts: ExplainParts,
  bytes: Buffer,
  handed: Handed<Bal> | undefined,
): Promise<{ lines: Judged[]; box: Bal | undefined }> {
  const sent = asSent(bytes)
  const outside = await messageLines(parts, sent, handed)
  if (!handed || handed.signedIn || !outside.protected || outside.lines.some(({ refusal }) => refusal)) return outside
  const seen = await parts.look(sent)
  if (seen.kind !== 'opened') return { ...outside, lines: [...outside.lines, protectionLine(seen, outside.from)] }
  const { buffer, byteOffset, byteLength } = seen.message
  const inside = await messageLines(parts, Buffer.from(buffer, byteOffset, byteLength), handed)
  return { ...inside, lines: [...outside.lines, protectionLine(seen, inside.from || outside.from), ...inside.lines] }
}

function protectionLine(seen: Seen, from: string): Judged {
  const line = { step: 'content', rule: 's-mime' } as const
  if (seen.kind === 'closed') {
    const refusal = refusalOfClosed(seen.fault)
    const { reason, detail } = refusal
    return { ...line, outcome: 'refuse', reason, ...(detail === undefined ? {} : { detail }), refusal }
  }
  const verdict = verdictOf(seen, from)
  if (!verdict) return { ...line, outcome: 'skip', because: 'encrypted to others: it stays as it is' }
  const { opened, result, reason, signers } = verdict
  const how = opened ? `opened (${opened.join(', ')}), ` : ''
  const who = signers.map(({ name }) => ` by ${name}`).join()
  return { ...line, outcome: 'pass', because: `${how}smime=${result}${who}${reason ? `: ${reason}` : ''}` }
}

/** One message, as it comes or as it is when it was opened. */
async function messageLines(
  { configuration, policy }: ExplainParts,
  bytes: Buffer,
  handed: Handed<Bal> | undefined,
): Promise<{ lines: Judged[]; box: Bal | undefined; from: string; protected: boolean }> {
  const guard = new ContentGuard(contentLimits(configuration, handed && !handed.signedIn ? 'reception' : 'submission'))
  guard.write(bytes)
  const fault = contentFault(guard)
  const lines: Judged[] = [
    fault
      ? { step: 'content', rule: 'content-guard', outcome: 'refuse', reason: fault.reason, refusal: fault }
      : { step: 'content', rule: 'content-guard', outcome: 'pass', because: `${bytes.length} octets` },
  ]
  const isProtected = protectionOf(guard.fields) !== undefined
  if (!handed || guard.header === undefined) return { lines, box: handed?.box, from: '', protected: isProtected }
  const { outcomes, value } = await policy.explainHeader(handed, guard.fields)
  const box = value?.box ?? handed.box
  return { lines: [...lines, ...linesOf('header', outcomes)], box, from: value?.facts.from ?? '', protected: isProtected }
}

/** A file saved on a desk often ends its lines with LF alone; a mail client sends CR LF. A mixture stays as it is, and is refused. */
function asSent(bytes: Buffer): Buffer {
  return bytes.includes('\r\n') ? bytes : Buffer.from(bytes.toString('latin1').replaceAll('\n', '\r\n'), 'latin1')
}

function contentFault(guard: ContentGuard): ContentFault | undefined {
  try {
    guard.end()
    return undefined
  } catch (error) {
    if (error instanceof ContentFault) return error
    throw error
  }
}
