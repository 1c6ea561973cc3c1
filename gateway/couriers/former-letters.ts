import { join } from 'node:path'
import type { MailboxPublicKey } from '../../crypto/index.ts'
import { maskPatient } from '../address.ts'
import { namesIn } from './quota.ts'
import { fateOf, reasonOf } from './seal-in-place.ts'

export interface FormerLettersOptions {
  /** Holds the Maildirs, as the mailbox courier writes them. */
  folder: string
  key: MailboxPublicKey
  /** Only looks. */
  isDry?: boolean
  /** milliseconds to wait for the lock of a Maildir */
  patience?: number
  /** Ends it after the letter in hand. */
  signal?: AbortSignal
  /** @param letters looked at in this round */
  onProgress?: (letters: number) => void
}

export interface FormerLetters {
  /** Folders that hold letters. */
  maildirs: number
  /** Letters that were sealed when we came. */
  already: number
  sealed: number
  /** Still in clear: all that were found, when it only looked. */
  clear: number
  /** What could not be done, by box (a patient's masked) and reason: `locked`, `moved` (again and again), or the system's code. */
  faults: { box: string; reason: string; letters: number }[]
}

const PATIENCE_MS = 30_000
/** A reader moves letters to where we have been: so we go round until a round finds nothing in clear. */
const MOST_ROUNDS = 10

/**
 * Seals the letters that lie in clear in the Maildirs, each in place and under its own name: a former version delivered them so, or an IMAP
 * server without mail_crypt kept them so. Gateway and Dovecot may run meanwhile. What is sealed is passed over, so it may be repeated at any
 * time; what can't be sealed or looked at is counted, and the others go on.
 */
export async function sealFormerLetters(options: FormerLettersOptions): Promise<FormerLetters> {
  let sealed = 0
  let already: number | undefined
  for (let rounds = 1; ; rounds++) {
    const round = await goRound(options)
    already ??= round.already
    sealed += round.sealed
    const isOver = options.isDry || options.signal?.aborted || round.sealed + round.moved === 0 || rounds === MOST_ROUNDS
    if (!isOver) continue
    const faults = [...round.faults.values()]
    const clear = faults.reduce((sum, { letters }) => sum + letters, round.clear)
    return { maildirs: round.maildirs, already, sealed, clear, faults }
  }
}

interface Round {
  maildirs: number
  letters: number
  already: number
  sealed: number
  clear: number
  moved: number
  faults: Map<string, FormerLetters['faults'][number]>
}

type NoteFault = (reason: string, letters: number) => void

async function goRound(options: FormerLettersOptions): Promise<Round> {
  const round: Round = { maildirs: 0, letters: 0, already: 0, sealed: 0, clear: 0, moved: 0, faults: new Map() }
  for (const domain of await namesIn(options.folder)) {
    for (const local of await namesIn(join(options.folder, domain))) {
      const box = maskPatient(`${local}@${domain}`)
      const fault: NoteFault = (reason, letters) => {
        const known = round.faults.get(`${box} ${reason}`)
        round.faults.set(`${box} ${reason}`, { box, reason, letters: letters + (known?.letters ?? 0) })
      }
      // Folders that can't be looked at may hold anything.
      await goThrough(join(options.folder, domain, local), round, fault, options).catch(error => fault(reasonOf(error), 0))
    }
  }
  return round
}

/** A box, and its folders (Maildir++: `.Sent`, …); new before cur, where a reader moves what is new. */
async function goThrough(path: string, round: Round, fault: NoteFault, options: FormerLettersOptions): Promise<void> {
  const folders = (await namesIn(path)).filter(name => name.startsWith('.'))
  for (const maildir of [path, ...folders.map(folder => join(path, folder))]) {
    const before = round.letters
    let patience = options.patience ?? PATIENCE_MS
    for (const part of ['new', 'cur']) {
      for (const name of (await namesIn(join(maildir, part))).filter(name => !name.startsWith('.'))) {
        if (options.signal?.aborted) return
        round.letters++
        options.onProgress?.(round.letters)
        const fate = await fateOf({ maildir, part, name }, { ...options, patience }).catch(reasonOf)
        if (fate === 'already' || fate === 'sealed' || fate === 'clear') round[fate]++
        else fault(fate, 1)
        if (fate === 'moved') round.moved++
        if (fate === 'locked') patience = 0 // whoever holds it need not be waited for again at each letter
      }
    }
    if (round.letters > before) round.maildirs++
  }
}
