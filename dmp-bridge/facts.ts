import type { Reason } from './reasons.ts'

/** An identifier with the system that gave it, as CDA and XDS use them. */
export interface Coded {
  code: string
  system: string
  label: string
}

/** A national identity: 13 characters and 2 of key, with the OID of its authority (spec/INS: .8 NIR, .9 NIA, .10 test, .11 demo). */
export interface Ins {
  matricule: string
  oid: string
}

/** What a CDA header says of its patient. A trait that is absent is `undefined`, never guessed from another. */
export interface PatientFacts {
  ins?: Ins
  /** how many distinct national identities the header carries: more than one is a contradiction */
  identities: number
  /** identifier inside the establishment (IPP) */
  localId?: { extension: string; root: string }
  birthName?: string
  /** every family name and every given name that stands in the document, used ones too: a subject may have any of them */
  families?: string[]
  givens?: string[]
  firstName?: string
  /** yyyymmdd */
  birthDate?: string
  sex?: string
  /** COG code of the town or country of birth */
  birthPlace?: string
}

/** A person or a device with its organisations: author or legal authenticator. */
export interface PartyFacts {
  /** PS_IdNat, e.g. `8` + RPPS; present when it comes from the national register (root 1.2.250.1.71.4.2.1) */
  idNatPs?: string
  id?: { extension: string; root: string }
  /** of a device: its model */
  family: string
  /** of a device: its software */
  given: string
  device: boolean
  /** Struct_IdNat of the organisations, e.g. `1` + FINESS */
  structures: string[]
  organisation?: string
  specialty?: Coded
  role?: string
}

/** The header of one CDA, read without altering a byte. Times are HL7 v3 strings as they stand in the document. */
export interface CdaFacts {
  uniqueId: string
  idExtension?: string
  setId?: string
  version?: number
  /** id (root, or root^extension) of the one document that this one replaces (RPLC) */
  replaces?: string
  /** version that the document says of the one that it replaces */
  replacedVersion?: number
  /** it stands in another relation (APND), in several, or does not name its parent */
  related?: true
  patient: PatientFacts
  recordTargets: number
  typeCode: Coded
  authors: PartyFacts[]
  legalAuthenticator?: PartyFacts
  custodian?: string
  confidentiality: string
  /** code system of the confidentiality */
  confidentialitySystem: string
  title: string
  language: string
  effectiveTime: string
  service: { start?: string; stop?: string }
  events: Coded[]
  /** status of the act of a laboratory (XD-LAB): `completed`, or another as long as results are missing */
  labStatus?: string
  encounter?: string
  facility?: Coded
  practice?: Coded
  templateIds: string[]
  /** versions of those that state one, by template */
  templateVersions: Record<string, string>
  /** level 1: one embedded file; level 3: structured */
  body: 'N1' | 'N3'
  mediaType?: string
  /** SHA-256 of the PDF that is the body (level 1), or of those in the section of copies (level 3: 1.2.250.1.213.1.1.2.243) */
  pdfs?: string[]
  /** the file is its own style sheet (root xsl:stylesheet) */
  selfPresentable: boolean
}

/** What METADATA.XML says of one document. */
export interface MetadataFacts {
  /** one, unless the file says more than it may */
  uniqueIds: string[]
  /** CX, e.g. `<15>^^^&1.2.250.1.213.1.4.8&ISO^NH`; one, unless the file says more than it may */
  patientIds: string[]
  /** every other CX of the same METADATA.XML: with two patients no entry agrees with both */
  otherPatientIds: string[]
  /** every typeCode */
  types: string[]
  /** sourcePatientInfo: PID-5 (names), PID-7 (birth dates) and PID-8 (sexes), as they stand */
  said: { names: string[]; births: string[]; sexes: string[] }
  uri?: string
  hash?: string
  size?: number
  /** every confidentialityCode */
  confidentiality: string[]
  /** the same METADATA.XML replaces or completes a document (RPLC, APND, XFRM_RPLC) */
  replaces: boolean
}

/** A file that could be wrapped as a CDA of level 1, once a human has said whose it is. */
export interface Candidate {
  kind: 'pdf' | 'jpeg' | 'tiff' | 'rtf' | 'text' | 'hprim'
  mediaType: 'application/pdf' | 'image/jpeg' | 'image/tiff' | 'text/rtf' | 'text/plain'
  /** what the file says of its patient (HPRIM): never an identity, only what may contradict one */
  states?: { name: string; firstName: string; birthDate: string }
  /** who made it, as it says itself (HPRIM) */
  from?: string
  /** of the message: it may name a patient */
  subject?: string
}

/** One document found in a message, or one container that could not be opened (then `cda` is absent and `faults` says why). */
export interface FoundDocument {
  /** where it is, e.g. `2/IHE_XDM.zip/IHE_XDM/SUBSET01/DOC0001.XML`; a file name may hold a patient's name: not for logs */
  path: string
  /** the exact bytes */
  content: Uint8Array
  /** of `content`, hexadecimal, lower case */
  sha256: string
  /** it came in an archive, as IHE_XDM.zip is one */
  archived?: true
  cda?: CdaFacts
  /** it is no CDA, and could be wrapped as one: then `cda` is absent */
  candidate?: Candidate
  /** confidentiality codes of METADATA.XML other than N, or flags of an HL7 v2 message that restrict it */
  marks: string[]
  /** every entry that describes the file */
  metadata?: MetadataFacts[]
  faults: Reason[]
  /** what the schematrons of the ANS say of it: ids of their checks, and of those that could not be made */
  checks?: { failed: string[]; notEvaluated: string[] }
}

export interface Ignored {
  path: string
  reason: Reason
}

/** What a message or a file holds. `faults` concern the whole: when there is one, `documents` may be incomplete. */
export interface Recognition {
  documents: FoundDocument[]
  ignored: Ignored[]
  faults: Reason[]
  /** every entry of every METADATA.XML, whether its file is a document or not */
  described?: MetadataFacts[]
  /** yyyymmdd: birth dates that parts in HPRIM state; they are of people, and one patient a message is the rule */
  births?: string[]
}
