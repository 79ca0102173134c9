/** A host whose clock moves only when a test moves it, for stores that run inline. */

import type { Clock, Host, LogRecord, Timer } from '../../src/host/host.ts'
import { nodeProcesses } from '../../src/host/processes.ts'
import { nodeRandom } from '../../src/host/random.ts'
import { noTrace } from '../../src/host/trace.ts'

interface Waiting {
  readonly at: number
  readonly run: () => void
}

/** A host for tests of stores. */
export interface StoreTestHost extends Host {
  readonly logs: LogRecord[]
  /** Moves the clock, and fires the timers on the way in their order. */
  advance(ms: number): void
  /** How many timers wait. */
  waiting(): number
}

/** Makes one; its clock starts at the real time, so that rows written by hand fit in. */
export function storeTestHost(): StoreTestHost {
  let now = Date.now()
  const timers = new Set<Waiting>()
  const logs: LogRecord[] = []
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: (ms, run): Timer => {
      const timer = { at: now + Math.max(0, ms), run }
      timers.add(timer)
      return { cancel: () => timers.delete(timer) }
    },
    soon: (run) => setImmediate(run),
    microtask: (run) => queueMicrotask(run),
  }
  const advance = (ms: number): void => {
    const until = now + ms
    for (;;) {
      const [next] = [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      timers.delete(next)
      now = Math.max(now, next.at)
      next.run()
    }
    now = until
  }
  return {
    clock,
    random: nodeRandom(),
    logger: { log: (record) => logs.push(record) },
    trace: noTrace(),
    processes: nodeProcesses(),
    logs,
    advance,
    waiting: () => timers.size,
  }
}
