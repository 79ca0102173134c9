/**
 * The job-acker: takes finished jobs from all consumers of a queue and puts them into the ack writer's outbox. When the
 * outbox is full it takes no more, so the consumers stop asking, and so on up to the store.
 *
 * Its subscriptions are temporary: a consumer that dies takes nothing with it here, and the acker subscribes to its
 * successor when that one reports. When the acker itself restarts, it subscribes to all consumers that are there.
 */

import type { Trace } from '../host/host.ts'
import { consumer, type ConsumerDefinition, type ConsumerRef, type ProducerRef } from '../stage/index.ts'
import type { AckWriter } from './ack-writer.ts'
import type { FinishedJob } from './finished-job.ts'
import { OUTBOX, type Ledger } from './ledger.ts'

/** What a job-acker needs. */
export interface JobAckerOptions {
  readonly queue: string
  /** How many finished jobs one consumer may have on the way to the acker. */
  readonly maxDemand: number
  readonly ackWriter: AckWriter
  readonly ledger: Ledger
  readonly trace: Trace
  /** The consumers that are there now. */
  readonly consumers: () => readonly ProducerRef<FinishedJob>[]
  /** Subscribes `acker` to a consumer; one that is gone meanwhile is harmless. */
  readonly subscribe: (acker: ConsumerRef<FinishedJob>, to: ProducerRef<FinishedJob>, maxDemand: number) => void
}

/** The message that a new consumer is there. */
export interface ConsumerStarted {
  readonly type: 'consumer-started'
  readonly consumer: ProducerRef<FinishedJob>
}

/** The last stage of a queue. */
export function jobAcker(options: JobAckerOptions): ConsumerDefinition<FinishedJob> {
  const { queue, maxDemand, ackWriter, ledger, trace } = options
  return consumer<FinishedJob>((self) => {
    const own = self.ref as ConsumerRef<FinishedJob> // the ref of this very consumer
    /** Consumers subscribed to, by id: a report may come twice, from the consumer and from the list below. */
    const known = new Set<number>()
    self.ref.monitor(() => ledger.release(self.ref))
    for (const there of options.consumers())
      self.ref.cast({ type: 'consumer-started', consumer: there } satisfies ConsumerStarted)
    return {
      handleCast(message) {
        const { consumer: started } = message as ConsumerStarted // only the queue's own branch casts to its acker
        if (known.has(started.id) || !started.isAlive) return
        known.add(started.id)
        options.subscribe(own, started, maxDemand)
      },
      handleCancel(_cause, subscription) {
        known.delete(subscription.producer.id)
      },
      handleEvents(finished) {
        trace.point('job-acker.finished', queue)
        const held = finished.filter(({ job }) => ledger.holds(job))
        for (const { job } of held) ledger.move(job, OUTBOX)
        ackWriter.write(held)
        return ackWriter.whenRoom()
      },
    }
  })
}
