import type { CdaFacts, FoundDocument, Recognition } from './facts.ts'
import { hasValidKey } from './ins.ts'
import { shippedTables } from './tables.ts'

/** What the X-MSS fields of a message say, or ought to say (spec MSSanté §2.3). Both are absent when there is no CDA. */
export interface MssHeaders {
  /** X-MSS-CODECDA: the type code of each CDA inside IHE_XDM, in the order of the archive */
  codes: readonly string[] | undefined
  /** X-MSS-INS: O when a qualified INS is there */
  ins: string | undefined
}

/**
 * Works the fields out from the documents. Clients get them wrong, and operators count on them.
 * @returns undefined when the archive could not be read whole: then nobody knows what they should be
 */
export function computeMssHeaders({ documents, faults }: Recognition): MssHeaders | undefined {
  const archived = documents.filter(each => each.archived)
  if (faults.length > 0 || archived.some(isUnread)) return undefined
  const found = archived.flatMap(({ cda }) => cda ?? [])
  if (found.length === 0) return { codes: undefined, ins: undefined }
  return { codes: found.map(({ typeCode }) => typeCode.code), ins: found.some(isQualified) ? 'O' : 'N' }
}

/** A file that says it is a document and is none, or a whole archive that could not be opened. */
function isUnread({ cda, faults }: FoundDocument): boolean {
  return cda === undefined && !faults.includes('file-missing')
}

/** ECO.2.4.2: matricule, OID and the four traits; a number with a wrong key, or two numbers, qualify nobody. */
function isQualified({ patient, recordTargets }: CdaFacts): boolean {
  const { ins, identities, birthName, firstName, birthDate, sex } = patient
  if (!ins || identities !== 1 || recordTargets !== 1 || !hasValidKey(ins.matricule)) return false
  return Boolean(birthName && firstName && birthDate) && /^[MF]$/.test(sex ?? '')
}

/** What the sender's software has declared. @param eml the whole message; only its header is read, as lenient as it must be */
export function readMssHeaders(eml: Uint8Array): MssHeaders & { product: boolean } {
  const bytes = Buffer.from(eml.buffer, eml.byteOffset, eml.byteLength)
  const end = bytes.indexOf('\r\n\r\n')
  const header = bytes.toString('latin1', 0, end < 0 ? bytes.length : end).replace(/\r\n(?=[ \t])/g, '')
  const values = (name: string) => [...header.matchAll(new RegExp(`^${name}:(.*)$`, 'gim'))].map(([, value = '']) => value.trim())
  const codes = values('X-MSS-CODECDA')
  const ins = values('X-MSS-INS')
  return {
    codes:
      codes.length === 0
        ? undefined
        : codes
            .join(',')
            .split(',')
            .map(code => code.trim()),
    ins: ins.length === 0 ? undefined : ins.join(','),
    product: values('X-MSS-NIL').some(value => value !== ''),
  }
}

/**
 * One line of the message's ledger. Order is no disagreement: nothing says which it is.
 * @returns codes and words only: what a sender puts into a field may be anything, a name or a number too
 */
export function mssHeadersLine(declared: MssHeaders & { product: boolean }, computed: MssHeaders | undefined): Record<string, string> {
  return {
    declaredCodes: codesText(declared.codes),
    codes: computed ? codesText(computed.codes) : 'unknown',
    declaredIns: insText(declared.ins),
    ins: computed ? insText(computed.ins) : 'unknown',
    product: declared.product ? 'given' : 'none',
    agree: computed ? (same(declared, computed) ? 'yes' : 'no') : 'unknown',
  }
}

function same(one: MssHeaders, two: MssHeaders): boolean {
  const inOrder = (codes: readonly string[] | undefined) =>
    codes
      ?.map(code => code.toUpperCase())
      .toSorted()
      .join()
  return one.ins === two.ins && inOrder(one.codes) === inOrder(two.codes)
}

const MOST_CODES = 20

function codesText(codes: readonly string[] | undefined): string {
  if (codes === undefined) return 'none'
  const kept = codes.slice(0, MOST_CODES).map(code => (isCode(code) ? code : 'other'))
  return [...kept, ...(codes.length > MOST_CODES ? ['more'] : [])].join(',')
}

/** LOINC, or a type that the tables know. Both are short, and no name or matricule has their shape. */
function isCode(code: string): boolean {
  return /^\d{1,7}-\d$/.test(code) || shippedTables().hasTypeCode(code)
}

function insText(ins: string | undefined): string {
  if (ins === undefined) return 'none'
  return ins === 'O' || ins === 'N' ? ins : 'other'
}
