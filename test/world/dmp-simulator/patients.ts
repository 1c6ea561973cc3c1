import { hasRightKey, readIns } from './values.ts'

/** A patient whose DMP the simulator knows. */
export interface KnownPatient {
  /** 15 characters. */
  ins: string
  oid: string
  status: 'ACTIF' | 'FERME'
  birthName: string
  firstName: string
  /** ISO date. */
  birthDate: string
  sex: 'M' | 'F'
}

/** The known patients, or 'any': then every INS with a right key has an open DMP. */
export type Patients = readonly KnownPatient[] | 'any'

export type DmpStatus = 'ACTIF' | 'FERME' | 'INEXISTANT'

/** The INS authorities that a test DMP takes: NIR, NIA, test (spec dmp §3). */
export const INS_OIDS = ['1.2.250.1.213.1.4.8', '1.2.250.1.213.1.4.9', '1.2.250.1.213.1.4.10']

/** @returns the state of the DMP of a patient given as CX; undefined when this is no INS: other form, unknown authority or wrong key */
export function statusOf(patientId: string, patients: Patients): DmpStatus | undefined {
  const ins = readIns(patientId)
  if (!ins || !INS_OIDS.includes(ins.oid) || !hasRightKey(ins.matricule)) return undefined
  if (patients === 'any') return 'ACTIF'
  return find(ins, patients)?.status ?? 'INEXISTANT'
}

/** Fictional people of the world and of the published examples (ANS): a DMP that takes any patient has these by name. */
const BY_NAME: readonly KnownPatient[] = [
  named('284037511425625', '1.2.250.1.213.1.4.10', 'TESTOU', 'HÉLOÏSE', '1984-03-09'),
  named('279035121518989', '1.2.250.1.213.1.4.10', 'PAT-TROIS', 'DOMINIQUE', '1979-03-28'),
  named('277076322082910', '1.2.250.1.213.1.4.8', 'NESSI', 'MARIE', '1977-07-14'),
]

function named(ins: string, oid: string, birthName: string, firstName: string, birthDate: string): KnownPatient {
  return { ins, oid, status: 'ACTIF', birthName, firstName, birthDate, sex: 'F' }
}

/** @returns the patient with this INS, when the simulator knows one by name */
export function find(ins: { matricule: string; oid: string }, patients: Patients): KnownPatient | undefined {
  return (patients === 'any' ? BY_NAME : patients).find(each => each.ins === ins.matricule && each.oid === ins.oid)
}
