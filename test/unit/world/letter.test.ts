import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DOMParser } from '@xmldom/xmldom'
import { simpleParser } from 'mailparser'
import { describe, expect, test } from 'vitest'
import { fromBuffer } from 'yauzl'
import { corpus, hasCorpus } from '../../support/corpus.ts'
import { buildLetter, buildMail, insWithKey, oidOf, type ReferralOptions, sampleAuthor, samplePatient } from '../../world/letter.ts'

const options = (): ReferralOptions => ({
  from: 'Dr Éloi FICTIF <dr.fictif@a.mssante.test>',
  to: ['dr.inventee@b.mssante.test'],
  author: sampleAuthor,
  patient: samplePatient,
  now: new Date('2026-01-05T09:30:00Z'),
  newId: counter(),
})

function counter(): () => string {
  let n = 0
  return () => `00000000-0000-4000-8000-${String(++n).padStart(12, '0')}`
}

function unzip(zip: Buffer): Promise<Map<string, Buffer>> {
  return new Promise((resolve, reject) => {
    const entries = new Map<string, Buffer>()
    fromBuffer(zip, { lazyEntries: true }, (error, archive) => {
      if (error) return reject(error)
      archive.on('error', reject).on('end', () => resolve(entries))
      archive.on('entry', entry =>
        archive.openReadStream(entry, async (failure, stream) => {
          if (failure) return reject(failure)
          entries.set(entry.fileName, Buffer.concat(await stream.toArray()))
          archive.readEntry()
        }),
      )
      archive.readEntry()
    })
  })
}

/** @throws with xmllint's own words when the document does not follow the schema */
function validate(document: Buffer | string, schema: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'pli-xsd-'))
  try {
    writeFileSync(join(folder, 'document.xml'), document)
    execFileSync('xmllint', ['--noout', '--nonet', '--huge', '--schema', schema, join(folder, 'document.xml')], { stdio: 'pipe' })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const hasXmllint = (() => {
  try {
    execFileSync('xmllint', ['--version'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
})()

describe('identifiers', () => {
  test('the INS key is the published one, Corsica included', () => {
    expect(insWithKey('2790351215189')).toBe('279035121518989')
    expect(insWithKey('2770763220829')).toBe('277076322082910')
    const corsican = Number(insWithKey('184022A004001').slice(13))
    expect((Number(1840219004001n % 97n) + corsican) % 97).toBe(0)
  })

  test('an OID is made from a uuid as a decimal number', () => {
    expect(oidOf('f81d4fae-7dec-11d0-a765-00a0c91e6bf6')).toBe('2.25.329800735698586629295641978511506172918')
  })
})

describe('a referral', () => {
  test('is read by mailparser: subject, headers, zip, PDF copy', async () => {
    const letter = await buildLetter(options())
    const mail = await simpleParser(letter.eml, { skipImageLinks: true, skipTextToHtml: true, skipTextLinks: true })
    expect(mail.subject).toBe("XDM/1.0/DDM+Lettre d'adressage TESTOU HÉLOÏSE 09/03/1984")
    expect(mail.from?.value).toEqual([{ address: 'dr.fictif@a.mssante.test', name: 'Dr Éloi FICTIF' }])
    expect(mail.headers.get('x-mss-codecda')).toBe('96349-6')
    expect(mail.headers.get('x-mss-ins')).toBe('O')
    expect(mail.messageId).toBe(`<${letter.messageId}>`)
    expect(mail.attachments.map(each => [each.contentType, each.filename])).toEqual([
      ['application/zip', 'IHE_XDM.zip'],
      ['application/pdf', '2026-01-05_Lettre-d-adressage_TESTOU_HELOISE.pdf'],
    ])
    expect(mail.attachments[0]?.content.equals(letter.xdm)).toBe(true)
    expect(mail.attachments[1]?.content.equals(letter.pdf)).toBe(true)
  })

  test('has CRLF everywhere and the same bytes for the same options', async () => {
    const [one, two] = [await buildLetter(options()), await buildLetter(options())]
    expect(one.eml.equals(two.eml)).toBe(true)
    expect(/[^\r]\n|\r[^\n]/.test(one.eml.toString('latin1'))).toBe(false)
  })

  test('the zip has the four files of XDM, and the metadata give the hash and the size of the document', async () => {
    const letter = await buildLetter(options())
    const entries = await unzip(letter.xdm)
    expect([...entries.keys()]).toEqual(['INDEX.HTM', 'README.TXT', 'IHE_XDM/SUBSET01/METADATA.XML', 'IHE_XDM/SUBSET01/DOC0001.XML'])
    expect(entries.get('IHE_XDM/SUBSET01/DOC0001.XML')?.equals(letter.cda)).toBe(true)
    const metadata = entries.get('IHE_XDM/SUBSET01/METADATA.XML')?.toString() ?? ''
    expect(metadata).toContain(createHash('sha1').update(letter.cda).digest('hex'))
    expect(metadata).toContain(`<Value>${letter.cda.length}</Value>`)
    expect(metadata).toContain(letter.uniqueId)
  })

  test('the CDA holds the PDF, whose cross-reference table points at its objects', async () => {
    const { cda, pdf, uniqueId } = await buildLetter(options())
    const document = new DOMParser().parseFromString(cda.toString(), 'text/xml')
    expect(document.getElementsByTagName('id')[0]?.getAttribute('root')).toBe(uniqueId)
    const body = document.getElementsByTagName('nonXMLBody')[0]?.textContent ?? ''
    expect(Buffer.from(body, 'base64').equals(pdf)).toBe(true)
    const text = pdf.toString('latin1')
    expect(Number(/startxref\n(\d+)/.exec(text)?.[1])).toBe(text.indexOf('xref\n0 '))
    for (const [index, [, offset]] of [...text.matchAll(/^(\d{10}) 00000 n/gm)].entries())
      expect(text.slice(Number(offset))).toMatch(new RegExp(`^${index + 1} 0 obj`))
  })
})

describe.skipIf(!hasCorpus || !hasXmllint)('schemas', () => {
  const cdaSchema = corpus('schema/infrastructure/cda/CDA_extended.xsd')

  test('the CDA follows CDA_extended.xsd, its variants too', async () => {
    for (const cda of [{}, { replaces: '1.2.3.4', version: 2 }, { recipient: { lastName: 'INVENTÉE', firstName: 'Aline', rpps: '1' } }])
      validate((await buildLetter({ ...options(), cda })).cda, cdaSchema)
    const { cda } = await buildLetter(options())
    expect(() => validate(cda.toString().replace('<realmCode', '<nonsense/><realmCode'), cdaSchema)).toThrow()
  })

  test('METADATA.XML follows lcm.xsd', async () => {
    const metadata = (await unzip((await buildLetter({ ...options(), marks: ['MASQUE_PS'] })).xdm)).get('IHE_XDM/SUBSET01/METADATA.XML')
    validate(metadata ?? '', corpus('schema/ipf/wsdl/schema/ebRS30/lcm.xsd'))
  })
})

test('a mail with one part has no boundary, and a long recipient list is folded', async () => {
  const to = Array.from({ length: 50 }, (_, n) => `box${n}@b.mssante.test`)
  const parts = [{ type: 'text/plain; charset=utf-8', content: 'Un été\n', encoding: '8bit' as const }]
  const eml = buildMail({ from: 'a@a.mssante.test', to, subject: 'Essai', date: new Date(0), messageId: '1@a.mssante.test', parts })
  const mail = await simpleParser(eml)
  expect(mail.text).toBe('Un été\n')
  expect(eml.toString()).not.toContain('boundary')
  expect(
    Math.max(
      ...eml
        .toString()
        .split('\r\n')
        .map(line => line.length),
    ),
  ).toBeLessThan(100)
})
