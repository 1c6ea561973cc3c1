import type { OrderResult } from '../../dmp-bridge/index.ts'

/** @returns one line about an order that was followed. @throws Error that says why it was not */
export function orderText(id: string, result: OrderResult): string {
  if (result.kind === 'no') throw new Error(`${id}: ${result.why}`)
  const again = result.rechecked.length > 0 ? `; judged again: ${result.rechecked.join(', ')}` : ''
  const late = result.mayBeFiled ? '; an earlier attempt may have filed it: look into the DMP' : ''
  return `${id} is ${result.state}${again}${late}`
}
