const MOST_TAG = 4096
/** A value without quotes reaches to the next blank or to the end of the tag: could it end earlier, each one would double the ways to read the tag. */
const TAG = /^<(\/?)([a-zA-Z][^\s"'<>/=]*)(?:[\s/]+[^\s"'<>/=]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+(?=[\s>])))?)*[\s/]*>/
const COMMENT = /<!--(?:-?>|[\s\S]*?--!?>)/y
const BLANKS = /\s*/y
/** Elements that may stand before the body. */
const OF_THE_HEAD = /^(?:html|head|meta|link|base|title|style|script|noscript)$/
/** What they hold is no markup. */
const RAW_TEXT = /^(?:title|style|script)$/

/**
 * Where the body of an HTML document begins: behind its tag or, where that is left out, before the first thing that is shown.
 * @param text octets as latin1, of a charset that holds ASCII
 * @returns undefined when readers might not agree
 */
export function startOfBody(text: string): number | undefined {
  for (let at = 0; ; ) {
    at = endOf(BLANKS, text, at) ?? at
    if (text[at] !== '<') return at
    const next = /[!?]/.test(text[at + 1] ?? '') ? endOfDeclaration(text, at) : undefined
    if (next !== undefined) {
      at = next
      continue
    }
    const tag = TAG.exec(text.slice(at, at + MOST_TAG))
    if (!tag) return undefined
    const name = tag[2]!.toLowerCase()
    const behind = at + tag[0].length
    if (name === 'body' && tag[1] === '') return behind
    if (name === 'frameset') return undefined
    if (!OF_THE_HEAD.test(name)) return at
    const resumed = tag[1] === '' && RAW_TEXT.test(name) ? endOfRawText(text, behind, name) : behind
    if (resumed === undefined) return undefined
    at = resumed
  }
}

function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : undefined
}

/** Comments, `<!doctype>`, `<![endif]>`, `<?xml ?>`. */
function endOfDeclaration(text: string, at: number): number | undefined {
  if (text.startsWith('<!--', at)) return endOf(COMMENT, text, at)
  const end = text.indexOf('>', at)
  return end < 0 ? undefined : end + 1
}

function endOfRawText(text: string, at: number, name: string): number | undefined {
  const end = new RegExp(`</${name}(?=[\\s/>])`, 'gi')
  end.lastIndex = at
  return end.exec(text)?.index
}
