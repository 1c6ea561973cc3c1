import type { Dmp } from '../../../../dmp-bridge/dmp.ts'
import type { Bridge } from '../../../../dmp-bridge/main.ts'
import type { ProofWorld } from '../mutations/world.ts'
import type { Dice } from './dice.ts'
import type { Letter } from './letters.ts'
import { openMenu, type Path } from './menu.ts'

export interface DayOptions {
  letters: readonly Letter[]
  dice: Dice
  /** milliseconds after the start: the DMP is away */
  outage: { from: number; to: number }
  /** a worker dies between sending and settling, once in so many submissions */
  crashEvery: number
  /** days given to what waits */
  days: number
}

/** What happened, beside what the rows and the simulator keep. */
export interface DayReport {
  exchanges: number
  faults: Record<string, number>
  crashes: number
  /** when each submission started, by the clock of the day */
  sent: number[]
}

interface Worker {
  bridge: Bridge
  owner: string
  /** resolves when this process has died */
  died: Promise<'died'>
}

/** Lives a day of two workers over one database, and the days after, in virtual time: the clock moves to the next instant that anything is due. */
export async function liveDay(world: ProofWorld, options: DayOptions): Promise<DayReport> {
  const { dice, letters, outage } = options
  const start = world.now
  const report: DayReport = { exchanges: 0, faults: {}, crashes: 0, sent: [] }
  const faultOf = openMenu(dice)
  const hanging: (() => void)[] = []
  let submissions = 0

  const menace = (path: Path) => {
    report.exchanges += 1
    const isAway = world.now - start >= outage.from && world.now - start < outage.to
    const kind = isAway ? 'down' : faultOf(path)
    if (kind) report.faults[`${kind}${isAway ? ' (outage)' : ''}`] = (report.faults[`${kind}${isAway ? ' (outage)' : ''}`] ?? 0) + 1
    world.dmp.setFault(kind, kind === 'down' || kind === 'tls-refusal' ? { times: 1 } : { times: 1, path })
  }

  const employ = async (): Promise<Worker> => {
    let die = () => {}
    const died = new Promise<'died'>(resolve => {
      die = () => resolve('died')
    })
    const change = (dmp: Dmp): Dmp => ({
      ...dmp,
      exists: (...asked) => {
        menace('/patients')
        return dmp.exists(...asked)
      },
      findByUniqueId: (...asked) => {
        menace('/registry')
        return dmp.findByUniqueId(...asked)
      },
      file: async request => {
        report.sent.push(world.now)
        submissions += 1
        menace('/repository')
        const outcome = await dmp.file(request)
        if (submissions % options.crashEvery !== 0) return outcome
        report.crashes += 1
        // What the DMP said is lost with the process: nothing of it ever comes back to the rows.
        await new Promise<void>(resolve => {
          hanging.push(resolve)
          die()
        })
        throw new Error('this process is dead')
      },
    })
    return { ...(await world.open(change)), died }
  }

  const workers = [await employ(), await employ()]
  const drain = async (place: number): Promise<number | undefined> => {
    const worker = workers[place]!
    const outcome = await Promise.race([worker.bridge.drain(), worker.died])
    if (outcome !== 'died') return outcome
    world.dead.add(worker.owner)
    workers[place] = await employ()
    return world.now + 1
  }

  let arrived = 0
  const end = start + options.days * 86_400_000
  while (world.now < end) {
    for (; letters[arrived] && start + letters[arrived]!.at <= world.now; arrived++)
      await world.accept(letters[arrived]!.id, letters[arrived]!.eml)
    const wakes = await Promise.all(workers.map((_, place) => drain(place)))
    const next = letters[arrived] ? start + letters[arrived]!.at : undefined
    if (next === undefined && (await isDone(world))) break
    const dues = [...wakes, next, world.now + 600_000].filter(each => each !== undefined)
    world.now = Math.max(Math.min(...dues), world.now + 1)
  }
  world.now += 60_000
  world.dmp.setFault(undefined)
  await Promise.all(workers.map(({ bridge }) => bridge.drain())) // the sweep tells what nobody had told
  for (const release of hanging) release()
  return report
}

async function isDone(world: ProofWorld): Promise<boolean> {
  const count = async (sql: string) => Number((await world.db.run<{ n: number }>({ sql, parameters: [] }))[0]?.n)
  const unread = await count("SELECT COUNT(*) AS n FROM inbox WHERE state = 'unread'")
  return unread === 0 && (await count("SELECT COUNT(*) AS n FROM filing WHERE state = 'pending'")) === 0
}
