import type { Configuration, Log } from '../config/index.ts'
import { type Annuaire, type Directory, type Fhir, openAnnuaire, openDirectory, openFhir } from '../directory/index.ts'

/** The annuaire of one operator: the extract on this machine and, where it is configured, the Annuaire Santé behind it. */
export interface NationalDirectory {
  readonly annuaire: Annuaire
  readonly directory: Directory
  readonly fhir: Fhir | undefined
  close(): Promise<void>
}

/** For the gateway that answers, and for `pli explain` that says what it would answer. @throws one sentence when the snapshot or the API key cannot be read */
export function openNationalDirectory(
  { directory: options }: Configuration,
  { now, log }: { now: () => number; log: Log },
): NationalDirectory {
  const directory = openDirectory(options.file, {
    onFault: error => log.error('directory-refused', { reason: error.message }), // the last good one stays in use
  })
  const fhir =
    options.fhir && openFhir({ ...options.fhir, now, onFault: ({ message }) => log.warn('annuaire-unanswered', { fault: message }) })
  return {
    annuaire: openAnnuaire({ directory, fhir: fhir?.lookup }),
    directory,
    fhir,
    async close() {
      await fhir?.close()
      directory.close()
    },
  }
}
