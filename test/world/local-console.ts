import { URI } from 'otpauth'
import { loadConfiguration } from '../../config/index.ts'
import { openAudit } from '../../crypto/index.ts'
import { openData, vaultOf } from '../../gateway/data.ts'
import { dataKey } from '../../gateway/data-key.ts'
import { operatorsOf } from '../../gateway/http/pages/operators.ts'
import type { FictionalBox } from './people.ts'
import { freePort } from './ports.ts'
import type { PscSimulator } from './psc-simulator/index.ts'
import type { startPscFor } from './psc-simulator/setup.ts'

/** The part `console` of a configuration: on the loopback, with the simulated Pro Santé Connect, which learns where it sends browsers back to. */
export async function localConsole(
  { psc, web }: Pick<Awaited<ReturnType<typeof startPscFor>>, 'psc' | 'web'>,
  port?: number,
): Promise<{ listen: { host: string; port: number }; url: string; psc: typeof web }> {
  const own = port ?? (await freePort())
  const url = `https://127.0.0.1:${own}`
  psc.register({ redirectUri: `${url}/connexion/psc/retour`, cards: [] })
  return { listen: { host: '127.0.0.1', port: own }, url, psc: web }
}

/** Puts the cards of these people on the page of the simulator. */
export function offerCards(psc: PscSimulator, url: string, people: readonly FictionalBox[]): void {
  const cards = people.flatMap(({ name, person }) => (person ? [{ subject: `8${person.rpps}`, name }] : []))
  psc.register({ redirectUri: `${url}/connexion/psc/retour`, cards: cards.slice(0, 30) })
}

/** What the `ready` line says of the console: everything that signing in needs. */
export interface LocalConsole {
  url: string
  operator: string
  password: string
  /** base32: for an authenticator, or for `oathtool --totp -b` */
  totpSecret: string
  recovery: string
}

/** Makes the one account of a local console. @param file the operator's configuration */
export async function localOperator(file: string): Promise<LocalConsole> {
  const configuration = loadConfiguration(file)
  const { data, name } = configuration
  const db = await openData(data)
  try {
    const key = dataKey(data, 'console', vaultOf(configuration))
    const operators = operatorsOf({ db, key, name, audit: openAudit(db, { now: Date.now }), now: Date.now })
    const { password, otpauth, recovery } = await operators.add('maud', { mayRead: true, by: 'local' })
    return { url: configuration.console?.url ?? '', operator: 'maud', password, totpSecret: URI.parse(otpauth).secret.base32, recovery }
  } finally {
    await db.close()
  }
}
