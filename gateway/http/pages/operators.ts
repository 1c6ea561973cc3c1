import { createHash, randomBytes, randomInt } from 'node:crypto'
import { Secret, TOTP } from 'otpauth'
import { type Database, required, STALE } from '../../../config/index.ts'
import { type Audit, hashPassword, openBlob, sealBlob, verifyPassword } from '../../../crypto/index.ts'
import { consoleTables as build, type ConsoleTables } from './tables.ts'

export interface Operator {
  name: string
  /** whether he may see title and patient of a document; each look is audited */
  mayRead: boolean
  createdAt: number
  createdBy: string
  hasRecovery: boolean
}

/** Of passwords: slow on purpose. */
export interface Hashing {
  hash: (password: string) => Promise<string>
  verify: (encoded: string, password: string) => Promise<boolean>
}

/** What a new operator is given, once. */
export interface NewOperator {
  password: string
  /** for his authenticator (Key URI format) */
  otpauth: string
  /** in the place of one code, once, when the telephone is lost */
  recovery: string
}

export interface Operators {
  /** @throws when the name is taken or unfit */
  add(name: string, options: { mayRead: boolean; by: string }): Promise<NewOperator>
  list(): Promise<Operator[]>
  find(name: string): Promise<Operator | undefined>
  /** Ends his sessions too. @throws when there is none of this name */
  remove(name: string, by: string): Promise<void>
  /** @returns him when password and code are his; a code or the recovery sentence is good once */
  check(asked: { name: string; password: string; code: string }): Promise<Operator | undefined>
}

const NAME = /^[a-z][a-z0-9._-]{1,31}$/
/** RFC 6238 §5.2: one step of 30 s before and after, for clocks that differ. */
const WINDOW = 1

/**
 * @param options.now milliseconds
 * @param options.key 32 octets kept beside the database @param options.title shown in the authenticator
 */
export function openOperators(
  db: Database,
  options: Hashing & {
    now: () => number
    key: Buffer
    audit: Audit
    title: string
  },
): Operators {
  const { now, hash, verify, key, audit, title } = options
  /** Whoever asks for an unknown name waits as long as for a known one. */
  let nobody: Promise<string> | undefined

  const rowOf = async (name: string) => (await db.run(build.selectFrom('console_operator').selectAll().where('name', '=', name)))[0]
  const placeOf = (name: string) => ({ purpose: 'console totp', context: name })
  const sealed = (name: string, secret: string) => sealBlob(key, placeOf(name), Buffer.from(secret)).toString('base64url')
  const totpOf = (name: string, secret: string) => new TOTP({ issuer: title, label: name, secret: Secret.fromBase32(secret) })

  async function takesCode(row: ConsoleTables['console_operator'], code: string): Promise<boolean> {
    const secret = openBlob(key, placeOf(row.name), Buffer.from(row.totp, 'base64url'))?.toString()
    if (secret === undefined) throw new Error('the secret of an operator was sealed under another key')
    const totp = totpOf(row.name, secret)
    const delta = totp.validate({ token: code, timestamp: now(), window: WINDOW })
    if (delta === null) return false
    const step = totp.counter({ timestamp: now() }) + delta
    const taken = build.updateTable('console_operator').set({ last_step: step }).where('name', '=', row.name)
    return (await db.run(taken.where('last_step', '<', step).returning('name'))).length === 1
  }

  async function takesRecovery({ name }: ConsoleTables['console_operator'], sentence: string): Promise<boolean> {
    const used = build.updateTable('console_operator').set({ recovery: null }).where('name', '=', name)
    return (await db.run(used.where('recovery', '=', recoveryHash(sentence)).returning('name'))).length === 1
  }

  return {
    async add(name, { mayRead, by }) {
      if (!NAME.test(name)) throw new Error(`${name} is no name of an operator: 2 to 32 of a-z 0-9 . _ -, a letter first`)
      const [password, secret, recovery] = [randomBytes(18).toString('base64url'), new Secret({ size: 20 }), newSentence()]
      const row = {
        ...{ name, password: await hash(password), totp: sealed(name, secret.base32), recovery: recoveryHash(recovery) },
        ...{ may_read: mayRead ? 1 : 0, last_step: 0, created_at: now(), created_by: by },
      }
      const made = build
        .insertInto('console_operator')
        .values(row)
        .onConflict(conflict => conflict.doNothing())
      const line = audit.line({ by, action: 'console.operator.add', object: name, detail: { mayRead: String(mayRead) } })
      await db.atomically([required(made.returning('name')), line]).catch(stale(`there is an operator ${name} already`))
      return { password, otpauth: totpOf(name, secret.base32).toString(), recovery }
    },

    list: async () => (await db.run(build.selectFrom('console_operator').selectAll().orderBy('name'))).map(operatorOf),

    async find(name) {
      const row = await rowOf(name)
      return row && operatorOf(row)
    },

    async remove(name, by) {
      await db
        .atomically([
          required(build.deleteFrom('console_operator').where('name', '=', name).returning('name')),
          build.deleteFrom('console_session').where('kind', '=', 'operator').where('name', '=', name),
          audit.line({ by, action: 'console.operator.remove', object: name }),
        ])
        .catch(stale(`there is no operator ${name}`))
    },

    async check({ name, password, code }) {
      const row = await rowOf(name)
      nobody ??= hash(randomBytes(18).toString('base64url'))
      const isRight = await verify(row?.password ?? (await nobody), password)
      if (!row || !isRight) return undefined
      const isHis = /^\d{6}$/.test(code) ? await takesCode(row, code) : await takesRecovery(row, code)
      return isHis ? operatorOf(row) : undefined
    },
  }
}

/** Operators under the slow hash of passwords. @param options.name of the whole operator, shown in the authenticator */
export function operatorsOf(options: {
  db: Database
  key: Buffer
  name: string
  audit: Audit
  now: () => number
  hashing?: Hashing | undefined
}): Operators {
  const { db, key, name, audit, now, hashing = { hash: hashPassword, verify: verifyPassword } } = options
  return openOperators(db, { now, ...hashing, key, audit, title: `Pli ${name}` })
}

function stale(sentence: string): (error: unknown) => never {
  return error => {
    throw (error as Error).message === STALE ? new Error(sentence) : error
  }
}

function operatorOf(row: ConsoleTables['console_operator']): Operator {
  const { name, created_at, created_by, may_read, recovery } = row
  return { name, mayRead: may_read === 1, createdAt: created_at, createdBy: created_by, hasRecovery: recovery !== null }
}

const CONSONANTS = 'bdfgjklmnprstvz'
const VOWELS = 'aeiou'
const WORDS = 10

/** Ten words of two syllables, which can be told over a telephone: 5,625 words, so 124 bits. */
function newSentence(): string {
  const letter = (letters: string) => letters[randomInt(letters.length)] ?? ''
  const syllable = () => letter(CONSONANTS) + letter(VOWELS)
  return Array.from({ length: WORDS }, () => syllable() + syllable()).join(' ')
}

/** Spaces and capitals do not count. So many bits need no slow hash. */
function recoveryHash(sentence: string): string {
  return createHash('sha256').update(sentence.toLowerCase().split(/\s+/).filter(Boolean).join(' ')).digest('hex')
}
