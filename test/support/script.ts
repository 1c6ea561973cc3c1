import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { Dialogue } from './dialogue.ts'

/**
 * Plays a dialogue written as text:
 *   `# …`       a comment
 *   `DOOR name` where to connect (first line that counts)
 *   `C: …`      a line that the client sends; lines that follow one another go out in one write (pipelining)
 *   `S: …`      a line that the server must answer, exactly, `*` standing for anything
 *   `TLS name`  the handshake, with the client's certificate of that name (`none`: without one)
 *   `END`       the server closes, without another word
 * `{name}` stands for a value of the test.
 */
export interface Players {
  values: Readonly<Record<string, string>>
  /** @returns the port of a door, and TLS options where TLS comes first */
  door(name: string): { port: number; tls?: ConnectionOptions }
  certificate(name: string): ConnectionOptions
}

type Step = { kind: 'send'; text: string } | { kind: 'hear'; lines: string[] } | { kind: 'tls'; name: string } | { kind: 'end' }

/** @throws an error that names the line where the server said something else */
export async function play(file: string, players: Players): Promise<void> {
  const { door, steps } = readScript(file, players.values)
  const { port, tls } = players.door(door)
  const dialogue = await Dialogue.open(port, tls)
  try {
    for (const { at, step } of steps) await take(dialogue, step, players).catch(error => fail(file, at, error))
  } finally {
    dialogue.cut()
  }
}

async function take(dialogue: Dialogue, step: Step, players: Players): Promise<void> {
  if (step.kind === 'send') return dialogue.write(step.text)
  if (step.kind === 'tls') return dialogue.secure(players.certificate(step.name))
  if (step.kind === 'end') {
    const rest = await dialogue.closed()
    if (rest !== '') throw new Error(`expected the end, heard ${JSON.stringify(rest)}`)
    return
  }
  const expected = [...step.lines]
  while (expected.length > 0) {
    const reply = (await dialogue.reply()).split('\n')
    if (expected[0] === '...') expected.shift()
    else for (const line of reply) check(line, expected.shift())
  }
}

function check(line: string, pattern: string | undefined): void {
  if (!isLike(line, pattern)) throw new Error(`expected  ${pattern ?? 'the end of the reply'}\n   heard     ${line}`)
}

function isLike(line: string, pattern: string | undefined): boolean {
  if (pattern === undefined) return false
  const parts = pattern.split('*').map(part => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(line)
}

function fail(file: string, at: number, error: unknown): never {
  throw new Error(`${file}:${at}: ${(error as Error).message}`)
}

function readScript(file: string, values: Players['values']): { door: string; steps: { at: number; step: Step }[] } {
  const steps: { at: number; step: Step }[] = []
  let door = ''
  readFileSync(file, 'utf8')
    .split('\n')
    .forEach((raw, index) => {
      const line = raw.replace(/\{(\w+)\}/g, (_, name: string) => {
        const value = values[name]
        if (value === undefined) fail(file, index + 1, new Error(`{${name}} is unknown`))
        return value
      })
      if (line === '' || line.startsWith('#')) return
      const [word = '', rest = ''] = [line.slice(0, line.search(/ |$/)), line.slice(line.search(/ |$/) + 1)]
      const last = steps.at(-1)?.step
      if (word === 'DOOR') door = rest
      else if (word === 'C:' && last?.kind === 'send') last.text += `${rest}\r\n`
      else if (word === 'C:') steps.push({ at: index + 1, step: { kind: 'send', text: `${rest}\r\n` } })
      else if (word === 'S:' && last?.kind === 'hear') last.lines.push(rest)
      else if (word === 'S:') steps.push({ at: index + 1, step: { kind: 'hear', lines: [rest] } })
      else if (word === 'TLS') steps.push({ at: index + 1, step: { kind: 'tls', name: rest } })
      else if (word === 'END') steps.push({ at: index + 1, step: { kind: 'end' } })
      else fail(file, index + 1, new Error(`"${word}" is none of DOOR, C:, S:, TLS, END`))
    })
  return { door, steps }
}
