import type { CheckedRecipient, OwnBox } from '../session.ts'
import { mayBeWrittenAs } from './facts.ts'

/**
 * What the ledger keeps of a message's acceptance: who signed in (the box, and the person where a box has several), and for each recipient (by position) what the decision rested on.
 * @example { by: 'dr.a@…', decided: '0: own; 1-3: extract 2026-11-20T04:12Z, white list 2026-11-20T02:00:00.000Z' }
 */
export function acceptedDetail(message: {
  signedIn?: OwnBox | undefined
  recipients: readonly CheckedRecipient[]
}): Record<string, string> {
  const { signedIn, recipients } = message
  // Of a box that several write for, its address does not say who it was.
  const author = signedIn && mayBeWrittenAs(signedIn) && signedIn.idNatPs
  return { ...(signedIn ? { by: signedIn.address } : {}), ...(author ? { author } : {}), decided: decidedText(recipients) }
}

/** Neighbours that rest on the same are said once: five hundred recipients of one letter are one word. */
function decidedText(recipients: readonly CheckedRecipient[]): string {
  const runs: { from: number; to: number; basis: string }[] = []
  recipients.forEach((recipient, position) => {
    const basis = basisText(recipient)
    const last = runs.at(-1)
    if (last?.basis === basis) last.to = position
    else runs.push({ from: position, to: position, basis })
  })
  return runs.map(({ from, to, basis }) => `${from === to ? from : `${from}-${to}`}: ${basis}`).join('; ')
}

function basisText({ decision: { source, directory, whiteList } }: CheckedRecipient): string {
  const found = directory === undefined ? source : `${source} ${directory}`
  return whiteList === undefined ? found : `${found}, white list ${whiteList}`
}
