/**
 * A job-consumer: runs one job at a time and emits how it ended. Its min demand is one below its max demand, so each
 * finished job leaves at once and is replaced by one new job.
 *
 * It asks its producer only while the acker asks it: when ends of jobs cannot be written, it stops taking jobs.
 */

import type { Trace } from '../host/host.ts'
import type { ClaimedJob } from '../job/job.ts'
import {
  demandDispatcher,
  producerConsumer,
  type ProducerConsumerDefinition,
  type ProducerRef,
} from '../stage/index.ts'
import type { FinishedJob } from './finished-job.ts'
import type { ConsumerStatistics } from './consumer-statistics.ts'
import type { JobExecutor } from './job-executor.ts'
import type { Ledger } from './ledger.ts'
import { recordingDispatcher } from './recording-dispatcher.ts'

/** What a job-consumer needs. */
export interface JobConsumerOptions {
  readonly queue: string
  /** The name of the stage that it takes jobs from. */
  readonly from: string
  /** How many jobs it may hold: one runs, the others wait behind it. */
  readonly maxDemand: number
  readonly executor: JobExecutor
  readonly ledger: Ledger
  readonly statistics: ConsumerStatistics
  readonly trace: Trace
  /** A new consumer is there: whoever takes its finished jobs may subscribe. */
  readonly onStart: (consumer: ProducerRef<FinishedJob>) => void
}

/** The stage in which handlers run. */
export function jobConsumer(options: JobConsumerOptions): ProducerConsumerDefinition<ClaimedJob, FinishedJob> {
  const { queue, from, maxDemand, executor, ledger, statistics, trace } = options
  return producerConsumer<ClaimedJob, FinishedJob>((self) => {
    const own = statistics.begin(self.ref)
    self.ref.monitor(() => {
      statistics.end(self.ref)
      ledger.release(self.ref)
    })
    options.onStart(self.ref as ProducerRef<FinishedJob>) // the ref of this very producer-consumer
    return {
      // Temporary: when the producer dies, the queue's supervisor ends and restarts this stage in its turn.
      subscribeTo: [{ to: from, maxDemand, minDemand: maxDemand - 1, cancel: 'temporary' }],
      dispatcher: recordingDispatcher(demandDispatcher<FinishedJob>(), ledger, ({ job }) => job),
      async handleEvents(jobs) {
        trace.point('job-consumer.jobs', queue)
        const finished: FinishedJob[] = []
        for (const job of jobs) {
          own.started(job)
          const end = await executor.run(job, self.signal)
          own.ended(end)
          if (end !== undefined) finished.push(end)
        }
        return finished
      },
    }
  })
}
