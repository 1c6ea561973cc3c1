import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { isOverrulable } from '../../../dmp-bridge/filing-reasons.ts'
import { loadRules, RulesFault } from '../../../dmp-bridge/operator-rules.ts'
import { shippedRules } from '../../../dmp-bridge/rules.ts'
import { type CdaOptions, sampleAuthor, samplePatient } from '../../world/letter.ts'
import { cdaOf, policy, sender, verdictOf } from './samples.ts'

const folder = mkdtempSync(join(tmpdir(), 'pli-rules-'))
const LETTER = { code: '11488-4', label: 'x' }

function written(value: unknown): string {
  const file = join(folder, 'regles.yaml')
  writeFileSync(file, typeof value === 'string' ? value : stringify(value))
  return file
}

const judge = (value: unknown, options: Partial<CdaOptions> = {}) =>
  verdictOf('a.xml', cdaOf(options), sender, { ...policy, rules: loadRules(written(value), policy) })

function faultsOf(value: unknown): readonly string[] {
  try {
    loadRules(written(value), policy)
    return []
  } catch (error) {
    if (error instanceof RulesFault) return error.faults
    throw error
  }
}

describe('an operator may be tighter', () => {
  const child = { ...samplePatient, ins: '', birthDate: '2015-03-09' }
  test.each<[string, object, Partial<CdaOptions>, string[]]>([
    ['hold types', { hold: { types: ['11488-4'] } }, { type: LETTER }, ['operator-hold']],
    ['hold models', { hold: { templates: ['1.3.6.1.4.1.19376.1.2.20'] } }, {}, ['operator-hold']],
    ['hold professions', { hold: { professions: ['G15_10'] } }, {}, ['operator-hold']],
    ['hold settings', { hold: { practices: ['AMBULATOIRE'] } }, {}, ['operator-hold']],
    ['hold places', { hold: { facilities: ['SA07'] } }, {}, ['operator-hold']],
    ['hold all that is about a minor', { minors: true }, { patient: child }, ['no-ins', 'operator-hold']],
    ['complete the sensitive types', { minors: { types: ['11488-4'] } }, { patient: child, type: LETTER }, ['minor-sensitive', 'no-ins']],
    ['hold until announced', { untilAnnounced: { types: ['11488-4'] } }, { type: LETTER }, ['announce-first']],
    ['forbid a format', { formats: ['application/pdf'] }, {}, ['operator-forbids']],
    ['lower the size', { documentBytes: 1000 }, {}, ['too-big']],
    ['narrow the boxes', { only: { boxes: ['autre@a.mssante.test'] } }, {}, ['operator-forbids']],
  ])('%s', async (_case, rules, options, reasons) => {
    expect(await judge(rules, options)).toEqual(reasons)
  })

  test('and what is not named goes as before', async () => {
    const rules = {
      hold: { types: ['11490-0'] },
      formats: ['image'],
      minors: true,
      documentBytes: policy.maxDocumentBytes,
      only: { boxes: [sender.address], structures: [sampleAuthor.structure.id] },
    }
    expect(await judge(rules)).toBe('file')
    expect(await judge('')).toBe('file')
    expect(await judge({ only: { boxes: [sender.address.toUpperCase()] } })).toBe('file')
  })

  test('only some of the structures that the certificate speaks for', async () => {
    const two = { ...policy, structure: '1999999999', sites: [sampleAuthor.structure.id] }
    const rules = loadRules(written({ only: { structures: ['1999999999'] } }), two)
    expect(await verdictOf('a.xml', cdaOf(), sender, { ...two, rules })).toEqual(['operator-forbids'])
  })

  test('the rules that come with the program stay, in their place', () => {
    const { rules } = loadRules(written({ minors: true }), policy)
    expect(rules.slice(0, -1)).toEqual(shippedRules().rules)
    expect(rules.at(-1)).toMatchObject({ id: 'operator-minors', origin: 'operator', effect: 'hold' })
  })

  test('a human may release what waits for a look, not what is forbidden', () => {
    expect([isOverrulable('operator-hold'), isOverrulable('operator-forbids')]).toEqual([true, false])
  })
})

describe('never looser', () => {
  const LOOSER = /only be tighter/
  test.each<[string, unknown, RegExp]>([
    ['a key that takes away', { remove: ['announce-first'] }, LOOSER],
    ['a key that lets through', { file: { types: ['60568-3'] } }, LOOSER],
    ['an effect', { hold: { types: ['11488-4'], effect: 'file' } }, LOOSER],
    ['a parameter', { parameters: { 'age-majorite': 16 } }, LOOSER],
    ['a larger size', { documentBytes: policy.maxDocumentBytes + 1 }, LOOSER],
    ['a structure of somebody else', { only: { structures: ['1999999999'] } }, LOOSER],
    ['a rule that is turned off', { minors: false }, /minors/],
    ['nobody at all, most likely by mistake', { only: { boxes: [] } }, /only\.boxes/],
    ['a type that nobody writes', { hold: { types: ['11488-5'] } }, /11488-5 is no type/],
    ['a setting that no table has', { hold: { practices: ['AILLEURS'] } }, /AILLEURS/],
    ['a place that no table has', { hold: { facilities: ['SA99'] } }, /SA99/],
    ['a profession of no table', { hold: { professions: ['kiné'] } }, /JDV_J01/],
    ['a model that is no OID', { hold: { templates: ['VSM'] } }, /OID/],
    ['no YAML', 'hold: [', /./],
    ['a list', ['11488-4'], /the file/],
  ])('%s', (_case, value, sentence) => {
    const faults = faultsOf(value)
    expect(faults.length).toBeGreaterThan(0)
    expect(faults.join('\n')).toMatch(sentence)
  })

  test('a file that is not there', () => {
    expect(() => loadRules(join(folder, 'absent.yaml'), policy)).toThrow(RulesFault)
  })

  test('all faults at once', () => {
    expect(faultsOf({ hold: { types: ['11488-5'] }, documentBytes: 50_000_000 })).toHaveLength(2)
  })
})
