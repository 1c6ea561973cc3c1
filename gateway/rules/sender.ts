import { AddressFault, domainOf, parseAddress } from '../address.ts'
import { mayBeWrittenAs, type OwnBox, type Speaker, type Surroundings } from './facts.ts'
import { boxesToUse } from './repair.ts'
import { known, pass, type Rule, refuse, SKIP, type Verdict } from './rule.ts'

/** MAIL: who speaks, and as whom. */
export interface SenderCase<Box extends OwnBox> {
  readonly speaker: Speaker<Box>
  /** As MAIL FROM has it; empty for a report. */
  readonly asked: string
  /** Normalised; undefined while it could not be read. */
  sender?: string
  /** The box that has signed in, as it is now. */
  signedIn?: Box
  /** The box of the reverse-path: the one that has signed in (also for a report), or one that it may write as. */
  box?: Box
  /** The other operator's name, once its certificate is found right for the domain. */
  peer?: string
}

/** The box that a letter is filed for: the structures and the declaration of the box, the author who signed in. */
function authoredBy<Box extends OwnBox>(box: Box, { idNatPs }: Box): Box {
  return box.idNatPs === idNatPs ? box : { ...box, idNatPs }
}

/**
 * Whether a box may write as another one.
 * @returns the other box (with the author who signed in), or the verdict
 */
export async function writeAs<Box extends OwnBox>(
  { boxes }: Surroundings<Box>,
  signedIn: Box,
  address: string,
  refusal: 'senderNotOwner' | 'fromNotSender',
): Promise<{ value: Box } | { unknown: Verdict }> {
  const writable = await known(boxes.writableBy(signedIn.address))
  if ('unknown' in writable) return writable
  const all = [signedIn.address, ...writable.value.filter(each => each !== signedIn.address)]
  const no = { unknown: refuse(refusal, boxesToUse(all)) }
  if (!all.includes(address)) return no
  const box = await known(boxes.find(address))
  if ('unknown' in box) return box
  if (!box.value || !mayBeWrittenAs(box.value)) return no
  const closed = notOpen(box.value)
  return closed ? { unknown: closed } : { value: authoredBy(box.value, signedIn) }
}

/** A box keeps its connection for as long as it likes; it is suspended from the next MAIL on. */
function notOpen(box: OwnBox | undefined): Verdict | undefined {
  if (!box || box.closedAt !== undefined) return refuse('senderClosed')
  return box.suspendedAt === undefined ? undefined : refuse('senderSuspended')
}

/** @param current reads the box that has signed in, as it is now */
export function senderRules<Box extends OwnBox>(
  around: Surroundings<Box>,
  current: (address: string) => Promise<Box | undefined>,
): readonly Rule<SenderCase<Box>>[] {
  return [
    {
      name: 'sender-address',
      check(given) {
        try {
          given.sender = given.asked === '' ? '' : parseAddress(given.asked)
          return given.sender === '' ? pass('a report: the return path is empty') : pass('one plain address')
        } catch (error) {
          if (error instanceof AddressFault) return refuse('senderMalformed', error.message)
          throw error
        }
      },
    },
    {
      name: 'sender-box-open',
      async check(given) {
        if (given.speaker.kind !== 'box') return SKIP
        const found = await known(current(given.speaker.box.address))
        if ('unknown' in found) return found.unknown
        const closed = notOpen(found.value)
        if (closed || !found.value) return closed ?? SKIP
        // A connection may be kept for days: what opened it may be a password that was stolen and changed, or a certificate taken back.
        if ((found.value.revision ?? 0) > (given.speaker.box.revision ?? 0)) return refuse('senderChanged')
        given.signedIn = authoredBy(found.value, given.speaker.box)
        return pass(`${found.value.address} is neither suspended nor closed`)
      },
    },
    {
      name: 'sender-is-box',
      check(given) {
        const { signedIn, sender } = given
        if (!signedIn || sender === undefined) return SKIP
        if (sender === '' || sender === signedIn.address) {
          given.box = signedIn
          return pass('the box that has signed in')
        }
        return delegated(given, signedIn, sender)
      },
    },
    {
      name: 'sender-operator',
      check(given) {
        if (given.speaker.kind !== 'operator' || given.sender === undefined) return SKIP
        given.peer = around.trust.checkPeer(given.speaker.peer, given.sender === '' ? undefined : domainOf(given.sender))
        return pass(`the white list gives its certificate for ${given.sender === '' ? 'some domain' : domainOf(given.sender)}`)
      },
    },
  ]

  async function delegated(given: SenderCase<Box>, signedIn: Box, sender: string): Promise<Verdict> {
    const box = await writeAs(around, signedIn, sender, 'senderNotOwner')
    if ('unknown' in box) return box.unknown
    given.box = box.value
    return pass(`${sender} has delegated to ${signedIn.address}`)
  }
}
