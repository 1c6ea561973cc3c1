import { buildNoticeMail } from './notice-mail.ts'
import { frenchTime } from './words.ts'

/** A certificate that ends soon or was revoked, as its operator is told of it. */
export interface CertificateNews {
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

interface CertificateMail {
  from: string
  to: string
  now: Date
  newId: () => string
}

/** What the operator must renew, and until when: French text. Send it with a null reverse-path. @returns the message: CRLF, ASCII */
export function buildCertificateMail({ ending, ...mail }: CertificateMail & { ending: readonly CertificateNews[] }): Buffer {
  const own = ending.filter(({ kind }) => kind === 'own')
  const soonest = Math.min(...ending.map(({ days }) => days))
  return buildNoticeMail({
    ...mail,
    name: NAME,
    subject: `Certificats à renouveler : ${remaining(soonest)}`,
    lines: [
      'Des certificats que la configuration de votre messagerie nomme prennent bientôt fin :',
      '',
      ...ending.flatMap(each => [...describe(each, `${remaining(each.days)}, le ${frenchTime(each.until)} (heure de Paris)`), '']),
      ...(own.length > 0 ? OWN : []),
      ...(own.length < ending.length ? AUTHORITIES : []),
      'La commande « pli certificates » donne l’état de tous vos certificats.',
    ],
  })
}

/** Which of his certificates the operator must replace at once: French text. Send it as {@link buildCertificateMail}'s. @returns the message: CRLF, ASCII */
export function buildRevokedMail({ revoked, ...mail }: CertificateMail & { revoked: readonly CertificateNews[] }): Buffer {
  const isOne = revoked.length === 1
  return buildNoticeMail({
    ...mail,
    name: NAME,
    subject: `${isOne ? 'Certificat révoqué' : 'Certificats révoqués'} : à remplacer sans attendre`,
    lines: [
      `L’autorité de certification a révoqué ${isOne ? 'un certificat' : 'des certificats'} de votre messagerie :`,
      '',
      ...revoked.flatMap(each => [...describe(each, 'révoqué'), '']),
      ...REVOKED,
      'La commande « pli certificates » donne l’état de tous vos certificats.',
    ],
  })
}

const NAME = 'Gestion des certificats'

const REVOKED = [
  'Les autres opérateurs refusent un certificat révoqué : les échanges et les signatures qui en dépendent n’aboutissent plus. La messagerie continue de fonctionner, et ce qui attend partira avec le nouveau certificat ; mais, chiffrement excepté, elle ne redémarrerait pas avec l’ancien.',
  'Demandez un nouveau certificat à l’IGC-Santé, avec une nouvelle clé, et mettez ses fichiers à la place des anciens : ils sont pris en compte en une minute, sans redémarrage ni coupure.',
  'Si vous n’avez pas demandé cette révocation, interrogez l’IGC-Santé : la clé a peut-être été compromise.',
  '',
]

const OWN = [
  'Demandez sans attendre le renouvellement des vôtres : l’IGC-Santé ne renouvelle un certificat que tant que l’ancien est encore valable. Passé ce terme, il en faut un nouveau, et le service s’arrête entre-temps.',
  'Mettez les nouveaux fichiers à la place des anciens : ils sont pris en compte en une minute, sans redémarrage ni coupure.',
  '',
]

const AUTHORITIES = ['Pour une autorité, ajoutez à la configuration le certificat que l’IGC-Santé publie pour lui succéder.', '']

function describe({ places, kind, name, issuer, serial }: CertificateNews, state: string): string[] {
  const uses = [...new Set(places.map(place => (kind === 'own' ? useOf(place) : 'certificat d’autorité')))]
  return [
    `- ${uses.join(', ')} : ${state}`,
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
