import type { Case } from './case.ts'
import { archives } from './cases-archive.ts'
import { documents } from './cases-documents.ts'
import { identity } from './cases-identity.ts'
import { mails } from './cases-mail.ts'
import { masks } from './cases-masks.ts'
import { patients } from './cases-patients.ts'
import { xml } from './cases-xml.ts'

/** All the mutations, by family. */
export const families: Readonly<Record<string, readonly Case[]>> = { masks, patients, identity, documents, archives, xml, mails }
