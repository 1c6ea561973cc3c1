import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Command } from 'commander'
import { writeFresh } from '../../config/index.ts'
import { loadIdentity } from '../../crypto/index.ts'
import { authorAsFiler, authorAsSender, buildSubmission, DEFAULT_LIMITS, decide, recogniseFile } from '../../dmp-bridge/index.ts'
import { identityFiles } from '../certificates/identity-files.ts'
import { type DmpConfiguration, signersOf } from '../filing/index.ts'
import { CONFIG_FOR_FILES, configuredDmp, type FileOptions, rulesOf, SENDER_FOR_FILES } from './dmp-judging.ts'
import { withLocalDmp } from './local-dmp.ts'
import { print } from './output.ts'

interface SubmissionOptions extends FileOptions {
  out: string
  replaces?: string
}

export function submissionCommand(dmp: Command): void {
  dmp
    .command('submission')
    .description('write the exact ITI-41 request that would be sent (MTOM), signed with the configured keys or with test keys')
    .argument('<file>', '.eml, .zip, .xml, .hl7 or .er7')
    .requiredOption('--out <file>', 'a new file for the body of the request; its Content-Type goes to standard output')
    .option(...CONFIG_FOR_FILES)
    .option(...SENDER_FOR_FILES)
    .option('--replaces <entryUUID>', 'of the document that it replaces, as the DMP tells it (TD3.1b)')
    .option('--json', 'for programs')
    .action(async (file: string, options: SubmissionOptions) => {
      if (!options.config) return withLocalDmp(dmp => writeSubmission(file, dmp, options))
      return writeSubmission(file, configuredDmp(options.config), options)
    })
}

async function writeSubmission(file: string, dmp: DmpConfiguration, options: SubmissionOptions): Promise<void> {
  const rules = await rulesOf(options)
  const { ansFiles } = rules.policy
  const asked = ansFiles === undefined ? {} : { ansFiles }
  const recognition = await recogniseFile(basename(file), await readFile(file), DEFAULT_LIMITS, asked)
  const [document] = recognition.documents
  if (!document)
    throw new Error(`no document in ${file}: ${recognition.ignored.map(({ reason }) => reason).join(', ') || 'nothing was recognised'}`)
  const sender = rules.sender ?? authorAsSender(document)
  const policy = rules.sender ? rules.policy : authorAsFiler(document, rules.policy) // as `inspect` judges it
  const now = new Date()
  const verdict = decide(document, recognition, sender, policy, { now })
  if (verdict.action !== 'file') throw new Error(`it would not be sent: ${verdict.action}, ${verdict.reasons.join(', ')}`)
  if (document.cda?.replaces !== undefined && options.replaces === undefined) {
    throw new Error(`it replaces ${document.cda.replaces}: give the entry that the DMP has for it with --replaces`)
  }
  const signature = loadIdentity(identityFiles(dmp.signature))
  const request = buildSubmission(document, {
    ...(options.replaces === undefined ? {} : { replaces: options.replaces }),
    sender,
    policy,
    software: dmp.software,
    vihf: dmp.vihf,
    endpoint: `${dmp.url}/repository`,
    signers: signersOf(() => signature),
    now,
    newId: randomUUID,
  })
  writeFresh(options.out, request.body)
  const { contentType, uniqueIds, submissionSetUniqueId } = request
  print(options.json, { contentType, uniqueIds, submissionSetUniqueId, out: options.out }, () => `Content-Type: ${contentType}`)
}
