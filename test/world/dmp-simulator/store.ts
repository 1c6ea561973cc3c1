import { createHash } from 'node:crypto'

/** A document as the DMP keeps it. */
export interface FiledDocument {
  uniqueId: string
  /** urn:uuid:… */
  entryUUID: string
  /** CX. */
  patientId: string
  typeCode: string
  classCode: string
  formatCode: string
  /** SHA-256 of the title, hexadecimal: the title itself is health data. */
  titleHash: string
  /** Hexadecimal. */
  sha1: string
  size: number
  bytes: Buffer
  /** Struct_IdNat of the entry's authors. */
  authorInstitution: string[]
  marks: string[]
  submissionSetUniqueId: string
  availabilityStatus: 'Approved' | 'Deprecated' | 'Deleted'
  /** Struct_IdNat of the VIHF that filed it. */
  depositor: string
  /** urn of the document that this one replaced. */
  replaces?: string
  /** Milliseconds. */
  filedAt: number
}

/** The signature of a submission set, kept beside its documents. */
export interface FiledSignature {
  uniqueId: string
  submissionSetUniqueId: string
  bytes: Buffer
}

/** What one submission adds, all of it or nothing. */
export interface Lot {
  submissionSetUniqueId: string
  documents: FiledDocument[]
  signature: FiledSignature
}

/** The registry and repository in memory. */
export class Store {
  readonly filed: FiledDocument[] = []
  readonly signatures: FiledSignature[] = []
  private readonly sets = new Set<string>()

  hasSet(uniqueId: string): boolean {
    return this.sets.has(uniqueId)
  }

  /** @returns the SHA-1 under which a uniqueId is known, document or signature */
  hashOf(uniqueId: string): string | undefined {
    const known = this.filed.find(each => each.uniqueId === uniqueId) ?? this.signatures.find(each => each.uniqueId === uniqueId)
    return known && sha1(known.bytes)
  }

  byEntry(entryUUID: string): FiledDocument | undefined {
    return this.filed.find(each => each.entryUUID === entryUUID)
  }

  byUniqueId(uniqueId: string): FiledDocument | undefined {
    return this.filed.find(each => each.uniqueId === uniqueId)
  }

  /** Adds a lot; the documents that it replaces become Deprecated. */
  add({ submissionSetUniqueId, documents, signature }: Lot): void {
    this.sets.add(submissionSetUniqueId)
    for (const { replaces } of documents) {
      const old = replaces && this.byEntry(replaces)
      if (old) old.availabilityStatus = 'Deprecated'
    }
    this.filed.push(...documents)
    this.signatures.push(signature)
  }

  /** TD3.3c: its uniqueId stays known, so that it is never filed again. */
  delete(document: FiledDocument, submissionSetUniqueId: string): void {
    this.sets.add(submissionSetUniqueId)
    document.availabilityStatus = 'Deleted'
  }
}

/** @returns hexadecimal, as XDS writes it */
export function sha1(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex')
}
