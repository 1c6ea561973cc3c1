import type { Case } from './case.ts'
import { archives } from './cases-archive.ts'
import { authors } from './cases-authors.ts'
import { documents } from './cases-documents.ts'
import { hl7 } from './cases-hl7.ts'
import { identity } from './cases-identity.ts'
import { mails } from './cases-mail.ts'
import { masks } from './cases-masks.ts'
import { metadata } from './cases-metadata.ts'
import { patients } from './cases-patients.ts'
import { xml } from './cases-xml.ts'

/** All the mutations, by family. */
export const families: Readonly<Record<string, readonly Case[]>> = {
  masks,
  patients,
  identity,
  documents,
  archives,
  metadata,
  xml,
  mails,
  hl7,
  authors,
}
