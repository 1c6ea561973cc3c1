import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { through } from '../../../crypto/cms/flow.ts'
import { collect } from '../../../crypto/cms/source.ts'
import { legacyDisplay, subjectOf } from '../../../crypto/legacy-display/index.ts'
import { cpuClock } from '../../support/cpu-time.ts'
import { type Leaf, leavesOf, type Node, read, withoutDisplay, written } from './legacy-display-mails.ts'

const SUBJECT = 'Résultats de l’IRM <urgent> & suite'
const MEGABYTE = 1024 * 1024

/** @param size of the pieces in which it comes */
async function shown(mail: Buffer | string, subject = SUBJECT, size = 64 * 1024): Promise<string> {
  const octets = typeof mail === 'string' ? Buffer.from(mail.replaceAll('\n', '\r\n'), 'latin1') : mail
  const pieces = Array.from({ length: Math.ceil(octets.length / size) }, (_, at) => octets.subarray(at * size, (at + 1) * size))
  return (
    await collect(
      through(pieces, () => legacyDisplay(subject)),
      1e8,
    )
  ).toString('latin1')
}
const lf = (text: string) => text.replaceAll('\r\n', '\n')
const utf8 = (text: string) => Buffer.from(text).toString('latin1')

describe('the subject is shown in the main text', () => {
  test('plain text, as in the example of RFC 9788 (appendix E.1)', async () => {
    const mail = 'Subject: Dinner\nContent-Type: text/plain; charset="us-ascii"; hp="cipher"\n\nLet us meet.\n'
    expect(lf(await shown(mail, 'Dinner'))).toBe(
      [
        'Subject: Dinner\nContent-Type: text/plain;\n charset="us-ascii";\n hp="cipher";\n hp-legacy-display="1"',
        '\nSubject: Dinner\n\nLet us meet.\n',
      ].join('\n'),
    )
  })

  test('HTML, first in its body, every character that means something as a reference', async () => {
    const mail =
      'Content-Type: text/html; charset=utf-8\n\n<html><head><title>a <body> b</title></head><!-- <body> --><body class="a>b"><p>x</p>\n'
    expect(lf(await shown(mail))).toContain(
      [
        '<body class="a>b">',
        '<div class="header-protection-legacy-display">',
        '<pre>Subject: R&#233;sultats de l&#8217;IRM &#60;urgent&#62; &#38; suite</pre>',
        '</div>\n<p>x</p>',
      ].join('\n'),
    )
  })

  test.each([
    ['<p>x</p>', ''],
    ['\n<!DOCTYPE html>\n<html lang=fr><head><meta charset="utf-8"><style>p > b {}</style></head>\n<p>x', '</head>\n'],
    ['<!--[if mso]><body><![endif]-->Bonjour', '<![endif]-->'],
    ['<script>document.write("<body>")</script><div>', '</script>'],
  ])('HTML without a body tag, before the first thing that is shown: %s', async (html, before) => {
    expect(lf(await shown(`Content-Type: text/html; charset=utf-8\n\n${html}\n`))).toContain(`${before}\n<div class="header-protection`)
  })

  test.each([
    ['utf-8', '8bit', utf8('Chère consœur\n'), '8bit', 'Chère consœur\r\n'],
    ['utf-8', '7bit', 'Bonjour\n', 'quoted-printable', 'Bonjour\r\n'],
    ['us-ascii', '7bit', 'Bonjour\n', 'quoted-printable', 'Bonjour\r\n'],
    ['iso-8859-1', '8bit', 'Ch\xe8re amie', 'quoted-printable', 'Chère amie'],
    ['windows-1252', 'quoted-printable', 'l=92IRM co=FBte 5 =80', 'quoted-printable', 'l’IRM coûte 5 €'],
    ['iso-8859-15', 'base64', Buffer.from('\xbd\xa4', 'latin1').toString('base64'), 'base64', 'œ€'],
  ])('plain text in %s, %s', async (charset, encoding, body, encodingAfter, text) => {
    const mail = `Content-Type: text/plain; charset=${charset}\nContent-Transfer-Encoding: ${encoding}\n\n${body}`
    const [after] = leavesOf(read(Buffer.from(await shown(mail), 'latin1')))
    expect(after).toMatchObject({ encoding: encodingAfter, charset: 'utf-8' })
    expect(after!.content.toString()).toBe(`Subject: ${SUBJECT}\r\n\r\n${text}`)
  })

  test('in both texts of an alternative, whatever is around it; and in nothing else', async () => {
    const mail = [
      'Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: multipart/alternative; boundary=a\n',
      '--a\n\nplain\n--a\nContent-Type: multipart/related; boundary=r\n\n--r\nContent-Type: text/html; charset=utf-8\n\n<b>rich</b>\n--r\n',
      'Content-Type: text/plain\n\nbeside\n--r--\n--a--\n--m\nContent-Type: text/plain\n\nsecond\n--m--\n',
    ].join('\n')
    const leaves = leavesOf(read(Buffer.from(await shown(mail, 'Dinner'), 'latin1')))
    expect(leaves.map(({ content, isMarked }) => [isMarked, /Dinner/.test(content.toString())])).toEqual([
      [true, true],
      [true, true],
      [false, false],
      [false, false],
    ])
  })

  test('a flowed text stays one', async () => {
    const mail =
      'Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\nContent-Transfer-Encoding: 7bit\n\nBonjour \nmonsieur\n'
    expect(lf(await shown(mail))).toMatch(/format="flowed";\n delsp="yes"[\s\S]*\n\nBonjour=20\nmonsieur\n$/)
  })
})

describe('what can’t be altered rightly comes out octet for octet', () => {
  const nested = (kind: string) => `Content-Type: multipart/${kind}; boundary=b\n\n--b\nContent-Type: text/plain\n\nx\n--b\n\ny\n--b--\n`
  test.each([
    ['a signature of the author', nested('signed; protocol="application/pkcs7-signature"')],
    ['an encryption of the author', 'Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMIA=\n'],
    ['his signature inside', `Content-Type: multipart/mixed; boundary=m\n\n--m\n${nested('signed')}--m--\n`],
    ['a report', nested('report; report-type=delivery-status')],
    ['a kind of multipart that nobody knows', nested('unknown')],
    ['an attached text', 'Content-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nx\n'],
    ['a text with a name', 'Content-Type: text/plain; name=a.txt\n\nx\n'],
    ['a message that is handed on', 'Content-Type: message/rfc822\n\nSubject: x\n\ny\n'],
    ['a document first', `Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: application/pdf\n\nx\n--m\n\ny\n--m--\n`],
    ['a charset that we do not write', 'Content-Type: text/plain; charset=shift_jis\n\nx\n'],
    ['another one in HTML', 'Content-Type: text/html; charset=utf-16\n\nx\n'],
    ['octets that are no text of its charset', 'Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: 8bit\n\n\xe9\n'],
    ['an octet that is no certain character', 'Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\n\x92\n'],
    ['an unknown encoding', 'Content-Type: text/plain\nContent-Transfer-Encoding: x-uuencode\n\nx\n'],
    ['two encodings', 'Content-Type: text/plain\nContent-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\nx\n'],
    ['two types', 'Content-Type: text/plain\nContent-Type: text/html\n\nx\n'],
    ['two charsets', 'Content-Type: text/plain; charset=utf-8; charset=us-ascii\n\nx\n'],
    ['a type with a comment', 'Content-Type: text/plain; charset=utf-8 (is it?)\n\nx\n'],
    ['a type with octets above 127', 'Content-Type: text/plain; charset=utf-8; x="\xe9"\n\nx\n'],
    ['a header that is none', 'Content-Type: multipart/mixed; boundary=m\n\n--m\nno field\n\nx\n--m--\n'],
    ['broken base64', 'Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nabc\n'],
    ['broken quoted-printable', 'Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\na=zz\n'],
    ['an encoded multipart', 'Content-Type: multipart/mixed; boundary=m\nContent-Transfer-Encoding: base64\n\n--m\n\nx\n--m--\n'],
    ['a boundary within one of the same name', `Content-Type: multipart/mixed; boundary=b\n\n--b\n${nested('alternative')}\n--b--\n`],
    ['a multipart without an end', 'Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: text/plain\n\nx\n'],
    ['one without a boundary', 'Content-Type: multipart/mixed\n\n--m\n\nx\n--m--\n'],
    ['one that names its first part', 'Content-Type: multipart/related; start="<2>"; boundary=m\n\n--m\n\nx\n--m--\n'],
    ['a header without an end', 'Content-Type: text/plain\nX: y\n'],
    ['a text with a checksum', 'Content-Type: text/plain\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\n\nx\n'],
    ['what shows its subject already', 'Content-Type: text/plain; hp-legacy-display="1"\n\nSubject: x\n\ny\n'],
    ['HTML in frames', 'Content-Type: text/html; charset=utf-8\n\n<frameset rows="*"><frame src=x></frameset>\n'],
    ['HTML that is not sure of its quotes', 'Content-Type: text/html; charset=utf-8\n\n<body title="a"b">\n'],
    [
      'HTML that could be read in two ways at a thousand places',
      `Content-Type: text/html; charset=utf-8\n\n<body ${'a=x/x '.repeat(600)}<\n`,
    ],
    ['HTML with a comment without an end', 'Content-Type: text/html; charset=utf-8\n\n<!-- <body>\n'],
    ['a text longer than we keep', `Content-Type: text/plain; charset=utf-8\n\n${`${'x'.repeat(99)}\n`.repeat(11_000)}`],
  ])('%s', async (_, mail) => {
    expect(lf(await shown(mail))).toBe(mail)
  })
})

describe('what is in the subject', () => {
  const field = (value: string) => [{ name: 'subject', raw: `Subject: ${Buffer.from(value).toString('latin1')}\r\n` }]
  test.each([
    ['XDM/1.0/DDM+Lettre de sortie', 'XDM/1.0/DDM+Lettre de sortie'],
    ['=?utf-8?Q?R=C3=A9sultats_?=\r\n =?UTF-8*fr?B?ZGUgbOKAmUlSTQ==?=', 'Résultats de l’IRM'],
    ['=?utf-8?Q?=C3?= =?utf-8?Q?=A9t=C3=A9?= 2026', 'été 2026'],
    ['=?iso-8859-1?Q?=E9?= =?utf-8?Q?=C3=A9?=', 'éé'],
    ['Compte rendu é', 'Compte rendu é'],
    ['=?windows-1252?Q?l=92=E9t=E9?=', 'l’été'],
    ['=?x-unknown?Q?=3Cscript=3E?= x', '=?x-unknown?Q?=3Cscript=3E?= x'],
    ['=?utf-7?Q?+ADw-script+AD4-?=', '=?utf-7?Q?+ADw-script+AD4-?='],
    ['=?utf-8?Q?a=0D=0AContent-Type:_text/html=0D=0A=0D=0A<b>?=', 'a Content-Type: text/html <b>'],
    ['=?utf-8?B?4oCuY29yZA==?=', 'cord'],
    ['=?utf-8?Q?=00=1B[2J?=', '[2J'],
    ['=?utf-8?Q?=FF?=', '\ufffd'],
    ['\r\n ', undefined],
  ])('%j is read as %j', (value, read) => {
    expect(subjectOf(field(value))).toBe(read)
  })

  test('of two nothing is shown', () => {
    expect(subjectOf([...field('a'), ...field('b')])).toBeUndefined()
  })

  test('whatever it is, it adds one element of text to HTML, and one line to plain text', async () => {
    const hostile = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '</pre></div><script>x</script>',
        '"><img src=x onerror=y>',
        '&lt;b&gt;',
        '<!--',
        ']]>',
        'a\r\n\r\n--b--',
        '=?utf-8?Q?=3Cb=3E?=',
        '\u202e\u0085é\u{1f600}',
      ),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(hostile, { maxLength: 4 }), async texts => {
        const subject = subjectOf([{ name: 'subject', raw: `Subject: ${utf8(texts.join(' '))}\r\n` }])
        fc.pre(subject !== undefined)
        const html = await shown('Content-Type: text/html; charset=utf-8\n\n<body><p>x\n', subject)
        const element =
          /^\r\n<div class="header-protection-legacy-display">\r\n<pre>Subject: ([^<>"'\r\n\x80-\xff]*)<\/pre>\r\n<\/div>\r\n<p>x\r\n$/
        const [, said = ''] = element.exec(html.slice(html.indexOf('<body>') + 6)) ?? []
        expect(said.replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))).toBe(subject)
        const plain = await shown('Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nx\n', subject)
        expect(plain.split('\r\n\r\n')).toEqual([expect.any(String), utf8(`Subject: ${subject}`), 'x\r\n'])
      }),
    )
  })

  test.each([
    ['blanks', `<body${' '.repeat(4_000)}"`],
    ['comments', '<!--'.repeat(250_000)],
    ['tags', '<meta>'.repeat(170_000)],
  ])('a text that is hard to read takes no time: %s', async (_, html) => {
    const spent = cpuClock()
    await shown(`Content-Type: text/html; charset=utf-8\n\n${html}\n`)
    expect(spent()).toBeLessThan(2_000)
  })

  test('nor do lines that look like delimiters', async () => {
    const spent = cpuClock()
    const line = `--${' '.repeat(290)}x\n`
    await shown(`Content-Type: multipart/alternative; boundary=a\n\n--a\nContent-Type: application/pdf\n\n${line.repeat(28_000)}`)
    expect(spent()).toBeLessThan(1_000)
  })

  test('an attribute without quotes may hold slashes', async () => {
    const mail = await shown('Content-Type: text/html; charset=utf-8\n\n<link href=/a/b.css rel=x><body background=https://a.test/b>x\n')
    expect(mail).toContain('<body background=https://a.test/b>\r\n<div class="header-protection')
  })

  test('one that is very long is cut, so that no line is too long', async () => {
    for (const type of ['plain', 'html']) {
      const mail = await shown(`Content-Type: text/${type}; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nx\n`, '’'.repeat(5_000))
      expect(Math.max(...mail.split('\r\n').map(({ length }) => length))).toBeLessThan(998)
      expect(mail).toMatch(/\.\.\.(?:<\/pre>)?\r\n/)
    }
  })
})

describe('any mail', () => {
  const boundaries = fc.constantFrom('a', 'b', 'ab', '=_x', 'a b')
  const text = fc.array(fc.oneof(fc.string(), fc.constantFrom('\r\n', 'é€', '=', ' ', '--a', '\r\n--ab\r\n', '<body>', '\ufeff', '.')), {
    maxLength: 12,
  })
  const leaf = fc.record({
    kind: fc.constant('leaf' as const),
    type: fc.constantFrom('text/plain', 'text/html', 'application/pdf'),
    charset: fc.constantFrom('utf-8', 'us-ascii', 'iso-8859-1', 'windows-1252', 'shift_jis', undefined),
    encoding: fc.constantFrom('7bit', '8bit', 'base64', 'quoted-printable'),
    attached: fc.boolean(),
    text: text.map(parts => parts.join('')),
  })
  const { tree } = fc.letrec<{ tree: Node; multipart: Node }>(tie => ({
    tree: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, tie('multipart')),
    multipart: fc.record({
      kind: fc.constantFrom('mixed', 'related', 'alternative', 'signed', 'report'),
      boundary: boundaries,
      parts: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
    }) as fc.Arbitrary<Node>,
  }))

  test('has the same parts when the subject is taken out again, however it is built, and in whatever pieces it comes', async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.integer({ min: 1, max: 200 }), async (node, size) => {
        const mail = written(node)
        const after = await shown(mail, SUBJECT, size)
        expect(after).toBe(await shown(mail))
        const [before, now] = [leavesOf(read(mail)), leavesOf(read(Buffer.from(after, 'latin1')))]
        expect(now.map(leaf => withoutDisplay(leaf, SUBJECT))).toEqual(before.map(comparable))
      }),
      { numRuns: 500 },
    )
  })

  test.each([280, 294, 295, 296, 297, 298, 400, 2000])(
    'a delimiter with %i blanks behind it stays one, in whatever pieces it comes; a very long one may hide the text',
    async blanks => {
      const mail = `Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: text/plain\n\nBonjour\n--a${' '.repeat(blanks)}\n\nsecond\n--a--\n`
      const after = await shown(mail)
      expect(await shown(mail, SUBJECT, 1)).toBe(after)
      expect(await shown(mail, SUBJECT, 7)).toBe(after)
      const leaves = leavesOf(read(Buffer.from(after, 'latin1')))
      expect(leaves.map(({ isMarked }) => isMarked)).toEqual([blanks < 290 || after !== mail.replaceAll('\n', '\r\n'), false])
    },
  )

  const x75 = 'x'.repeat(75)
  test.each([
    ['written so that it was none', 'plain', 'quoted-printable', 'y\n=2D-a\nz'],
    ['written so to the last octet', 'plain', 'quoted-printable', 'y\n--=61\nz'],
    ['the end of a long line', 'plain', '7bit', `${x75}--a\nz`],
    ['the end of a long line of letters', 'plain', '7bit', `${x75}--a--\nz`],
    ['behind the mark of UTF-8', 'plain', '8bit', '\xef\xbb\xbf--a\nz'],
    ['first in the body', 'html', '8bit', '<body>--a\nz'],
    ['first in the body, without octets above 127', 'html', '7bit', '<body>--a--\nz'],
    ['in a body that is encoded', 'html', 'quoted-printable', '<body>--a\nz'],
  ])('no text becomes a delimiter: %s', async (_, type, encoding, body) => {
    const header = `Content-Type: text/${type}; charset=utf-8\nContent-Transfer-Encoding: ${encoding}\n`
    const mail = `Content-Type: multipart/mixed; boundary=a\n\n--a\n${header}\n${body}\n--a\n\nsecond\n--a--\n`
    const [before, now] = [
      leavesOf(read(Buffer.from(mail.replaceAll('\n', '\r\n'), 'latin1'))),
      leavesOf(read(Buffer.from(await shown(mail), 'latin1'))),
    ]
    expect(now[0]!.isMarked).toBe(true)
    expect(now.map(leaf => withoutDisplay(leaf, SUBJECT))).toEqual(before.map(comparable))
  })

  function comparable(leaf: Leaf) {
    return withoutDisplay({ ...leaf, isMarked: false }, SUBJECT)
  }

  test('flows: nothing of an attachment is kept back, and of a text no more than a megabyte', () => {
    const start = 'Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\nContent-Type: application/pdf\r\n\r\n'
    for (const [head, most] of [
      [start, 1],
      ['Content-Type: text/plain\r\n\r\n', 1.1 * MEGABYTE],
    ] as const) {
      let out = 0
      const count = (octets: Buffer) => {
        out += octets.length
      }
      const stage = legacyDisplay(SUBJECT)({ add: count, end: () => undefined })
      stage.add(Buffer.from(head))
      let given = head.length
      for (let piece = 0; piece < 64; piece++) {
        stage.add(Buffer.alloc(MEGABYTE / 16, 'x\r\n'))
        given += MEGABYTE / 16
        expect(given - out).toBeLessThanOrEqual(most)
      }
    }
  })
})
