import { hash, type Options, verify } from '@node-rs/argon2'

/** OWASP password storage cheat sheet, for argon2id (number 2 of the library's table): 19 MiB, two passes, one lane. */
const PARAMETERS: Options = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Each computation takes 19 MiB and a core: more at once only makes a password-guessing burst hurt everyone else. */
const AT_ONCE = 2
const waiting: (() => void)[] = []
let running = 0

/** @returns an argon2id hash in the PHC string format, with its own salt */
export function hashPassword(password: string): Promise<string> {
  return oneOfFew(() => hash(password, PARAMETERS))
}

/**
 * @param encoded what {@link hashPassword} returned
 * @returns false also for a hash that cannot be read
 */
export function verifyPassword(encoded: string, password: string): Promise<boolean> {
  return oneOfFew(() => verify(encoded, password).catch(() => false))
}

async function oneOfFew<T>(work: () => Promise<T>): Promise<T> {
  if (running >= AT_ONCE) await new Promise<void>(resolve => waiting.push(resolve))
  else running++
  try {
    return await work()
  } finally {
    const next = waiting.shift()
    if (next) next()
    else running--
  }
}
