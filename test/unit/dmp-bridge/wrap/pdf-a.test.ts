import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PDFDocument } from '@cantoo/pdf-lib'
import { describe, expect, test } from 'vitest'
import { checkPdf } from '../../../../dmp-bridge/wrap/pdf-a.ts'
import { cpuClock } from '../../../support/cpu-time.ts'
import { buildPdf } from '../../../world/letter.ts'
import { buildPdfA, type PdfAOptions } from '../../../world/pdfa-builder.ts'

const CLEAN = { encrypted: false, active: false, unreadable: false, faults: [] }

test('a PDF/A-1b made by hand, whichever way its packet says so', async () => {
  expect(await checkPdf(buildPdfA())).toEqual(CLEAN)
  expect(await checkPdf(buildPdfA({ claimsAsElements: true, claims: { part: '1', conformance: 'A' } }))).toEqual(CLEAN)
})

const FAULTS: [string, PdfAOptions, string[]][] = [
  ['blanks before its header', { header: '\n%PDF-1.4\n%\xe2\xe3\xcf\xd3\n' }, ['header']],
  ['no mark of binary content', { header: '%PDF-1.4\n' }, ['header']],
  ['version 2', { header: '%PDF-2.0\n%\xe2\xe3\xcf\xd3\n' }, ['header']],
  ['objects in streams', { objects: ['<< /Type /ObjStm /N 1 /First 4 /Length 0 >>\nstream\n\nendstream'] }, ['object-streams']],
  ['the same, written otherwise', { objects: ['<< /Type /Obj#53tm /Length 0 >>\nstream\n\nendstream'] }, ['object-streams']],
  ['no file identifier', { id: false }, ['no-id']],
  ['no packet', { claims: null }, ['no-xmp']],
  ['another part', { claims: { part: '2', conformance: 'B' } }, ['xmp-says-other']],
  ['another level', { claims: { part: '1', conformance: 'U' } }, ['xmp-says-other']],
  ['no output intent', { outputIntent: false }, ['no-output-intent']],
  ['optional content', { catalog: '/OCProperties << >>' }, ['optional-content']],
  ['a font that is not embedded', { objects: ['<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>'] }, ['font-not-embedded']],
  [
    'a font whose descriptor has no program',
    { objects: ['<< /Type /Font /Subtype /TrueType /BaseFont /A /FontDescriptor << /Type /FontDescriptor >> >>'] },
    ['font-not-embedded'],
  ],
  ['opacity', { resources: '/ExtGState << /G << /Type /ExtGState /ca 0.5 >> >>' }, ['transparency']],
  ['a blend mode', { resources: '/ExtGState << /G << /BM [/Multiply] >> >>' }, ['transparency']],
  ['a soft mask', { resources: '/ExtGState << /G << /SMask << /S /Alpha >> >> >>' }, ['transparency']],
  ['a transparency group', { page: '/Group << /S /Transparency >>' }, ['transparency']],
  ['LZW', { objects: ['<< /Filter [/LZWDecode] /Length 0 >>\nstream\n\nendstream'] }, ['lzw']],
  ['a stream elsewhere', { objects: ['<< /F (x.dat) /Length 0 >>\nstream\n\nendstream'] }, ['external']],
  ['an annotation that plays', { page: '/Annots [<< /Type /Annot /Subtype /Screen /Rect [0 0 1 1] >>]' }, ['annotation']],
  ['a named action of a reader', { catalog: '/OpenAction << /S /Named /N /Print >>' }, ['action']],
  ['a form that asks to be redrawn', { catalog: '/AcroForm << /NeedAppearances true /Fields [] >>' }, ['form']],
]

test.each(FAULTS)('not PDF/A-1: %s', async (_what, options, faults) => {
  expect(await checkPdf(buildPdfA(options))).toEqual({ ...CLEAN, faults })
})

test('what PDF/A-1 allows is no fault', async () => {
  const allowed = {
    catalog: '/OpenAction << /S /GoTo /D [3 0 R /Fit] >>',
    page: '/Annots [<< /Type /Annot /Subtype /Link /Rect [0 0 1 1] /A << /S /URI /URI (https://a.test) >> >>]',
    resources: '/ExtGState << /G << /Type /ExtGState /ca 1 /CA 1.0 /BM /Normal /SMask /None >> >>',
  }
  expect(await checkPdf(buildPdfA(allowed))).toEqual(CLEAN)
})

describe('never wrapped', () => {
  test.each<[string, PdfAOptions]>([
    ['a script at opening', { catalog: '/OpenAction << /S /JavaScript /JS (app.alert(1)) >>' }],
    ['a script by name', { catalog: '/Names << /JavaScript << /Names [(x) << /S /J#61vaScript /JS (x) >>] >> >>' }],
    ['a script without its type', { page: '/AA << /O << /JS (x) >> >>' }],
    ['a program', { page: '/Annots [<< /Type /Annot /Subtype /Link /Rect [0 0 1 1] /A << /S /#4caunch /F (x) >> >>]' }],
    ['a file inside', { catalog: '/Names << /EmbeddedFiles << /Names [] >> >>' }],
    ['a form of another kind', { catalog: '/AcroForm << /XFA [] >>' }],
  ])('%s', async (_what, options) => {
    expect(await checkPdf(buildPdfA(options))).toMatchObject({ active: true, unreadable: false })
  })

  test('an encrypted one', async () => {
    expect(await checkPdf(buildPdfA({ trailer: '/Encrypt << /Filter /Standard /V 1 /R 2 >>' }))).toMatchObject({ encrypted: true })
  })
})

test('what other software writes today is not PDF/A-1', async () => {
  const modern = await PDFDocument.create()
  modern.addPage()
  expect((await checkPdf(await modern.save())).faults).toEqual(['object-streams'])
  expect((await checkPdf(buildPdf(['Lettre']))).faults).toEqual(['no-output-intent', 'font-not-embedded'])
})

test('a broken, huge or too deep file is unreadable, and soon', async () => {
  const spent = cpuClock()
  expect(await checkPdf(Buffer.from('%PDF-1.4\n%\xe2\xe3\xcf\xd3\n', 'latin1'))).toMatchObject({ unreadable: true })
  expect(await checkPdf(buildPdfA({ catalog: `/X ${'['.repeat(5000)}${']'.repeat(5000)}` }))).toMatchObject({ unreadable: true })
  expect(await checkPdf(Buffer.alloc(21 * 1024 * 1024))).toMatchObject({ unreadable: true })
  const many = Buffer.from(`%PDF-1.4\n%\xe2\xe3\xcf\xd3\n${'1 0 obj 1 endobj\n'.repeat(60_000)}`, 'latin1')
  expect(await checkPdf(many)).toMatchObject({ unreadable: true })
  expect(spent()).toBeLessThan(10_000)
})

const qpdf = spawnSync('qpdf', ['--version']).status === 0

test.skipIf(!qpdf)('another tool finds no fault in the structure of what the builder makes', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'pli-pdfa-')), 'a.pdf')
  writeFileSync(file, buildPdfA())
  const { status, stdout, stderr } = spawnSync('qpdf', ['--check', file], { encoding: 'utf8' })
  expect(`${stdout}${stderr}`).toContain('No syntax or stream encoding errors found')
  expect(status).toBe(0)
})
