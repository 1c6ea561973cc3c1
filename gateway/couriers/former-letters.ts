import { lstat } from 'node:fs/promises'
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
  /**
   * What could not be done, by box (a patient's masked; or a domain, or `mailboxes` for all) and reason: `locked`, `moved` (again and again),
   * `no-file`, `link`, `name` (no UTF-8), or the system's code. Without letters: what can't be looked at, which may hold any.
   */
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
  const faultOf =
    (box: string): NoteFault =>
    (reason, letters) => {
      const known = round.faults.get(`${box} ${reason}`)
      round.faults.set(`${box} ${reason}`, { box, reason, letters: letters + (known?.letters ?? 0) })
    }
  for (const domain of await lookInto(options.folder, faultOf('mailboxes'))) {
    for (const local of await lookInto(join(options.folder, domain), faultOf(maskPatient(domain)))) {
      await goThrough(join(options.folder, domain, local), round, faultOf(maskPatient(`${local}@${domain}`)), options)
    }
  }
  return round
}

/** What is in a folder. What can't be looked at may hold anything: it is noted, and the others go on. */
async function lookInto(path: string, fault: NoteFault): Promise<string[]> {
  try {
    const names = await namesIn(path)
    const isText = (name: string) => !name.includes('\uFFFD') // put there for octets that are no UTF-8: nothing is found under that name
    if (!names.every(isText)) fault('name', 0)
    return names.filter(isText)
  } catch (error) {
    fault(reasonOf(error as NodeJS.ErrnoException), 0)
    return []
  }
}

/** Who may write in a Maildir must not lead us, who may be root, to the files of others. */
async function hasLink(paths: string[]): Promise<boolean> {
  const isLink = (path: string) =>
    lstat(path).then(
      facts => facts.isSymbolicLink(),
      () => false, // what is not there, or can't be looked at, is noticed by who looks into it
    )
  return (await Promise.all(paths.map(isLink))).includes(true)
}

/** A box, and its folders (Maildir++: `.Sent`, …); new before cur, where a reader moves what is new. */
async function goThrough(path: string, round: Round, fault: NoteFault, options: FormerLettersOptions): Promise<void> {
  const folders = (await lookInto(path, fault)).filter(name => name.startsWith('.'))
  for (const maildir of [path, ...folders.map(folder => join(path, folder))]) {
    const before = round.letters
    let patience = options.patience ?? PATIENCE_MS
    const parts = ['new', 'cur', 'tmp'].map(part => join(maildir, part))
    if (await hasLink(maildir === path ? parts : [maildir, ...parts])) {
      fault('link', 0)
      continue
    }
    for (const part of ['new', 'cur']) {
      for (const name of (await lookInto(join(maildir, part), fault)).filter(name => !name.startsWith('.'))) {
        if (options.signal?.aborted) return
        if (round.letters === before) round.maildirs++
        round.letters++
        options.onProgress?.(round.letters)
        const fate = await fateOf({ maildir, part, name }, { ...options, patience }).catch(reasonOf)
        if (fate === 'already' || fate === 'sealed' || fate === 'clear') round[fate]++
        else fault(fate, 1)
        if (fate === 'moved') round.moved++
        if (fate === 'locked') patience = 0 // whoever holds it need not be waited for again at each letter
      }
    }
  }
}
