import type { Reason } from './reasons.ts'

/**
 * Reasons that come from filing itself, beside those of the document and its message (`reasons.ts`).
 * `overrulable`: a human who releases the document answers for this reason; every other one is judged anew before sending.
 */
export const FILING_REASONS = {
  'no-dmp-configured': {
    fr: 'Aucun accès au DMP n’est configuré ici.',
    en: 'No DMP is configured.',
    overrulable: false,
  },
  'author-request': {
    fr: 'Retenu à la demande d’un professionnel.',
    en: 'Held back by hand.',
    overrulable: true,
  },
  'dmp-unreachable': {
    fr: 'Le DMP n’a pas pu être joint pendant plusieurs jours.',
    en: 'The DMP could not be reached for days.',
    overrulable: true,
  },
  'internal-error': {
    fr: 'Une erreur interne a empêché le dépôt ; l’opérateur est prévenu.',
    en: 'An unforeseen error stopped the filing, several times.',
    overrulable: true,
  },
  'bytes-changed': {
    fr: 'Le document relu n’est plus celui qui avait été examiné.',
    en: 'The bytes read again are not those that were judged.',
    overrulable: false,
  },
  'same-id-other-bytes': {
    fr: 'Un autre document portant le même identifiant est déjà connu.',
    en: 'Another document with the same id and other bytes is known.',
    overrulable: false,
  },
  'already-filed': {
    fr: 'Ce document est déjà dans le DMP.',
    en: 'The same document has been filed already.',
    overrulable: false,
  },
  'already-pending': {
    fr: 'Ce document est déjà en attente de dépôt.',
    en: 'The same document is already waiting to be filed.',
    overrulable: false,
  },
  'was-deleted': {
    fr: 'Ce document a été supprimé du DMP à la demande d’une personne : il n’y est pas déposé de nouveau.',
    en: 'A person had this document deleted from the DMP.',
    overrulable: false,
  },
  'entry-of-another-patient': {
    fr: 'Le DMP a répondu avec le document d’une autre personne ; l’opérateur est prévenu.',
    en: 'The DMP answered a lookup with an entry of another patient.',
    overrulable: false,
  },
  'too-complex': {
    fr: 'La structure du document est trop complexe pour être signée.',
    en: 'The XML is nested or named too deeply to be signed.',
    overrulable: false,
  },
  'not-deleted': {
    fr: 'Le DMP n’a pas supprimé ce document : voyez le code de sa réponse.',
    en: 'The DMP did not delete the document: its code says why.',
    overrulable: false,
  },
  opposed: {
    fr: 'Le patient s’oppose à l’alimentation de son DMP.',
    en: 'The patient opposes the feeding of his DMP.',
    overrulable: false,
  },
  'opposition-not-asked': {
    fr: 'Il est noté que ce patient n’a pas encore été informé de l’alimentation de son DMP.',
    en: 'It is on record that the patient was not asked yet.',
    overrulable: false,
  },
  'oppositions-unreadable': {
    fr: 'Le registre des oppositions ne peut pas être lu ; l’opérateur est prévenu.',
    en: 'The register of oppositions was written under another key.',
    overrulable: false,
  },
  'replaced-unknown': {
    fr: 'Le document que celui-ci remplace n’est pas dans le DMP.',
    en: 'The document that this one replaces is not in the DMP.',
    overrulable: false,
  },
  'traits-differ': {
    fr: 'Le DMP connaît une autre personne sous cet INS : vérifiez l’identité du patient.',
    en: 'The DMP knows other identity traits under this INS.',
    overrulable: false,
  },
  'preparing-timed-out': {
    fr: 'La préparation de ce document pour le DMP a pris trop de temps.',
    en: 'Building and signing the request took too long.',
    overrulable: true,
  },
  'traits-unconfirmed': {
    fr: 'Le DMP n’a pas confirmé l’identité du patient : vérifiez-la.',
    en: 'The DMP did not say clearly whose INS this is.',
    overrulable: false,
  },
  // why the DMP, or a human, said no
  'human-patient': {
    fr: 'Le DMP a refusé le document à cause du patient (DMP inexistant, fermé, ou identité non reconnue).',
    en: 'Refused because of the patient or the state of the DMP.',
    overrulable: false,
  },
  'human-content': {
    fr: 'Le DMP a refusé le contenu du document.',
    en: 'Refused because of the content.',
    overrulable: false,
  },
  defect: {
    fr: 'Le DMP a jugé la demande mal formée ; l’opérateur est prévenu.',
    en: 'Refused as malformed: a defect of ours.',
    overrulable: false,
  },
  unknown: {
    fr: 'Le DMP a refusé le document avec un code inconnu.',
    en: 'Refused with a code that the table does not hold.',
    overrulable: false,
  },
  ambiguous: {
    fr: 'Le DMP n’a pas dit clairement s’il a accepté le document.',
    en: 'Two answers from which nothing could be told, and the document was not found.',
    overrulable: false,
  },
  'may-be-filed': {
    fr: 'Un essai précédent a peut-être abouti : vérifiez si le document est dans le DMP.',
    en: 'An earlier attempt may have filed it: look into the DMP.',
    overrulable: true,
  },
  'given-up': { fr: 'Dépôt abandonné par une personne.', en: 'Given up by hand.', overrulable: false },
} as const satisfies Record<string, { fr: string; en: string; overrulable: boolean }>

export type FilingReason = keyof typeof FILING_REASONS | Reason

/** Of the document's reasons, those that a human may answer for; all others can only be mended (DESIGN decision 7: unknown means no). */
const OVERRULABLE: ReadonlySet<string> = new Set<Reason>([
  'not-declared',
  'announce-first',
  'twins-differ',
  'implausible-type',
  'operator-hold',
  'reception-proposal',
])

/** @returns whether a human's release covers this reason */
export function isOverrulable(reason: string): boolean {
  if (Object.hasOwn(FILING_REASONS, reason)) return FILING_REASONS[reason as keyof typeof FILING_REASONS].overrulable
  return OVERRULABLE.has(reason)
}
