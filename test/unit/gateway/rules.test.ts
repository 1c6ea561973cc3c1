import { describe, expect, test, vi } from 'vitest'
import { REFUSALS, Refusal, type RefusalReason } from '../../../gateway/refusals.ts'
import { acceptedDetail } from '../../../gateway/rules/decisions.ts'
import type { CheckedRecipient, OwnBox, Speaker } from '../../../gateway/session.ts'
import { BOXES, boxOf, OURS, outcomeOf, PATIENTS, policyOver, THEIRS } from './rules-world.ts'

const box = (local: string): Speaker<OwnBox> => ({ kind: 'box', box: boxOf(local) })
const operator = (name: string): Speaker<OwnBox> => ({ kind: 'operator', peer: { name } })
const unreachable = async () => {
  throw new Error('the database is closed')
}

/** @returns the message of the refusal */
async function words(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'taken',
    (error: Error) => error.message,
  )
}

describe('who sends', () => {
  const policy = policyOver()
  const as = async (speaker: Speaker<OwnBox>, address: string) => {
    const outcome = await outcomeOf(policy.checkSender(speaker, address))
    return typeof outcome === 'string' ? outcome : (outcome.box?.address ?? outcome.peer)
  }

  test('is the box itself, in any case, or nobody for a report', async () => {
    expect(await as(box('dr.a'), `DR.A@${OURS.toUpperCase()}`)).toBe(`dr.a@${OURS}`)
    expect(await as(box('dr.a'), '')).toBe(`dr.a@${OURS}`)
  })

  test('is an ORG or CAB box that has delegated, filed with who signed in as its author', async () => {
    expect(await policy.checkSender(box('dr.a'), `service@${OURS}`)).toMatchObject({
      sender: `service@${OURS}`,
      box: { address: `service@${OURS}`, idNatPs: '8A' },
      signedIn: { address: `dr.a@${OURS}` },
    })
    expect((await policy.checkSender(box('dr.a'), `practice@${OURS}`)).box?.idNatPs).toBe('8A')
  })

  test.each(['dr.b', 'gone', 'machine', 'red'])('is not %s, who is no ORG or CAB box that has delegated', async local => {
    expect(await as(box('dr.a'), `${local}@${OURS}`)).toBe('senderNotOwner')
  })

  test('is told the boxes that he may use, a few of them', async () => {
    expect(await words(policy.checkSender(box('machine'), `dr.a@${OURS}`))).toBe(
      `You may send only from your own mailbox: you may use machine@${OURS}`,
    )
    const many = policyOver({
      boxes: {
        find: async address => BOXES.find(each => each.address === address),
        writableBy: async address => [address, ...Array.from({ length: 30 }, (_, at) => `s${at}@${OURS}`)],
      },
    })
    expect(await words(many.checkSender(box('dr.a'), `dr.b@${OURS}`))).toMatch(
      /: you may use dr\.a@\S+, s0@\S+, s1@\S+, s2@\S+ and 27 more$/,
    )
  })

  test('was suspended or closed after he signed in: the next MAIL is refused', async () => {
    let now = 0
    let mine: OwnBox | undefined = boxOf('dr.a')
    const changing = policyOver({
      now: () => now,
      boxes: { find: async () => mine, writableBy: async address => [address] },
    })
    const mail = () => outcomeOf(changing.checkSender(box('dr.a'), `dr.a@${OURS}`))
    expect(await mail()).toMatchObject({ sender: `dr.a@${OURS}` })
    for (const [changed, reason] of [
      [{ ...boxOf('dr.a'), revision: 2 }, 'senderChanged'], // its password, perhaps
      [{ ...boxOf('dr.a'), suspendedAt: 1 }, 'senderSuspended'],
      [{ ...boxOf('dr.a'), closedAt: 1 }, 'senderClosed'],
      [undefined, 'senderClosed'],
    ] as const) {
      mine = changed
      now += 2_000
      expect(await mail()).toBe(reason)
    }
  })

  test('has signed in upon a change that other connections do not know of yet: he is not sent away', async () => {
    const behind = policyOver({ boxes: { find: async () => ({ ...boxOf('dr.a'), revision: 1 }), writableBy: async address => [address] } })
    const now: Speaker<OwnBox> = { kind: 'box', box: { ...boxOf('dr.a'), revision: 2 } }
    expect(await outcomeOf(behind.checkSender(now, `dr.a@${OURS}`))).toMatchObject({ sender: `dr.a@${OURS}` })
  })

  test('is unknown while the boxes cannot be read: later, never yes', async () => {
    const blind = policyOver({ boxes: { find: unreachable, writableBy: unreachable } })
    expect(await outcomeOf(blind.checkSender(box('dr.a'), `dr.a@${OURS}`))).toBe('directoryUnavailable')
    const half = policyOver({
      boxes: { find: async () => boxOf('dr.a'), writableBy: unreachable },
    })
    expect(await outcomeOf(half.checkSender(box('dr.a'), `service@${OURS}`))).toBe('directoryUnavailable')
  })

  test('is another operator with its own domain', async () => {
    expect(await as(operator('theirs'), `dr.c@${THEIRS}`)).toBe('theirs')
    expect(await as(operator('theirs'), `dr.a@${OURS}`)).toBe('peerNotListed')
    expect(await as({ kind: 'operator', peer: { refused: { kind: 'refused', why: 'revoked', detail: '' } } }, `dr.c@${THEIRS}`)).toBe(
      'peerRefused',
    )
  })

  test.each(['dr.a', `dr.a@${OURS}.`, `dr.\u0430@${OURS}`])('%j is no address', async address => {
    expect(await as(box('dr.a'), address)).toBe('senderMalformed')
  })
})

describe('who receives', () => {
  const policy = policyOver()
  const to = async (speaker: Speaker<OwnBox>, address: string, size?: number, sender = `dr.a@${OURS}`) => {
    const outcome = await outcomeOf(policy.checkRecipient(speaker, { address }, { sender, size }))
    return typeof outcome === 'string' ? outcome : outcome.decision
  }

  test.each([
    ['dr.b@ours.example', { source: 'own' }],
    ['DR.B@OURS.EXAMPLE', { source: 'own' }],
    ['red@ours.example', { source: 'own' }],
    ['postmaster', { source: 'own' }],
    ['closed@ours.example', 'recipientClosed'],
    ['suspended@ours.example', 'recipientSuspended'],
    ['nobody@ours.example', 'recipientNotListed'],
    ['dr.c@theirs.example', { source: 'extract', directory: '2026-11-20T04:12Z', whiteList: '2026-11-20T02:00:00.000Z' }],
    ['nobody@theirs.example', 'recipientNotListed'],
    ['dr.c@sub.theirs.example', 'domainNotTrusted'],
    ['dr.c@gmail.com', 'domainNotTrusted'],
    ['dr.c@theirs.example.', 'addressMalformed'],
    ['dr.\u0441@theirs.example', 'addressMalformed'],
    ['dr.c@th\u0435irs.example', 'domainNotTrusted'],
    ['good@patient.example', { source: 'patient', whiteList: '2026-11-20T02:00:00.000Z' }],
    ['bad@patient.example', 'patientAddress'],
  ])('%s for a box of ours', async (address, outcome) => {
    expect(await to(box('dr.a'), address)).toEqual(outcome)
  })

  test('of a box with a quota: as long as there is room', async () => {
    const small = `small@${OURS}`
    expect(await to(box('dr.a'), small)).toEqual({ source: 'own' })
    expect(await to(box('dr.a'), small, 100)).toEqual({ source: 'own' })
    expect(await to(box('dr.a'), small, 101)).toBe('mailboxFull')
    expect(await to(box('dr.a'), small, 1_001)).toBe('mailboxTooSmall')
    const unreadable = policyOver({ quota: { hasRoom: unreachable } })
    expect(await outcomeOf(unreadable.checkRecipient(box('dr.a'), { address: small }, { sender: '' }))).toBe('directoryUnavailable')
  })

  test('of a patient: no more than his mailbox takes', async () => {
    expect(await to(box('dr.a'), `good@${PATIENTS}`, 5_001)).toBe('tooBigForPatient')
  })

  test('of another operator: boxes of ours only', async () => {
    expect(await to(operator('theirs'), `dr.a@${OURS}`, 1, `dr.c@${THEIRS}`)).toEqual({ source: 'own' })
    expect(await to(operator('theirs'), `dr.c@${THEIRS}`, 1, `dr.c@${THEIRS}`)).toBe('recipientNotHere')
    expect(await to(operator('theirs'), `good@${PATIENTS}`, 1, `dr.c@${THEIRS}`)).toBe('recipientNotHere')
  })

  test('of a patient: who has written to him, and nothing is said of the others', async () => {
    expect(await to(operator('ens'), `dr.a@${OURS}`, 1, `good@${PATIENTS}`)).toEqual({ source: 'own' })
    for (const local of ['dr.b', 'nobody', 'closed'])
      expect(await to(operator('ens'), `${local}@${OURS}`, 1, `good@${PATIENTS}`)).toBe('patientMayNotWrite')
    expect(await to(operator('ens'), `dr.b@${OURS}`, 1, '')).toEqual({ source: 'own' }) // a report is no letter
  })

  test('is unknown while the directory cannot be read: later, never yes', async () => {
    const ask = (find: () => never | Promise<never>) =>
      outcomeOf(
        policyOver({ annuaire: { version: '', nearest: () => undefined, find } }).checkRecipient(
          box('dr.a'),
          { address: `dr.c@${THEIRS}` },
          { sender: '' },
        ),
      )
    expect(await ask(unreachable)).toBe('directoryUnavailable')
    expect(
      await ask(() => {
        throw new Error('the file is gone')
      }),
    ).toBe('directoryUnavailable')
  })

  test('a listed recipient asks for no box, no quota and no conversation', async () => {
    const idle = { find: vi.fn(unreachable), writableBy: vi.fn(unreachable) }
    const quota = { hasRoom: vi.fn(unreachable) }
    const quick = policyOver({ boxes: idle, quota })
    await quick.checkRecipient(box('dr.a'), { address: `dr.c@${THEIRS}` }, { sender: `dr.a@${OURS}`, size: 1 })
    expect([idle.find, idle.writableBy, quota.hasRoom].flatMap(({ mock }) => mock.calls)).toEqual([])
  })
})

describe('a refused recipient', () => {
  const policy = policyOver()
  const told = (speaker: Speaker<OwnBox>, address: string) => words(policy.checkRecipient(speaker, { address }, { sender: '' }))

  test('is answered with the listed address that is meant', async () => {
    expect(await told(box('dr.a'), `dr.c2@${THEIRS}`)).toBe(`Recipient is not in the directory: did you mean dr.c@${THEIRS}?`)
    expect(await told(box('dr.a'), 'dr.c@gmail.com')).toBe(
      `Recipient domain is outside the trusted space: gmail.com is not in the white list, did you mean dr.c@${THEIRS}?`,
    )
    expect(await told(box('dr.b'), `dr.a2@${OURS}`)).toBe(`Recipient is not in the directory: did you mean dr.a@${OURS}?`)
  })

  test('never with a box of the red list, a closed or a suspended one, which the extract of yesterday still has', async () => {
    for (const local of ['red', 'closed', 'suspended'])
      expect(await told(box('dr.a'), `${local}2@${OURS}`)).toBe('Recipient is not in the directory')
  })

  test('never to another operator, for whom it would be a way to read the directory', async () => {
    expect(await told(operator('theirs'), `dr.a2@${OURS}`)).toBe('Recipient is not in the directory')
  })

  test('is refused all the same when the nearest one cannot be looked for', async () => {
    const blind = policyOver({
      annuaire: {
        version: '',
        find: () => undefined,
        nearest: () => {
          throw new Error('the file is gone')
        },
      },
    })
    expect(await outcomeOf(blind.checkRecipient(box('dr.a'), { address: `x@${THEIRS}` }, { sender: '' }))).toBe('recipientNotListed')
  })
})

describe('a refusal', () => {
  test('says which rule, which directory and which white list, for the log', async () => {
    const refused = await policyOver()
      .checkRecipient(box('dr.a'), { address: 'bad@patient.example' }, { sender: '' })
      .catch((error: Refusal) => error)
    expect((refused as Refusal).decided).toEqual({
      rule: 'recipient-patient-address',
      directory: '2026-11-20T04:12Z',
      whiteList: '2026-11-20T02:00:00.000Z',
    })
  })

  test.each(Object.keys(REFUSALS))('%s fits in a reply line, in ASCII', reason => {
    for (const detail of [undefined, 'CN=Hôpital, O=Œuvre'.repeat(80)]) {
      const { message, status } = new Refusal(reason as RefusalReason, detail)
      expect(message).toMatch(/^[\x20-\x7e]{1,500}$/)
      expect(String(status)[0]).toBe(String(REFUSALS[reason as RefusalReason][0])[0])
    }
  })
})

test('the ledger says of each recipient, by position, what the decision rested on', () => {
  const whiteList = 'w'
  const recipients = [
    { source: 'own' },
    ...Array(3).fill({ source: 'extract', directory: 'd1', whiteList }),
    { source: 'extract', directory: 'd2', whiteList },
    { source: 'patient', whiteList },
  ].map(decision => ({ decision }) as CheckedRecipient)
  expect(acceptedDetail({ signedIn: boxOf('dr.a'), recipients })).toEqual({
    by: `dr.a@${OURS}`,
    decided: '0: own; 1-3: extract d1, white list w; 4: extract d2, white list w; 5: patient, white list w',
  })
})
