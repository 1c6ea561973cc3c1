import type { HeaderField } from './header.ts'
import { type HeaderCase, type HeaderFacts, headerRules } from './header-policy.ts'
import { Refusal } from './refusals.ts'
import type { AskedRecipient, Decision, OwnBox, SoFar, Speaker, Surroundings } from './rules/facts.ts'
import { type RecipientCase, recipientCase, recipientRules } from './rules/recipient.ts'
import { type Basis, everyOutcome, firstRefusal, type Outcome, type Rule, refusalOf } from './rules/rule.ts'
import { type SenderCase, senderRules } from './rules/sender.ts'
import type { Recipient } from './spool/index.ts'

export type { Annuaire, AskedRecipient, Decision, OwnBox, Patients, SoFar, Speaker, Surroundings } from './rules/facts.ts'

/** What MAIL settles. */
export interface CheckedSender<Box extends OwnBox> {
  sender: string
  /** The other operator's name, when one speaks. */
  peer?: string | undefined
  /** The box written as, when a box of ours speaks. */
  box?: Box | undefined
  /** The box that has signed in. */
  signedIn?: Box | undefined
}

/** A recipient as the spool keeps it, and why it was taken. */
export type CheckedRecipient = Recipient & { decision: Decision }

/** Who hands a message in, as `checkSender` returned it. */
export type Handed<Box extends OwnBox> = Pick<CheckedSender<Box>, 'sender' | 'peer' | 'box' | 'signedIn'>

/** Every rule's outcome, and what `check…` would have returned where none refuses. */
export interface Explained<T> {
  outcomes: Outcome[]
  value: T | undefined
}

export type Policy<Box extends OwnBox> = ReturnType<typeof openPolicy<Box>>

/** How long a box that was read is taken for what it is: a suspension holds from the next MAIL after that, also on a connection kept open. */
const FRESH_MS = 2_000
/** Boxes that send at the same time; beyond, they are read anew. */
const MOST_FRESH = 10_000

/**
 * Who may send (MAIL), to whom (RCPT) and with which header (DATA): lists of named rules. The first that refuses is the answer; `explain…` runs
 * them all. Every check that can't be made is a no.
 */
export function openPolicy<Box extends OwnBox>(options: Surroundings<Box>) {
  const { domains, boxes, annuaire, now } = options
  const rules = {
    sender: senderRules<Box>(options, current),
    recipient: recipientRules<Box>(options),
    header: headerRules<Box>(options),
  }
  const fresh = new Map<string, { at: number; box: Promise<Box | undefined> }>()

  /** A box that sends a thousand letters is not read a thousand times. */
  function current(address: string): Promise<Box | undefined> {
    const seen = fresh.get(address)
    if (seen && now() - seen.at < FRESH_MS) return seen.box
    if (fresh.size >= MOST_FRESH) fresh.clear()
    const box = boxes.find(address)
    fresh.set(address, { at: now(), box })
    box.catch(() => fresh.delete(address))
    return box
  }

  const basis = (): Basis => ({ directory: annuaire.version, whiteList: options.whiteListDate() })

  async function check<Case>(list: readonly Rule<Case>[], given: Case): Promise<void> {
    const refusal = await firstRefusal(list, given)
    if (refusal) throw refusalOf(refusal, basis())
  }

  async function explain<Case, T>(list: readonly Rule<Case>[], given: Case, value: (given: Case) => T): Promise<Explained<T>> {
    const outcomes = await everyOutcome(list, given)
    return { outcomes, value: outcomes.some(({ outcome }) => outcome === 'refuse') ? undefined : value(given) }
  }

  const senderOf = ({ sender, peer, box, signedIn }: SenderCase<Box>): CheckedSender<Box> => ({ sender: sender ?? '', peer, box, signedIn })

  const recipientOf = ({ address, domain, asked, source, directory }: RecipientCase<Box>): CheckedRecipient => {
    const decision: Decision = { source: source ?? 'own' }
    if (source === 'extract' || source === 'fhir') decision.directory = directory
    if (source !== 'own') decision.whiteList = options.whiteListDate()
    return { address, domain, orcpt: asked.orcpt, notify: asked.notify?.join(','), decision }
  }

  const headerCase = (handed: Handed<Box>, fields: readonly HeaderField[]): HeaderCase<Box> => ({ ...handed, fields })

  const headerOf = ({ facts, box }: HeaderCase<Box>): { facts: HeaderFacts; box: Box | undefined } => {
    if (!facts) throw new Refusal('headerUnclear') // never: without them a rule has refused
    return { facts, box }
  }

  return {
    isOurs: (domain: string) => domains.includes(domain),

    /**
     * MAIL: the reverse-path belongs to the speaker, or to a box that has delegated to him.
     * @param address empty for a report; what it carries is checked once its header is here
     * @throws Refusal
     */
    async checkSender(speaker: Speaker<Box>, address: string): Promise<CheckedSender<Box>> {
      const given: SenderCase<Box> = { speaker, asked: address }
      await check(rules.sender, given)
      return senderOf(given)
    },

    /** RCPT. @throws Refusal @returns the recipient as the spool keeps it, and why it was taken */
    async checkRecipient(speaker: Speaker<Box>, asked: AskedRecipient, soFar: SoFar): Promise<CheckedRecipient> {
      const given = recipientCase(speaker, asked, soFar)
      await check(rules.recipient, given)
      return recipientOf(given)
    },

    /** DATA, once the header is here. @throws Refusal @returns what it says, and the box that the message is written as */
    async checkHeader(handed: Handed<Box>, fields: readonly HeaderField[]): Promise<{ facts: HeaderFacts; box: Box | undefined }> {
      // A transaction may be kept open too: who was suspended since MAIL, or lost the delegation, does not send it.
      if (handed.signedIn) await check(rules.sender, { speaker: { kind: 'box', box: handed.signedIn }, asked: handed.sender })
      const given = headerCase(handed, fields)
      await check(rules.header, given)
      return headerOf(given)
    },

    /** What the decisions of now rest on. */
    basis,

    explainSender: (speaker: Speaker<Box>, address: string) =>
      explain(rules.sender, { speaker, asked: address } as SenderCase<Box>, senderOf),
    explainRecipient: (speaker: Speaker<Box>, asked: AskedRecipient, soFar: SoFar) =>
      explain(rules.recipient, recipientCase(speaker, asked, soFar), recipientOf),
    explainHeader: (handed: Handed<Box>, fields: readonly HeaderField[]) => explain(rules.header, headerCase(handed, fields), headerOf),
  }
}
