import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { filesTelling, spellings } from './sealed.ts'

/** The search itself: what it would not find proves nothing. */
const TEXT = 'Compte rendu d’hospitalisation : HÉLOÏSE'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pli-search-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function found(bytes: Buffer): boolean {
  writeFileSync(join(folder, 'planted'), Buffer.concat([Buffer.alloc(5_000, 7), bytes, Buffer.alloc(100, 7)]))
  return filesTelling(folder, [TEXT]).length === 1
}

test.each(Object.entries(spellings(TEXT)))('a text is found %s', (_, bytes) => {
  expect(found(bytes)).toBe(true)
})

test.each([0, 1, 2])('a text is found in the base64 of a mail, %i octets on, across lines', before => {
  const encoded = Buffer.from(`${'x'.repeat(33 + before)}${TEXT} et la suite`).toString('base64')
  expect(found(Buffer.from(encoded.replace(/.{76}/g, '$&\r\n')))).toBe(true)
})

test('a text is found across a soft line break, and in a folded field', () => {
  expect(found(Buffer.from('Compte rendu d=E2=80=99hospital=\r\nisation : H=C3=89LO=C3=8FSE'))).toBe(true)
  expect(found(Buffer.from(TEXT.replace(' : ', '\r\n  : ')))).toBe(true)
})

test('what holds only a part of it is not found', () => {
  expect(found(Buffer.from(TEXT.slice(0, -1)))).toBe(false)
  expect(found(Buffer.from(Buffer.from(TEXT.slice(0, -3)).toString('base64')))).toBe(false)
})
