import type { TLSSocket } from 'node:tls'
import { AddressFault, parseAddress } from '../address.ts'
import { Refusal } from '../refusals.ts'
import { type BoxesOfPeople, boxOfPerson, type SignInBox } from './box-of-person.ts'
import type { Certificates } from './certificates.ts'
import type { Throttle } from './throttle.ts'
import type { Tokens } from './tokens.ts'

export { type BoxesOfPeople, boxesOfPerson, type SignInBox } from './box-of-person.ts'
export { type Certificates, openCertificates } from './certificates.ts'
export { openFamiliarNetworks, signInMigrations } from './familiar-networks.ts'
export { openNationalService } from './national-service.ts'
export { openThrottle, type Throttle } from './throttle.ts'
export { openTokens, type Tokens } from './tokens.ts'

export interface SignInBoxes<Box extends SignInBox> extends BoxesOfPeople<Box> {
  authenticate(address: string, password: string): Promise<Box | undefined>
  /** @param name DN of a client certificate @returns the boxes for which it is registered, however the name is written */
  byCertificate(name: string): Promise<readonly Box[]>
}

export interface SignInOptions<Box extends SignInBox> {
  boxes: SignInBoxes<Box>
  /** Without it no token is taken. */
  tokens?: Tokens | undefined
  /** Without it no certificate is taken. */
  certificates?: Certificates | undefined
  throttle: Throttle
}

export type SignIn<Box extends SignInBox> = ReturnType<typeof openSignIn<Box>>

/**
 * Who is it that speaks on a submission connection? Each door takes what the client said and the address that it comes from.
 * Each resolves with the box, or throws a Refusal whose sentence the client's owner can act on. A check that can't be made is a no.
 */
export function openSignIn<Box extends SignInBox>({ boxes, tokens, certificates, throttle }: SignInOptions<Box>) {
  return {
    tokens: tokens && { openidConfiguration: tokens.openidConfiguration },
    certificates: certificates && { isShown: certificates.isShown },
    throttle,

    /** An application password. The same words for an unknown box and for a wrong password. */
    async password(asked: { address: string; password: string; from: string }): Promise<Box> {
      return known(async () => {
        const address = addressOf(asked.address)
        const check = async () => (address === undefined ? undefined : boxes.authenticate(address, asked.password))
        const box = await throttle.guess({ address: address ?? 'unreadable', from: asked.from }, check)
        if (!box) throw new Refusal('authenticationFailed')
        return box
      })
    },

    /** @param asked.address empty: the only PER box of the token's holder */
    async token(asked: { address: string; token: string; from: string }): Promise<Box> {
      if (!tokens) throw new Refusal('mechanismUnknown')
      return known(async () => {
        const address = asked.address === '' ? undefined : (addressOf(asked.address) ?? 'unreadable')
        return throttle.proof({ address, from: asked.from }, async () => {
          const { idNatPs } = await tokens.check(asked.token)
          return boxOfPerson(boxes, idNatPs, address)
        })
      })
    },

    /**
     * Asked at MAIL, since a connection may be kept for days: who has signed in with a token to a box of several may have left it, or been suspended.
     * @param box as `token` returned it @throws Refusal
     */
    async again({ address, type, idNatPs }: Box): Promise<void> {
      if (idNatPs === undefined || type === 'PER' || type === 'APP') return
      await known(async () => {
        const box = await boxes.find(address)
        if (box && box.idNatPs !== idNatPs) await boxOfPerson(boxes, idNatPs, address).catch(leftBox)
      })
    },

    /** @param asked.address empty: the only APP box for which the certificate is registered */
    async certificate(asked: { address: string; socket: TLSSocket; from: string }): Promise<Box> {
      if (!certificates) throw new Refusal('mechanismUnknown')
      return known(async () => {
        const address = asked.address === '' ? undefined : (addressOf(asked.address) ?? 'unreadable')
        return throttle.proof({ address, from: asked.from }, async () => {
          const name = await certificates.nameOf(asked.socket)
          const registered = (await boxes.byCertificate(name)).filter(({ type }) => type === 'APP')
          return boxOfCertificate(registered, name, address)
        })
      })
    },
  }
}

function leftBox(error: unknown): never {
  throw error instanceof Refusal ? new Refusal('senderNotOwner', error.detail) : error
}

function boxOfCertificate<Box extends SignInBox>(registered: readonly Box[], name: string, address: string | undefined): Box {
  const [box, ...others] = address === undefined ? registered : registered.filter(each => each.address === address)
  if (!box) throw new Refusal('certificateNotRegistered', `it is ${name}`)
  if (others.length > 0) throw new Refusal('certificateNotRegistered', 'it is for several: name one as the authorization identity')
  if (box.suspendedAt !== undefined) throw new Refusal('certificateNotRegistered', 'the mailbox is suspended')
  return box
}

function addressOf(text: string): string | undefined {
  try {
    return parseAddress(text)
  } catch (error) {
    if (error instanceof AddressFault) return undefined
    throw error
  }
}

/** What can't be known is a no, for now. */
async function known<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw cause instanceof Refusal ? cause : new Refusal('authenticationUnavailable', undefined, { cause })
  }
}
