/**
 * Turns a time of HL7 v3 (TS, ISO 8601 without separators) into the DTM of XDS: UTC, 14 digits, no zone (ITI TF-3 table 4.2.3.1.7-2).
 * A date stays that date, at 0 h: it has no hour to move. A French document without zone is in Paris time.
 * @returns undefined when the text is no time, or says less than a day
 */
export function toDtm(time: string): string | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})?(\d{2})?(?:\.\d+)?)?([+-]\d{4})?$/.exec(time.trim())
  if (!match) return undefined
  const [, year, month, day, hour = '00', minute = '00', second = '00', zone] = match
  const wall = `${year}${month}${day}${hour}${minute}${second}`
  const local = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
  if (formatDtm(new Date(local)) !== wall) return undefined // no such day or hour
  if (match[4] === undefined) return wall
  return formatDtm(new Date(local - (zone === undefined ? parisOffset(local) : offset(zone))))
}

/** @returns milliseconds since epoch; undefined when the text is no time, or says less than a day */
export function instantOf(time: string): number | undefined {
  const dtm = toDtm(time)
  return dtm === undefined ? undefined : Date.parse(dtm.replace(/(....)(..)(..)(..)(..)(..)/, '$1-$2-$3T$4:$5:$6Z'))
}

/** @returns yyyymmddhhmmss in UTC */
export function formatDtm(date: Date): string {
  return date.toISOString().replace(/\D/g, '').slice(0, 14)
}

/** @returns xs:dateTime in UTC, to the second */
export function formatInstant(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`
}

function offset(zone: string): number {
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3, 5))
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000
}

const PARIS = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Paris', timeZoneName: 'longOffset' })

/** Of the wall clock in Paris; the hour that the change of October repeats is read as the second one. */
function parisOffset(wall: number): number {
  const at = (instant: number) => {
    const name = PARIS.formatToParts(instant).find(part => part.type === 'timeZoneName')?.value ?? 'GMT'
    const match = /([+-])(\d{2}):(\d{2})/.exec(name)
    return match ? offset(`${match[1]}${match[2]}${match[3]}`) : 0
  }
  return at(wall - at(wall))
}
