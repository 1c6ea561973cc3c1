import { DEFAULT_LIMITS } from '../../dmp-bridge/caps.ts'
import { openRecogniser, type Recogniser } from '../../dmp-bridge/recogniser.ts'

let shared: Recogniser | undefined

/** @returns the reading threads of a test process, which end with it: to start them for each bridge costs more than most tests */
export function sharedRecogniser(): Recogniser {
  shared ??= openRecogniser({ threads: 2, limits: DEFAULT_LIMITS, timeoutMs: 30_000 })
  return shared
}
