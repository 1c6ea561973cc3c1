/** One dossier of HPRIM Médecin, as the software of a laboratory writes it. People who do not exist. */
export interface DossierOptions {
  name?: string
  firstName?: string
  born?: string
  nss?: string
  date?: string
  town?: string
  /** a third line of address makes a header of 13 lines */
  address?: readonly string[]
  text?: readonly string[]
  rows?: readonly string[]
  end?: readonly string[]
}

export function dossier(options: DossierOptions = {}): string[] {
  return [
    '000123',
    options.name ?? 'FICTIF',
    options.firstName ?? 'ÉLOÏSE',
    ...(options.address ?? ['1 rue de l’Été', '']),
    options.town ?? '75014 PARIS',
    options.born ?? '09/03/1984',
    options.nss ?? '2840375056031 12',
    'D-0001',
    options.date ?? '05/01/2026',
    'LABO      LABORATOIRE INVENTÉ',
    'MED       DR AUTRE',
    ...(options.text ?? ['Cher confrère, voici les résultats du prélèvement effectué hier.', 'Température à l’arrivée : 4 °C']),
    ...(options.rows ? ['****LAB****', ...options.rows] : []),
    ...(options.end ?? ['****FIN****']),
  ]
}

export function hprimOf(dossiers: readonly (readonly string[])[] = [dossier()], end = '\r\n'): string {
  return `${[...dossiers.flat(), '****FINFICHIER****'].join(end)}${end}`
}
