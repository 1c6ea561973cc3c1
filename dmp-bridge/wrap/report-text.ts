const LEAST_LETTERS = 200

/** What a report of a French practice says; one of them alone stands in any mail. */
const SIGNS: readonly RegExp[] = [
  /\bcompte[- ]rendu\b|\bordonnance\b|\blettre de liaison\b|\bcertificat m[ée]dical\b/i,
  /\bconclusion\b|\bdiagnostic\b|\btraitement\b|\bant[ée]c[ée]dents\b/i,
  /\bn[ée]+(?:\(e\))? le\s+\d{1,2}[/. -]|\bdate de naissance\b|\bddn\b/i,
  /\bcher confr[èe]re\b|\bch[èe]re cons(?:œ|oe)ur\b|\bconfraternellement\b/i,
]

/** @returns whether a text is plainly a report: long enough, without control characters, and with two of the signs at least */
export function looksLikeReport(text: string): boolean {
  if (text.replace(/\s+/g, '').length < LEAST_LETTERS || /[\0-\x08\x0e-\x1f]/.test(text)) return false
  return SIGNS.filter(sign => sign.test(text)).length >= 2
}
