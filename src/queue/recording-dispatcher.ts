/** A dispatcher that writes every hand-over into the ledger, in the turn in which the events are sent. */

import type { ClaimedJob } from '../job/job.ts'
import type { Delivery, Dispatcher } from '../stage/index.ts'
import type { Ledger } from './ledger.ts'

/**
 * Decorates a dispatcher.
 *
 * @param jobOf The job that an event is about.
 */
export function recordingDispatcher<Event, State>(
  inner: Dispatcher<Event, State>,
  ledger: Ledger,
  jobOf: (event: Event) => ClaimedJob,
): Dispatcher<Event, State> {
  const record = (deliveries: readonly Delivery<Event>[] | undefined): void => {
    if (deliveries === undefined) return
    for (const { subscription, events } of deliveries) {
      for (const event of events) ledger.move(jobOf(event), subscription.consumer)
    }
  }
  return {
    init: () => inner.init(),
    subscribe: (state, subscription) => inner.subscribe(state, subscription),
    capacity: (state) => inner.capacity(state),
    ask(state, subscription, count) {
      const answer = inner.ask(state, subscription, count)
      record(answer.deliveries)
      return answer
    },
    cancel(state, subscription) {
      const answer = inner.cancel(state, subscription)
      record(answer.deliveries)
      return answer
    },
    dispatch(state, events) {
      const answer = inner.dispatch(state, events)
      record(answer.deliveries)
      return answer
    },
  }
}
