/** The parameters of the extensions that our EHLO names: RFC 1870, 6152, 6531, 3461, 4954. */
const KNOWN: Readonly<Record<string, ReadonlySet<string>>> = {
  MAIL: new Set(['SIZE', 'BODY', 'SMTPUTF8', 'RET', 'ENVID', 'AUTH']),
  RCPT: new Set(['NOTIFY', 'ORCPT']),
}

/**
 * What is wrong with a command line that the library would take.
 *
 * A bare CR passes as a blank there, so that one line is two for whoever reads it otherwise (RFC 5321 §2.3.8). And a parameter that was not
 * announced gets 555, it is not passed over (§4.1.1.11): the client that asks for REQUIRETLS, say, would believe that it got it.
 */
export function commandFault(line: string): 'lineMalformed' | 'parameterUnknown' | undefined {
  if (/[\0-\x08\x0a-\x1f\x7f]/.test(line)) return 'lineMalformed'
  const known = KNOWN[line.slice(0, 4).toUpperCase()]
  const [, text] = /^[a-z]{4} [^<]*<[^>]*>[ \t]+(.*)$/i.exec(line) ?? []
  if (!known || !text) return undefined
  const names = text.trim().split(/\s+/)
  const isKnown = (parameter: string) => known.has(parameter.split('=', 1)[0]!.toUpperCase())
  return names.every(isKnown) ? undefined : 'parameterUnknown'
}
