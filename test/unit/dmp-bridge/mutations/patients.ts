import { INS_OIDS } from '../../../../dmp-bridge/ins.ts'
import type { KnownPatient } from '../../../world/dmp-simulator/index.ts'
import { type FictionalPatient, insWithKey, samplePatient } from '../../../world/letter.ts'
import { otherPatient } from '../samples.ts'
import { known } from './world.ts'

/** People who do not exist, by what makes their number special. */
export const corsicans = {
  south: person('284032A004025', INS_OIDS.nir, 'LISERON', 'MAUD'),
  north: person('284032B033017', INS_OIDS.nir, 'MUGUET', 'INÈS'),
}
export const mainlander = person('2840375114301', INS_OIDS.nir, 'COUDRIER', 'AGATHE')
export const foreigner = person('7840399100023', INS_OIDS.nia, 'DIGITALE', 'OCÉANE')
/** The DMP of the first is closed, the second has none, the third is another person there. */
export const closedOne = person('2840375114302', INS_OIDS.test, 'GABARIT', 'KARINE')
export const absentOne = person('2840375114303', INS_OIDS.test, 'MAQUETTE', 'URSULE')
export const otherPerson = person('2840375114304', INS_OIDS.test, 'CANEVAS', 'YAËL')
/** He lets his opposition be recorded. */
export const opposedOne = person('2840375114305', INS_OIDS.test, 'ESQUISSE', 'ZOÉ')
export const minor: FictionalPatient = { ...person('2190375114306', INS_OIDS.test, 'PROTOTYPE', 'LÉA'), birthDate: '2019-03-09' }
export { otherPatient, samplePatient }

function person(nir13: string, insOid: string, birthName: string, firstName: string): FictionalPatient {
  return { ...samplePatient, ins: insWithKey(nir13), insOid, birthName, firstName, firstNames: firstName }
}

/** What the simulator's DMP knows of them. */
export const register: KnownPatient[] = [
  ...[samplePatient, otherPatient, corsicans.south, corsicans.north, mainlander, foreigner, opposedOne, minor].map(each => known(each)),
  known({ ...samplePatient, insOid: INS_OIDS.nir }),
  known(closedOne, 'FERME'),
  known({ ...otherPerson, birthName: 'AUBÉPINE' }),
]
