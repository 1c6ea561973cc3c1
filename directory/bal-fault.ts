import { Fault } from '../config/index.ts'
export type BalReason =
  | 'address'
  | 'name'
  | 'rpps'
  | 'id-nat-ps'
  | 'holders'
  | 'structures'
  | 'responsible'
  | 'description'
  | 'service'
  | 'purposes'
  | 'quota'
  | 'password'
  | 'immutable'
  | 'by'
  | 'delegate'
  | 'certificate'
  | 'domain'
  | 'address-taken'
  | 'unknown-box'
  | 'closed'
  | 'reserved'
  | 'revision'

/** One thing that is wrong with what was asked for. */
export interface BalFaultLine {
  /** As the field is called in NewBal or BalChanges. */
  field: string
  reason: BalReason
  /** A sentence for the operator. */
  message: string
}

/** A box that cannot be created or changed as asked. The message is a sentence for the operator. */
export class BalFault extends Fault<BalReason> {
  override readonly name = 'BalFault'
  /** Everything that is wrong, the first one included. */
  readonly faults: readonly BalFaultLine[]

  constructor(reason: BalReason, message: string, options?: ErrorOptions & { field?: string; faults?: readonly BalFaultLine[] }) {
    super(reason, message, options)
    this.faults = options?.faults ?? [{ field: options?.field ?? reason, reason, message }]
  }
}

/** @throws BalFault of all faults, when there is one */
export function throwFaults(faults: readonly BalFaultLine[]): void {
  const [first] = faults
  if (first) throw new BalFault(first.reason, faults.map(({ message }) => message).join('; '), { faults })
}
