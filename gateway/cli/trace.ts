import type { Command } from 'commander'
import { type Configuration, type Database, freshFile } from '../../config/index.ts'
import { loadIdentity } from '../../crypto/index.ts'
import { identityFiles } from '../certificates/identity-files.ts'
import { proofOf, reportsOf, signProof } from '../proof.ts'
import { stampOf } from '../time-stamp.ts'
import { type Timeline, type TimelineLine, timelineOf } from '../timeline.ts'
import { type ByOption, byOption, giveAway } from './administration.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { clock, print } from './output.ts'

interface Options extends ByOption {
  config: string
  json?: boolean
  proof?: string
}

export function traceCommand(program: Command): void {
  program
    .command('trace')
    .description("one message's whole ledger")
    .argument('<message-id>', 'our id, or the Message-ID field')
    .requiredOption(...CONFIG_OPTION)
    .option(
      '--proof <file>',
      'write what is known of it as a signed document to a new file, for somebody who does not know us (CMS); with timeStamp configured its stamp beside it, FILE.tsr',
    )
    .option(...byOption('asks for the proof'))
    .option('--json', 'for programs')
    .action(async (id: string, { config, json, proof, by: who }: Options) => {
      const timeline = await withData(config, async (db, configuration) => {
        const found = await timelineOf(db, id)
        if (!found || !proof) return found
        await writeProof(proof, found, { db, configuration, who })
        return found
      })
      if (!timeline) throw new Error('no message of that id')
      print(json, timeline, () => timelineText(timeline))
    })
}

/** Nothing is written before everything is there: where an authority is configured, a proof has its stamp. */
async function writeProof(
  file: string,
  timeline: Timeline,
  { db, configuration, who }: { db: Database; configuration: Configuration; who: string | undefined },
): Promise<void> {
  const at = new Date()
  const { signature, timeStamp } = configuration
  const proof = proofOf(timeline, configuration, at, await reportsOf(db, timeline))
  const stamp = timeStamp && ((digest: Buffer) => stampOf(digest, timeStamp, Date.now))
  const { document, digest, response } = await signProof(proof, loadIdentity(identityFiles(signature)), at, stamp)
  const stamped = `${file}.tsr`
  using made = freshFile(file)
  using beside = response && freshFile(stamped)
  await giveAway(db, { who, action: 'proof.write', object: timeline.message.id }, () => {
    made.write(document)
    if (response) beside?.write(response)
    for (const each of [made, beside]) each?.sync()
  })
  for (const each of [made, beside]) each?.keep()
  console.error(`${file} is signed; to read it: openssl cms -verify -inform DER -in ${file} -CAfile AUTHORITIES.pem -purpose any`)
  if (response)
    console.error(
      `its signature is stamped: openssl ts -verify -digest ${digest.toString('hex')} -in ${stamped} -CAfile TSA-AUTHORITIES.pem`,
    )
}

/** @returns the timeline for a person: the ledger, then where each recipient stands */
export function timelineText(timeline: Timeline): string {
  const states = timeline.recipients.map(
    ({ address, relay, receipt, filing }) => `  ${address}: relay ${relay}, receipt ${receipt}, filing ${filing}`,
  )
  return [`message ${timeline.message.id}`, ...timeline.lines.map(lineText), ...states].join('\n')
}

export function lineText({ at, what, to, detail }: TimelineLine): string {
  const words = Object.entries(detail).filter(([, value]) => value !== '')
  const said = words.map(([name, value]) => `${name}=${/[\s",]/.test(value) ? JSON.stringify(value) : value}`)
  return [clock(at), what.padEnd(13), ...(to ? [to] : []), ...said].join(' ')
}
