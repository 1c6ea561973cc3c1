import { describe, expect, test } from 'vitest'
import { isOverrulable } from '../../../dmp-bridge/filing-reasons.ts'
import { type Rule, type Rules, shippedRules } from '../../../dmp-bridge/rules.ts'
import { shippedTables } from '../../../dmp-bridge/tables.ts'
import { type CdaOptions, type FictionalAuthor, sampleAuthor, sampleBiologist, samplePatient } from '../../world/letter.ts'
import { cdaOf, policy, read, sender, verdictOf, verdicts } from './samples.ts'

const BIOLOGY = { code: '11502-2', label: 'x' }
const LETTER = { code: '11488-4', label: 'x' }

/** The sample author in another profession. */
function by(code: string): FictionalAuthor {
  return { ...sampleAuthor, specialty: { code, label: 'x' } }
}

const judge = (options: Partial<CdaOptions>, change: (xml: string) => string = xml => xml) => verdictOf('a.xml', change(cdaOf(options)))

/** The rules that come with the program, and one more. */
function withRule(when: Rule['when'], reason: Rule['reason'] = 'operator-hold'): Rules {
  const own: Rule = { id: 'own', origin: 'operator', source: 'x', effect: 'hold', reason, sentence: 'x', when }
  return { ...shippedRules(), rules: [...shippedRules().rules, own] }
}

const judgeWith = (rules: Rules, options: Partial<CdaOptions> = {}) => verdictOf('a.xml', cdaOf(options), sender, { ...policy, rules })

describe('the type is plausible for who wrote it', () => {
  test.each<[string, string, { code: string; label: string }]>([
    ['a physiotherapist writes no biology', 'G15_70', BIOLOGY],
    ['nor does a general practitioner', 'G15_10/SM26', BIOLOGY],
    ['a nurse writes no operative report', 'G15_60', { code: '34874-8', label: 'x' }],
    ['a pharmacist writes no consultation', 'G15_21/A', LETTER],
    ['a biologist writes no operative report', 'G15_21/G', { code: '34874-8', label: 'x' }],
    ['a dispensing pharmacist writes no biology', 'G15_21/D', BIOLOGY],
  ])('%s', async (_case, code, type) => {
    expect(await judge({ author: by(code), type })).toEqual(['implausible-type'])
  })

  test.each<[string, string, { code: string; label: string }]>([
    ['biology, by a biologist', 'G15_10/SM03', BIOLOGY],
    ['biology, by a pharmacist of the section of biologists', 'G15_21/G', BIOLOGY],
    ['biology, by a doctor whose specialty is not said', 'G15_10', BIOLOGY],
    ['a screening, by an orthoptist', 'G15_92', { code: '75492-9', label: 'x' }],
    ['a letter, by anybody', 'G15_70', { code: '96349-6', label: 'x' }],
  ])('%s', async (_case, code, type) => {
    expect(await judge({ author: by(code), type })).toBe('file')
  })

  test('a profession that the table does not name is not judged', async () => {
    const system = (xml: string) => xml.replace('codeSystem="1.2.250.1.213.1.1.4.5"', 'codeSystem="1.2.250.1.213.1.6.1.107"')
    expect(await judge({ author: by('312'), type: BIOLOGY }, system)).toBe('file')
    const none = (xml: string) => xml.replace(/<code code="G15_70"[^>]*>/, '')
    expect(await judge({ author: by('G15_70'), type: BIOLOGY }, none)).toBe('file')
  })

  test('of several authors one is enough', async () => {
    const beside = (code: string) => (xml: string) => {
      const author = /<author>[\s\S]*?<\/author>/.exec(xml)?.[0] ?? ''
      return xml.replace(author, author + author.replace('code="G15_70"', `code="${code}"`))
    }
    expect(await judge({ author: by('G15_70'), type: BIOLOGY }, beside('G15_10/SM03'))).toBe('file')
    expect(await judge({ author: by('G15_70'), type: BIOLOGY }, beside('G15_60'))).toEqual(['implausible-type'])
  })

  test('a device is judged by the structure', async () => {
    const device = (facility: string) => (xml: string) =>
      xml
        .replace(
          /<assignedPerson>[\s\S]*?<\/assignedPerson>/,
          '<assignedAuthoringDevice><manufacturerModelName>y</manufacturerModelName><softwareName>x</softwareName></assignedAuthoringDevice>',
        )
        .replace('code="SA07"', `code="${facility}"`)
    const author = by('G15_10/SM26')
    expect(await judge({ author, type: BIOLOGY }, device('SA25'))).toBe('file')
    expect(await judge({ author, type: BIOLOGY }, device('SA07'))).toEqual(['implausible-type'])
    expect(await judge({ author, type: LETTER }, device('SA25'))).toEqual(['implausible-type'])
    expect(await judge({ author, type: BIOLOGY }, device('SA01'))).toBe('file') // a hospital has its laboratory
  })

  test('a human may answer for it', () => {
    expect(isOverrulable('implausible-type')).toBe(true)
  })
})

describe('patients under age', () => {
  const MARK = ['INVISIBLE_REPRESENTANTS_LEGAUX']
  test.each([
    ['the day before eighteen', '20080106', true],
    ['on the day', '20080105', false],
  ])('%s', async (_case, birth, isMinor) => {
    const cda = cdaOf({ patient: { ...samplePatient, ins: '', birthDate: `${birth.slice(0, 4)}-${birth.slice(4, 6)}-${birth.slice(6)}` } })
    const recognition = await read('a.xml', cda)
    const document = { ...recognition.documents[0]!, marks: MARK }
    const [reasons] = verdicts({ ...recognition, documents: [document] })
    expect(reasons).toEqual(isMinor ? ['marked', 'minor-marked', 'no-ins'] : ['marked', 'no-ins'])
  })

  test('without a mark the document of a child is filed, unless its type is on the list of sensitive ones', async () => {
    const child = { ...samplePatient, ins: '', birthDate: '2015-03-09' }
    expect(await judge({ patient: child })).toEqual(['no-ins'])
    const sensitive = withRule({ minor: true, types: [LETTER.code] }, 'minor-sensitive')
    expect(await judgeWith(sensitive, { patient: child, type: LETTER })).toEqual(['minor-sensitive', 'no-ins'])
    expect(await judgeWith(sensitive, { type: LETTER })).toBe('file') // of age
    expect(isOverrulable('minor-sensitive')).toBe(false)
  })

  test('the list that comes with the program names no code, and an empty list holds nothing', async () => {
    const rule = shippedRules().rules.find(each => each.id === 'minor-sensitive')
    expect(rule?.when).toEqual({ minor: true, types: [] })
  })
})

test('invisible to the patient and masked to professionals is never both', async () => {
  const recognition = await read('a.xml', cdaOf())
  const judgeMarks = (marks: string[]) => verdicts({ ...recognition, documents: [{ ...recognition.documents[0]!, marks }] })[0]
  expect(judgeMarks(['INVISIBLE_PATIENT', 'MASQUE_PS'])).toEqual(['forbidden-marks', 'marked'])
  expect(judgeMarks(['INVISIBLE_PATIENT'])).toEqual(['marked'])
  expect(isOverrulable('forbidden-marks')).toBe(false)
})

describe('what a rule may ask', () => {
  test.each<[string, Rule['when'], Partial<CdaOptions>, Partial<CdaOptions>]>([
    ['type', { types: ['11488-4'] }, { type: LETTER }, {}],
    ['profession', { professions: ['G15_10'] }, {}, { author: by('G15_50') }],
    ['one specialty', { professions: ['G15_10/SM03'] }, { author: sampleBiologist, type: BIOLOGY }, {}],
    [
      'practice',
      { practices: ['AMBULATOIRE'] },
      {},
      { author: { ...sampleAuthor, structure: { ...sampleAuthor.structure, practice: { code: 'HAD', label: 'x' } } } },
    ],
    [
      'facility',
      { facilities: ['SA07'] },
      {},
      { author: { ...sampleAuthor, structure: { ...sampleAuthor.structure, facility: { code: 'SA08', label: 'x' } } } },
    ],
    ['format', { formats: ['application/pdf'] }, {}, { body: { mediaType: 'text/plain', content: Buffer.from('x') } as never }],
    ['kind of format', { formats: ['image'] }, { body: { mediaType: 'image/jpeg', content: Buffer.from('x') } as never }, {}],
    [
      'age',
      { minor: true },
      { patient: { ...samplePatient, ins: '', birthDate: '2015-03-09' } },
      { patient: { ...samplePatient, ins: '' } },
    ],
    ['several things at once', { types: ['11488-4'], facilities: ['SA07'] }, { type: LETTER }, { type: { code: '11490-0', label: 'x' } }],
  ])('%s', async (_case, when, held, free) => {
    expect(await judgeWith(withRule(when), held)).toContain('operator-hold')
    const verdict = await judgeWith(withRule(when), free)
    expect(Array.isArray(verdict) ? verdict : []).not.toContain('operator-hold')
  })

  test('size, boxes and structures', async () => {
    expect(await judgeWith(withRule({ largerThan: 100 }, 'too-big'))).toEqual(['too-big'])
    expect(await judgeWith(withRule({ largerThan: 1_000_000 }, 'too-big'))).toBe('file')
    expect(await judgeWith(withRule({ boxesOtherThan: ['x@a.mssante.test'] }))).toEqual(['operator-hold'])
    expect(await judgeWith(withRule({ boxesOtherThan: [sender.address] }))).toBe('file')
    expect(await judgeWith(withRule({ structuresOtherThan: ['1999999999'] }))).toEqual(['operator-hold'])
    expect(await judgeWith(withRule({ structuresOtherThan: [sampleAuthor.structure.id] }))).toBe('file')
  })
})

describe('the tables that come with the program', () => {
  const { rules, fixed, plausible } = shippedRules()

  test('name only types that the table of types has', () => {
    const types = [
      ...rules.flatMap(({ when }) => when.types ?? []),
      ...plausible.common,
      ...[...plausible.professions, ...plausible.facilities].flatMap(each => ('types' in each ? each.types : each.except)),
    ]
    expect(types.filter(each => !shippedTables().hasTypeCode(each))).toEqual([])
  })

  test('name a profession once', () => {
    const codes = [...plausible.professions, ...plausible.facilities].flatMap(each => each.codes)
    expect(codes.filter((each, index) => codes.indexOf(each) !== index)).toEqual([])
  })

  test('have every rule under its own id', () => {
    const ids = [...rules.map(each => each.id), ...fixed.map(each => each.reason)]
    expect(ids.filter((each, index) => ids.indexOf(each) !== index && !rules.some(rule => rule.id === each))).toEqual([])
  })
})
