/** The standard and DMP codes this simulator answers (spec dmp §1.10). */
export type RegistryCode =
  | 'XDSRegistryMetadataError'
  | 'XDSRepositoryMetadataError'
  | 'XDSMissingDocument'
  | 'XDSMissingDocumentMetadata'
  | 'XDSDuplicateUniqueIdInRegistry'
  | 'XDSRegistryDuplicateUniqueIdInMessage'
  | 'XDSNonIdenticalHash'
  | 'XDSUnknownPatientId'
  | 'XDSPatientIdDoesNotMatch'
  | 'XDSDocumentUniqueIdError'
  | 'XDSReplaceFailed'
  | 'XDSRegistryDeprecatedDocumentError'
  | 'XDSRegistryError'
  | 'XDSRegistryBusy'
  | 'XDSRepositoryBusy'
  | 'XDSStoredQueryMissingParam'
  | 'XDSStoredQueryParamNumber'
  | 'XDSUnknownStoredQuery'
  | 'XDSMetadataUpdateError'
  | 'XDSMetadataUpdateOperationError'
  | 'DMPClosed'

/** One rule that a request breaks. `context` names the rule and the place, never a value of the document. */
export interface Problem {
  /** any code of the error table when the fault menu asks for it */
  code: RegistryCode | (string & {})
  context: string
}

/** The request is understood and refused: an ebXML RegistryResponse with status Failure. */
export class RegistryRefusal extends Error {
  override readonly name = 'RegistryRefusal'
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[]) {
    super(problems.map(({ code, context }) => `${code}: ${context}`).join('; '))
    this.problems = problems
  }
}

/** The request is no request: a SOAP 1.2 fault. Sender faults go with HTTP 400, the others with 500 (SOAP 1.2 part 2 §7.5.2.2). */
export class SoapFault extends Error {
  override readonly name = 'SoapFault'
  readonly code: 'Sender' | 'Receiver' | 'VersionMismatch' | 'MustUnderstand'
  readonly subcode: string | undefined
  constructor(code: SoapFault['code'], reason: string, subcode?: string, options?: ErrorOptions) {
    super(reason, options)
    this.code = code
    this.subcode = subcode
  }
}

/** A SOAP fault for a certificate of the wrong kind, authority or state (spec dmp §1.3). */
export function invalidCertificate(reason: string): SoapFault {
  return new SoapFault('Sender', reason, 'DMPInvalidCertificate')
}

/** Collects broken rules, so that one answer names them all. */
export class Rules {
  readonly problems: Problem[] = []

  /** Notes a problem unless `holds`; @returns holds */
  check(holds: boolean, code: RegistryCode, context: string): boolean {
    if (!holds) this.problems.push({ code, context })
    return holds
  }

  /** @throws RegistryRefusal when any rule was broken so far */
  settle(): void {
    if (this.problems.length > 0) throw new RegistryRefusal(this.problems)
  }
}
