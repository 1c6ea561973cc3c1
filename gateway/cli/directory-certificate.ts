import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type Command, InvalidArgumentError } from 'commander'
import type { Configuration, Database } from '../../config/index.ts'
import { type Anchors, emailsOf, formatName, judgeRecipient, openAudit, readCertificate } from '../../crypto/index.ts'
import { openRecipientCertificates, type RecipientCertificates, type StoredCertificate } from '../../directory/index.ts'
import { AddressFault, domainOf, parseAddress } from '../address.ts'
import { CONFIDENTIALITY_AUTHORITY } from '../opening/index.ts'
import { openAnchors } from '../revocation/index.ts'
import { type ByOption, by, byOption } from './administration.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { print, table } from './output.ts'

interface Options extends ByOption {
  config: string
  json?: boolean
}

/** What judging says that only time decides: kept, and judged again when there is mail. */
const MAY_COME = ['not-yet-valid', 'revocation-unknown']

/** Certificates that mail to other operators is encrypted to. */
export function recipientCertificateCommands(directory: Command): void {
  const certificate = directory.command('certificate').description('certificates that mail to boxes and domains elsewhere is encrypted to')

  certificate
    .command('add')
    .description('enter the certificate of a box, or of a whole domain; it comes before those that are learnt from signed mail')
    .argument('<address-or-domain>', 'whom mail is for', subject)
    .argument('<file>', 'a certificate of the IGC-Santé, PEM or DER')
    .requiredOption(...CONFIG_OPTION)
    .option(...byOption('makes the change'))
    .option('--json', 'for programs')
    .action((of: string, file: string, options: Options) => withCertificates(options.config, parts => add(parts, of, file, options)))

  certificate
    .command('list')
    .description('all that are known, those tried first before the others, and whether mail may be encrypted to them now')
    .argument('[address-or-domain]', 'of this one only', subject)
    .requiredOption(...CONFIG_OPTION)
    .option('--json', 'for programs')
    .action((of: string | undefined, { config, json }: Options) =>
      withCertificates(config, async ({ certificates, anchors }) => {
        const shown = await Promise.all((await certificates.list(of)).map(each => described(each, anchors)))
        const rows = shown.map(each => [each.subject, each.state, each.source, day(each.notAfter), each.fingerprint, each.name])
        print(json, shown, () =>
          rows.length === 0 ? 'no certificate is known' : table([['for', 'state', 'source', 'until', 'SHA-256', 'name'], ...rows]),
        )
      }),
    )

  certificate
    .command('remove')
    .description('forget certificates; one that was learnt is learnt again when its holder signs with it')
    .argument('<address-or-domain>', 'whose', subject)
    .argument('[fingerprint]', 'SHA-256 of one, or how it begins; all of them otherwise')
    .requiredOption(...CONFIG_OPTION)
    .option(...byOption('makes the change'))
    .option('--json', 'for programs')
    .action((of: string, fingerprint: string | undefined, options: Options) =>
      withCertificates(options.config, async ({ certificates }) => {
        const removed = await certificates.remove(of, fingerprint?.toLowerCase(), by(options))
        if (removed.length === 0) throw new Error(`no such certificate of ${of} is known`)
        print(options.json, removed, () => removed.map(each => `removed ${each.fingerprint} of ${of}`).join('\n'))
      }),
    )
}

interface Parts {
  certificates: RecipientCertificates
  anchors: Anchors
  configuration: Configuration
}

function withCertificates(config: string, work: (parts: Parts) => Promise<void>): Promise<void> {
  return withData(config, (db: Database, configuration) => {
    const now = Date.now
    const certificates = openRecipientCertificates(db, { now, audit: openAudit(db, { now }) })
    return work({ certificates, anchors: openAnchors(configuration.tls, { data: configuration.data }), configuration })
  })
}

async function add({ certificates, anchors, configuration }: Parts, of: string, file: string, options: Options): Promise<void> {
  const domain = domainOf(of)
  if (configuration.domains.includes(domain)) throw new Error(`${domain} is ours: its mail does not leave`)
  if (domain === configuration.patients.domain && of !== domain)
    throw new Error('the address of a patient names him: only his domain may have one')
  const pem = await certificateIn(file)
  const verdict = await judgeRecipient(pem, anchors, new Date())
  if (verdict.kind === 'refused' && !MAY_COME.includes(verdict.why)) throw new Error(`${file}: ${verdict.why}: ${verdict.detail}`)
  await certificates.add({ subject: of, pem, source: 'operator', by: by(options) })
  const { fingerprint256 } = readCertificate(pem)
  const [added] = (await certificates.list(of)).filter(({ fingerprint }) => fingerprint === fingerprint256)
  if (!added) throw new Error(`the certificate of ${of} was removed meanwhile`)
  const shown = await described(added, anchors)
  print(options.json, shown, () => {
    const foreign = shown.named ? '' : `\nnote: it names neither ${of} nor its authority; make sure that it is the right one`
    return `mail to ${of} is encrypted to ${shown.name}\nSHA-256 ${shown.fingerprint}, until ${day(shown.notAfter)}, ${shown.state}${foreign}`
  })
}

async function certificateIn(file: string): Promise<string> {
  const octets = await readFile(file)
  try {
    return new X509Certificate(octets).toString()
  } catch (cause) {
    throw new Error(`${file}: no certificate, PEM or DER, is in it`, { cause })
  }
}

async function described(stored: StoredCertificate, anchors: Anchors) {
  const verdict = await judgeRecipient(stored.pem, anchors, new Date())
  const certificate = new X509Certificate(stored.pem)
  const names = emailsOf(certificate)
  const authority = `${CONFIDENTIALITY_AUTHORITY}@${stored.subject}`
  return {
    ...stored,
    name: formatName(readCertificate(stored.pem).subject),
    /** Whether it says itself whose it is. */
    named: names.includes(stored.subject) || names.includes(authority),
    state: verdict.kind === 'trusted' ? 'usable' : verdict.why,
  }
}

function subject(text: string): string {
  try {
    if (text.includes('@')) return parseAddress(text)
  } catch (error) {
    if (error instanceof AddressFault) throw new InvalidArgumentError(`${error.message}.`)
    throw error
  }
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(text)) throw new InvalidArgumentError('a mail address, or a domain.')
  return text.toLowerCase()
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}
