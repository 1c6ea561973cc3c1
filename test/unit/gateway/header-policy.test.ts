import { describe, expect, test } from 'vitest'
import { readHeader } from '../../../gateway/header.ts'
import { checkReceivedHeader, checkSubmittedHeader } from '../../../gateway/header-policy.ts'
import { Refusal } from '../../../gateway/refusals.ts'

const REPORT = 'Content-Type: multipart/report; report-type=delivery-status; boundary=b'
const RECEIPT = 'Content-Type: multipart/report; report-type=disposition-notification; boundary=b'
const fields = (...lines: string[]) => readHeader(Buffer.from(lines.map(line => `${line}\r\n`).join('')))
const reasonOf = (work: () => unknown): string => {
  try {
    work()
    return 'taken'
  } catch (error) {
    if (error instanceof Refusal) return error.reason
    throw error
  }
}

describe('a box of ours', () => {
  const submitted = (sender: string, ...lines: string[]) =>
    reasonOf(() => checkSubmittedHeader(fields(...lines), 'dr.a@ours.example', sender, 25))

  test('writes as itself', () => {
    expect(submitted('dr.a@ours.example', 'From: "Dr A" <dr.a@ours.example>')).toBe('taken')
    expect(submitted('dr.a@ours.example', 'From: dr.b@ours.example')).toBe('fromNotSender')
    expect(submitted('dr.a@ours.example', 'From: dr.a@ours.example', 'Sender: dr.b@ours.example')).toBe('fromNotSender')
  })

  test('has an empty reverse-path for its own MDN only, and writes no delivery report', () => {
    expect(submitted('', 'From: dr.a@ours.example', RECEIPT)).toBe('taken')
    expect(submitted('', 'From: dr.a@ours.example')).toBe('nullSenderNotReport')
    expect(submitted('', 'From: dr.a@ours.example', REPORT)).toBe('reportNotYours')
    expect(submitted('dr.a@ours.example', 'From: dr.a@ours.example', REPORT)).toBe('reportNotYours')
  })
})

describe('another operator', () => {
  const received = (sender: string, ...lines: string[]) =>
    reasonOf(() =>
      checkReceivedHeader(fields(...lines), {
        sender,
        mostHops: 25,
        mayWrite: domain => domain === 'theirs.example',
        isListed: domain => ['theirs.example', 'ours.example'].includes(domain),
      }),
    )

  test('writes for its own domains', () => {
    expect(received('dr.b@theirs.example', 'From: dr.b@theirs.example')).toBe('taken')
    expect(received('dr.b@theirs.example', 'From: dr.a@ours.example')).toBe('fromNotPeer')
  })

  test.each([
    ['a listed domain that is not its own', 'dr.a@ours.example', 'fromNotPeer'],
    ['the same behind a name', '"Dr A" <dr.a@ours.example>', 'fromNotPeer'],
    ['two authors', 'mailer-daemon@smtp.host, dr.a@ours.example', 'headerUnclear'],
    ['an address in a comment', 'mailer-daemon@smtp.host (dr.a@ours.example)', 'headerUnclear'],
    ['its own domain', 'postmaster@theirs.example', 'taken'],
    ['its machine', 'MAILER-DAEMON@smtp.theirs-host.example', 'taken'],
    ['its machine, with a comment as Postfix writes it', 'MAILER-DAEMON@smtp.host (Mail Delivery System)', 'taken'],
  ])('reports with an empty reverse-path from %s', (_case, from, outcome) => {
    expect(received('', `From: ${from}`, REPORT)).toBe(outcome)
  })

  test('sends nothing but reports with an empty reverse-path', () => {
    expect(received('', 'From: dr.b@theirs.example')).toBe('nullSenderNotReport')
  })
})
