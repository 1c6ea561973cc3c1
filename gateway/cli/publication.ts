import type { Command } from 'commander'
import { listPublications, type Publication, retryPublication } from '../../directory/index.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { clock, print, table } from './output.ts'

/** What the national directory knows of our boxes, and what hinders it. */
export function publicationCommand(directory: Command): void {
  directory
    .command('publication')
    .description('our boxes in the Annuaire Santé: published, waiting, refused and why')
    .requiredOption(...CONFIG_OPTION)
    .option('--retry <address>', 'try this box again now')
    .option('--json', 'for programs')
    .action(({ config, retry, json }: { config: string; retry?: string; json?: boolean }) =>
      withData(config, async (db, { directory: { fhir } }) => {
        if (retry !== undefined) await retryPublication(db, retry.toLowerCase(), Date.now)
        const publications = await listPublications(db)
        const isOn = fhir?.publish ?? false
        print(json, { isOn, publications }, () =>
          [...(isOn ? [] : ['publication is off: see directory.fhir.publish']), textOf(publications)].join('\n'),
        )
      }),
    )
}

function textOf(publications: readonly Publication[]): string {
  if (publications.length === 0) return 'no box was ever to be published'
  const rows = publications.map(({ address, state, operation, carrier, attempts, dueAt, fault, text }) => [
    address,
    state,
    operation ?? '-',
    carrier ?? '-',
    String(attempts),
    dueAt === undefined ? '-' : clock(dueAt),
    [fault, text].filter(Boolean).join(': ') || '-',
  ])
  return table([['address', 'state', 'operation', 'carried by', 'attempts', 'next', 'fault'], ...rows])
}
