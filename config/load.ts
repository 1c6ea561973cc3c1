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
 * @throws ConfigurationFault with all faults at once
 */
export function loadConfiguration(file: string): Configuration {
  const parsed = configuration.safeParse(readYaml(file))
  if (!parsed.success) {
    throw new ConfigurationFault(
      file,
      parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`),
    )
  }
  const value = withAbsolutePaths(parsed.data, dirname(resolve(file)))
  const faults = [...missingFiles(value), ...contradictions(value)]
  if (faults.length > 0) throw new ConfigurationFault(file, faults)
  return deepFreeze(value)
}

function readYaml(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new ConfigurationFault(file, [(error as Error).message.split('\n')[0] ?? 'unreadable'])
  }
}

const PATHS = new Set(['certificate', 'key', 'chain', 'pkcs12', 'passphrase', 'file', 'anchors', 'crls', 'data'])

function withAbsolutePaths<T>(value: T, folder: string): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const entries = Object.entries(value).map(([key, inner]) => {
    if (!PATHS.has(key)) return [key, withAbsolutePaths(inner, folder)]
    return [key, Array.isArray(inner) ? inner.map(path => resolve(folder, path)) : resolve(folder, inner as string)]
  })
  return Object.fromEntries(entries) as T
}

/** The white list and the directory snapshot may still be missing at `pli check`: they are made by commands of their own. */
function missingFiles(value: Configuration): string[] {
  const identities = [value.tls, value.dmp?.client, value.dmp?.signature].filter(identity => identity !== undefined)
  const lists = [value.tls, value.whiteList, ...(value.dmp ? [value.dmp.trust] : [])]
  const needed = [
    ...identities.flatMap(identity =>
      'pkcs12' in identity ? [identity.pkcs12, identity.passphrase] : [identity.certificate, identity.key, identity.chain],
    ),
    ...lists.flatMap(({ anchors, crls }) => [...anchors, ...crls]),
    value.whiteList.file,
    value.directory.file,
  ]
  return [...new Set(needed)].filter(path => path !== undefined && !isReadable(path)).map(path => `${path}: cannot be read`)
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}

function contradictions({ domains, postmaster, listen, retry, routes }: Configuration): string[] {
  const ports = Object.values(listen).map(({ port }) => port)
  const fixed = ports.filter(port => port !== 0)
  return [
    domains.includes(postmaster.split('@')[1] ?? '') ? '' : 'postmaster: is not in one of our domains',
    new Set(fixed).size === fixed.length ? '' : 'listen: two listeners have the same port',
    retry.warnAfter < retry.giveUpAfter ? '' : 'retry.warnAfter: must be shorter than retry.giveUpAfter',
    ...domains.map(domain => (domain in routes ? `routes.${domain}: is one of our own domains` : '')),
  ].filter(Boolean)
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner)
    Object.freeze(value)
  }
  return value
}
