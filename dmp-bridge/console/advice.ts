import type { FilingReason } from '../filing-reasons.ts'

export const GENERAL_ADVICE = 'Corrigez le document dans le logiciel qui l’a produit, puis envoyez-le de nouveau.'

const identity =
  'Corrigez l’identité du patient dans votre logiciel (INS qualifiée, tous les traits), refaites le document et envoyez-le de nouveau.'
const whose =
  'Vérifiez à quel patient est ce document, et n’envoyez les documents que d’un patient par message. Si ce message a été adressé à tort, prévenez son destinataire.'
const editor =
  'Le document est mal formé : signalez ce motif à l’éditeur du logiciel qui l’a produit. Il pourra être envoyé de nouveau une fois corrigé.'
const table =
  'Si ce code est récent, l’opérateur doit installer les tables à jour, puis faire réexaminer le document ; sinon, corrigez-le et envoyez-le de nouveau.'
const restricted =
  'Un document restreint n’est jamais déposé d’ici. Déposez-le vous-même dans le DMP avec la restriction voulue, ou abandonnez ce dépôt.'
const author = 'Seul l’auteur, ou sa structure, peut alimenter le DMP : le document doit être envoyé depuis la boîte de son auteur.'
const limits = 'Le message ne peut pas être lu en sécurité. Envoyez de nouveau le document, seul et sans archive dans une archive.'
const operator = 'L’opérateur doit intervenir. Une fois l’erreur corrigée, faites réexaminer le document.'
const look = 'Cherchez le document dans le DMP du patient avant toute décision : s’il y est, abandonnez ce dépôt.'

/** What whoever reads the reason can do about it; where nothing special is to be said, the general advice is given. */
export const ADVICE: Partial<Record<FilingReason, string>> = {
  'no-ins': identity,
  'bad-ins-key': identity,
  'ins-oid-not-allowed': identity,
  'several-ins': identity,
  'several-record-targets': identity,
  'traits-missing': identity,
  'identity-unclear': identity,
  'id-tells-patient': editor,
  'two-patients': whose,
  'metadata-patient': whose,
  'subject-patient': whose,
  'hl7-patient': whose,
  'header-repeated': editor,
  'no-id': editor,
  'id-extension': editor,
  'id-not-oid': editor,
  'id-conflict': editor,
  'metadata-unique-id': editor,
  'not-french': editor,
  'hl7-malformed': editor,
  'hl7-unclear': editor,
  'xml-malformed': editor,
  'xml-dtd': editor,
  'xml-encoding': editor,
  'active-content': editor,
  'not-a-cda': editor,
  'hash-mismatch': editor,
  'size-mismatch': editor,
  'unknown-type': table,
  'unknown-class': table,
  'unknown-format': table,
  'unknown-facility': table,
  'unknown-practice': table,
  'unknown-specialty': table,
  marked: restricted,
  'not-normal': restricted,
  'announce-first': 'Informez le patient de ce résultat, puis libérez le document.',
  'partial-biology': 'Rien à faire : le compte rendu complet sera déposé quand il sera envoyé. Vous pouvez abandonner ce dépôt.',
  'author-structure': author,
  'author-not-sender': author,
  'author-missing': author,
  'not-declared':
    'Si ce patient a été informé et ne s’oppose pas, libérez le document. Pour que les suivants partent seuls, déclarez à l’opérateur que vous informez vos patients.',
  'twins-differ': 'Comparez les deux documents du message : libérez celui qui doit être déposé, abandonnez l’autre.',
  'zip-bomb': limits,
  'zip-too-many-entries': limits,
  'message-too-big': limits,
  'too-many-parts': limits,
  'too-many-documents': limits,
  'too-deep': limits,
  'reading-timed-out': limits,
  'reading-failed': limits,
  'no-dmp-configured': operator,
  'internal-error': operator,
  'oppositions-unreadable': operator,
  defect: operator,
  unknown: operator,
  'bytes-changed': operator,
  'author-request': 'Libérez le document pour qu’il soit déposé, ou abandonnez ce dépôt.',
  'dmp-unreachable': 'Libérez le document quand le DMP répond de nouveau : les essais recommencent.',
  'preparing-timed-out': 'Libérez le document pour un nouvel essai ; si l’erreur revient, prévenez l’opérateur.',
  'same-id-other-bytes':
    'Le logiciel a donné à deux documents le même identifiant : signalez-le à son éditeur. Une nouvelle version doit remplacer l’ancienne sous un autre identifiant.',
  'already-filed': 'Rien à faire.',
  'already-pending': 'Rien à faire : l’autre exemplaire suit son cours.',
  opposed:
    'Respectez l’opposition du patient : abandonnez ce dépôt. S’il y a renoncé, faites-le enregistrer, puis faites réexaminer le document.',
  'opposition-not-asked': 'Informez le patient, faites enregistrer sa réponse, puis faites réexaminer le document.',
  'replaced-unknown': 'Le document d’origine n’est pas dans le DMP : envoyez cette version comme un document nouveau.',
  'traits-differ': identity,
  'traits-unconfirmed': 'Vérifiez l’identité du patient, puis faites réexaminer le document.',
  'human-patient': 'Vérifiez que le patient a un DMP ouvert et que son identité est la bonne, puis relancez.',
  'human-content': editor,
  ambiguous: look,
  'may-be-filed': look,
  'given-up': 'Relancez ce dépôt s’il a été abandonné par erreur.',
}
