import { expect, test } from 'vitest'
import type { PeerFault } from '../../../crypto/index.ts'
import { type Choice, choose, type EncryptionPolicy, type Question } from '../../../gateway/protection/choice.ts'
import { openProtection } from '../../../gateway/protection/index.ts'
import { cpuClock } from '../../support/cpu-time.ts'
import { Anchorage } from '../crypto/parties.ts'

/** A certificate is named by what judging it finds. */
type Named = 'good' | 'unknown' | 'expired' | 'revoked' | 'stranger' | 'good2'
const FAULTS: Record<string, PeerFault> = {
  unknown: 'revocation-unknown',
  expired: 'expired',
  revoked: 'revoked',
  stranger: 'not-from-anchors',
}

interface Case {
  policy?: EncryptionPolicy
  box?: Named[]
  domain?: Named[]
  report?: true
  encrypted?: true
}

async function chosen({ policy = 'whenPossible', box = [], domain = [], report, encrypted }: Case): Promise<string> {
  const named = (names: Named[]) => names.map(name => ({ pem: name, fingerprint: name }))
  const question: Question = {
    policy,
    box: named(box),
    domain: named(domain),
    isReport: report === true,
    isEncrypted: encrypted === true,
  }
  return said(
    await choose(question, async ({ pem }) => {
      const why = FAULTS[pem]
      return why ? { kind: 'refused', why, detail: 'in detail' } : { kind: 'trusted', subject: [], certificate: undefined as never }
    }),
  )
}

function said(choice: Choice): string {
  if (choice.kind === 'encrypt') return `${choice.to} ${choice.certificate.fingerprint}`
  return choice.kind === 'as-is' ? 'as-is' : `${choice.kind}: ${choice.because}`
}

test.each<[string, Case, string]>([
  ['nothing is known', {}, 'plain: no certificate is known'],
  ['a certificate of the box', { box: ['good'], domain: ['good2'] }, 'box good'],
  ['one of the domain alone', { domain: ['good'] }, 'domain good'],
  ['the first of several that may be used', { box: ['expired', 'good', 'good2'] }, 'box good'],
  ['the box’s may not be used, the domain’s may', { box: ['revoked'], domain: ['good'] }, 'domain good'],
  ['an older one where the newer is uncheckable', { box: ['unknown', 'good'] }, 'box good'],
  ['uncheckable: later, not to the domain', { box: ['unknown'], domain: ['good'] }, 'wait: box certificate: revocation-unknown, in detail'],
  ['uncheckable, of the domain', { domain: ['unknown'] }, 'wait: domain certificate: revocation-unknown, in detail'],
  ['uncheckable beats revoked', { box: ['revoked', 'unknown'] }, 'wait: box certificate: revocation-unknown, in detail'],
  ['expired', { box: ['expired'] }, 'plain: box certificate: expired, in detail'],
  [
    'each is told',
    { box: ['revoked'], domain: ['stranger'] },
    'plain: box certificate: revoked, in detail; domain certificate: not-from-anchors, in detail',
  ],
])('when possible, %s', async (_, asked, outcome) => {
  expect(await chosen(asked)).toBe(outcome)
})

test.each<[string, Case, string]>([
  ['nothing is known', {}, 'refuse: no certificate is known'],
  ['a certificate of the box', { box: ['good'] }, 'box good'],
  ['one of the domain', { box: ['expired'], domain: ['good'] }, 'domain good'],
  ['expired', { domain: ['expired'] }, 'refuse: domain certificate: expired, in detail'],
  ['revoked', { box: ['revoked'] }, 'refuse: box certificate: revoked, in detail'],
  ['uncheckable', { box: ['unknown'] }, 'wait: box certificate: revocation-unknown, in detail'],
  ['encrypted by its author', { encrypted: true }, 'as-is'],
])('required, %s', async (_, asked, outcome) => {
  expect(await chosen({ ...asked, policy: 'required' })).toBe(outcome)
})

test.each<[string, Case, string]>([
  ['nothing is encrypted', { policy: 'never', box: ['good'], domain: ['good'] }, 'plain: the policy for the domain is never'],
  ['nor held back', { policy: 'never', box: ['unknown'] }, 'plain: the policy for the domain is never'],
  ['what its author encrypted stays so', { policy: 'never', encrypted: true, domain: ['good'] }, 'as-is'],
])('never: %s', async (_, asked, outcome) => {
  expect(await chosen(asked)).toBe(outcome)
})

test.each<[string, Case, string]>([
  ['goes to the domain, whose gateway reads it', { box: ['good'], domain: ['good2'] }, 'domain good2'],
  ['not to the box', { box: ['good'] }, 'plain: no certificate of the domain is known'],
  ['to the box where it must be encrypted', { policy: 'required', box: ['good'] }, 'box good'],
  ['to the domain first, even then', { policy: 'required', box: ['good'], domain: ['good2'] }, 'domain good2'],
  ['waits as a letter does', { domain: ['unknown'] }, 'wait: domain certificate: revocation-unknown, in detail'],
])('a report %s', async (_, asked, outcome) => {
  expect(await chosen({ ...asked, report: true })).toBe(outcome)
})

test.each<[string, Case, string]>([
  ['goes on as it is to a box', { box: ['good'] }, 'as-is'],
  ['goes inside an envelope of the domain, which hides its header', { box: ['good'], domain: ['good2'] }, 'domain good2'],
  ['waits for no list: it is encrypted all the same', { domain: ['unknown'] }, 'as-is'],
])('what its author has encrypted %s', async (_, asked, outcome) => {
  expect(await chosen({ ...asked, encrypted: true })).toBe(outcome)
})

test('a large letter that its author encrypted is looked at once, however many recipients it has', async () => {
  const anchorage = new Anchorage()
  const anchors = anchorage.load([])
  const nobody = { of: async () => ({ box: [], domain: [] }) }
  const protection = openProtection({
    ...{ policies: { default: 'never', domains: {} }, certificates: nobody, anchors, now: Date.now },
    signature: () => {
      throw new Error('nothing is signed')
    },
  })
  const cms = Buffer.concat([Buffer.from('30800609 2a864886f70d010703'.replaceAll(' ', ''), 'hex'), Buffer.alloc(3_000_000)])
  const header = 'From: a@a.test\r\nContent-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n'
  const content = Buffer.from(header + cms.toString('base64'))
  const leg = { message_id: 'm', sender: 'a@a.test', size: content.length, eight_bit: 0, utf8: 0 }
  const spent = cpuClock()
  for (let recipient = 0; recipient < 40; recipient += 1) {
    expect(await protection.plan({ ...leg, address: `r${recipient}@b.test` }, content)).toEqual({ kind: 'as-is' })
  }
  expect(spent()).toBeLessThan(250)
  await protection.close()
  anchorage.remove()
})
