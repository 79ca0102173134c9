/**
 * A job-consumer: runs one job at a time and emits how it ended. Its min demand is one below its max demand, so each
 * finished job leaves at once and is replaced by one new job.
 *
 * It asks its producer only while the acker asks it: when ends of jobs cannot be written, it stops taking jobs.
 */

import type { Trace } from '../host/host.ts'
import type { ClaimedJob } from '../job/job.ts'
import { isPromise } from '../process/and-then.ts'
import {
  demandDispatcher,
  producerConsumer,
  type ProducerConsumerDefinition,
  type ProducerRef,
} from '../stage/index.ts'
import type { FinishedJob } from './finished-job.ts'
import type { ConsumerStatistics } from './consumer-statistics.ts'
import { JobSlot } from './job-attempt.ts'
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

const NONE: readonly FinishedJob[] = []

/** The stage in which handlers run. */
export function jobConsumer(options: JobConsumerOptions): ProducerConsumerDefinition<ClaimedJob, FinishedJob> {
  const { queue, from, maxDemand, executor, ledger, statistics, trace } = options
  return producerConsumer<ClaimedJob, FinishedJob>((self) => {
    const own = statistics.begin(self.ref)
    self.ref.monitor(() => {
      statistics.end(self.ref)
      ledger.release(self.ref)
    })
    const slot = new JobSlot(self.signal)
    const ended = (finished: FinishedJob | undefined): readonly FinishedJob[] => {
      own.ended(finished)
      return finished === undefined ? NONE : [finished]
    }
    const runOne = (job: ClaimedJob): readonly FinishedJob[] | Promise<readonly FinishedJob[]> => {
      own.started(job)
      const answer = executor.run(job, slot)
      return isPromise(answer) ? answer.then(ended) : ended(answer)
    }
    const runAll = async (jobs: readonly ClaimedJob[]): Promise<readonly FinishedJob[]> => {
      const finished: FinishedJob[] = []
      for (const job of jobs) finished.push(...(await runOne(job)))
      return finished
    }
    options.onStart(self.ref as ProducerRef<FinishedJob>) // the ref of this very producer-consumer
    return {
      // Temporary: when the producer dies, the queue's supervisor ends and restarts this stage in its turn.
      subscribeTo: [{ to: from, maxDemand, minDemand: maxDemand - 1, cancel: 'temporary' }],
      dispatcher: recordingDispatcher(demandDispatcher<FinishedJob>(), ledger, ({ job }) => job),
      handleEvents(jobs) {
        trace.point('job-consumer.jobs', queue)
        const [job] = jobs
        // All but one at a time only when the producer is gone and its last message is worked off.
        return jobs.length === 1 && job !== undefined ? runOne(job) : runAll(jobs)
      },
    }
  })
}
