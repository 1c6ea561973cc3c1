import { isIPv6 } from 'node:net'

/**
 * The network that a client's address stands for: failures of one are failures of all in it.
 * One address for IPv4. For IPv6 the first 64 bits: one household or one machine has all the addresses below them (RFC 6177), and could use a new
 * one for each guess.
 * @param address of the socket; an IPv4 address in its IPv6 form is read as IPv4
 */
export function networkOf(address: string): string {
  const plain = address.split('%', 1)[0] ?? ''
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain) ?? []
  if (mapped !== undefined || !isIPv6(plain)) return mapped ?? plain
  return `${groupsOf(plain).slice(0, 4).join(':')}::/64`
}

/** @returns the eight groups of an address, lower case, without leading zeros */
function groupsOf(address: string): string[] {
  // A dotted tail is two groups; what they are does not matter to the first 64 bits.
  const [head = '', tail] = address
    .toLowerCase()
    .replace(/\d+\.\d+\.\d+\.\d+$/, '0:0')
    .split('::')
  const read = (text: string) => (text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16).toString(16)))
  if (tail === undefined) return read(head)
  const [before, after] = [read(head), read(tail)]
  return [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after]
}
