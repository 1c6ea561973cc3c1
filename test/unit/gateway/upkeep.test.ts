import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { silent } from '../../../config/index.ts'
import { openUpkeep } from '../../../gateway/upkeep.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const PARTS = ['renewTrust', 'watchDirectory', 'overdue', 'tellFilings', 'tellCertificates', 'observe', 'rotate', 'keepAudit'] as const

test.each(PARTS)(
  'a round goes on when %s fails, and says so: what frees a full disk is not kept back by what wants to write',
  async part => {
    const done = new Set<string>()
    const told: unknown[] = []
    const run = async (name: string) => {
      if (name === part) throw new Error('the disk is full')
      done.add(name)
    }
    const now = (name: string) => () => {
      if (name === part) throw new Error('the disk is full')
      done.add(name)
    }
    const later = (name: string) => () => run(name)
    const upkeep = openUpkeep({
      housekeeping: {
        overdue: () => run('overdue').then(() => []),
        removeDone: () => run('removeDone').then(() => 0),
        removeOrphans: () => run('removeOrphans').then(() => 0),
      },
      owners: { beat: later('beat'), dead: () => run('dead').then(() => []), releaseRecipients: async () => 0, forget: async () => {} },
      settlement: { overdue: async () => {} },
      dispatcher: { ring: now('ring') },
      ...{ renewTrust: now('renewTrust'), watchDirectory: now('watchDirectory') },
      ...{ tellFilings: later('tellFilings'), tellCertificates: later('tellCertificates') },
      ...{ observe: later('observe'), rotate: later('rotate'), keepAudit: later('keepAudit') },
      log: { ...silent, error: (event: string, detail?: Record<string, unknown>) => void told.push([event, detail]) },
    } as unknown as Parameters<typeof openUpkeep>[0])
    upkeep.start()
    vi.advanceTimersByTime(30_000)
    await upkeep.stop()
    const whole = [...PARTS, 'beat', 'dead', 'removeDone', 'removeOrphans', 'ring']
    expect([...done].sort()).toEqual(whole.filter(each => each !== part).sort())
    expect(told).toEqual([['upkeep-failed', { task: part }]])
  },
)
