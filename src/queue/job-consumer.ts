/**
 * A job-consumer: runs one job at a time and emits how it ended. Its min demand is one below its max demand, so each
 * finished job leaves at once and is replaced by one new job.
 *
 * It asks its producer only while the acker asks it: when ends of jobs cannot be written, it stops taking jobs.
 *
 *     taking jobs ──told to leave──▶ leaving: asks for none, runs what it was given ──all of it is with the acker──▶ gone
 */

import type { Trace } from '../host/host.ts'
import type { ClaimedJob } from '../job/job.ts'
import { isPromise } from '../process/and-then.ts'
import {
  demandDispatcher,
  producerConsumer,
  type ProducerConsumerDefinition,
  type Subscription,
} from '../stage/index.ts'
import type { FinishedJob } from './finished-job.ts'
import type { ConsumerStatistics, JobConsumerRef } from './consumer-statistics.ts'
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
  readonly onStart: (consumer: JobConsumerRef) => void
}

/** The message that the queue may do with one consumer less. */
export interface Leave {
  readonly type: 'leave'
  /** Whether that is still so when the consumer comes to it; it leaves then. */
  readonly isMeant: () => boolean
}

/** How soon a consumer that leaves looks again whether all that it finished was taken. */
const LOOK_AGAIN_MS = 50

const NONE: readonly FinishedJob[] = []

/** The stage in which handlers run. */
export function jobConsumer(options: JobConsumerOptions): ProducerConsumerDefinition<ClaimedJob, FinishedJob> {
  const { queue, from, maxDemand, executor, ledger, statistics, trace } = options
  return producerConsumer<ClaimedJob, FinishedJob>((self) => {
    const me = self.ref as JobConsumerRef // the ref of this very producer-consumer
    const own = statistics.begin(me)
    self.ref.monitor(() => {
      statistics.end(me)
      ledger.release(self.ref)
    })
    let source: Subscription | undefined
    let isLeaving = false
    const leave = (): void => {
      // What it has finished and nobody has taken yet would run again.
      if (ledger.isHolding(self.ref)) self.infoAfter(LOOK_AGAIN_MS, 'look-again')
      else self.stop('shutdown')
    }
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
    options.onStart(me)
    return {
      // Temporary: when the producer dies, the queue's supervisor ends and restarts this stage in its turn.
      subscribeTo: [{ to: from, maxDemand, minDemand: maxDemand - 1, cancel: 'temporary' }],
      dispatcher: recordingDispatcher(demandDispatcher<FinishedJob>(), ledger, ({ job }) => job),
      handleSubscribe(role, _options, subscription) {
        if (role === 'producer') source = subscription
      },
      handleCast(message) {
        const { isMeant } = message as Leave // only the queue's own branch casts to its consumers
        if (isLeaving || !isMeant()) return
        isLeaving = true
        if (source?.isActive === true) source.cancel('shutdown')
        else leave()
      },
      handleCancel(_cause, subscription) {
        // Whatever its producer had sent by then, it has run.
        if (isLeaving && subscription === source) leave()
      },
      handleInfo() {
        if (isLeaving) leave()
      },
      handleEvents(jobs) {
        trace.point('job-consumer.jobs', queue)
        const [job] = jobs
        // All but one at a time only when the producer is gone and its last message is worked off.
        return jobs.length === 1 && job !== undefined ? runOne(job) : runAll(jobs)
      },
    }
  })
}
