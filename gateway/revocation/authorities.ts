import type { Configuration, Log } from '../../config/index.ts'
import type { Anchors, ListDates } from '../../crypto/index.ts'
import { follow } from '../follow.ts'
import { openAnchors, type TrustFiles, watchedFiles } from './anchors.ts'
import { openListKeeper } from './list-keeper.ts'
import { listSources } from './list-source.ts'
import { openServices, type Services } from './services.ts'

/** Whose certificates we judge. */
export type TrustPlace = 'tls' | 'whiteList' | 'signIn.certificates' | 'dmp.trust'

/** Every trusted set of the configuration, and what keeps its revocation lists fresh. */
export interface Authorities {
  /** Other operators; and who signs or gets S/MIME. */
  readonly tls: Anchors
  readonly whiteList: Anchors
  readonly clients: Anchors | undefined
  readonly dmp: Anchors | undefined
  readonly services: Omit<Services, 'tick'>
  /** Fetches the lists that have never been here, and waits for them a moment: without them everybody is refused. */
  begin(): Promise<void>
  /** Called now and then: reads what has changed on the disk, starts the downloads that are due. Never waits. */
  tick(): void
  /** The complete lists in use, fetched or not. */
  inUse(): ListDates[]
  /** Resolves when no download is under way. */
  idle(): Promise<void>
  stop(): Promise<void>
}

export interface AuthoritiesOptions {
  /** Called when another state is in use: whoever holds a TLS context makes a new one. */
  onRenewed(place: TrustPlace): void
  /** milliseconds */
  now(): number
  log: Log
}

const MOMENT = 10_000

/** The parts of a configuration that say whom to trust. */
export function trustPlaces({ tls, whiteList, signIn, dmp }: Configuration): Partial<Record<TrustPlace, TrustFiles>> {
  const { certificates } = signIn
  return { tls, whiteList, ...(certificates && { 'signIn.certificates': certificates }), ...(dmp && { 'dmp.trust': dmp.trust }) }
}

/** @throws Error when a certificate or a configured list can't be used */
export function openAuthorities(configuration: Configuration, { onRenewed, now, log }: AuthoritiesOptions): Authorities {
  const { data } = configuration
  const places = Object.entries(trustPlaces(configuration)) as [TrustPlace, TrustFiles][]
  const sets = places.map(([place, trust]) => {
    const anchors = openAnchors(trust, { data, log })
    const renew = () => {
      try {
        anchors.reload()
        log.info('authorities-renewed', { place, freshUntil: anchors.freshUntil?.toISOString() })
        onRenewed(place)
      } catch (error) {
        log.error('authorities-refused', { place, reason: (error as Error).message }) // the last good ones stay in use until they end
      }
    }
    return { place, anchors, renew, look: follow(watchedFiles(trust), renew) }
  })
  const services = openServices(configuration, log)
  const inUse = () => sets.flatMap(({ anchors }) => anchors.lists())
  const lists = openListKeeper({
    sources: listSources(
      places.map(([, trust]) => trust),
      data,
    ),
    inUse,
    onChange: () => {
      for (const { renew } of sets) renew()
    },
    now,
    log,
  })
  const of = (place: TrustPlace) => sets.find(set => set.place === place)?.anchors
  return {
    tls: of('tls')!,
    whiteList: of('whiteList')!,
    clients: of('signIn.certificates'),
    dmp: of('dmp.trust'),
    services,
    async begin() {
      lists.tick()
      if (isAnyMissing(inUse(), now())) await Promise.race([lists.idle(), moment()])
    },
    tick() {
      for (const { look } of sets) look()
      services.tick()
      lists.tick()
    },
    inUse,
    idle: lists.idle,
    stop: lists.stop,
  }
}

/** Whether an authority has no list that counts at that moment (milliseconds): never had one, or it ended while we were stopped. */
export function isAnyMissing(lists: readonly Pick<ListDates, 'nextUpdate'>[], at: number): boolean {
  return lists.some(({ nextUpdate }) => nextUpdate === undefined || nextUpdate.getTime() < at)
}

function moment(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, MOMENT).unref())
}
