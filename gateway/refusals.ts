export type EnhancedStatus = `${2 | 4 | 5}.${number}.${number}`

/** Every way we say no: reply code (RFC 5321 §4.2.3), enhanced status (RFC 3463 §3), words for the sender. */
export const REFUSALS = {
  tlsRequired: [530, '5.7.0', 'Must issue a STARTTLS command first'],
  authenticationFailed: [535, '5.7.8', 'Authentication failed: unknown mailbox or wrong password'],
  authenticationUnavailable: [454, '4.7.0', 'Authentication cannot be checked now, try again later'],
  authenticationMalformed: [501, '5.5.2', 'The authentication response cannot be read'],
  authenticationCancelled: [501, '5.7.0', 'Authentication cancelled'],
  authenticationDone: [503, '5.5.1', 'Already authenticated'],
  mechanismUnknown: [504, '5.5.4', 'Unrecognized authentication type'],
  signInThrottled: [454, '4.7.0', 'Too many failed sign-ins from your network'],
  tokenMalformed: [535, '5.7.8', 'The token cannot be read'],
  tokenNotGenuine: [535, '5.7.8', 'The token is not one of Pro Sante Connect'],
  tokenExpired: [535, '5.7.8', 'The token has expired, ask for a new one'],
  tokenForOthers: [535, '5.7.8', 'The token was issued for other software'],
  tokenInactive: [535, '5.7.8', 'Pro Sante Connect says that the token is not active any more, ask for a new one'],
  tokenNotYourBox: [535, '5.7.8', 'The token does not open this mailbox'],
  certificateRefused: [535, '5.7.8', 'Your certificate was refused'],
  certificateNotRegistered: [535, '5.7.8', 'Your certificate is not registered for this mailbox'],
  sendingTooFast: [451, '4.7.1', 'This mailbox sends too many messages, send the others later'],
  tooManyConnections: [421, '4.7.0', 'Too many connections from your network, try again later'],
  lineMalformed: [500, '5.5.2', 'A command line holds a control character'],
  parameterUnknown: [555, '5.5.4', 'MAIL FROM or RCPT TO parameter not recognized'],
  addressMalformed: [501, '5.1.3', 'Address is not a valid mailbox address'],
  senderMalformed: [501, '5.1.7', 'Sender address is not a valid mailbox address'],
  senderNotOwner: [550, '5.7.1', 'You may send only from your own mailbox'],
  senderSuspended: [550, '5.7.1', 'The mailbox that you send from is suspended'],
  senderChanged: [421, '4.7.0', 'This mailbox has been changed since you signed in: sign in again'],
  senderClosed: [550, '5.7.1', 'The mailbox that you send from is closed'],
  senderDomainUnknown: [550, '5.7.1', 'The white list does not name this domain'],
  nullSenderNotReport: [550, '5.7.1', 'An empty return path is for delivery and disposition reports only'],
  reportNotYours: [550, '5.7.1', 'Delivery reports are written by servers, not by mailboxes'],
  // The cases of the national test tool (MOTCO1) each have a reason; sans-tls is tlsRequired.
  peerExpired: [550, '5.7.1', 'Your certificate was refused'], // cert-expire
  peerRevoked: [550, '5.7.1', 'Your certificate was refused'], // cert-revoque
  peerNotFromAuthority: [550, '5.7.1', 'Your certificate was refused'], // cert-non-igc
  peerRefused: [550, '5.7.1', 'Your certificate was refused'], // any other fault of it
  peerUncheckable: [451, '4.7.5', 'The revocation of your certificate cannot be checked now, try again later'], // our lists have ended
  peerNameDiffers: [550, '5.7.1', 'The CN of your certificate is not the one that the white list gives for this domain'], // cert-cn-diff-dn
  peerNotListed: [550, '5.7.1', 'The white list does not give your certificate for this domain'], // cert-no-match
  fromNotSender: [550, '5.7.1', 'The From and Sender fields must hold your own mailbox only'],
  fromNotPeer: [550, '5.7.1', 'The white list does not give your certificate for the domain of the From field'],
  headerUnclear: [550, '5.6.0', 'The header cannot be read without doubt'],
  recipientNotListed: [550, '5.1.1', 'Recipient is not in the directory'],
  recipientNotHere: [550, '5.7.1', 'We do not serve this domain'],
  recipientSuspended: [550, '5.2.1', 'This mailbox is suspended'],
  recipientClosed: [550, '5.1.6', 'This mailbox is closed'],
  mailboxFull: [452, '4.2.2', 'This mailbox is full, try again later'],
  mailboxTooSmall: [552, '5.2.2', 'The message is larger than this mailbox may ever hold'],
  domainNotTrusted: [550, '5.7.1', 'Recipient domain is outside the trusted space'],
  patientAddress: [553, '5.1.3', 'Not the address of a patient'],
  patientMayNotWrite: [550, '5.7.1', 'No professional of this mailbox has an open conversation with you: only he can begin one'],
  patientNotAuthor: [550, '5.7.1', 'The From field must hold the patient whom MAIL FROM names'],
  tooBigForPatient: [552, '5.3.4', 'A message to a patient may hold 25 MB (26214400 octets) at most, attachments included'],
  tooManyRecipients: [452, '4.5.3', 'Too many recipients, send the others in another transaction'],
  // Encrypted to us; behind our key there is one sentence for everything, so that no answer tells what was decrypted.
  sealedUnreadable: [550, '5.7.5', 'The message cannot be decrypted, or is encrypted with AES-CBC and not signed'],
  sealedMalformed: [550, '5.7.5', 'The protection of the message cannot be read (RFC 8551)'],
  sealedTooMuch: [550, '5.7.4', 'The protection of the message is more than this system takes off'],
  sealedNotSupported: [550, '5.7.6', 'The message is protected in a way that is not accepted'],
  sealedAltered: [550, '5.7.7', 'The message is not the one that was protected'],
  signerRefused: [550, '5.7.5', 'The certificate that the message is signed with was refused'],
  signerUncheckable: [
    451,
    '4.7.5',
    'The revocation of the certificate that the message is signed with cannot be checked now, try again later',
  ],
  openingUnavailable: [451, '4.3.0', 'The message cannot be decrypted now, try again later'],
  loop: [554, '5.4.6', 'Too many hops: the message goes round in a loop'],
  directoryUnavailable: [451, '4.4.3', 'Directory unavailable, try again later'],
  trustUnavailable: [451, '4.7.0', 'The white list cannot be read now, try again later'],
  spoolFailed: [451, '4.3.0', 'Message could not be stored, try again later'],
  connectionLost: [451, '4.4.2', 'The connection ended before the message did'],
  internal: [451, '4.3.0', 'Internal error, try again later'],
} as const satisfies Record<string, readonly [number, EnhancedStatus, string]>

export type RefusalReason = keyof typeof REFUSALS

export interface RefusalOptions extends ErrorOptions {
  /** The rule that refused and what it rested on (directory, white list): for the log. */
  decided?: Readonly<Record<string, string | undefined>>
}

/** RFC 5321 §4.5.3.1.5: a reply line has 512 octets at most, code, status and CRLF included. */
const MOST_OCTETS = 500

/** Thrown once, where the rule is; `replies.ts` turns it into the reply. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly reason: RefusalReason
  readonly code: number
  readonly status: EnhancedStatus
  readonly detail: string | undefined
  readonly decided: RefusalOptions['decided']
  /** @param detail repairs: what exactly is wrong, for the other side's operator; never health data */
  constructor(reason: RefusalReason, detail?: string, options?: RefusalOptions) {
    const [code, status, text] = REFUSALS[reason]
    super(detail ? replyText(`${text}: ${detail}`) : text, options)
    this.reason = reason
    this.code = code
    this.status = status
    this.detail = detail || undefined
    this.decided = options?.decided
  }
}

/** @returns the text as a reply may hold it: printable ASCII (RFC 5321 §4.2), accents taken off, at most 500 octets */
function replyText(text: string): string {
  const ascii = text
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\x20-\x7e]/g, '?')
  return ascii.length <= MOST_OCTETS ? ascii : `${ascii.slice(0, MOST_OCTETS - 3)}...`
}
