import type { Bal, Directory, Professional } from '../../directory/index.ts'
import type { Sender } from '../../dmp-bridge/index.ts'
import type { DmpConfiguration } from './policy.ts'

/**
 * Who sends, as the bridge wants to know it.
 * @param directory where the holder of a box of a person is looked up: his files that are no CDA are wrapped under that name
 */
export function senderOf(box: Bal, directory?: Pick<Directory, 'holder'>): Sender {
  const { address, type, idNatPs, structures, declaredAt } = box
  const person = type === 'PER' ? { person: personOf(holderOf(address, directory)) } : {}
  return { address, structures, declared: declaredAt !== undefined, ...(idNatPs ? { idNatPs } : {}), ...person }
}

/** Professions whose specialty is part of the code of an author (JDV_J01): doctors, dentists, nurses. */
const WITH_SKILL = ['10', '40', '60']

/** Names are empty when the annuaire does not know them: such a file waits, nothing is made up. */
function personOf(holder: Professional | undefined): NonNullable<Sender['person']> {
  if (!holder) return { family: '', given: '' }
  const { lastName, firstName, professionCode, skillCode, profession, skill, idNatStruct, structure } = holder
  const isSpecialist = skillCode !== '' && WITH_SKILL.includes(professionCode)
  const code = `G15_${professionCode}${isSpecialist ? `/${skillCode}` : ''}`
  const label = isSpecialist && skill !== '' ? `${profession} - ${skill}` : profession
  return {
    family: lastName,
    given: firstName,
    ...(professionCode === '' ? {} : { specialty: { code, label, system: '1.2.250.1.213.1.1.4.5' } }),
    ...(idNatStruct === '' ? {} : { structure: { id: idNatStruct, name: structure } }),
  }
}

/** A snapshot that can't be read at this moment is no reason to refuse the mail. */
function holderOf(address: string, directory: Pick<Directory, 'holder'> | undefined): Professional | undefined {
  try {
    return directory?.holder(address)
  } catch {
    return undefined
  }
}

/** Who received a message, as the bridge wants to know it: the first, and the others who may file it in its place. */
export function receiverOf([first, ...others]: readonly [Bal, ...Bal[]]): Sender {
  const received = (box: Bal): Sender => {
    const { person: _, ...facts } = senderOf(box) // no file of his is wrapped
    return { ...facts, mode: 'reception' }
  }
  return { ...received(first), ...(others.length > 0 ? { others: others.map(received) } : {}) }
}

/** So many boxes are asked whether they may file what came for all of them; a letter to more is no letter about one patient. */
const MOST_RECEIVERS = 20

/** @returns what finds our boxes among recipients: those of a structure that the certificate speaks for before the others */
export function receiversAmong(
  find: (address: string) => Promise<Bal | undefined>,
  { structure, sites }: Pick<DmpConfiguration, 'structure' | 'sites'>,
): (addresses: readonly string[]) => Promise<readonly Bal[]> {
  const isOurs = ({ structures }: Bal) => structures.some(each => each === structure || sites.includes(each))
  return async addresses => {
    const found = await Promise.all(addresses.slice(0, MOST_RECEIVERS).map(find))
    const boxes = found.filter(each => each !== undefined)
    return [...boxes.filter(isOurs), ...boxes.filter(each => !isOurs(each))]
  }
}
