import type Database from 'better-sqlite3'
import type { BalType, Listing, Professional } from './snapshot.ts'

/** The rows of an open snapshot, as listings. */
export interface BoxReader {
  find(address: string): Listing | undefined
  holder(address: string): Professional | undefined
  byPerson(rpps: string): Listing[]
  byStructure(idNatStruct: string): Listing[]
}

interface Row {
  address: string
  type: BalType
  rpps: string
  id_nat_ps: string
  id_nat_struct: string
  name: string
  profession: string
  skill: string
  service: string
  structure: string
  place: string
  department: string
  paperless: 0 | 1
}

const SELECT = `SELECT address, type, rpps, id_nat_ps, id_nat_struct, name, profession, skill, service, structure, place, department, paperless
  FROM box`

/** A structure may have thousands of boxes; nobody reads more. */
const MOST_OF_ONE = 1000

export function openBoxReader(db: Database.Database): BoxReader {
  const find = db.prepare<[string], Row>(`${SELECT} WHERE address = ?`)
  const holder = db.prepare<[string], Professional>(
    `SELECT last_name AS lastName, first_name AS firstName, profession_code AS professionCode, profession, skill_code AS skillCode, skill,
      id_nat_struct AS idNatStruct, structure FROM box WHERE address = ? AND type = 'PER'`,
  )
  const ofPerson = db.prepare<[string], Row>(`${SELECT} WHERE rpps = ? AND rpps <> '' ORDER BY address LIMIT ${MOST_OF_ONE}`)
  const ofStructure = db.prepare<[string], Row>(
    `${SELECT} WHERE id_nat_struct = ? AND id_nat_struct <> '' ORDER BY address LIMIT ${MOST_OF_ONE}`,
  )
  return {
    find(address) {
      const row = find.get(address)
      return row && listingOf(row)
    },
    holder: address => holder.get(address),
    byPerson: rpps => ofPerson.all(rpps).map(listingOf),
    byStructure: idNatStruct => ofStructure.all(idNatStruct).map(listingOf),
  }
}

function listingOf(row: Row): Listing {
  const listing: Listing = { address: row.address, type: row.type, name: row.name }
  if (row.id_nat_ps !== '') listing.idNatPs = row.id_nat_ps
  if (row.rpps !== '') listing.rpps = row.rpps
  if (row.id_nat_struct !== '') listing.idNatStruct = row.id_nat_struct
  if (row.profession !== '') listing.profession = row.profession
  if (row.skill !== '') listing.speciality = row.skill
  if (row.service !== '') listing.service = row.service
  if (row.structure !== '') listing.structure = row.structure
  if (row.place !== '') listing.place = row.place
  if (row.department !== '') listing.department = row.department
  if (row.paperless === 1) listing.paperless = true
  return listing
}
