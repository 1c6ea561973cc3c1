import type { Compilable, Database, Query } from '../config/index.ts'
import type { CheckedBal } from './bal-rules.ts'
import { type BalRow, balTables as build } from './bal-schema.ts'
import type { Bal } from './bal-types.ts'
import { PURPOSES } from './box-use.ts'

/** A box with what never leaves this room. */
export type StoredBal = { bal: Bal; passwordHash: string }

/** What belongs to a box beside its row, each with the column that holds it. */
const PARTS = [
  { table: 'bal_structure', value: 'id_nat_struct', order: 'rank', into: 'structures' },
  { table: 'bal_holder', value: 'rpps', order: 'rank', into: 'holders' },
  { table: 'box_purpose', value: 'purpose', order: 'purpose', into: 'purposes' },
  { table: 'bal_delegate', value: 'delegate', order: 'delegate', into: 'delegates' },
  { table: 'bal_certificate', value: 'dn', order: 'dn', into: 'certificates' },
] as const

export type BalList = 'structures' | 'holders' | 'purposes'

function selectsOf(where: boolean): Compilable[] {
  const only = <Q extends { where(column: 'address', op: '=', value: string): Q }>(query: Q) =>
    where ? query.where('address', '=', '') : query
  return [
    only(build.selectFrom('bal').selectAll()).orderBy('address'),
    ...PARTS.map(({ table, value, order }) => {
      const select = build.selectFrom(table as 'bal_structure').select(['address', `${value} as value` as never])
      return only(select)
        .orderBy('address')
        .orderBy(order as 'rank') as Compilable
    }),
  ]
}

/** Asked at every RCPT: the text is built once. */
const ALL = selectsOf(false).map(query => query.compile().sql)
const ONE = selectsOf(true).map(query => query.compile().sql)

/** @param address of one box, all without it @returns the boxes in order of address */
export async function readBals(db: Database, address?: string): Promise<StoredBal[]> {
  const parameters = address === undefined ? [] : [address]
  const queries = (address === undefined ? ALL : ONE).map((sql): Query => ({ sql, parameters }))
  const [rows = [], ...parts] = await db.atomically(queries)
  const found = new Map((rows as unknown as BalRow[]).map(row => [row.address, { bal: balOf(row), passwordHash: row.password_hash }]))
  for (const [index, part] of parts.entries()) {
    const into = PARTS[index]?.into
    for (const { address, value } of part as { address: string; value: string }[]) {
      if (into) (found.get(address)?.bal[into] as string[] | undefined)?.push(value)
    }
  }
  for (const { bal } of found.values()) bal.purposes = PURPOSES.filter(purpose => bal.purposes.includes(purpose))
  return [...found.values()]
}

function balOf(row: BalRow): Bal {
  const bal: Bal = {
    address: row.address,
    type: row.type,
    name: row.name,
    structures: [],
    holders: [],
    redListed: Number(row.red_listed) === 1,
    paperless: Number(row.paperless) === 1,
    purposes: [],
    delegates: [],
    certificates: [],
    revision: Number(row.revision),
  }
  if (row.rpps !== null) bal.rpps = row.rpps
  if (row.id_nat_ps !== null) bal.idNatPs = row.id_nat_ps
  if (row.responsible !== null) bal.responsible = row.responsible
  if (row.description !== null) bal.description = row.description
  if (row.service !== null) bal.service = row.service
  if (row.quota_bytes !== null) bal.quotaBytes = Number(row.quota_bytes)
  if (row.filing_notices !== null) bal.filingNotices = row.filing_notices
  if (row.hold_link !== null) bal.holdLink = Number(row.hold_link) === 1
  if (row.declared_at !== null) bal.declaredAt = Number(row.declared_at)
  if (row.suspended_at !== null) bal.suspendedAt = Number(row.suspended_at)
  if (row.closed_at !== null) bal.closedAt = Number(row.closed_at)
  return bal
}

/** @returns the columns that say what a box is */
export function columnsOf(bal: CheckedBal) {
  return {
    name: bal.name,
    rpps: bal.rpps ?? null,
    id_nat_ps: bal.idNatPs ?? null,
    responsible: bal.responsible ?? null,
    description: bal.description ?? null,
    service: bal.service ?? null,
    red_listed: bal.redListed ? 1 : 0,
    paperless: bal.paperless ? 1 : 0,
    quota_bytes: bal.quotaBytes ?? null,
    filing_notices: bal.filingNotices ?? null,
    hold_link: bal.holdLink === undefined ? null : Number(bal.holdLink),
  } satisfies Partial<BalRow>
}

/** @returns what writes these lists of a box. @param said by whom, and when, its purposes are told */
export function insertParts(bal: CheckedBal, lists: readonly BalList[], said: { by: string; at: number }): Compilable[] {
  const { address } = bal
  const queries = {
    structures: () =>
      build.insertInto('bal_structure').values(bal.structures.map((id_nat_struct, rank) => ({ address, rank, id_nat_struct }))),
    holders: () => build.insertInto('bal_holder').values(bal.holders.map((rpps, rank) => ({ address, rank, rpps }))),
    purposes: () =>
      build.insertInto('box_purpose').values(bal.purposes.map(purpose => ({ address, purpose, said_by: said.by, said_at: said.at }))),
  }
  return lists.filter(list => bal[list].length > 0).map(list => queries[list]())
}

/** @returns what removes the lists of a box, to be written anew */
export function deleteParts(address: string, fields: readonly string[]): Compilable[] {
  return PARTS.filter(({ into }) => fields.includes(into)).map(({ table }) =>
    build.deleteFrom(table as 'bal_structure').where('address', '=', address),
  )
}
