import type { Command } from 'commander'
import { loadConfiguration } from '../../config/index.ts'
import { loadAnchors, verifyEnveloped } from '../../crypto/index.ts'
import { loadWhiteList } from '../../directory/index.ts'
import { CONFIG_OPTION } from './data.ts'
import { print } from './output.ts'

export function whiteListCommands(program: Command): void {
  const whiteList = program.command('whitelist').description('the signed list of operators')
  const load = (config: string, file?: string) => {
    const { whiteList } = loadConfiguration(config)
    const anchors = loadAnchors(whiteList)
    const verify = (xml: string) => verifyEnveloped(xml, { anchors, at: new Date(), signerName: whiteList.signer })
    return loadWhiteList(file ?? whiteList.file, { verify })
  }

  whiteList
    .command('check')
    .description("verify a list against the configuration's anchors")
    .argument('[file]', "the configuration's list when absent")
    .requiredOption(...CONFIG_OPTION)
    .option('--json', 'for programs')
    .action(async (file: string | undefined, { config, json }: { config: string; json?: boolean }) => {
      const { entries, dns, generatedAt } = await load(config, file)
      print(json, { entries, dns, generatedAt }, () => `right: ${entries} entries, ${dns} names, generated ${generatedAt.toISOString()}`)
    })

  whiteList
    .command('show')
    .description('the names that the list gives for a domain')
    .argument('<domain>')
    .requiredOption(...CONFIG_OPTION)
    .option('--json', 'for programs')
    .action(async (domain: string, { config, json }: { config: string; json?: boolean }) => {
      const names = (await load(config)).dnsOf(domain).map(String)
      if (names.length === 0) throw new Error(`${domain} is not in the list`)
      print(json, names, () => names.join('\n'))
    })
}
