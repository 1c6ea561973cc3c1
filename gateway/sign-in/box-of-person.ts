import { Refusal } from '../refusals.ts'

/** A box of ours, as far as signing in is concerned. */
export interface SignInBox {
  readonly address: string
  readonly type: 'PER' | 'ORG' | 'APP' | 'CAB'
  readonly idNatPs?: string | undefined
  /** RPPS numbers of those who hold a CAB box together. */
  readonly holders?: readonly string[] | undefined
  readonly suspendedAt?: number | undefined
  readonly closedAt?: number | undefined
}

export interface BoxesOfPeople<Box extends SignInBox> {
  find(address: string): Promise<Box | undefined>
  /** The boxes of one person. */
  byIdentity(idNatPs: string): Promise<readonly Box[]>
  /** The addresses that a box may write as: its own, and those whose delegate it is. */
  writableBy(address: string): Promise<readonly string[]>
}

const MOST_NAMED = 5

/**
 * The box that a person asks for, when it is one that he may use: his own PER box; a CAB box that he holds with others; an ORG or CAB box of
 * which a PER box of his is a delegate. Never an APP box: software signs in with its certificate.
 * @param asked normalised; undefined: his only PER box
 * @throws Refusal that names the boxes he may use; it says the same of a box that is not his and of one that does not exist
 */
export async function boxOfPerson<Box extends SignInBox>(
  boxes: BoxesOfPeople<Box>,
  idNatPs: string,
  asked: string | undefined,
): Promise<Box> {
  const own = (await boxes.byIdentity(idNatPs)).filter(box => box.type === 'PER' && box.idNatPs === idNatPs && isOpen(box))
  const writable = new Set((await Promise.all(own.map(({ address }) => boxes.writableBy(address)))).flat())
  const address = asked ?? (own.length === 1 ? own[0]?.address : undefined)
  const box = address === undefined ? undefined : await boxes.find(address)
  if (!box || !mayUse(box, idNatPs, writable))
    throw new Refusal('tokenNotYourBox', yours([...new Set([...own.map(one => one.address), ...writable])]))
  checkOpen(box)
  // Of a box that several write for, the author is the one who has shown who he is.
  return box.idNatPs === idNatPs ? box : { ...box, idNatPs }
}

/** @returns all the boxes that a person may use, by their addresses; none that is suspended or closed */
export async function boxesOfPerson<Box extends SignInBox>(boxes: BoxesOfPeople<Box>, idNatPs: string): Promise<Box[]> {
  const held = (await boxes.byIdentity(idNatPs)).filter(isOpen)
  const own = held.filter(box => box.type === 'PER' && box.idNatPs === idNatPs)
  const writable = new Set((await Promise.all(own.map(({ address }) => boxes.writableBy(address)))).flat())
  const found = await Promise.all([...new Set([...held.map(({ address }) => address), ...writable])].sort().map(each => boxes.find(each)))
  return found.filter(box => box !== undefined).filter(box => isOpen(box) && mayUse(box, idNatPs, writable))
}

/** @throws Refusal; only for who has shown that the box is his */
function checkOpen(box: SignInBox): void {
  if (box.closedAt !== undefined) throw new Refusal('tokenNotYourBox', 'it is closed')
  if (box.suspendedAt !== undefined) throw new Refusal('tokenNotYourBox', 'it is suspended')
}

function isOpen({ suspendedAt, closedAt }: SignInBox): boolean {
  return suspendedAt === undefined && closedAt === undefined
}

function mayUse(box: SignInBox, idNatPs: string, writable: ReadonlySet<string>): boolean {
  switch (box.type) {
    case 'PER':
      return box.idNatPs === idNatPs
    case 'CAB':
      return holds(box, idNatPs) || writable.has(box.address)
    case 'ORG':
      return writable.has(box.address)
    case 'APP':
      return false
  }
}

/** `8` and the RPPS number. */
function holds({ holders }: SignInBox, idNatPs: string): boolean {
  return idNatPs.startsWith('8') && holders?.includes(idNatPs.slice(1)) === true
}

function yours(addresses: readonly string[]): string {
  if (addresses.length === 0) return 'its holder has no mailbox here'
  return `its holder may use ${addresses.slice(0, MOST_NAMED).join(', ')}${addresses.length > MOST_NAMED ? ' and others' : ''}`
}
