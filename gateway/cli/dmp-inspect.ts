import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Command } from 'commander'
import { writeFresh } from '../../config/index.ts'
import { type Inspection, inspectFile, type PdfFacts } from '../../dmp-bridge/index.ts'
import { readDescription } from './dmp-describe.ts'
import { CONFIG_FOR_FILES, type FileOptions, rulesOf, SENDER_FOR_FILES } from './dmp-judging.ts'
import { print } from './output.ts'

interface InspectFileOptions extends FileOptions {
  describe?: string
  wrapped?: string
}

export function inspectCommand(dmp: Command): void {
  dmp
    .command('inspect')
    .description('what the bridge recognises in a file, the metadata it would send, its decision and reasons; sends nothing')
    .argument('<file...>', '.eml, .zip, .xml, .hl7, .er7, .hpr, .txt, .pdf, .jpg, .tif or .rtf; of several, --json prints a list')
    .option(...CONFIG_FOR_FILES)
    .option(...SENDER_FOR_FILES)
    .option(
      '--describe <file>',
      'JSON that says whose the one file without identity is: the document made of it is judged (see dmp describe)',
    )
    .option('--wrapped <file>', 'a new file for that document')
    .option('--json', 'for programs')
    .action(async (files: string[], options: InspectFileOptions) => {
      const { policy, sender } = await rulesOf(options)
      const description = options.describe === undefined ? undefined : await readDescription(options.describe)
      const inspections: Inspection[] = []
      for (const file of files) {
        const onWrapped = (cda: Uint8Array) => options.wrapped !== undefined && writeFresh(options.wrapped, cda)
        const context = { policy, now: new Date(), ...(sender ? { sender } : {}), ...(description ? { description, onWrapped } : {}) }
        inspections.push(await inspectFile(basename(file), await readFile(file), context))
      }
      print(options.json, files.length === 1 ? inspections[0] : inspections, () => inspections.map(inspectionText).join('\n'))
    })
}

function inspectionText({ documents, ignored, faults }: Inspection): string {
  const lines = [
    ...faults.map(({ reason, en }) => `fault: ${reason}: ${en}`),
    ...documents.flatMap(({ path, decision, reasons, document, metadata, file, pdf }) => [
      `${path}: ${decision}`,
      ...(document ? [`  document ${document.uniqueId}, type ${document.typeCode.code} ${document.typeCode.label}`] : []),
      ...(metadata ? [`  title ${metadata.title}`] : []),
      ...(file ? [`  ${file.kind}, to be wrapped as ${file.mediaType}`] : []),
      ...[file?.pdf ?? pdf].flatMap(facts => (facts ? [`  PDF/A-1: ${pdfText(facts)}`] : [])),
      ...reasons.map(({ reason, en }) => `  ${reason}: ${en}`),
    ]),
    ...ignored.map(({ path, reason, en }) => `${path}: ignored, ${reason}: ${en}`),
  ]
  return lines.join('\n') || 'nothing was recognised'
}

function pdfText({ encrypted, active, unreadable, faults }: PdfFacts): string {
  const found = [...(encrypted ? ['encrypted'] : []), ...(active ? ['active'] : []), ...(unreadable ? ['unreadable'] : []), ...faults]
  return found.join(', ') || 'nothing speaks against it'
}
