import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Command } from 'commander'
import { silent } from '../../config/index.ts'
import { loadIdentity, loadOpener, openAudit, verifyEnvelopedAsking } from '../../crypto/index.ts'
import { loadWhiteList, openRecipientCertificates } from '../../directory/index.ts'
import { openNationalDirectory } from '../annuaire.ts'
import { identityFiles } from '../certificates/identity-files.ts'
import { openQuota } from '../couriers/quota.ts'
import { layout, openBoxes, vaultOf } from '../data.ts'
import { dataKey } from '../data-key.ts'
import { type ExplainRequest, type Explanation, explain, type Line } from '../explain/index.ts'
import { judgeWith, look } from '../opening/index.ts'
import { openHidden, openPatients } from '../patients/index.ts'
import { mostBytes, policyFor } from '../policy.ts'
import { openPlanner } from '../protection/index.ts'
import { openAnchors, openServices } from '../revocation/index.ts'
import { openTrust } from '../trust.ts'
import { trustedSpace } from '../white-list.ts'
import { CONFIG_OPTION, withDataToRead } from './data.ts'
import { print, table } from './output.ts'

interface ExplainOptions {
  config: string
  by?: string
  peer?: string
  json?: boolean
}

export function explainCommand(program: Command): void {
  program
    .command('explain')
    .description(
      "every rule's outcome for a sender, a recipient and a message, without sending anything; exit status 0 if it would be accepted",
    )
    .argument('<sender>', "MAIL FROM: a box of ours, or an address of another operator; '<>' for a report")
    .argument('<recipient>', 'RCPT TO')
    .argument('[file]', '.eml: the header and the content too; .eml, .xml or .zip: what the bridge would do with its documents')
    .requiredOption(...CONFIG_OPTION)
    .option('--by <box>', 'the box that signs in, when the sender is an ORG or CAB box that has delegated to it')
    .option(
      '--peer <name>',
      "the other operator: its certificate's name (DN), or a domain of its; by default the one listed for the sender's domain",
    )
    .option('--json', 'for programs')
    .action(async (sender: string, recipient: string, file: string | undefined, options: ExplainOptions) => {
      const { config, by, peer, json } = options
      const explanation = await explainedBy(config, { sender: sender === '<>' ? '' : sender, recipient, file, by, peer })
      print(json, explanation, () => explanationText(explanation))
      process.exitCode = explanation.accepted ? 0 : 1
    })
}

/** The gateway's rules over what the gateway reads: rows, directory, white list, keys. */
export async function explainedBy(
  config: string,
  { file, ...asked }: Omit<ExplainRequest, 'file'> & { file?: string | undefined },
): Promise<Explanation> {
  return withDataToRead(config, async (db, configuration) => {
    const now = Date.now
    const { data } = configuration
    const anchors = openAnchors(configuration.whiteList, { data })
    const verify = (xml: string) => verifyEnvelopedAsking(xml, { anchors, at: new Date(now()), signerName: configuration.whiteList.signer })
    const whiteList = await loadWhiteList(configuration.whiteList.file, { verify })
    const space = trustedSpace(whiteList)
    const held = loadIdentity(identityFiles(configuration.tls))
    const identity = () => held
    const peers = openAnchors(configuration.tls, { data })
    const trust = openTrust({ anchors: peers, identity, space, contact: configuration.postmaster })
    const boxes = openBoxes(db, now)
    const folder = layout(configuration.data).mailboxes
    const quota = openQuota({ folder, quotaOf: async address => (await boxes.find(address))?.quotaBytes, now })
    const { domain } = configuration.patients
    const patients = openPatients(db, {
      domain,
      hidden: openHidden(dataKey(configuration.data, 'patients', vaultOf(configuration)), domain),
      now,
    })
    const national = openNationalDirectory(configuration, { authorities: openServices(configuration, silent).fhir, now, log: silent })
    try {
      const policy = policyFor(configuration, { boxes, annuaire: national.annuaire, trust, whiteList, patients, quota, now })
      const read = file === undefined ? undefined : { name: basename(file), bytes: await readFile(file) }
      const certificates = openRecipientCertificates(db, { now, audit: openAudit(db, { now }) })
      const planner = openPlanner({ policies: configuration.smime.policy, certificates, anchors: peers, now })
      const seen = (mail: Buffer) => {
        const identities = configuration.smime.encryption.map(files => loadOpener(identityFiles(files)))
        return look(mail, { identities, judge: judgeWith(peers, now), most: mostBytes(configuration.limits, 'reception') })
      }
      const { directory } = national
      return await explain({ configuration, policy, boxes, space, now, look: seen, directory, planner }, { ...asked, file: read })
    } finally {
      await national.close()
    }
  })
}

/** @returns a table of the rules, then the answer */
export function explanationText({ rules, answer, sender, recipient, direction, directory, whiteList }: Explanation): string {
  const { code, status, text } = answer
  return [
    `${direction}: ${sender || '<>'} to ${recipient}`,
    `directory ${directory}, white list ${whiteList}`,
    table([['step', 'rule', 'outcome', 'why'], ...rules.map(row)]),
    `answer: ${code} ${status} ${text}`,
  ].join('\n')
}

function row({ step, rule, outcome, reason, detail, because }: Line): string[] {
  const why = [reason, detail, because].filter(word => word !== undefined).join(': ')
  return [step, rule, outcome, why]
}
