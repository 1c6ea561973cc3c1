import { describe, expect, test } from 'vitest'
import { learntFrom } from '../../../../gateway/opening/learning.ts'
import type { SeenFault, SeenSigner } from '../../../../gateway/opening/look.ts'
import { refusalOfClosed } from '../../../../gateway/opening/refusal.ts'
import { type Verdict, verdictOf } from '../../../../gateway/opening/verdict.ts'
import { signer } from './signers.ts'

const FROM = 'dr.autre@b.mssante.test'
const author = signer([FROM])
const domain = signer(['domain-signing-authority@b.mssante.test', 'domain-confidentiality-authority@b.mssante.test'])
const other = signer(['autre.encore@b.mssante.test'])
const signedBy = (...signed: SeenSigner[][]) => verdictOf({ kind: 'signed', form: 'detached', signed }, FROM)!

describe('a signature that is right passes only when it is the author’s', () => {
  test.each<[string, SeenSigner[][], Verdict['result']]>([
    ['the author', [[author]], 'pass'],
    ['the signing authority of his domain', [[domain]], 'pass'],
    ['the signing authority of another domain', [[signer(['domain-signing-authority@c.mssante.test'])]], 'policy'],
    ['the confidentiality authority of his domain', [[signer(['domain-confidentiality-authority@b.mssante.test'])]], 'policy'],
    ['somebody of his domain', [[other]], 'policy'],
    ['a certificate that names nobody', [[signer([])]], 'policy'],
    ['a domain alone, named like his', [[signer(['b.mssante.test'])]], 'policy'],
    ['the author, and somebody with him', [[other, author]], 'pass'],
    ['the author, and around it his domain', [[domain], [author]], 'pass'],
    ['the author, and around it somebody else', [[other], [author]], 'policy'],
    ['somebody else, and around it the author’s domain', [[domain], [other]], 'policy'],
    ['nobody', [], 'none'],
  ])('%s', (_, signed, result) => {
    expect(signedBy(...signed)).toMatchObject({ result, signers: signed.flat() })
  })

  test('of what is for others nothing is said', () => {
    expect(verdictOf({ kind: 'left' }, FROM)).toBeUndefined()
  })
})

const reasons: [SeenFault, Verdict['result'], string][] = [
  [{ reason: 'altered', detail: 'd' }, 'fail', '550 5.7.7'],
  [{ reason: 'forged', detail: 'd' }, 'fail', '550 5.7.7'],
  [{ reason: 'signer', detail: 'd', verdict: 'revoked' }, 'fail', '550 5.7.5'],
  [{ reason: 'signer', detail: 'd', verdict: 'expired' }, 'fail', '550 5.7.5'],
  [{ reason: 'signer', detail: 'd', verdict: 'not-yet-valid' }, 'fail', '550 5.7.5'],
  [{ reason: 'signer', detail: 'd', verdict: 'not-from-anchors' }, 'policy', '550 5.7.5'],
  [{ reason: 'signer', detail: 'd', verdict: 'wrong-usage' }, 'policy', '550 5.7.5'],
  [{ reason: 'signer', detail: 'd', verdict: 'revocation-unknown' }, 'temperror', '451 4.7.5'],
  [{ reason: 'signer', detail: 'd', verdict: 'no-certificate' }, 'neutral', '550 5.7.5'],
  [{ reason: 'weak', detail: 'd' }, 'policy', '550 5.7.6'],
  [{ reason: 'unsupported', detail: 'd' }, 'neutral', '550 5.7.6'],
  [{ reason: 'malformed', detail: 'd' }, 'neutral', '550 5.7.5'],
  [{ reason: 'too-large', detail: 'd' }, 'permerror', '550 5.7.4'],
  [{ reason: 'undecryptable', detail: 'd' }, 'permerror', '550 5.7.5'],
]

describe('a fault is said in the field of what is only signed, and refuses what is encrypted to us', () => {
  test.each(reasons)('%j', (fault, result, reply) => {
    expect(verdictOf({ kind: 'unverified', fault }, FROM)).toEqual({ result, reason: 'd', signers: [] })
    const { code, status } = refusalOfClosed(fault)
    expect(`${code} ${status}`).toBe(reply)
  })

  test('behind our key there is one sentence, whatever the detail', () => {
    expect(refusalOfClosed({ reason: 'undecryptable', detail: 'x' }).message).not.toContain('x: ')
    expect(refusalOfClosed({ reason: 'undecryptable', detail: 'x' }).detail).toBeUndefined()
  })
})

describe('what a signature teaches', () => {
  const learnt = (...signed: SeenSigner[][]) => learntFrom(signedBy(...signed), FROM).map(({ subject, pem }) => [subject, pem])
  test.each<[string, SeenSigner[][], string[][]]>([
    ['the author’s certificate', [[author]], [[FROM, author.certificatePem]]],
    ['his domain’s', [[domain]], [['b.mssante.test', domain.certificatePem]]],
    [
      'both, of a gateway around its author',
      [[domain], [author]],
      [
        ['b.mssante.test', domain.certificatePem],
        [FROM, author.certificatePem],
      ],
    ],
    ['not that of who signed with him', [[author, other]], [[FROM, author.certificatePem]]],
    ['nothing of somebody else', [[other]], []],
    ['nothing where one layer is not the author’s', [[other], [author]], []],
    ['nothing of a certificate for signatures alone', [[signer([FROM], { mayBeEncryptedTo: false })]], []],
    [
      'nothing of a domain that is not his',
      [[author, signer(['domain-confidentiality-authority@c.mssante.test'])]],
      [[FROM, author.certificatePem]],
    ],
  ])('%s', (_, signed, expected) => {
    expect(learnt(...signed)).toEqual(expected)
  })
})
