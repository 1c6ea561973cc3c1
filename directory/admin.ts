import { BalFault } from './bal-fault.ts'
import type { Bal, BalChanges, NewBal } from './bal-types.ts'
import type { Bals } from './bals.ts'
import type { BalType } from './snapshot.ts'

export type BalState = 'open' | 'suspended' | 'closed'

export interface AdminOptions {
  bals: Bals
  /** Boxes are created in these only. */
  domains: readonly string[]
  /** Boxes that the operator himself must keep: they are neither suspended nor closed. RFC 5321 §4.5.1: postmaster. */
  reserved: readonly string[]
  /** @returns an application password that nobody can guess */
  newPassword: () => string
}

export interface BalFilter {
  type?: BalType | undefined
  state?: BalState | undefined
  /** IdNat_Struct */
  structure?: string | undefined
}

export type Admin = ReturnType<typeof openAdmin>

/**
 * What an administrator does to boxes: the one path of the command line and of the HTTP API. Every change says `by` whom it is made; the audit
 * line is written with it. Throws BalFault.
 */
export function openAdmin({ bals, domains, reserved, newPassword }: AdminOptions) {
  async function show(address: string): Promise<Bal> {
    const bal = await bals.find(address)
    if (!bal) throw new BalFault('unknown-box', `There is no box ${address}`)
    return bal
  }

  /** @returns the operation, with the box as it then is */
  const and =
    <A extends unknown[]>(change: (address: string, ...rest: A) => Promise<void>) =>
    async (address: string, ...rest: A): Promise<Bal> => {
      await change(address, ...rest)
      return show(address)
    }

  const unlessReserved = (change: (address: string, by: string) => Promise<void>) =>
    and(async (address: string, by: string) => {
      if (reserved.includes(address)) throw new BalFault('reserved', `The operator needs ${address}: it stays open`)
      await change(address, by)
    })

  return {
    show,

    async list({ type, state, structure }: BalFilter = {}): Promise<Bal[]> {
      return (await bals.list()).filter(
        bal =>
          (type === undefined || bal.type === type) &&
          (state === undefined || stateOf(bal) === state) &&
          (structure === undefined || bal.structures.includes(structure)),
      )
    },

    /** @returns the box and its application password, which is kept nowhere */
    async create(bal: NewBal, by: string): Promise<{ box: Bal; password: string }> {
      if (!domains.includes(bal.address.split('@')[1] ?? '')) {
        throw new BalFault('domain', `${bal.address} is not in one of our domains`, { field: 'address' })
      }
      const password = newPassword()
      await bals.create(bal, password, by)
      return { box: await show(bal.address), password }
    },

    /** Replaces the password. @returns the new one, which is kept nowhere */
    async changePassword(address: string, by: string): Promise<{ password: string }> {
      const password = newPassword()
      await bals.changePassword(address, password, by)
      return { password }
    },

    change: and((address: string, changes: BalChanges, by: string, revision?: number) => bals.change(address, changes, by, revision)),
    suspend: unlessReserved(bals.suspend),
    resume: and(bals.resume),
    close: unlessReserved(bals.close),
    declare: and(bals.declare),
    retract: and(bals.retract),
    addDelegate: and(bals.addDelegate),
    removeDelegate: and(bals.removeDelegate),
    addCertificate: and(bals.addCertificate),
    removeCertificate: and(bals.removeCertificate),
  }
}

export function stateOf({ suspendedAt, closedAt }: Pick<Bal, 'suspendedAt' | 'closedAt'>): BalState {
  if (closedAt !== undefined) return 'closed'
  return suspendedAt === undefined ? 'open' : 'suspended'
}
