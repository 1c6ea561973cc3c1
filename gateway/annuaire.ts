import type { Configuration, Log } from '../config/index.ts'
import { type Annuaire, type Directory, type Fhir, openAnnuaire, openDirectory, openFhir, SnapshotFault } from '../directory/index.ts'
import type { AuditNotes } from './audit-notes.ts'
import type { ServiceAuthorities } from './revocation/index.ts'

/** The annuaire of one operator: the extract on this machine and, where it is configured, the Annuaire Santé behind it. */
export interface NationalDirectory {
  readonly annuaire: Annuaire
  readonly directory: Directory
  readonly fhir: Fhir | undefined
  close(): Promise<void>
}

/** Another snapshot took the place of the last one, or was not fit to. */
const IN_USE = { by: 'gateway', action: 'directory.use', object: 'directory' } as const

/** For the gateway that answers, and for `pli explain` that says what it would answer. @throws one sentence when the snapshot or the API key cannot be read */
export function openNationalDirectory(
  { directory: options }: Configuration,
  { authorities, now, log, notes }: { authorities: ServiceAuthorities; now: () => number; log: Log; notes?: Pick<AuditNotes, 'note'> },
): NationalDirectory {
  const directory = openDirectory(options.file, {
    now,
    onFault(error) {
      log.error('directory-refused', { reason: error.message }) // the last good one stays in use
      const reason = error instanceof SnapshotFault ? error.reason : 'unreadable'
      notes?.note({ ...IN_USE, result: 'refused', detail: { reason } })
    },
    onSwap: ({ version, count }) => notes?.note({ ...IN_USE, detail: { version, boxes: String(count) } }),
  })
  const fhir =
    options.fhir &&
    openFhir({ ...options.fhir, authorities, now, onFault: ({ message }) => log.warn('annuaire-unanswered', { fault: message }) })
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
