import { buildNoticeMail } from './notice-mail.ts'
import { frenchTime } from './words.ts'

/** A certificate that ends soon, as its operator is told of it. */
export interface EndingNews {
  /** Where the configuration names it. */
  places: readonly string[]
  kind: 'own' | 'authority'
  /** RFC 4514 */
  name: string
  issuer: string
  serial: string
  until: Date
  /** Whole days that are left; negative once it has ended. */
  days: number
}

const USES: Readonly<Record<string, string>> = {
  tls: 'certificat de serveur (SERV SSL)',
  signature: 'certificat de signature (ORG SIGN ou SERV S/MIME)',
  smime: 'certificat de chiffrement (SERV CONF ou SERV S/MIME)',
  'dmp.client': 'certificat client du DMP (ORG AUTH_CLI)',
  'dmp.signature': 'certificat de signature du DMP (ORG SIGN)',
}

/** What the operator must renew, and until when: French text. Send it with a null reverse-path. @returns the message: CRLF, ASCII */
export function buildCertificateMail(request: {
  ending: readonly EndingNews[]
  from: string
  to: string
  now: Date
  newId: () => string
}): Buffer {
  const { ending, ...mail } = request
  const own = ending.filter(({ kind }) => kind === 'own')
  const soonest = Math.min(...ending.map(({ days }) => days))
  return buildNoticeMail({
    ...mail,
    name: 'Gestion des certificats',
    subject: `Certificats à renouveler : ${remaining(soonest)}`,
    lines: [
      'Des certificats que la configuration de votre messagerie nomme prennent bientôt fin :',
      '',
      ...ending.flatMap(each => [...describe(each), '']),
      ...(own.length > 0 ? OWN : []),
      ...(own.length < ending.length ? AUTHORITIES : []),
      'La commande « pli certificates » donne l’état de tous vos certificats.',
    ],
  })
}

const OWN = [
  'Demandez sans attendre le renouvellement des vôtres : l’IGC-Santé ne renouvelle un certificat que tant que l’ancien est encore valable. Passé ce terme, il en faut un nouveau, et le service s’arrête entre-temps.',
  'Mettez les nouveaux fichiers à la place des anciens : ils sont pris en compte en une minute, sans redémarrage ni coupure.',
  '',
]

const AUTHORITIES = ['Pour une autorité, ajoutez à la configuration le certificat que l’IGC-Santé publie pour lui succéder.', '']

function describe({ places, kind, name, issuer, serial, until, days }: EndingNews): string[] {
  const uses = [...new Set(places.map(place => (kind === 'own' ? useOf(place) : 'certificat d’autorité')))]
  return [
    `- ${uses.join(', ')} : ${remaining(days)}, le ${frenchTime(until)} (heure de Paris)`,
    `  Nom : ${name}`,
    `  Numéro de série : ${serial}`,
    `  Émis par : ${issuer}`,
    `  Dans la configuration : ${places.join(', ')}`,
  ]
}

function useOf(place: string): string {
  return USES[place] ?? USES[place.split('.')[0] ?? ''] ?? 'certificat'
}

function remaining(days: number): string {
  if (days < 0) return 'terme dépassé'
  if (days === 0) return 'terme dans moins d’un jour'
  return `terme dans ${days} jour${days > 1 ? 's' : ''}`
}
