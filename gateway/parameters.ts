/** The parameters of the extensions that our EHLO names: RFC 1870, 6152, 6531, 3461, 4954. */
const KNOWN: Readonly<Record<string, ReadonlySet<string>>> = {
  MAIL: new Set(['SIZE', 'BODY', 'SMTPUTF8', 'RET', 'ENVID', 'AUTH']),
  RCPT: new Set(['NOTIFY', 'ORCPT']),
}

/**
 * RFC 5321 §4.1.1.11: a parameter that was not announced gets 555, it is not passed over. The client that asks for REQUIRETLS, say, would
 * believe that it got it.
 * @param line one command line
 * @returns the first parameter that we do not know
 */
export function unknownParameter(line: string): string | undefined {
  const known = KNOWN[line.slice(0, 4).toUpperCase()]
  const [, text] = /^[a-z]{4} [^<]*<[^>]*>[ \t]+(.*)$/i.exec(line) ?? []
  if (!known || !text) return undefined
  const names = text.trim().split(/\s+/)
  return names.map(parameter => parameter.split('=', 1)[0]!).find(name => !known.has(name.toUpperCase()))
}
