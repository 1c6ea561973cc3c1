import type { Command } from 'commander'
import { loadConfiguration } from '../../config/index.ts'
import { formatName } from '../../crypto/index.ts'
import { daysLeft, type FoundCertificate, type Inventory, takeInventory } from '../certificates/inventory.ts'
import { CONFIG_OPTION } from './data.ts'
import { print, table } from './output.ts'

/** Days before its end at which a certificate makes this command fail. */
const LAST_DAYS = 7

interface CertificateLine {
  place: string
  kind: 'own' | 'authority'
  name: string
  serial: string
  issuer: string
  until: string
  days: number
  /** `wrong`: others would not take it in its place. `kept`: it opens what came before its end, and another one has taken its place. */
  state: 'right' | 'ends' | 'ended' | 'wrong' | 'kept'
  reason?: string
}

interface ListLine {
  place: string
  authority: string
  until: string | undefined
  /** `ended`, `missing`: certificates of this authority are refused, unless a responder answers. */
  state: 'right' | 'late' | 'ended' | 'missing'
  /** Whether the configuration names one that is asked where the list lacks. */
  responder: boolean
}

export function certificatesCommand(program: Command): void {
  program
    .command('certificates')
    .description(
      `every certificate that the configuration names, and the revocation lists; exit status 1 when one ends within ${LAST_DAYS} days, has ended, is not for its place, or can't be read, and when an authority has neither a list in force nor a responder`,
    )
    .requiredOption(...CONFIG_OPTION)
    .option('--json', 'for programs')
    .action(({ config, json }: { config: string; json?: boolean }) => {
      const now = Date.now()
      const inventory = takeInventory(loadConfiguration(config), now)
      const certificates = certificateLines(inventory, now)
      const lists = listLines(inventory, now)
      const { faults } = inventory
      print(json, { certificates, lists, faults }, () => textOf(certificates, lists, faults))
      if (faults.length > 0 || !certificates.every(isInOrder) || lists.some(isUnknown)) process.exitCode = 1
    })
}

/** Whether nobody has anything to do about it. */
export function isInOrder({ state }: CertificateLine): boolean {
  return state === 'right' || state === 'kept'
}

/** Whether nobody can know who is revoked: unknown means no. */
export function isUnknown({ state, responder }: ListLine): boolean {
  return (state === 'ended' || state === 'missing') && !responder
}

/** @param now milliseconds */
export function certificateLines({ certificates }: Inventory, now: number): CertificateLine[] {
  return certificates.map(certificate => {
    const { place, kind, facts, wrong } = certificate
    const { subject, issuer, serial, notAfter } = facts
    const days = daysLeft(facts, now)
    const named = { name: formatName(subject), serial, issuer: formatName(issuer) }
    return {
      place,
      kind,
      ...named,
      until: notAfter.toISOString(),
      days,
      state: stateOf(certificate, days),
      ...(wrong && { reason: wrong }),
    }
  })
}

function stateOf({ wrong, standing }: FoundCertificate, days: number): CertificateLine['state'] {
  if (wrong) return 'wrong'
  if (standing === 'kept') return 'kept'
  if (days < 0) return 'ended'
  return days < LAST_DAYS && standing !== 'succeeded' ? 'ends' : 'right'
}

/** @param now milliseconds */
export function listLines({ lists }: Inventory, now: number): ListLine[] {
  return lists.map(({ place, authority, nextUpdate, endsSoonAt, hasResponder = false }) => {
    const state = !nextUpdate
      ? 'missing'
      : now > nextUpdate.getTime()
        ? 'ended'
        : endsSoonAt && now > endsSoonAt.getTime()
          ? 'late'
          : 'right'
    return { place, authority, until: nextUpdate?.toISOString(), state, responder: hasResponder }
  })
}

function textOf(certificates: readonly CertificateLine[], lists: readonly ListLine[], faults: Inventory['faults']): string {
  return [
    table([
      ['certificate of', 'until', 'days', 'state', 'serial', 'name', 'issuer'],
      ...certificates.map(({ place, until, days, state, serial, name, issuer }) => [
        place,
        until.slice(0, 10),
        String(days),
        state,
        serial,
        name,
        issuer,
      ]),
    ]),
    table([
      ['revocation list of', 'until', 'state', 'authority'],
      ...lists.map(each => [each.place, each.until ?? '-', each.state, each.authority]),
    ]),
    ...certificates.flatMap(({ place, name, reason }) => (reason === undefined ? [] : [`${place} is wrong: ${name}: ${reason}`])),
    ...lists
      .filter(isUnknown)
      .map(
        ({ place, authority }) =>
          `${place}: certificates of ${authority} are refused: its revocation list is not in force, and no responder is configured`,
      ),
    ...(certificates.some(({ state }) => state === 'kept')
      ? ['kept: opens mail that came before it ended; another one has taken its place']
      : []),
    ...faults.map(({ place, reason }) => `${place} can't be read: ${reason}`),
  ].join('\n\n')
}
