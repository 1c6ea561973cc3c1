/** What the sender reads in a report: French, for a doctor, without a protocol word. */
export type DsnKind = 'delivered' | 'relayed' | 'failed' | 'delayed' | 'overdue'

interface Words {
  subject: string
  opening: (several: boolean) => string
  closing: string
}

export const WORDS: Record<DsnKind, Words> = {
  delivered: {
    subject: 'Accusé de réception : message remis',
    opening: several =>
      `Votre message a bien été remis dans ${several ? 'les boîtes des destinataires suivants' : 'la boîte du destinataire suivant'} :`,
    closing: 'Cet accusé prouve que le message est arrivé dans la boîte, pas encore qu’il a été lu. Vous n’avez rien à faire.',
  },
  relayed: {
    subject: 'Message transmis',
    opening: several =>
      `Votre message a bien été transmis à l’opérateur ${several ? 'des destinataires suivants' : 'du destinataire suivant'}, qui n’envoie pas d’accusé de réception :`,
    closing:
      'Vous n’avez rien à faire. Si la réponse est attendue rapidement, assurez-vous auprès du destinataire que le message est arrivé.',
  },
  failed: {
    subject: 'Message non remis',
    opening: several => `Votre message n’a PAS été remis ${several ? 'aux destinataires suivants' : 'au destinataire suivant'} :`,
    closing:
      'Le message ne sera plus présenté : il vous appartient de joindre le destinataire autrement, ou de corriger puis de renvoyer le message.',
  },
  delayed: {
    subject: 'Message retardé',
    opening: several =>
      `Votre message n’a pas encore pu être remis ${several ? 'aux destinataires suivants' : 'au destinataire suivant'} :`,
    closing:
      'Nous continuons d’essayer ; ne le renvoyez pas. Vous serez averti s’il ne peut pas être remis. Si le contenu est urgent, joignez le destinataire autrement.',
  },
  overdue: {
    subject: 'Accusé de réception non parvenu',
    opening: several =>
      `Votre message a été transmis, mais aucun accusé de réception n’est parvenu ${several ? 'des destinataires suivants' : 'du destinataire suivant'} :`,
    closing:
      'Nous ne savons donc pas si le message est arrivé. Si le contenu est important, joignez le destinataire autrement ou demandez-lui s’il l’a reçu.',
  },
}

/** Enhanced status (RFC 3463), longest first, to what happened and what can be done. */
const causes: readonly [RegExp, string][] = [
  [/^[45]\.1\.1$/, 'Cette adresse n’existe pas. Vérifiez-la dans l’annuaire, puis renvoyez le message.'],
  [/^[45]\.1\.[23]$/, 'Cette adresse est mal formée ou son domaine n’existe pas. Vérifiez-la dans l’annuaire, puis renvoyez le message.'],
  [/^[45]\.1\.6$/, 'Le destinataire a changé d’adresse. Cherchez la nouvelle dans l’annuaire, puis renvoyez le message.'],
  [/^[45]\.1\./, 'Cette adresse n’est pas acceptée. Vérifiez-la dans l’annuaire.'],
  [/^[45]\.2\.1$/, 'La boîte du destinataire est fermée ou suspendue. Joignez-le autrement.'],
  [/^[45]\.2\.2$/, 'La boîte du destinataire est pleine. Prévenez-le, ou renvoyez le message plus tard.'],
  [/^[45]\.(?:2|3)\.[34]$/, 'Le message est trop volumineux pour ce destinataire. Renvoyez-le avec des pièces jointes plus légères.'],
  [/^[45]\.4\.7$/, 'Le délai est dépassé sans que le message ait pu être remis.'],
  [/^[45]\.4\.6$/, 'Le message tourne en boucle entre des serveurs. Signalez-le à votre support.'],
  [/^[45]\.[34]\./, 'Le serveur du destinataire est injoignable ou en panne.'],
  [/^[45]\.6\./, 'Le contenu du message n’est pas accepté par le serveur du destinataire. Signalez-le à votre support.'],
  [
    /^[45]\.7\.(?:4|5|10|11|12|13)$/,
    'Le serveur du destinataire n’a pas pu prouver son identité : rien ne lui a été envoyé. Signalez-le à votre support.',
  ],
  [/^[45]\.7\./, 'Le serveur du destinataire refuse ce message. Signalez-le à votre support.'],
  [/^[45]\./, 'Le serveur du destinataire n’a pas accepté le message.'],
]

/** What we found ourselves, which a status says too vaguely. */
const ownCauses: Readonly<Record<string, string>> = {
  encryptionImpossible:
    'Un message pour ce destinataire doit être chiffré, et aucun certificat qui le permette n’est connu ici : rien ne lui a été envoyé. Joignez-le autrement, ou demandez à votre support d’enregistrer un certificat valable, puis renvoyez le message.',
  encryptionUncheckable:
    'Le certificat de chiffrement du destinataire ne peut pas être vérifié pour le moment : rien ne lui a été envoyé. Signalez-le à votre support.',
}

/**
 * @param reason one of ours, when the failure is not the other server's
 * @returns one or two sentences for a status that is not a success, or undefined
 */
export function causeOf(status: string, reason?: string): string | undefined {
  return ownCauses[reason ?? ''] ?? causes.find(([pattern]) => pattern.test(status))?.[1]
}

/** Built once: it costs more than the rest of a report. */
const clock = new Intl.DateTimeFormat('fr-FR', { dateStyle: 'long', timeStyle: 'short', timeZone: 'Europe/Paris' })

/** The time where the sender is: operators of the trust space are French. */
export function frenchTime(time: Date): string {
  return clock.format(time)
}
