import { WHOLE_MESSAGE } from '../filing-tables.ts'
import type { OrderResult, Orders } from '../orders.ts'
import type { FilingEntry } from './filing-list.ts'
import { reasonWords } from './words.tsx'

/** An order as the pages offer it: the name stands in their addresses. */
export interface PageOrder {
  does: Exclude<keyof Orders, 'list' | 'find' | 'history' | 'describe'>
  /** of the link, the page and the button */
  title(entry: FilingEntry): string
  /** what will happen, a sentence each */
  explains(entry: FilingEntry): string[]
  /** once it was followed: the present state tells the rest */
  done: string
  look: '' | 'quiet' | 'danger'
  isPossible(entry: FilingEntry): boolean
}

const rechecked = ({ reasons }: FilingEntry) => reasons.filter(reason => !reasonWords(reason).overrulable)
const answered = ({ reasons }: FilingEntry) => reasons.filter(reason => reasonWords(reason).overrulable)
/** Only what a human may answer for is released; of everything else he can only ask that it be judged anew. */
const isRelease = (entry: FilingEntry) => rechecked(entry).length === 0
const sentences = (codes: readonly string[]) => codes.map(code => `« ${reasonWords(code).text} »`).join(' ')

export const PAGE_ORDERS = {
  liberer: {
    does: 'release',
    title: entry => (isRelease(entry) ? 'Libérer' : 'Faire réexaminer'),
    explains: entry =>
      entry.place === WHOLE_MESSAGE
        ? ['Le message sera lu de nouveau. S’il ne peut toujours pas être lu, il sera de nouveau retenu.']
        : [
            ...(answered(entry).length > 0
              ? [`Vous répondez de ce motif, qui ne retiendra plus le document : ${sentences(answered(entry))}`]
              : []),
            ...(rechecked(entry).length > 0
              ? [`Sera vérifié de nouveau, et retiendra encore le document si rien n’a changé : ${sentences(rechecked(entry))}`]
              : []),
            'Toutes les autres règles sont vérifiées juste avant l’envoi : identité du patient, auteur, opposition, état de son DMP.',
            'Si rien ne s’y oppose, le document est déposé au DMP du patient.',
          ],
    done: 'C’est fait : le document est réexaminé, puis déposé si rien ne s’y oppose.',
    look: '',
    isPossible: ({ state, hasBytes }) => state === 'held' && hasBytes,
  },
  refuser: {
    does: 'refuse',
    title: () => 'Abandonner ce dépôt',
    explains: () => ['Le document ne sera pas déposé au DMP d’ici. Le message, lui, reste remis à ses destinataires.'],
    done: 'C’est fait : ce dépôt est abandonné.',
    look: 'danger',
    isPossible: ({ state }) => state === 'held',
  },
  relancer: {
    does: 'retry',
    title: ({ state }) => (state === 'pending' ? 'Essayer maintenant' : 'Relancer'),
    explains: () => ['Un nouvel essai a lieu dès que possible. Toutes les règles sont vérifiées de nouveau avant l’envoi.'],
    done: 'C’est fait : un nouvel essai est demandé.',
    look: '',
    isPossible: ({ state, hasBytes }) => (state === 'refused' || state === 'pending') && hasBytes,
  },
  retenir: {
    does: 'hold',
    title: () => 'Retenir',
    explains: () => ['Le document n’est pas déposé tant que personne ne le libère. Le message, lui, reste remis à ses destinataires.'],
    done: 'C’est fait : le document est retenu.',
    look: 'danger',
    isPossible: ({ state }) => state === 'pending',
  },
  supprimer: {
    does: 'delete',
    title: () => 'Supprimer du DMP',
    explains: () => [
      'La suppression de ce document est demandée au DMP du patient. Le message, lui, reste remis à ses destinataires.',
      'Le même document ne sera plus jamais déposé d’ici. Une nouvelle version doit porter un autre identifiant.',
    ],
    done: 'C’est fait : la suppression est demandée au DMP.',
    look: 'danger',
    isPossible: ({ state }) => state === 'filed',
  },
} as const satisfies Record<string, PageOrder>

export type OrderName = keyof typeof PAGE_ORDERS

export function isOrderName(text: string): text is OrderName {
  return Object.hasOwn(PAGE_ORDERS, text)
}

/** @returns the orders that the state of a filing allows */
export function ordersFor(entry: FilingEntry): OrderName[] {
  return (Object.keys(PAGE_ORDERS) as OrderName[]).filter(name => PAGE_ORDERS[name].isPossible(entry))
}

/** Why an order was not followed, for who gave it. */
export const ORDER_FAULTS: Record<Extract<OrderResult, { kind: 'no' }>['why'], string> = {
  'unknown-filing': 'Ce dépôt n’existe plus.',
  'wrong-state': 'Ce dépôt a changé d’état entre-temps : cet ordre n’est plus possible.',
  'being-filed': 'Le dépôt est en cours à cet instant : revenez voir son résultat dans quelques secondes.',
  'bytes-released': 'Le message n’est plus conservé ici : envoyez de nouveau le document.',
  'same-id-other-bytes': 'Un autre document porte le même identifiant et attend, ou est déjà déposé.',
  'already-pending': 'Un autre exemplaire de ce document est déjà en attente de dépôt.',
  'was-deleted': 'Ce document a été supprimé du DMP par une personne : il n’est plus déposé d’ici.',
  'bad-description': 'La description est incomplète, ou une valeur n’a pas la forme attendue.',
  'not-describable': 'Ce fichier ne peut pas être déposé : ses motifs disent pourquoi. Seul un fichier sans identité se décrit.',
  'may-be-filed': 'Un essai précédent a peut-être abouti : vérifiez d’abord si le document est dans le DMP.',
  'already-filed': 'Le même fichier est déjà dans le DMP.',
  'no-key': 'Aucune clé n’est installée ici pour garder une description.',
  'patient-needed': 'Le message n’est plus conservé ici : pour supprimer le document du DMP, l’INS du patient doit être donné.',
  'bad-ins': 'Ce n’est pas un INS : 15 caractères, dont la clé.',
}
