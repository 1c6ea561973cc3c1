import { describe, expect, test } from 'vitest'
import { readHeader } from '../../../gateway/header.ts'
import type { Handed, OwnBox } from '../../../gateway/session.ts'
import { boxOf, OURS, outcomeOf, PATIENTS, policyOver, THEIRS } from './rules-world.ts'

const REPORT = 'Content-Type: multipart/report; report-type=delivery-status; boundary=b'
const RECEIPT = 'Content-Type: multipart/report; report-type=disposition-notification; boundary=b'
const fields = (...lines: string[]) => readHeader(Buffer.from(lines.map(line => `${line}\r\n`).join('')))
const policy = policyOver()

/** @returns the reason of the refusal, or the box written as; `-` where there is none */
async function judged(handed: Handed<OwnBox>, ...lines: string[]): Promise<string> {
  const outcome = await outcomeOf(policy.checkHeader(handed, fields(...lines)))
  return typeof outcome === 'string' ? outcome : (outcome.box?.address ?? '-')
}

/** dr.a has signed in, and MAIL was said as the box of that name, or as nobody for a report. */
const submitted = (as: string, ...lines: string[]) => {
  const signedIn = boxOf('dr.a')
  return judged({ sender: as === '' ? '' : `${as}@${OURS}`, signedIn, box: as === '' ? signedIn : boxOf(as) }, ...lines)
}

describe('a box of ours', () => {
  test('writes as itself', async () => {
    expect(await submitted('dr.a', `From: "Dr A" <dr.a@${OURS}>`)).toBe(`dr.a@${OURS}`)
    expect(await submitted('dr.a', `From: dr.b@${OURS}`)).toBe('fromNotSender')
    expect(await submitted('dr.a', `From: dr.a@${OURS}`, `Sender: dr.b@${OURS}`)).toBe('fromNotSender')
    expect(await submitted('dr.a', `From: dr.a@${OURS}, dr.b@${OURS}`)).toBe('headerUnclear')
  })

  test('writes as an ORG or CAB box that has delegated to it, and may stand in Sender itself (RFC 5322 §3.6.2)', async () => {
    expect(await submitted('service', `From: service@${OURS}`)).toBe(`service@${OURS}`)
    expect(await submitted('service', `From: service@${OURS}`, `Sender: dr.a@${OURS}`)).toBe(`service@${OURS}`)
    expect(await submitted('service', `From: service@${OURS}`, `Sender: service@${OURS}`)).toBe(`service@${OURS}`)
    expect(await submitted('service', `From: service@${OURS}`, `Sender: practice@${OURS}`)).toBe('fromNotSender')
    // its own return path: what bounces comes back to who wrote
    expect(await submitted('dr.a', `From: service@${OURS}`, `Sender: dr.a@${OURS}`)).toBe(`service@${OURS}`)
    expect(await submitted('dr.a', `From: practice@${OURS}`)).toBe(`practice@${OURS}`)
  })

  test('does not send what bounces to a box that it does not write as', async () => {
    expect(await submitted('service', `From: dr.a@${OURS}`)).toBe('fromNotSender')
    expect(await submitted('service', `From: practice@${OURS}`)).toBe('fromNotSender')
  })

  test('never writes as a person, a machine or a stranger, whatever is delegated', async () => {
    for (const from of ['dr.b', 'machine', 'gone', 'suspended'])
      expect(await submitted('dr.a', `From: ${from}@${OURS}`)).toBe('fromNotSender')
    expect(await submitted('dr.a', `From: dr.c@${THEIRS}`)).toBe('fromNotSender')
  })

  test('has an empty reverse-path for its own MDN only, and writes no delivery report', async () => {
    expect(await submitted('', `From: dr.a@${OURS}`, RECEIPT)).toBe(`dr.a@${OURS}`)
    expect(await submitted('', `From: service@${OURS}`, RECEIPT)).toBe(`service@${OURS}`) // read for the service
    expect(await submitted('', `From: dr.b@${OURS}`, RECEIPT)).toBe('fromNotSender')
    expect(await submitted('', `From: dr.a@${OURS}`)).toBe('nullSenderNotReport')
    expect(await submitted('', `From: dr.a@${OURS}`, REPORT)).toBe('reportNotYours')
    expect(await submitted('dr.a', `From: dr.a@${OURS}`, REPORT)).toBe('reportNotYours')
  })

  test('is filed as the box written as, its author the one who signed in', async () => {
    const signedIn = boxOf('dr.a')
    const handed = { sender: signedIn.address, signedIn, box: signedIn }
    expect((await policy.checkHeader(handed, fields(`From: practice@${OURS}`))).box).toMatchObject({
      address: `practice@${OURS}`,
      idNatPs: '8A',
    })
    expect((await policy.checkHeader(handed, fields(`From: dr.a@${OURS}`))).box).toBe(signedIn)
  })

  test('is told the boxes that it may use', async () => {
    const signedIn = boxOf('dr.a')
    const refused = policy.checkHeader({ sender: signedIn.address, signedIn, box: signedIn }, fields(`From: dr.c@${THEIRS}`))
    await expect(refused).rejects.toThrow(`you may use dr.a@${OURS}, service@${OURS}, practice@${OURS}`)
  })
})

describe('another operator', () => {
  const received = (sender: string, ...lines: string[]) => judged({ sender, peer: 'theirs' }, ...lines)

  test('writes for its own domains', async () => {
    expect(await received(`dr.c@${THEIRS}`, `From: dr.c@${THEIRS}`)).toBe('-')
    expect(await received(`dr.c@${THEIRS}`, `From: dr.a@${OURS}`)).toBe('fromNotPeer')
  })

  test.each([
    ['a listed domain that is not its own', `dr.a@${OURS}`, 'fromNotPeer'],
    ['the same behind a name', `"Dr A" <dr.a@${OURS}>`, 'fromNotPeer'],
    ['two authors', `mailer-daemon@smtp.host, dr.a@${OURS}`, 'headerUnclear'],
    ['an address in a comment', `mailer-daemon@smtp.host (dr.a@${OURS})`, 'headerUnclear'],
    ['its own domain', `postmaster@${THEIRS}`, '-'],
    ['its machine', 'MAILER-DAEMON@smtp.theirs-host.example', '-'],
    ['its machine, with a comment as Postfix writes it', 'MAILER-DAEMON@smtp.host (Mail Delivery System)', '-'],
  ])('reports with an empty reverse-path from %s', async (_case, from, outcome) => {
    expect(await received('', `From: ${from}`, REPORT)).toBe(outcome)
  })

  test('sends nothing but reports with an empty reverse-path', async () => {
    expect(await received('', `From: dr.c@${THEIRS}`)).toBe('nullSenderNotReport')
    for (const type of ['multipart/report-x', 'multipart/reports', 'multipart/mixed'])
      expect(await received('', `From: dr.c@${THEIRS}`, REPORT.replace('multipart/report', type))).toBe('nullSenderNotReport')
  })

  test('sends the receipts of its own users, of nobody outside the space', async () => {
    expect(await received('', `From: dr.c@${THEIRS}`, RECEIPT)).toBe('-')
    expect(await received('', 'From: somebody@mail.example', RECEIPT)).toBe('fromNotPeer')
    expect(await received('', `From: dr.a@${OURS}`, RECEIPT)).toBe('fromNotPeer')
  })

  test('sends a letter of a patient under the name of the reverse-path', async () => {
    const ens = (sender: string, from: string) => judged({ sender, peer: 'ens' }, `From: ${from}`)
    expect(await ens(`good@${PATIENTS}`, `good@${PATIENTS}`)).toBe('-')
    expect(await ens(`good@${PATIENTS}`, `other@${PATIENTS}`)).toBe('patientNotAuthor')
  })

  test('is refused a message that goes round', async () => {
    expect(await received(`dr.c@${THEIRS}`, ...Array(26).fill('Received: by x'), `From: dr.c@${THEIRS}`)).toBe('loop')
  })
})
