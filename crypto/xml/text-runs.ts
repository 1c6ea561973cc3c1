/** What saxes keeps for itself, as far as it is touched here (6.0, its last release since 2021). */
interface Inside {
  chunk: string
  i: number
  text: string
  line: number
  textHandler?: (text: string) => void
  handleTextInRoot?(): void
}

/** Characters that mean nothing in a text but themselves, whichever way it is read: no markup, no reference, no `]]>`, no surrogate, no control. */
const PLAIN = /[\t\n\r -%'-;=?-\\^-~\u00a0-\ud7ff]*/y
const WORTH_IT = 64

/**
 * Lets a parser take runs of plain text at once. saxes looks at each character, and the body of a document of level 1 is a million of them.
 * What it reports is the same, a long text in two pieces. Should another release of saxes be made otherwise, it is left as it is: slower, and right.
 * @returns the same parser
 */
export function readingRuns<P extends object>(parser: P): P {
  const inside = parser as unknown as Inside
  const byCharacter = inside.handleTextInRoot
  if (byCharacter && typeof inside.i === 'number' && typeof inside.text === 'string') {
    inside.handleTextInRoot = () => {
      takeRun(inside)
      byCharacter.call(parser)
    }
  }
  return parser
}

/** Up to the last character of the run that is no blank: saxes reads that one itself, with what follows, and knows its own state again. */
function takeRun(inside: Inside): void {
  PLAIN.lastIndex = inside.i
  const length = PLAIN.exec(inside.chunk)?.[0].length ?? 0
  if (length < WORTH_IT) return
  const run = inside.chunk
    .slice(inside.i, inside.i + length)
    .trimEnd()
    .slice(0, -1)
  const text = run.includes('\r') ? run.replace(/\r\n?/g, '\n') : run // XML 1.0 §2.11
  if (inside.textHandler) {
    inside.textHandler(inside.text + text)
    inside.text = ''
  }
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) inside.line += 1
  inside.i += run.length
}
