import { accessSync, constants, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import { type Configuration, configuration } from './schema.ts'

/** A configuration that can't be used; `faults` has one sentence for each thing to mend. */
export class ConfigurationFault extends Error {
  override readonly name = 'ConfigurationFault'
  readonly faults: readonly string[]
  constructor(file: string, faults: readonly string[]) {
    super(`${file} cannot be used:\n${faults.map(fault => `  - ${fault}`).join('\n')}`)
    this.faults = faults
  }
}

/**
 * Reads a configuration (YAML or JSON), makes its paths absolute and freezes it.
 * @param options.filesAside the files that it names are not looked for: for who may read some of them only, and no key
 * @throws ConfigurationFault with all faults at once
 */
export function loadConfiguration(file: string, { filesAside = false } = {}): Configuration {
  const written = withAbsolutePaths(readYaml(file), dirname(resolve(file)))
  const { success, error, data } = configuration.safeParse(written)
  const misfits = error?.issues.map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`) ?? []
  const faults = [...misfits, ...(filesAside ? [] : missingFiles(written)), ...(success ? contradictions(data) : [])]
  if (!success || faults.length > 0) throw new ConfigurationFault(file, faults)
  return deepFreeze(data)
}

function readYaml(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new ConfigurationFault(file, [(error as Error).message.split('\n')[0] ?? 'unreadable'])
  }
}

const PATHS = new Set([
  'certificate',
  'key',
  'publicKey',
  'pin',
  'module',
  'chain',
  'pkcs12',
  'passphrase',
  'file',
  'anchors',
  'httpsAnchors',
  'crls',
  'data',
  'apiKey',
  'clientSecret',
  'ansFiles',
  'rules',
])

/** What is no path is left as it is: the schema says what is wrong with it. */
function withAbsolutePaths(value: unknown, folder: string): unknown {
  if (Array.isArray(value)) return value.map(each => withAbsolutePaths(each, folder))
  if (typeof value !== 'object' || value === null) return value
  const absolute = (path: unknown) => (typeof path === 'string' && path !== '' ? resolve(folder, path) : path)
  const entries = Object.entries(value).map(([key, inner]) => {
    if (!PATHS.has(key)) return [key, withAbsolutePaths(inner, folder)]
    return [key, Array.isArray(inner) ? inner.map(absolute) : absolute(inner)]
  })
  return Object.fromEntries(entries)
}

/** Every file that is named must be there; the data folder is made when it is not. */
function missingFiles(value: unknown): string[] {
  const places = new Map<string, string[]>()
  for (const [place, path] of filesIn(value, '')) if (!isReadable(path)) places.set(path, [...(places.get(path) ?? []), place])
  return [...places].map(([path, named]) => `${named.join(', ')}: ${path}: cannot be read`)
}

/** Where each file is named, and its path. */
function filesIn(value: unknown, place: string): [place: string, path: string][] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]): [string, string][] => {
    const here = place === '' ? key : `${place}.${key}`
    if (here === 'data') return []
    if (here === 'whiteList' && isDownloaded(inner)) return filesIn({ ...inner, file: undefined }, here)
    if (!PATHS.has(key) || Array.isArray(value)) return filesIn(inner, here)
    return [inner].flat().flatMap((path): [string, string][] => (typeof path === 'string' && path !== '' ? [[here, path]] : []))
  })
}

/** A list that we fetch ourselves may not be there yet. */
function isDownloaded(whiteList: unknown): whiteList is object {
  return typeof whiteList === 'object' && whiteList !== null && 'url' in whiteList
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}

/** Unknown revocation means no: who is revoked must be known from somewhere. */
function trustFaults({ tls, whiteList, signIn, dmp }: Configuration): string[] {
  const places = { tls, whiteList, 'signIn.certificates': signIn.certificates, 'dmp.trust': dmp?.trust }
  return Object.entries(places).flatMap(([place, trust]) => {
    if (!trust) return []
    const { anchors, crls, authorities } = trust
    if (anchors.length + authorities.length === 0) return [`${place}: names no authority, neither in anchors nor in authorities`]
    const isKnown = crls.length > 0 || authorities.some(({ crl, ocsp }) => crl !== undefined || ocsp !== undefined)
    return isKnown ? [] : [`${place}: names neither crls nor the address of a list (crl) or of a responder (ocsp)`]
  })
}

function contradictions(configuration: Configuration): string[] {
  const { domains, postmaster, listen, admin, console, retry, routes, smime } = configuration
  const ports = [...Object.values(listen), ...(admin ? [admin.listen] : []), ...(console ? [console.listen] : [])].map(({ port }) => port)
  const fixed = ports.filter(port => port !== 0)
  return [
    domains.includes(postmaster.split('@')[1] ?? '') ? '' : 'postmaster: is not in one of our domains',
    new Set(fixed).size === fixed.length ? '' : 'listen: two listeners have the same port',
    retry.warnAfter < retry.giveUpAfter ? '' : 'retry.warnAfter: must be shorter than retry.giveUpAfter',
    ...domains.map(domain => (domain in routes ? `routes.${domain}: is one of our own domains` : '')),
    ...domains.map(domain => (domain in smime.policy.domains ? `smime.policy.domains.${domain}: is one of our own domains` : '')),
    ...trustFaults(configuration),
  ].filter(Boolean)
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner)
    Object.freeze(value)
  }
  return value
}
