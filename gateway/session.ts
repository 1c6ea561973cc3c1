import { AddressFault, domainOf, parseAddress } from './address.ts'
import { Refusal } from './refusals.ts'
import type { Recipient } from './spool/index.ts'
import type { Peer, Trust } from './trust.ts'

/** A box of ours, as far as the SMTP edge is concerned. */
export interface OwnBox {
  readonly address: string
  readonly suspendedAt?: number | undefined
  readonly closedAt?: number | undefined
}

export interface Boxes<Box extends OwnBox = OwnBox> {
  find(address: string): Promise<Box | undefined>
}

/** The national directory. */
export interface Annuaire {
  find(address: string): object | undefined
}

/** Patients have no listing: their address proves itself, and they may only answer. */
export interface PatientRules {
  isPatient(address: string): boolean
  /** @returns what is wrong with a patient's address, without repeating it */
  checkAddress(address: string): string | undefined
  mayAnswer(patient: string, box: string): Promise<boolean>
  /** Octets of the largest message that a patient is sent. */
  readonly messageBytes: number
}

export interface SessionOptions<Box extends OwnBox> {
  domains: readonly string[]
  postmaster: string
  boxes: Boxes<Box>
  annuaire: Annuaire
  trust: Trust
  patients: PatientRules
}

/** Who speaks on a connection. */
export type Speaker<Box extends OwnBox> = { kind: 'box'; box: Box } | { kind: 'operator'; peer: Peer }

export interface AskedRecipient {
  address: string
  orcpt?: string | undefined
  notify?: readonly string[] | undefined
}

/** What MAIL has said before RCPT. */
export interface AskedMail {
  sender: string
  /** RFC 1870. */
  size?: number | undefined
}

export type Policy<Box extends OwnBox> = ReturnType<typeof openPolicy<Box>>

/** Who may send (MAIL) and to whom (RCPT). Every check that can't be made is a no. */
export function openPolicy<Box extends OwnBox>({ domains, postmaster, boxes, annuaire, trust, patients }: SessionOptions<Box>) {
  const isOurs = (domain: string) => domains.includes(domain)

  /** @throws Refusal @returns the recipient as the spool keeps it */
  async function checkRecipient(speaker: Speaker<Box>, asked: AskedRecipient, mail: AskedMail): Promise<Recipient> {
    // RFC 5321 §4.5.1: postmaster without a domain is ours.
    const address = asked.address.toLowerCase() === 'postmaster' ? postmaster : parsed(asked.address)
    const domain = domainOf(address)
    if (speaker.kind === 'operator' && patients.isPatient(mail.sender)) await checkConversation(mail.sender, address)
    if (isOurs(domain)) await checkOwnBox(address)
    else if (speaker.kind === 'operator') throw new Refusal('recipientNotHere')
    else if (patients.isPatient(address)) checkPatient(address, domain, mail.size)
    else checkListed(address, domain)
    return { address, domain, orcpt: asked.orcpt, notify: asked.notify?.join(',') }
  }

  /** Before anything is said of the box: a stranger does not learn whether it exists. */
  async function checkConversation(patient: string, box: string): Promise<void> {
    const mayAnswer = await patients.mayAnswer(patient, box).catch(cause => {
      throw new Refusal('directoryUnavailable', undefined, { cause })
    })
    if (!mayAnswer) throw new Refusal('patientMayNotWrite')
  }

  function checkPatient(address: string, domain: string, size: number | undefined): void {
    trust.checkDomain(domain)
    const fault = patients.checkAddress(address)
    if (fault !== undefined) throw new Refusal('patientAddress', fault)
    if (size !== undefined && size > patients.messageBytes) throw new Refusal('tooBigForPatient')
  }

  async function checkOwnBox(address: string): Promise<void> {
    const box = await boxes.find(address).catch(cause => {
      throw new Refusal('directoryUnavailable', undefined, { cause })
    })
    if (!box || box.closedAt !== undefined) throw new Refusal('recipientNotListed')
    if (box.suspendedAt !== undefined) throw new Refusal('recipientSuspended')
  }

  function checkListed(address: string, domain: string): void {
    trust.checkDomain(domain)
    let listing: object | undefined
    try {
      listing = annuaire.find(address)
    } catch (cause) {
      throw new Refusal('directoryUnavailable', undefined, { cause })
    }
    if (!listing) throw new Refusal('recipientNotListed')
  }

  return {
    isOurs,
    checkRecipient,

    /**
     * MAIL: the reverse-path belongs to the speaker.
     * @param address empty for a report; what it carries is checked once its header is here
     * @returns the normalised address, and the peer's name when an operator speaks
     */
    checkSender(speaker: Speaker<Box>, address: string): { sender: string; peer?: string } {
      const sender = address === '' ? '' : parsed(address)
      if (speaker.kind === 'operator') {
        return { sender, peer: trust.checkPeer(speaker.peer, sender === '' ? undefined : domainOf(sender)) }
      }
      if (sender !== '' && sender !== speaker.box.address) throw new Refusal('senderNotOwner', `you are ${speaker.box.address}`)
      return { sender }
    },
  }
}

function parsed(address: string): string {
  try {
    return parseAddress(address)
  } catch (error) {
    if (error instanceof AddressFault) throw new Refusal('addressMalformed', error.message)
    throw error
  }
}
