import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { domainToASCII } from 'node:url'
import { type Command, InvalidArgumentError } from 'commander'
import { type Configuration, loadConfiguration } from '../../config/index.ts'
import { type CertificateFacts, formatName, loadAnchors, signerIn, verifyEnveloped, verifyEnvelopedAsking } from '../../crypto/index.ts'
import { isOld, loadWhiteList, readUpdateState, updateWhiteList, type WhiteList, WhiteListFault } from '../../directory/index.ts'
import { openAnchors } from '../revocation/index.ts'
import { whiteListReason } from '../white-list.ts'
import { type ByOption, byOption, writeDown } from './administration.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { print } from './output.ts'

type Verified = { signed: string; signer: CertificateFacts }
type Verify = (xml: string) => Verified | Promise<Verified>

export function whiteListCommands(program: Command): void {
  const whiteList = program.command('whitelist').description('the signed list of operators')

  whiteList
    .command('check')
    .description("verify a list against the configuration's anchors; without a configuration, against the certificate that it brings along")
    .argument('[file]', "the configuration's list when absent")
    .option(...CONFIG_OPTION)
    .option('--at <date>', 'judge as of that day: 2025-03-01, or a time in UTC', instant)
    .option('--json', 'for programs')
    .action(async (file: string | undefined, { config, at, json }: { config?: string; at?: Date; json?: boolean }, command: Command) => {
      const configuration = config === undefined ? undefined : loadConfiguration(config)
      const path = file ?? configuration?.whiteList.file
      if (path === undefined) return command.error('error: name a file, or a configuration', { exitCode: 2 })
      await check(path, { configuration, at: at ?? new Date(), json })
    })

  whiteList
    .command('update')
    .description('fetch the list now, and put it in place if it is another and right')
    .requiredOption(...CONFIG_OPTION)
    .option(...byOption('fetches it'))
    .option('--json', 'for programs')
    .action(async ({ config, by: who, json }: { config: string; json?: boolean } & ByOption) => {
      const { data, whiteList } = loadConfiguration(config)
      const { url, file, ...trust } = whiteList
      if (url === undefined) throw new Error('whiteList.url is not configured: nobody says where the list is published')
      const anchors = openAnchors(trust, { data })
      const verify = (xml: string) => verifyEnvelopedAsking(xml, { anchors, at: new Date(), signerName: trust.signer })
      const audited = { who, action: 'white-list.update', object: 'white-list' }
      const result = await refusable(json, async () => {
        try {
          return await updateWhiteList({ url, file, anchors, verify })
        } catch (error) {
          if (error instanceof WhiteListFault)
            await withData(config, db => writeDown(db, { ...audited, result: 'refused', detail: whiteListReason(error) }))
          throw error
        }
      })
      if (!result) return
      const detail = result.kind === 'unchanged' ? {} : { generated: result.generatedAt.toISOString(), entries: String(result.entries) }
      await withData(config, db => writeDown(db, { ...audited, detail: { ...detail, outcome: result.kind } }))
      print(json, result, () =>
        result.kind === 'unchanged'
          ? 'unchanged: the list in place is the one published'
          : `updated: ${result.entries} entries, generated ${result.generatedAt.toISOString()}`,
      )
    })

  whiteList
    .command('show')
    .description('the names that the list gives for a domain')
    .argument('<domain>', 'exactly; capitals are no other name')
    .requiredOption(...CONFIG_OPTION)
    .option('--json', 'for programs')
    .action(async (domain: string, { config, json }: { config: string; json?: boolean }) => {
      const configuration = loadConfiguration(config)
      const list = await loadWhiteList(configuration.whiteList.file, { verify: configured(configuration, new Date()) })
      const names = list.dnsOf(asListed(domain)).map(name => ({ name: String(name), domains: list.domainsOf(name).length }))
      if (names.length === 0) throw new Error(`${printable(domain)} is not in the list`)
      print(json, names, () => names.map(({ name, domains }) => `${name}  (${domains} ${domains === 1 ? 'domain' : 'domains'})`).join('\n'))
    })
}

async function check(
  file: string,
  { configuration, at, json }: { configuration: Configuration | undefined; at: Date; json: boolean | undefined },
): Promise<void> {
  let signer: CertificateFacts | undefined
  const judge = configuration ? configured(configuration, at) : ownSigner(at)
  const verify: Verify = async xml => {
    const verified = await judge(xml)
    signer = verified.signer
    return verified
  }
  const list = await refusable(json, () => loadWhiteList(file, { verify, now: () => at.getTime() }))
  if (!list) return
  const state = configuration && file === configuration.whiteList.file ? await readUpdateState(file) : undefined
  const facts = {
    accepted: true,
    entries: list.entries,
    dns: list.dns,
    names: list.names,
    skipped: list.skipped.length,
    generatedAt: list.generatedAt,
    signer: signer && formatName(signer.subject),
    checked: configuration ? 'integrity and origin' : 'integrity',
    old: configuration && isOld(list, configuration.whiteList.maxAge, at.getTime()),
    lastUpdate: state && { at: new Date(state.checkedAt), fault: state.fault },
  }
  print(json, facts, () => words(list, facts).join('\n'))
}

function words(
  list: WhiteList,
  {
    signer,
    old,
    checked,
    lastUpdate,
  }: {
    signer: string | undefined
    old: boolean | undefined
    checked: string
    lastUpdate: { at: Date; fault: string | undefined } | undefined
  },
): string[] {
  return [
    `right: ${list.entries} entries, ${list.dns} DNs (${list.names} names once quotes and blanks are read), generated ${list.generatedAt.toISOString()}`,
    `signed by ${signer}`,
    ...(list.skipped.length > 0 ? [`${list.skipped.length} entries cannot be read and allow nothing`] : []),
    ...(old ? ['OLD: generated longer ago than whiteList.maxAge; it stays in use'] : []),
    ...(lastUpdate ? [`last fetched ${lastUpdate.at.toISOString()}${lastUpdate.fault ? `, refused: ${lastUpdate.fault}` : ''}`] : []),
    ...(checked === 'integrity'
      ? [
          'Only integrity was checked: the signature is right by the certificate that the file itself brings. Who signed it was NOT checked: that takes -c CONFIG.',
        ]
      : []),
  ]
}

/** A refused list is a result: its reason on standard error in one sentence, or as JSON as well; exit status 1. */
async function refusable<T>(json: boolean | undefined, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof WhiteListFault)) throw error
    const { reason, detail, message } = error
    if (json) print(json, { accepted: false, reason, detail, message }, () => '')
    throw new Error(`${detail ?? reason}: ${message}`, { cause: error })
  }
}

function configured({ whiteList, data }: Configuration, at: Date): Verify {
  const anchors = openAnchors(whiteList, { data })
  return xml => verifyEnvelopedAsking(xml, { anchors, at, signerName: whiteList.signer })
}

/** The certificate inside the list, pinned as if it were configured: nothing of the verification is left out, only its origin is unknown. */
function ownSigner(at: Date): Verify {
  return async xml => {
    const folder = await mkdtemp(join(tmpdir(), 'pli-signer-'))
    try {
      const pinned = join(folder, 'signer.pem')
      await writeFile(pinned, signerIn(xml))
      return verifyEnveloped(xml, { anchors: loadAnchors({ anchors: [pinned], crls: [] }), at })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
}

/** A domain as the list writes it. A person may type a name with accents; what it becomes is shown when it is not listed. */
function asListed(domain: string): string {
  return /^[\x20-\x7e]*$/.test(domain) ? domain.toLowerCase() : domainToASCII(domain)
}

function printable(domain: string): string {
  const ascii = asListed(domain)
  return ascii === domain ? domain : `${JSON.stringify(domain)} (${ascii || 'no domain name'})`
}

function instant(text: string): Date {
  const date = new Date(text)
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?$/.test(text) || Number.isNaN(date.getTime()))
    throw new InvalidArgumentError('a date: 2025-03-01, or 2025-03-01T12:00:00Z.')
  return date
}
