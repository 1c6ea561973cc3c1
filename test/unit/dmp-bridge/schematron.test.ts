import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openSchematrons, type Schematrons } from '../../../dmp-bridge/ans/schematrons.ts'
import { DEFAULT_LIMITS } from '../../../dmp-bridge/caps.ts'
import { inspectFile } from '../../../dmp-bridge/inspect.ts'
import { recogniseFile } from '../../../dmp-bridge/recognise.ts'
import { corpus, hasCorpus } from '../../support/corpus.ts'
import { cdaOf, policy, sender } from './samples.ts'

const folders: string[] = []

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

const COMMON = 'schematrons/profils/structurationMinimale/ASIP-STRUCT-MIN-StrucMin.sch'
const XMLNS = 'xmlns="http://purl.oclc.org/dsdl/schematron"'
const NS = '<ns prefix="cda" uri="urn:hl7-org:v3"/><ns prefix="xsi" uri="http://www.w3.org/2001/XMLSchema-instance"/>'

/** What an operator installs: files by their paths. */
function installed(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'pli-sch-'))
  folders.push(folder)
  for (const [path, content] of Object.entries({ [COMMON]: schematron(''), ...files })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  return folder
}

function schematron(inside: string, attributes = ''): string {
  return `<schema ${XMLNS} queryBinding="xslt2" ${attributes}>${NS}${inside}</schema>`
}

const COMMON_NAME = 'ASIP-STRUCT-MIN-StrucMin'
const CDA = cdaOf()
const NO_MODEL = { templateIds: [], templateVersions: {} }

function judge(inside: string, files: Record<string, string> = {}, xml = CDA) {
  return openSchematrons(installed({ [COMMON]: schematron(inside), ...files }))!.judge(xml, NO_MODEL)
}

const failed = (inside: string, files: Record<string, string> = {}, xml = CDA) =>
  judge(inside, files, xml).failed.map(id => id.replace(`${COMMON_NAME}#`, ''))

describe('how a schematron is read', () => {
  test("asserts and reports, by their own id, their rule's, or their place", () => {
    expect(
      failed(`<pattern id="p">
        <rule context="cda:author" id="r"><assert test="true()">x</assert><assert test="false()">x</assert><report test="cda:time">x</report></rule>
        <rule context="cda:custodian"><assert id="own" test="cda:nothing">x</assert><assert test="cda:nothing">x</assert></rule>
      </pattern>`),
    ).toEqual(['r/2', 'r/3', 'own', 'p/2/2'])
  })

  test('the first rule of a pattern that takes a node is the only one', () => {
    const rules = '<rule context="cda:author"><assert test="true()"/></rule><rule context="*[cda:time]"><assert test="false()"/></rule>'
    expect(failed(`<pattern id="p">${rules}</pattern>`)).toEqual(['p/2/1']) // of the legal authenticator
    expect(failed(`<pattern id="p">${rules.replace('*[cda:time]', 'cda:author[cda:time]')}</pattern>`)).toEqual([])
  })

  test('contexts: several, from the root, with `|` inside brackets and quotes', () => {
    const contexts = [
      '/cda:ClinicalDocument',
      '//cda:ClinicalDocument/cda:author',
      `cda:x | cda:author[@a='|' or cda:time | cda:y]`,
      'cda:author/cda:time',
    ]
    expect(contexts.flatMap(each => failed(`<pattern id="p"><rule context="${each}"><assert test="false()"/></rule></pattern>`))).toEqual(
      contexts.map(() => 'p/1/1'),
    )
    expect(failed('<pattern id="p"><rule context="cda:recordTarget/cda:author"><assert test="false()"/></rule></pattern>')).toEqual([])
  })

  test('variables: of the schema and of patterns in all, of a rule from where they stand', () => {
    const rule = `<let name="a" value="count(cda:time)"/><assert test="$a = 1"/><let name="a" value="$a + $b"/><assert test="$a = 3"/>
      <assert test="$c = 1"/><assert test="$c = 2"/>`
    expect(
      failed(`<let name="b" value="2"/><pattern id="q"><let name="c" value="count(//cda:author)"/></pattern>
        <pattern id="p"><rule context="cda:author">${rule}</rule></pattern>`),
    ).toEqual(['p/1/6'])
  })

  test('abstract patterns and rules, phases, includes in includes', () => {
    const files = {
      'schematrons/profils/structurationMinimale/more/a.sch': `<pattern ${XMLNS} id="model" abstract="true"><include href="b.sch"/></pattern>`,
      'schematrons/profils/structurationMinimale/more/b.sch': `<rule ${XMLNS} context="$where"><let name="n" value="'$what'"/><extends rule="named"/></rule>`,
    }
    const inside = `<phase id="main"><active pattern="used"/></phase><include href="more/a.sch"/>
      <pattern id="rules"><rule abstract="true" id="named"><assert test="local-name() = $n"/></rule></pattern>
      <pattern id="used" is-a="model"><param name="where" value="cda:author"/><param name="what" value="authors"/></pattern>
      <pattern id="unused"><rule context="cda:author"><assert test="false()"/></rule></pattern>`
    const whole = schematron(inside, 'defaultPhase="main"')
    expect(openSchematrons(installed({ ...files, [COMMON]: whole }))!.judge(CDA, NO_MODEL).failed).toEqual([
      `${COMMON_NAME}#used/1/named/1`,
    ])
  })

  test('what XSLT adds: tables beside it, current(), names with a namespace, flags', () => {
    const files = { 'schematrons/profils/structurationMinimale/t.xml': '<t xmlns="urn:t"><c code="FR"/></t>' }
    const tests = [
      `document('t.xml')//*[@code = current()/@code]`,
      `doc('t.xml')/*/*/@code = 'FR'`,
      `matches('FR', 'fr', 'i')`,
      `resolve-QName('cda:x', .) = QName('urn:hl7-org:v3', 'y:x')`,
      `every $each in (1, 2) satisfies $each castable as xs:integer`,
    ]
    const rule = (values: string[]) => values.map(each => `<assert test="${each}"/>`).join('')
    const xml = CDA.replace('<ClinicalDocument', '<ClinicalDocument xmlns:cda="urn:hl7-org:v3"')
    expect(judge(`<pattern id="p"><rule context="cda:realmCode">${rule(tests)}</rule></pattern>`, files, xml)).toEqual({
      failed: [],
      unevaluated: [],
    })
    const negated = tests.map(each => `not(${each})`)
    expect(failed(`<pattern id="p"><rule context="cda:realmCode">${rule(negated)}</rule></pattern>`, files, xml)).toHaveLength(tests.length)
  })

  test('a warning holds nothing', () => {
    expect(failed('<pattern id="p"><rule context="cda:author"><assert role="warning" test="false()"/></rule></pattern>')).toEqual([])
  })

  test('what our engine can not evaluate is named', () => {
    const inside = `<pattern id="p"><rule context="cda:author"><assert test="unknown:f()"/><assert test="document('none.xml')"/><assert test="false()"/></rule>
      <rule context="unknown:f()"><assert test="true()"/></rule></pattern>`
    expect(judge(inside)).toEqual({
      failed: [`${COMMON_NAME}#p/1/3`],
      unevaluated: [`${COMMON_NAME}#p/2/1`, `${COMMON_NAME}#p/1/1`, `${COMMON_NAME}#p/1/2`].sort(),
    })
  })

  test('the document inside its own style sheet', () => {
    const xsl = '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">'
    const xml = `${xsl}${CDA.replace(/<\?xml.*?\?>/, '')}</xsl:stylesheet>`
    expect(failed('<pattern id="p"><rule context="/cda:ClinicalDocument"><assert test="false()"/></rule></pattern>', {}, xml)).toEqual([
      'p/1/1',
    ])
  })
})

describe('which schematrons are asked', () => {
  const model = (template: string) =>
    schematron(`<pattern id="Entete_X"><rule context="cda:ClinicalDocument"><assert test="cda:templateId[@root='${template}']"/>
      <assert id="no" test="false()"/></rule></pattern>`)
  const A = '1.2.250.1.213.1.1.1.5.1'
  const folder = installed({
    'schematrons/CI-SIS_A_2024.01.sch': model(A),
    'schematrons/CI-SIS_A_2025.01.sch': model(A),
    'schematrons/CI-SIS_FAMILY_2025.01.sch': model('1.2.250.1.213.1.1.1.5'),
    'schematrons/CI-SIS_B_2025.01.sch': model('1.2.250.1.213.1.1.1.7'),
    'schematrons/CI-SIS_C_2025.01.sch': '<a',
    'schematrons/profils/IHE.sch': '<a',
  })
  const schematrons = openSchematrons(folder)!
  const asked = (...templates: [string, string?][]) =>
    schematrons.judge(CDA, {
      templateIds: templates.map(([root]) => root),
      templateVersions: Object.fromEntries(templates.map(([root, version = '']) => [root, version])),
    })

  test('that of the model in the version that the document states, and of no wider one', () => {
    expect(asked(['1.2.250.1.213.1.1.1.1'], ['1.2.250.1.213.1.1.1.5'], [A, '2025.01']).failed).toContain('CI-SIS_A_2025.01#no')
    expect(asked([A, '2024.01']).failed.filter(id => id.endsWith('#no'))).toEqual(['CI-SIS_A_2024.01#no'])
    expect(asked(['1.2.250.1.213.1.1.1.7']).failed).toContain('CI-SIS_B_2025.01#no')
  })

  test('what is not there is said', () => {
    expect(asked([A, '2026.01']).unevaluated).toEqual(['IHE', `model ${A}^2026.01`])
    expect(asked([A])).toEqual({ failed: [], unevaluated: ['IHE', `model ${A}`] })
    expect(asked(['1.2.250.1.213.1.1.1.1'])).toEqual({ failed: [], unevaluated: ['IHE'] })
  })

  test('what can not be read is listed, and the common one must be', () => {
    expect(
      schematrons
        .all()
        .filter(each => each.why !== undefined)
        .map(each => each.name),
    ).toEqual(['IHE', 'CI-SIS_C_2025.01'])
    expect(openSchematrons(dirname(folder))).toBeUndefined()
    expect(() => openSchematrons(installed({ [COMMON]: '<a' }))).toThrow()
    const [missing] = [installed({})]
    rmSync(join(missing, COMMON))
    expect(() => openSchematrons(missing)).toThrow(/StrucMin/)
  })
})

test('a document that breaks one is held, and the report names the check', async () => {
  const inside = '<pattern id="p"><rule context="cda:author"><assert id="A-1" test="cda:nothing">x</assert></rule></pattern>'
  const ansFiles = installed({ [COMMON]: schematron(inside) })
  const { documents } = await inspectFile('a.xml', Buffer.from(CDA), { sender, policy: { ...policy, ansFiles } })
  expect(documents[0]).toMatchObject({ decision: 'hold', checks: { failed: [`${COMMON_NAME}#A-1`], notEvaluated: [] } })
  expect(documents[0]?.reasons.map(each => each.reason)).toEqual(['schematron-failed'])
})

describe.skipIf(!hasCorpus)('the schematrons of the ANS', () => {
  let opened: Schematrons | undefined
  const judged = async (name: string, change = (xml: string) => xml) => {
    opened ??= openSchematrons(corpus())
    const xml = change(readFileSync(corpus('cda/3-0', name), 'utf8'))
    const { documents } = await recogniseFile(name, Buffer.from(xml), DEFAULT_LIMITS)
    return opened!.judge(xml, documents[0]!.cda!)
  }

  test('take their own examples', async () => {
    for (const name of ['LDL-SES_2022.01.xml', 'VAC-NOTE_2023.01.xml', 'CSE-CS24_2025.01.xml'])
      expect((await judged(name)).failed).toEqual([])
  }, 60_000)

  test('refuse what is missing or wrong', async () => {
    const broken = async (change: (xml: string) => string) => (await judged('VAC-NOTE_2023.01.xml', change)).failed
    const author = await broken(xml => xml.replace(/<author[ >][\s\S]*?<\/author>/, ''))
    expect(author).toEqual([expect.stringMatching(/^ASIP-STRUCT-MIN-StrucMin#d152e10-false-d1610e0\/\d+$/)])
    expect(await broken(xml => xml.replace(/code="87273-9"/, 'code="11488-4"'))).toEqual(
      expect.arrayContaining([expect.stringMatching(/^CI-SIS_VAC-NOTE_2023\.01#/)]),
    )
    expect(await broken(xml => xml.replace(/<family qualifier="BR"/, '<family qualifier="SP"'))).toContain(
      `${COMMON_NAME}#d2485e87-false-d3093e0/4`,
    )
  }, 60_000)
})
