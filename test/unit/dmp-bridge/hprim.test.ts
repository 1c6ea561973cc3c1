import fc from 'fast-check'
import iconv from 'iconv-lite'
import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../../dmp-bridge/caps.ts'
import { readHprim } from '../../../dmp-bridge/hprim.ts'
import { decodeHprim } from '../../../dmp-bridge/hprim-encoding.ts'
import { recogniseMessage } from '../../../dmp-bridge/recognise.ts'
import { buildMail, buildZip } from '../../world/letter.ts'
import { dossier, hprimOf } from './hprim-samples.ts'
import { cdaOf, NOW, read, verdicts } from './samples.ts'

const OTHER = dossier({ name: 'AUTRE', firstName: 'LÉO', born: '02/06/1955' })

function hprim(text: string | Buffer) {
  const found = readHprim(Buffer.from(text as string))
  if (!found) throw new Error('not read')
  return found
}

test('a dossier: its header, its letter, its rows', () => {
  const rows = [
    'TEX|HÉMATOLOGIE',
    'RES|Hémoglobine|HB|N|13,5|g/dL|12,0|16,0|N|F|8,4|mmol/L|7,4|9,9|',
    'RES|Groupe|GRP|A|O',
    'res|Sans rien',
    'TEX',
    'une ligne sans étiquette',
  ]
  const { parts, patients, strayLines, encoding } = hprim(hprimOf([dossier({ rows })]))
  expect({ patients, strayLines, encoding }).toEqual({ patients: 1, strayLines: 0, encoding: 'utf-8' })
  expect(parts).toHaveLength(1)
  expect(parts[0]?.header).toEqual({
    lines: 12,
    patientCode: '000123',
    name: 'FICTIF',
    firstName: 'ÉLOÏSE',
    address: ['1 rue de l’Été'],
    town: '75014 PARIS',
    birthDate: '19840309',
    nss: '2840375056031 12',
    dossier: 'D-0001',
    date: '20260105',
    sender: 'LABO      LABORATOIRE INVENTÉ',
    recipient: 'MED       DR AUTRE',
  })
  expect(parts[0]?.text).toHaveLength(2)
  expect(parts[0]?.ended).toBe(true)
  expect(parts[0]?.rows).toEqual([
    { kind: 'text', text: 'HÉMATOLOGIE' },
    {
      kind: 'result',
      label: 'Hémoglobine',
      code: 'HB',
      type: 'N',
      values: [
        { value: '13,5', unit: 'g/dL', min: '12,0', max: '16,0' },
        { value: '8,4', unit: 'mmol/L', min: '7,4', max: '9,9' },
      ],
      flag: 'N',
      status: 'F',
    },
    { kind: 'result', label: 'Groupe', code: 'GRP', type: 'A', values: [{ value: 'O', unit: '', min: '', max: '' }], flag: '', status: '' },
    { kind: 'result', label: 'Sans rien', code: '', type: '', values: [], flag: '', status: '' },
    { kind: 'text', text: '' },
    { kind: 'text', text: 'une ligne sans étiquette' },
  ])
})

describe('encodings are told by where the accents stand', () => {
  const text = hprimOf([
    dossier({ text: ['Prélèvement reçu à 8 h, déjà à température : créatinine élevée, 12 µmol/L à 20 °C, très légère anémie.'] }),
  ])
  const plain = text.replaceAll('’', "'")

  test.each(['windows-1252', 'cp850', 'macintosh'])('%s', encoding => {
    const decoded = decodeHprim(iconv.encode(plain, encoding))
    expect(decoded).toEqual({ text: plain, encoding, doubtful: false })
  })

  test('iso-8859-15, where it differs from windows-1252', () => {
    const own = plain.replace('anémie', 'anémie, le cœur et la sœur : 12 €')
    expect(decodeHprim(iconv.encode(own, 'iso-8859-15'))).toEqual({ text: own, encoding: 'iso-8859-15', doubtful: false })
    expect(decodeHprim(iconv.encode(own, 'windows-1252'))).toEqual({ text: own, encoding: 'windows-1252', doubtful: false })
  })

  test('in capitals', () => {
    const shouted = plain.toUpperCase().replaceAll('Μ', 'M')
    for (const encoding of ['windows-1252', 'cp850', 'macintosh']) {
      expect(decodeHprim(iconv.encode(shouted, encoding))).toMatchObject({ text: shouted, encoding })
    }
  })

  test.each<[string, Buffer]>([
    ['utf-8', Buffer.from(text)],
    ['utf-8', Buffer.from(`\ufeff${text}`)],
    ['utf-16le', Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['utf-16be', Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
    ['utf-16le', Buffer.from(text, 'utf16le')],
    ['ascii', Buffer.from(text.normalize('NFD').replace(/[^\0-\x7f]/g, ''))],
  ])('%s', (encoding, bytes) => {
    expect(decodeHprim(bytes).encoding).toBe(encoding)
    expect(hprim(bytes)).toMatchObject({ patients: 1, parts: [{ header: { lines: 12, name: 'FICTIF' } }] })
    if (encoding !== 'ascii') expect(hprim(bytes).parts[0]?.header?.firstName).toBe('ÉLOÏSE')
  })

  test('entities of HTML, once', () => {
    const written = 'cr&eacute;atinine &lt; 5 &#181;mol &#x00E0; &OElig; &amp;eacute; &inconnu; &#0; AT&T'
    expect(decodeHprim(Buffer.from(written)).text).toBe('créatinine < 5 µmol à Œ &eacute; &inconnu; &#0; AT&T')
  })

  test('what one octet can not tell is doubtful', () => {
    expect(decodeHprim(Buffer.from('a \xc8', 'latin1')).doubtful).toBe(true)
  })
})

describe('line ends, marks and headers', () => {
  test.each([
    ['CRLF', '\r\n'],
    ['LF', '\n'],
    ['CR', '\r'],
  ])('%s', (_name, end) => {
    expect(hprim(hprimOf([dossier(), OTHER], end))).toMatchObject({ patients: 2, parts: [{ ended: true }, { ended: true }] })
  })

  test.each([['****FIN****'], ['**** FIN ****'], ['****fin****'], ['  ***FIN***  '], ['****FIN****', '', '']])('%s', (...end) => {
    expect(hprim(hprimOf([dossier({ end }), OTHER])).parts).toHaveLength(2)
  })

  test.each(['****FIN FICHIER****', '****FIN DE FICHIER****', '****FINFICHIER****\x1a', '****FINFICHIER****\n\n', ''])(
    'the end of the file: %j',
    last => {
      const text = [...dossier(), last].join('\n')
      expect(hprim(text)).toMatchObject({ patients: 1, strayLines: 0, parts: [{ ended: true }] })
    },
  )

  test('a header of 13 lines', () => {
    const [part] = hprim(hprimOf([dossier({ address: ['1 rue', 'bâtiment B', 'chez Y'] })])).parts
    expect(part?.header).toMatchObject({
      lines: 13,
      address: ['1 rue', 'bâtiment B', 'chez Y'],
      town: '75014 PARIS',
      birthDate: '19840309',
    })
    expect(part?.text).toHaveLength(2)
  })

  test('a line before the header, a number that is missing, a date that is missing', () => {
    expect(hprim(`[apicrypt]\r\n\r\n${hprimOf()}`).parts).toMatchObject([{ header: { lines: 12, name: 'FICTIF' } }])
    expect(hprim(`Bonjour,\r\nci-joint :\r\n${hprimOf()}`)).toMatchObject({
      patients: 1,
      strayLines: 2,
      parts: [{ header: { name: 'FICTIF' } }],
    })
    expect(hprim(hprimOf([dossier({ nss: '', town: '' })])).parts).toMatchObject([{ header: { nss: '' } }])
    expect(hprim(hprimOf([dossier({ date: '' })])).parts[0]?.header?.date).toBeUndefined()
    expect(hprim(hprimOf([dossier({ born: '' })])).parts[0]?.header?.birthDate).toBeUndefined()
    expect(hprim(hprimOf([dossier({ born: '31/31/1984', date: '' })])).parts[0]?.header).toBeUndefined()
  })
})

describe('patients are never mixed', () => {
  test('each dossier is a part, with its own rows only', () => {
    const first = dossier({ rows: ['RES|Un|1|N|1'] })
    const second = dossier({ name: 'AUTRE', born: '02/06/1955', rows: ['RES|Deux|2|N|2'] })
    const { parts, patients } = hprim(hprimOf([first, second]))
    expect(patients).toBe(2)
    expect(parts.map(({ header, rows }) => [header?.name, rows.length, rows[0]])).toMatchObject([
      ['FICTIF', 1, { label: 'Un' }],
      ['AUTRE', 1, { label: 'Deux' }],
    ])
  })

  test('the mark between them is missing', () => {
    for (const other of [
      OTHER,
      dossier({ name: 'AUTRE', born: '02/06/1955', nss: '', town: 'PARIS' }),
      dossier({ name: 'AUTRE', born: '2/6/1955', date: '' }),
    ]) {
      const { parts, patients } = hprim(hprimOf([dossier({ end: [] }), other]))
      expect(patients).toBe(2)
      expect(parts.map(({ header, text }) => [header?.name, text.length])).toEqual([
        ['FICTIF', 2],
        ['AUTRE', 2],
      ])
    }
  })

  test('a file follows another', () => {
    expect(hprim(hprimOf() + hprimOf([OTHER]))).toMatchObject({ patients: 2, parts: [{}, {}] })
  })

  test('two dossiers of one person, and two people of one name', () => {
    expect(hprim(hprimOf([dossier(), dossier({ firstName: 'Eloise' })]))).toMatchObject({ patients: 1, parts: [{}, {}] })
    expect(hprim(hprimOf([dossier(), dossier({ born: '10/03/1984' })]))).toMatchObject({ patients: 2 })
  })

  test('a part without a header may be about anybody', () => {
    expect(hprim(hprimOf([dossier(), ['RES|Orphelin|O|N|1', '****FIN****']]))).toMatchObject({ patients: 2, parts: [{}, { rows: [{}] }] })
  })
})

test('what is too large, or has too many parts, is not read', async () => {
  expect(readHprim(Buffer.alloc(4 * 1024 * 1024 + 1, 'x'))).toBeUndefined()
  expect(readHprim(Buffer.from('\n'.repeat(50_001)))).toBeUndefined()
  expect(readHprim(Buffer.from('x\n****FIN****\n'.repeat(501)))).toBeUndefined()
  expect(readHprim(Buffer.alloc(0))).toBeUndefined()
  expect((await read('a.hpr', 'x\n****FIN****\n'.repeat(501))).ignored).toEqual([{ path: 'a.hpr', reason: 'hprim-unreadable' }])
})

test('whatever is cut, moved or repeated, no part has rows of two patients', () => {
  const marked = (name: string, born: string) => dossier({ name, born, rows: [`RES|${name}|1|N|1`, `TEX|${name}`], text: [name], end: [] })
  const pieces = [
    marked('FICTIF', '09/03/1984'),
    marked('AUTRE', '02/06/1955'),
    marked('TIERS', '01/01/1970'),
    ['****FIN****'],
    ['****FINFICHIER****'],
    [''],
  ]
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), fc.constantFrom('\r\n', '\n', '\r'), (chosen, end) => {
      for (const { header, rows, text } of readHprim(Buffer.from(chosen.flat().join(end)))?.parts ?? []) {
        const names = rows.map(each => (each.kind === 'result' ? each.label : each.text))
        expect([...names, ...text.filter(line => line !== '')].filter(name => name !== header?.name)).toEqual([])
      }
    }),
    { numRuns: 300 },
  )
})

test('octets of no format at all are survived', () => {
  const junk = fc.uint8Array({ maxLength: 400 })
  const glued = fc.array(
    fc.oneof(
      junk,
      fc.constantFrom('****FIN****\n', 'RES|', '\n', '09/03/1984\n', 'AB\n').map(each => Buffer.from(each)),
    ),
  )
  fc.assert(
    fc.property(glued, pieces => {
      readHprim(Buffer.concat(pieces))
    }),
    { numRuns: 300 },
  )
})

describe('as a part of a message', () => {
  test.each(['a.hpr', 'a.HPM', 'a.hprim', 'a.txt', 'resultats', 'a.doc'])('%s', async name => {
    const expected = { documents: [], ignored: [{ path: name, reason: 'hprim' }], faults: [] }
    expect(await read(name, hprimOf())).toMatchObject(expected)
    expect(await read(name, iconv.encode(hprimOf([dossier({ end: [] })]).replace(/\*{4}FINFICHIER.*/s, ''), 'cp850'))).toMatchObject(
      expected,
    )
  })

  test('a file of several patients says so, and lists each part', async () => {
    const { ignored } = await read('a.hpr', hprimOf([dossier(), OTHER, dossier()]))
    expect(ignored.map(({ path, reason }) => [path, reason])).toEqual([
      ['a.hpr', 'hprim-several-patients'],
      ['a.hpr/1', 'hprim'],
      ['a.hpr/2', 'hprim'],
      ['a.hpr/3', 'hprim'],
    ])
    const same = (await read('a.hpr', hprimOf([dossier(), dossier()]))).ignored
    expect(same.map(({ reason }) => reason)).toEqual(['hprim', 'hprim'])
  })

  test('a text, a letter and a file of another format are none', async () => {
    expect((await read('a.txt', 'Bonjour,\n\n**** à bientôt ****\n12/03/2025\n')).ignored).toEqual([{ path: 'a.txt', reason: 'text' }])
    expect((await read('a.pdf', `%PDF-1.4\n${hprimOf()}`)).ignored).toEqual([{ path: 'a.pdf', reason: 'pdf-alone' }])
    expect((await read('a.hpr', '%PDF-1.4\n')).ignored).toEqual([{ path: 'a.hpr', reason: 'pdf-alone' }])
  })

  test('in an archive', async () => {
    const zip = await buildZip([{ name: 'a.hpr', content: hprimOf([dossier(), OTHER]) }], NOW)
    expect((await read('a.zip', zip)).ignored.map(({ reason }) => reason)).toEqual(['hprim-several-patients', 'hprim', 'hprim'])
  })

  test('beside a document of somebody born on another day, the document waits', async () => {
    const mailOf = (text: string) =>
      buildMail({
        from: 'a@a.mssante.test',
        to: 'b@b.mssante.test',
        subject: 'Lettre',
        date: NOW,
        messageId: 'm@a.mssante.test',
        parts: [
          { type: 'text/xml', filename: 'a.xml', content: cdaOf() },
          { type: 'text/plain', filename: 'a.hpr', content: text },
        ],
      })
    const verdictsOf = async (text: string) => verdicts(await recogniseMessage(mailOf(text), DEFAULT_LIMITS))
    expect(await verdictsOf(hprimOf())).toEqual(['file'])
    expect(await verdictsOf(hprimOf([dossier({ born: '' })]))).toEqual(['file'])
    expect(await verdictsOf(hprimOf([dossier(), OTHER]))).toEqual([['two-patients']])
  })
})
