import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import type { Bell } from './bell.ts'

/** One ring for all that is due: while one waits to be heard, others add nothing. */
const RING = 'ring'
const QUEUE = 'pli-filing'

export interface RedisBellOptions {
  /** `redis://…` or `rediss://…` */
  url: string
  /** Told when Redis is out of reach, at most once until it is back. */
  onFault(error: Error): void
  /** of every key in Redis; `pli` by default */
  prefix?: string
}

/**
 * The bell of several machines: BullMQ on Redis. A job carries nothing at all, and only one of its kind ever waits, so a DMP that is down for
 * days fills no memory. Redis may be away or forget everything: the process hears its own rings all the same, and the sweep of the
 * others finds what no bell announced.
 */
export function redisBell(options: RedisBellOptions): Bell {
  const prefix = options.prefix ?? 'pli'
  const listeners = new Set<() => void>()
  const connections: Redis[] = []
  let isAway = false
  const connect = (blocking: boolean) => {
    // BullMQ: a worker waits for Redis for ever; a ring is not kept for later, since the sweep does better.
    const redis = new Redis(options.url, { maxRetriesPerRequest: blocking ? null : 0, enableOfflineQueue: blocking })
    redis.on('error', fault)
    redis.on('ready', () => {
      isAway = false
    })
    connections.push(redis)
    return redis
  }
  const fault = (error: Error) => {
    if (!isAway) options.onFault(error)
    isAway = true
  }
  const queue = new Queue(QUEUE, { connection: connect(false), prefix, skipVersionCheck: true })
  queue.on('error', fault)
  const hear = () => {
    for (const wake of listeners) wake()
  }
  let isAnnouncing = false
  let isRungAgain = false
  /** One at a time: BullMQ keeps what is added before its first connection, and Redis may be away for days. */
  const announce = () => {
    isRungAgain = isAnnouncing
    if (isAnnouncing) return
    isAnnouncing = true
    queue
      .add(RING, {}, { jobId: RING, removeOnComplete: true, removeOnFail: true })
      .catch(fault)
      .finally(() => {
        isAnnouncing = false
        if (isRungAgain) announce()
      })
  }
  let worker: Worker | undefined
  const start = () => {
    worker ??= new Worker(QUEUE, async () => hear(), {
      connection: connect(true),
      prefix,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    })
    worker.on('error', fault)
  }

  return {
    ring() {
      hear()
      announce()
    },
    listen(wake) {
      listeners.add(wake)
      start()
      return () => listeners.delete(wake)
    },
    async close() {
      listeners.clear()
      await Promise.allSettled([worker?.close(true), queue.close()])
      for (const redis of connections) redis.disconnect()
    },
  }
}
