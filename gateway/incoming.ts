import type { Configuration, Log } from '../config/index.ts'
import type { Anchors } from '../crypto/index.ts'
import type { Bal, Directory } from '../directory/index.ts'
import type { Bridge } from '../dmp-bridge/index.ts'
import type { Identities } from './certificates/identities.ts'
import type { Dispatcher } from './dispatcher.ts'
import { receiverOf, receiversAmong, senderOf } from './filing/index.ts'
import { openIntake } from './intake.ts'
import { openOpening } from './opening/index.ts'
import { contentLimits, mostBytes } from './policy.ts'
import { Refusal } from './refusals.ts'
import type { Policy } from './session.ts'
import type { Stores } from './stores.ts'

/** What takes the content of mail, as this operator is configured: opened, accepted, then handed to delivery and to the bridge. */
export function openIncoming(options: {
  configuration: Configuration
  stores: Stores
  policy: Policy<Bal>
  directory: Directory
  bridge: Pick<Bridge, 'rowsFor' | 'ring'>
  dispatcher: Dispatcher
  identities: Pick<Identities, 'encryption'>
  /** The authorities of other operators. */
  anchors: Anchors
  now(): number
  log: Log
}) {
  const { configuration, stores, policy, directory, bridge, dispatcher, identities, anchors, now, log } = options
  const { spool, boxes, patients, recipientCertificates } = stores
  const opening = openOpening({ identities: identities.encryption, anchors, most: mostBytes(configuration.limits, 'reception'), now })
  const intake = openIntake<Bal>({
    ...{ spool, opening, patients, now },
    learn: async certificates => {
      try {
        for (const { subject, pem } of certificates) await recipientCertificates.add({ subject, pem, source: 'signed-mail' })
      } catch (error) {
        log.error('certificate-not-learnt', {}, error) // the next mail of its holder shows it again
      }
    },
    limits: { submission: contentLimits(configuration, 'submission'), reception: contentLimits(configuration, 'reception') },
    checkHeader: policy.checkHeader,
    hostname: configuration.hostname,
    filingRows: ({ id, boxes, received, acceptedAt }) =>
      bridge.rowsFor({ id, sender: received ? receiverOf(boxes) : senderOf(boxes[0], directory), acceptedAt }),
    receivers: configuration.dmp?.reception ? receiversAmong(boxes.find, configuration.dmp) : undefined,
    mayBeAnswered: (box, address) => accepts(policy.checkRecipient({ kind: 'box', box }, { address }, { sender: box.address })),
    hasRoom: dispatcher.hasRoom,
    onAccepted({ id, legs, by, toFile, toCarry }) {
      log.info('accepted', { id, recipients: legs.length, by })
      if (toCarry) dispatcher.take(legs)
      else dispatcher.ring()
      if (toFile) bridge.ring()
    },
  })
  return { intake, close: opening.close }
}

/** @returns whether a check lets pass; what can't be known now is not a no for ever, and is thrown on */
async function accepts(check: Promise<unknown>): Promise<boolean> {
  try {
    await check
    return true
  } catch (error) {
    if (error instanceof Refusal && error.code >= 500) return false
    throw error
  }
}
