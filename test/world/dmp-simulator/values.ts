/** Formats of the values of XDS metadata (spec dmp §2.1). */

/** @returns matricule and authority of `INS^^^&OID&ISO^NH`, or undefined when the form is not exactly that */
export function readIns(cx: string): { matricule: string; oid: string } | undefined {
  const match = /^(\d{5}(?:\d\d|2[AB])\d{8})\^\^\^&([\d.]+)&ISO\^NH$/.exec(cx)
  return match?.[1] && match[2] && isOid(match[2]) ? { matricule: match[1], oid: match[2] } : undefined
}

/** @returns whether the two last digits are 97 − (n mod 97), Corsica read as 19 and 18 (spec dmp §3) */
export function hasRightKey(matricule: string): boolean {
  const number = BigInt(matricule.slice(0, 13).replace('2A', '19').replace('2B', '18'))
  return 97n - (number % 97n) === BigInt(matricule.slice(13))
}

/** @returns the id of an authorPerson or legalAuthenticator (XCN): PS_IdNat of a person (D), or a system's (U); undefined for another form */
export function readPerson(xcn: string): string | undefined {
  const person = /^(\d[^^]*)\^[^^]+\^[^^]*\^{6}&1\.2\.250\.1\.71\.4\.2\.1&ISO\^D\^{3}(IDNPS|EI)$/.exec(xcn)?.[1]
  return person ?? /^([^^]+)\^[^^]+\^[^^]+\^{6}&[\d.]+&ISO\^U\^{3}(RI|EI)$/.exec(xcn)?.[1]
}

/** @returns the Struct_IdNat of an authorInstitution (XON), or undefined when the form is not the national one */
export function readInstitution(xon: string): string | undefined {
  const match = /^[^^]+\^{5}&1\.2\.250\.1\.71\.4\.2\.2&ISO\^IDNST\^{3}([1-4][\dA-Za-z./-]+)$/.exec(xon)
  return match?.[1]
}

/** @returns whether it is an OID of at most 64 characters, without leading zeros (X.660, XDS DocumentEntry.uniqueId) */
export function isOid(text: string): boolean {
  return text.length <= 64 && /^[0-2](\.(0|[1-9]\d*))+$/.test(text)
}

/** @returns milliseconds of a DTM of 14 digits in UTC, or undefined */
export function readTime(dtm: string | undefined): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(dtm ?? '')
  if (!match) return undefined
  const [, year, month, day, hour, minute, second] = match
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`
  const time = Date.parse(text)
  return Number.isNaN(time) || new Date(time).toISOString() !== text ? undefined : time
}

/** @returns milliseconds of an HL7 v3 time to the minute or the second with its offset; undefined without offset: no instant can be known */
export function readHl7Time(value: string | undefined): number | undefined {
  const match = /^(\d{12})(\d\d)?(?:\.\d+)?([+-])(\d\d)(\d\d)$/.exec(value ?? '')
  if (!match) return undefined
  const local = readTime(`${match[1]}${match[2] ?? '00'}`)
  const offset = (match[3] === '-' ? -1 : 1) * (Number(match[4]) * 60 + Number(match[5])) * 60_000
  return local === undefined ? undefined : local - offset
}
