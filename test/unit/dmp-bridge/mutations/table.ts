import type { Case } from './case.ts'
import { documents } from './cases-documents.ts'
import { identity } from './cases-identity.ts'
import { masks } from './cases-masks.ts'
import { patients } from './cases-patients.ts'

/** All the mutations, by family. */
export const families: Readonly<Record<string, readonly Case[]>> = { masks, patients, identity, documents }
