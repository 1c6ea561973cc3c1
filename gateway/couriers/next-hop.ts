import { resolveMx } from 'node:dns/promises'

export interface Host {
  host: string
  port: number
}

/** Where the mail of a domain goes, best first. @throws an error whose `permanent` says that the domain takes no mail */
export type NextHops = (domain: string) => Promise<Host[]>

export class NoNextHop extends Error {
  override readonly name = 'NoNextHop'
  readonly permanent: boolean
  constructor(message: string, permanent: boolean) {
    super(message)
    this.permanent = permanent
  }
}

/**
 * @param routes next hops that replace DNS, `domain → host:port`. They say where to connect, not whom to trust: the
 *   certificate is checked all the same.
 */
export function nextHops(routes: Readonly<Record<string, string>>): NextHops {
  return async domain => {
    const route = routes[domain]
    if (route) return [hostAndPort(route)]
    return (await mailExchangers(domain)).map(host => ({ host, port: 25 }))
  }
}

function hostAndPort(text: string): Host {
  const [host = '', port = '25'] = text.split(':')
  return { host, port: Number(port) }
}

/** RFC 5321 §5.1: MX by preference, the domain itself when there is none; RFC 7505: a null MX takes no mail. */
async function mailExchangers(domain: string): Promise<string[]> {
  const found = await resolveMx(domain).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTFOUND') throw new NoNextHop('the domain does not exist', true)
    if (error.code === 'ENODATA') return []
    throw new NoNextHop(`DNS: ${error.code ?? 'failure'}`, false)
  })
  if (found.some(({ exchange }) => exchange === '')) throw new NoNextHop('the domain takes no mail', true)
  if (found.length === 0) return [domain]
  return found.sort((a, b) => a.priority - b.priority).map(({ exchange }) => exchange.toLowerCase())
}
