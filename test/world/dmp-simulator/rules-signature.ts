import type { Rules } from './refusals.ts'
import type { RegistryObject } from './registry-objects.ts'
import { codes, METADATA } from './rules-common.ts'
import type { CheckedEntry } from './rules-entry.ts'
import { ENTRY } from './tables.ts'

const CLASS = 'urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1'
const FORMAT = 'http://www.w3.org/2000/09/xmldsig#'

/** @returns whether this entry announces itself as the signature of the set */
export function isSignature(object: RegistryObject): boolean {
  return object.classifications.some(({ scheme, code }) => scheme === ENTRY.class && code === CLASS)
}

/** Checks the entry under which the signature is filed (spec dmp §1.6, last paragraph). */
export function checkSignatureEntry(entry: CheckedEntry, rules: Rules): void {
  const { object } = entry
  const is = (holds: boolean, rule: string) => rules.check(holds, METADATA, `${object.id}: the signature's ${rule}`)
  const coded = (name: string, scheme: string, code: string, system: string) => {
    const [found] = codes(object, name, scheme, [1, 1], rules)
    is(found?.code === code && found.system === system, `${name} must be ${code} of ${system}`)
  }
  is(object.mimeType === 'text/xml', 'mimeType must be text/xml')
  is(object.title === 'Source', 'title must be Source')
  is(entry.languageCode === 'art', 'languageCode must be art')
  coded('classCode', ENTRY.class, CLASS, 'URN')
  coded('typeCode', ENTRY.type, 'E1762', 'ASTM')
  coded('eventCode', ENTRY.event, '1.2.840.10065.1.12.1.14', '1.2.840.10065.1.12')
  is(entry.formatCode === FORMAT, `formatCode must be ${FORMAT}`)
  is([...entry.marks].sort().join() === 'INVISIBLE_PATIENT,MASQUE_PS', 'marks must be MASQUE_PS and INVISIBLE_PATIENT')
}
