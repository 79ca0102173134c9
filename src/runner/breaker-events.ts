/** From a change of a circuit breaker to the event about it. */

import { toDate } from '../host/time.ts'
import type { BreakerChange, BreakerState } from '../job/breaker.ts'
import type { BreakerRecord } from '../store/store.ts'
import type { Bus } from '../telemetry/bus.ts'
import type { RunnerEvents } from './events.ts'

const EVENT_OF: Readonly<Record<BreakerState, 'breaker:open' | 'breaker:half-open' | 'breaker:close'>> = {
  open: 'breaker:open',
  'half-open': 'breaker:half-open',
  closed: 'breaker:close',
}

/** Sends the event. */
export function announceBreaker(bus: Bus<RunnerEvents>, breaker: BreakerRecord, change: BreakerChange): void {
  const { queue, by, subject } = breaker
  const { from, to, reason, calls, failures, at } = change
  bus.send(EVENT_OF[to], { queue, by, subject, from, reason, calls, failures, at: toDate(at) })
}
