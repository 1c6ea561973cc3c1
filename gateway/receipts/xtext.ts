/**
 * xtext, the encoding of ENVID and ORCPT on the wire (RFC 3461 §4): printable ASCII but `+` and `=`, the rest as `+HH`.
 * @param text what is meant, printable ASCII (RFC 3461 §4.4, §5.2.1)
 * @throws RangeError when the text holds anything else: it could not be given back in a report
 */
export function encodeXtext(text: string): string {
  if (/[^\x20-\x7e]/.test(text)) throw new RangeError('xtext carries printable ASCII only')
  return text.replace(/[ +=]/g, character => `+${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

/** @returns what an xtext says, or undefined when it is not one (RFC 3461 §4) or hides a control or 8-bit octet */
export function decodeXtext(xtext: string): string | undefined {
  if (!/^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/.test(xtext)) return undefined
  const text = xtext.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return /[^\x20-\x7e]/.test(text) ? undefined : text
}
