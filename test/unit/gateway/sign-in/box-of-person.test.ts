import { expect, test } from 'vitest'
import { Refusal } from '../../../../gateway/refusals.ts'
import { boxOfPerson, type SignInBox } from '../../../../gateway/sign-in/box-of-person.ts'

const AT = 'a.mssante.test'
const BOXES: SignInBox[] = [
  { address: `claire@${AT}`, type: 'PER', idNatPs: '899700000001' },
  { address: `claire.hopital@${AT}`, type: 'PER', idNatPs: '899700000001', suspendedAt: 1 },
  { address: `noe@${AT}`, type: 'PER', idNatPs: '899700000002' },
  { address: `noe.remplacant@${AT}`, type: 'PER', idNatPs: '899700000002' },
  { address: `parti@${AT}`, type: 'PER', idNatPs: '899700000003', closedAt: 1 },
  { address: `secretariat@${AT}`, type: 'ORG' },
  { address: `urgences@${AT}`, type: 'ORG' },
  { address: `cabinet@${AT}`, type: 'CAB', holders: ['99700000001', '99700000004'] },
  { address: `laboratoire@${AT}`, type: 'APP' },
]
/** Who may write as what, beside himself. */
const DELEGATIONS: Record<string, string[]> = {
  [`noe@${AT}`]: [`secretariat@${AT}`, `laboratoire@${AT}`],
  [`claire.hopital@${AT}`]: [`urgences@${AT}`],
}

const boxes = {
  find: async (address: string) => BOXES.find(box => box.address === address),
  byIdentity: async (idNatPs: string) =>
    BOXES.filter(({ idNatPs: own, holders }) => own === idNatPs || holders?.includes(idNatPs.slice(1)) === true),
  writableBy: async (address: string) => [address, ...(DELEGATIONS[address] ?? [])],
}

const CLAIRE = '899700000001'
const NOE = '899700000002'

test.each([
  [CLAIRE, `claire@${AT}`, `claire@${AT}`],
  [CLAIRE, undefined, `claire@${AT}`],
  [CLAIRE, `cabinet@${AT}`, `cabinet@${AT}`],
  ['899700000004', `cabinet@${AT}`, `cabinet@${AT}`],
  [NOE, `noe.remplacant@${AT}`, `noe.remplacant@${AT}`],
  [NOE, `secretariat@${AT}`, `secretariat@${AT}`],
])('%s who asks for %s gets %s', async (holder, asked, box) => {
  expect((await boxOfPerson(boxes, holder, asked)).address).toBe(box)
})

const CLAIRES = `its holder may use claire@${AT}`
test.each([
  ['a colleague’s box', CLAIRE, `noe@${AT}`, CLAIRES],
  ['a box that does not exist, in the same words', CLAIRE, `personne@${AT}`, CLAIRES],
  ['a service’s box without a delegation', CLAIRE, `secretariat@${AT}`, CLAIRES],
  ['a service’s box by a delegation to his suspended box', CLAIRE, `urgences@${AT}`, CLAIRES],
  ['a suspended box of his own', CLAIRE, `claire.hopital@${AT}`, 'it is suspended'],
  ['a closed box of his own', '899700000003', `parti@${AT}`, 'it is closed'],
  ['software’s box, even as its delegate', NOE, `laboratoire@${AT}`, expect.stringContaining('its holder may use')],
  ['a practice’s box that he does not hold', NOE, `cabinet@${AT}`, expect.stringContaining(`noe@${AT}`)],
  ['no box by name, with two of his own', NOE, undefined, expect.stringContaining(`noe.remplacant@${AT}`)],
  ['anything, with no box here', '899700000009', undefined, 'its holder has no mailbox here'],
  ['a box by a number that is none of a person', '', `secretariat@${AT}`, 'its holder has no mailbox here'],
])('nobody signs in to %s', async (_, holder, asked, why) => {
  const refusal = await boxOfPerson(boxes, holder, asked).then(
    () => undefined,
    (error: Refusal) => error,
  )
  expect(refusal).toBeInstanceOf(Refusal)
  expect({ code: refusal?.code, why: refusal?.message.replace('The token does not open this mailbox: ', '') }).toEqual({ code: 535, why })
})
