import { isOverrulable } from '../filing-reasons.ts'
import type { FilingOrder, FilingState } from '../filing-tables.ts'
import { frenchAdvice, frenchReason } from '../french.ts'
import { typeLabel } from '../wrap/type-labels.ts'

export const STATES: Record<FilingState, string> = {
  held: 'Retenu',
  pending: 'En attente',
  refused: 'Refusé',
  filed: 'Déposé',
  ignored: 'Sans dépôt',
  deleting: 'Suppression en cours',
  deleted: 'Supprimé',
}

/** What a state means for who waits for it. */
export const STATE_MEANINGS: Record<FilingState, string> = {
  held: 'Le document n’a pas été envoyé au DMP : il attend la décision d’une personne.',
  pending: 'Le document sera déposé au DMP, ou un nouvel essai est prévu.',
  refused: 'Le DMP a refusé le document, ou une personne a abandonné ce dépôt.',
  filed: 'Le document est dans le DMP du patient.',
  ignored: 'Cette pièce n’est pas à déposer : copie, double, ou pièce sans rapport.',
  deleting: 'La suppression du document est demandée au DMP.',
  deleted: 'Le document a été retiré du DMP à la demande d’une personne.',
}

export const ORDERS_DONE: Record<FilingOrder, string> = {
  hold: 'Retenu',
  release: 'Libéré',
  retry: 'Relancé',
  refuse: 'Abandonné',
  delete: 'Suppression demandée',
  describe: 'Identité donnée',
}

/** @returns what a type of document is called here, with its code */
export function typeText(code: string | null | undefined): string {
  if (!code) return 'Type inconnu'
  const label = typeLabel(code)
  return label === undefined ? code : `${label} (${code})`
}

export interface ReasonWords {
  code: string
  text: string
  advice: string
  /** a person who releases the document answers for it */
  overrulable: boolean
}

/** A code that this program does not know, of a newer one perhaps, is shown as it is. */
export function reasonWords(code: string): ReasonWords {
  return { code, text: frenchReason(code), advice: frenchAdvice([code]).join(' '), overrulable: isOverrulable(code) }
}

/** Who gave an INS, by OID. */
export const AUTHORITIES: Readonly<Record<string, string>> = {
  '1.2.250.1.213.1.4.8': 'NIR',
  '1.2.250.1.213.1.4.9': 'NIA',
  '1.2.250.1.213.1.4.10': 'INS de test',
  '1.2.250.1.213.1.4.11': 'INS de démonstration',
}

const ZONE = 'Europe/Paris'
const CLOCK = new Intl.DateTimeFormat('fr-FR', { dateStyle: 'medium', timeStyle: 'short', timeZone: ZONE })
const OFFSET = new Intl.DateTimeFormat('en-US', { timeZone: ZONE, timeZoneName: 'longOffset' })

/** Legal time in France, as people read it; the machine-readable form is exact. */
export function Instant({ at }: { at: number }) {
  return <time datetime={new Date(at).toISOString()}>{CLOCK.format(at)}</time>
}

/** @returns by how much the clocks of France are ahead of UTC at this instant, in milliseconds */
export function offsetAt(at: number): number {
  const zone = OFFSET.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? ''
  const [, sign, hours, minutes] = /GMT([+-])(\d\d):(\d\d)/.exec(zone) ?? []
  return (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000
}

/** @param day yyyy-mm-dd @returns when it begins in France; undefined when it is no day */
export function startOfDay(day: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return undefined
  const utc = Date.parse(`${day}T00:00:00Z`)
  return Number.isNaN(utc) ? undefined : utc - offsetAt(utc)
}

/** @param by as orders are recorded: `console:maud`, `cli:root`, `link` */
export function whoText(by: string): string {
  if (by === 'link') return 'l’auteur, par le lien de son accusé'
  const [, door, name] = /^(\w+):(.*)$/s.exec(by) ?? []
  if (door === 'cli') return `${name} (commande de l’opérateur)`
  return name ?? by
}

export function State({ state }: { state: FilingState }) {
  return <span class={`state ${state}`}>{STATES[state]}</span>
}
