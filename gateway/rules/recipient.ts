import { AddressFault, domainOf, parseAddress } from '../address.ts'
import { Refusal, type RefusalReason } from '../refusals.ts'
import type { AskedRecipient, OwnBox, SoFar, Source, Speaker, Surroundings } from './facts.ts'
import { nearestListed } from './repair.ts'
import { type Awaitable, known, PASS, pass, type Rule, refuse, SKIP, type Verdict } from './rule.ts'

/** RCPT: one recipient. */
export interface RecipientCase<Box extends OwnBox> {
  readonly speaker: Speaker<Box>
  readonly asked: AskedRecipient
  readonly soFar: SoFar
  /** Normalised, with the domain; empty while it could not be read. */
  address: string
  domain: string
  /** Whose it is; `none`: it could not be read, or is nobody's to whom the speaker may send. */
  kind: 'own' | 'patient' | 'foreign' | 'none'
  /** Of ours, once found. */
  box?: Box
  /** Where it was found, once it was. */
  source?: Source
  directory?: string
}

export function recipientCase<Box extends OwnBox>(speaker: Speaker<Box>, asked: AskedRecipient, soFar: SoFar): RecipientCase<Box> {
  return { speaker, asked, soFar, address: '', domain: '', kind: 'none' }
}

export function recipientRules<Box extends OwnBox>(around: Surroundings<Box>): readonly Rule<RecipientCase<Box>>[] {
  const { domains, postmaster, boxes, annuaire, trust, patients } = around

  const repaired = async ({ speaker, address }: RecipientCase<Box>, reason: RefusalReason, fault?: string) => {
    const words = [fault, await nearestListed(around, speaker, address)].filter(each => each !== undefined)
    return refuse(reason, words.join(', ') || undefined)
  }

  const found = (given: RecipientCase<Box>, listing: { source: Source; version: string } | undefined): Awaitable<Verdict> => {
    if (!listing) return repaired(given, 'recipientNotListed')
    given.source = listing.source
    given.directory = listing.version
    return PASS
  }
  const unavailable = (cause: unknown) => refuse('directoryUnavailable', undefined, cause)

  return [
    {
      name: 'recipient-address',
      check(given) {
        try {
          // RFC 5321 §4.5.1: postmaster without a domain is ours.
          given.address = given.asked.address.toLowerCase() === 'postmaster' ? postmaster : parseAddress(given.asked.address)
        } catch (error) {
          if (error instanceof AddressFault) return refuse('addressMalformed', error.message)
          throw error
        }
        given.domain = domainOf(given.address)
        given.kind = domains.includes(given.domain) ? 'own' : patients.isPatient(given.address) ? 'patient' : 'foreign'
        return PASS
      },
    },
    {
      // Before anything is said of the box: a stranger does not learn whether it exists. A report (empty return path) is no answer.
      name: 'recipient-was-written-by',
      check({ speaker, soFar, address }) {
        if (speaker.kind !== 'operator' || address === '' || !patients.isPatient(soFar.sender)) return SKIP
        return mayAnswer(soFar.sender, address)
      },
    },
    {
      // We carry from our boxes to the space, and from the space to our boxes; never between others.
      name: 'recipient-served-here',
      check(given) {
        if (given.speaker.kind !== 'operator' || given.address === '') return SKIP
        if (given.kind === 'own') return PASS
        given.kind = 'none'
        return refuse('recipientNotHere')
      },
    },
    {
      name: 'recipient-box-exists',
      check: given => (given.kind === 'own' ? exists(given) : SKIP),
    },
    {
      name: 'recipient-box-not-closed',
      check: given => (given.box === undefined ? SKIP : given.box.closedAt === undefined ? PASS : repaired(given, 'recipientClosed')),
    },
    {
      name: 'recipient-box-not-suspended',
      check: given => (given.box === undefined ? SKIP : given.box.suspendedAt === undefined ? PASS : repaired(given, 'recipientSuspended')),
    },
    {
      name: 'recipient-red-list',
      check: ({ box }) => (box?.redListed ? pass('on the red list: it receives, and is never named') : SKIP),
    },
    {
      name: 'recipient-has-room',
      check: ({ box, soFar }) => (box?.quotaBytes === undefined ? SKIP : hasRoom(box.address, box.quotaBytes, soFar.size ?? 0)),
    },
    {
      name: 'recipient-domain-in-white-list',
      check(given) {
        if (given.kind !== 'patient' && given.kind !== 'foreign') return SKIP
        try {
          trust.checkDomain(given.domain)
        } catch (error) {
          if (error instanceof Refusal && error.reason === 'domainNotTrusted') return repaired(given, error.reason, error.detail)
          throw error
        }
        return PASS
      },
    },
    {
      name: 'recipient-patient-address',
      check(given) {
        if (given.kind !== 'patient') return SKIP
        const fault = patients.checkAddress(given.address)
        if (fault !== undefined) return refuse('patientAddress', fault)
        given.source = 'patient'
        return PASS
      },
    },
    {
      name: 'recipient-patient-size',
      check({ kind, soFar }) {
        if (kind !== 'patient' || soFar.size === undefined) return SKIP
        return soFar.size > patients.messageBytes ? refuse('tooBigForPatient') : PASS
      },
    },
    {
      name: 'recipient-in-annuaire',
      check(given) {
        if (given.kind !== 'foreign') return SKIP
        try {
          const listing = annuaire.find(given.address)
          if (!(listing instanceof Promise)) return found(given, listing)
          return listing.then(listing => found(given, listing), unavailable)
        } catch (cause) {
          return unavailable(cause)
        }
      },
    },
  ]

  async function exists(given: RecipientCase<Box>): Promise<Verdict> {
    const box = await known(boxes.find(given.address))
    if ('unknown' in box) return box.unknown
    if (!box.value) return repaired(given, 'recipientNotListed')
    given.box = box.value
    given.source = 'own'
    return PASS
  }

  async function mayAnswer(patient: string, box: string): Promise<Verdict> {
    const may = await known(patients.mayAnswer(patient, box))
    if ('unknown' in may) return may.unknown
    return may.value ? pass('this box has an open conversation with the patient') : refuse('patientMayNotWrite')
  }

  async function hasRoom(address: string, quota: number, size: number): Promise<Verdict> {
    if (size > quota) return refuse('mailboxTooSmall')
    const room = await known(around.quota.hasRoom(address, size))
    if ('unknown' in room) return room.unknown
    return room.value ? pass(`there is room in its ${quota} octets`) : refuse('mailboxFull')
  }
}
