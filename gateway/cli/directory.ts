import type { Command } from 'commander'
import { boxCommands } from './box.ts'
import { recipientCertificateCommands } from './directory-certificate.ts'
import { directoryImportCommand } from './directory-import.ts'
import { directoryLookCommands } from './directory-look.ts'
import { directoryUseCommands } from './directory-use.ts'
import { publicationCommand } from './publication.ts'

export function directoryCommands(program: Command): void {
  const directory = program.command('directory').description('the annuaire: national snapshot and local boxes')

  directoryImportCommand(directory)
  directoryLookCommands(directory)
  directoryUseCommands(directory)
  publicationCommand(directory)
  recipientCertificateCommands(directory)

  boxCommands(directory)
}
