import { describe, expect, test } from 'vitest'
import { checkChanges, checkNewBal } from '../../../directory/bal-rules.ts'
import { BAL_RULES, type Bal, type BalChanges, BalFault, type BalType, type NewBal } from '../../../directory/index.ts'
import { CLAIRE, NEW, PAUL, SIRET } from './bal-samples.ts'

/** @returns the reasons of everything that is wrong */
function faults(check: () => unknown): string[] {
  try {
    check()
    return []
  } catch (error) {
    if (error instanceof BalFault) return error.faults.map(({ reason }) => reason)
    throw error
  }
}

describe('a new box', () => {
  test.each<[BalType, Partial<NewBal>, string[]]>([
    ['PER', { rpps: undefined }, ['rpps']],
    ['PER', { holders: [CLAIRE, PAUL] }, ['holders']],
    ['PER', { responsible: 'Quelqu’un', description: 'x', service: 'y' }, ['responsible', 'description', 'service']],
    ['ORG', { structures: [] }, ['structures']],
    ['ORG', { responsible: undefined }, ['responsible']],
    ['ORG', { holders: [CLAIRE] }, ['rpps']],
    ['ORG', { responsible: 'Anne\u202eEVITCIF' }, ['responsible']],
    ['APP', { rpps: CLAIRE, structures: [], responsible: undefined }, ['structures', 'rpps', 'responsible']],
    ['CAB', { rpps: undefined }, ['rpps']],
    ['CAB', { holders: [PAUL] }, ['holders']],
    ['CAB', { holders: [CLAIRE, CLAIRE] }, ['holders']],
    ['CAB', { holders: [CLAIRE, '10000000000'] }, ['holders']],
    ['CAB', { service: 'x' }, ['service']],
    ['PER', { quotaBytes: 0 }, ['quota']],
    ['PER', { quotaBytes: 1.5 }, ['quota']],
    ['PER', { purposes: ['parking'] as never }, ['purposes']],
    ['PER', { name: 'x'.repeat(201) }, ['name']],
  ])('%s with %j is refused, with every reason', (type, wrong, reasons) => {
    expect(faults(() => checkNewBal({ ...NEW[type], ...wrong }))).toEqual(reasons)
  })
})

describe('what changes', () => {
  const CHANGES: Required<{ [Field in keyof BalChanges]: NonNullable<BalChanges[Field]> }> = {
    name: 'Autre nom',
    rpps: PAUL,
    holders: [PAUL, CLAIRE],
    structures: [SIRET],
    responsible: 'M. Paul FICTIF',
    description: 'Courrier du service',
    service: 'Bloc',
    redListed: true,
    paperless: true,
    purposes: ['referrals'],
    quotaBytes: 5_000,
    filingNotices: 'problems',
    holdLink: false,
  }
  const cases = Object.keys(BAL_RULES).flatMap(type => Object.keys(CHANGES).map(field => [type, field] as [BalType, keyof BalChanges]))

  test.each(cases)('of %s: %s, if its type lets it', (type, field) => {
    const bal: Bal = { ...checkNewBal(NEW[type]), delegates: [], certificates: [], revision: 1 }
    const change = () => checkChanges(bal, { [field]: CHANGES[field] })
    if (BAL_RULES[type].mutable.includes(field)) {
      expect(change()).toMatchObject({ changed: [field], after: { [field]: CHANGES[field], address: bal.address, type } })
    } else {
      expect(faults(change)).toEqual(['immutable'])
    }
  })

  test('no type lets its address or its type change', () => {
    for (const { mutable } of Object.values(BAL_RULES)) expect(mutable).not.toContain('address')
    for (const { mutable } of Object.values(BAL_RULES)) expect(mutable).not.toContain('type')
  })
})
