import { idNatStruct, luhnKey } from '../../directory/identifiers.ts'

/** A structure that does not exist: its FINESS has a right key and a serial (999…) that is not attributed. */
export interface FictionalPlace {
  idNatStruct: string
  name: string
  /** `1750803447` becomes FINESS 750803447. */
  finess: string
  street: string
  postcode: string
  town: string
  department: string
  /** First part of the addresses of its boxes. */
  slug: string
}

function place(
  department: string,
  serial: string,
  slug: string,
  name: string,
  street: string,
  postcode: string,
  town: string,
): FictionalPlace {
  const stem = `${department}999${serial}`
  const finess = stem + luhnKey(stem.replace('A', '1').replace('B', '2'))
  return { idNatStruct: idNatStruct(finess), name, finess, street, postcode, town, department, slug }
}

/** Hospitals, each with boxes of its services. */
export const HOSPITALS: readonly FictionalPlace[] = [
  place('80', '101', 'ch-beauval', 'Centre hospitalier fictif de Beauval', 'avenue des Modèles', '80999', 'BEAUVAL-LE-FICTIF'),
  place('33', '102', 'ch-clairlande', 'Centre hospitalier fictif de Clairlande', 'rue du Gabarit', '33999', 'CLAIRLANDE-LE-FICTIF'),
  place(
    '2A',
    '103',
    'ch-roccaserena',
    'Centre hospitalier fictif de Roccaserena',
    "chemin de l'Exemple",
    '20999',
    'ROCCASERENA-LA-FICTIVE',
  ),
]

/** Practices, pharmacies and health centres. */
export const PRACTICES: readonly FictionalPlace[] = [
  place('69', '201', 'msp-tilleuls', 'Maison de santé fictive des Tilleuls', 'place du Patron', '69999', "VAL-D'ESSAI"),
  place('35', '202', 'cabinet-ormes', 'Cabinet médical fictif des Ormes', "rue de l'Ébauche", '35999', 'KERMODÈLE'),
  place('13', '203', 'cabinet-lavandes', 'Cabinet fictif des Lavandes', "boulevard de l'Échantillon", '13999', 'SAINT-EXEMPLE'),
  place('67', '204', 'cds-houblon', 'Centre de santé fictif du Houblon', 'quai du Prototype', '67999', 'MUSTERHEIM'),
  place('2B', '205', 'cabinet-maquis', 'Cabinet fictif du Maquis', 'route du Spécimen', '20999', 'FITTIZIA'),
  place('974', '06', 'cabinet-lagon', 'Cabinet fictif du Lagon', 'chemin de la Maquette', '97999', 'BASSIN-MODÈLE'),
]

/** Structure number of published example documents, so that these can be sent as their author; the name is ours. */
export const EXAMPLE_PLACE: FictionalPlace = {
  idNatStruct: '1750803447',
  name: "Cabinet fictif de l'Exemple",
  finess: '750803447',
  street: "rue de l'Exemple",
  postcode: '75999',
  town: 'EXEMPLEVILLE',
  department: '75',
  slug: 'cabinet-exemple',
}
