/**
 * The job-producer: turns the demand of a queue's consumers into demand on the store. It remembers what was asked and not
 * yet delivered, and keeps up to `prefetch` claimed jobs in hand. Every unit of demand is passed on to the claimer exactly
 * once; the units for the prefetch are asked for at the start and renewed with each job taken from it.
 *
 * A restart begins with nothing: the consumers subscribe anew, and the ledger hands back what the dead producer held.
 */

import type { ClaimedJob } from '../job/job.ts'
import { demandDispatcher, producer, type ProducerDefinition } from '../stage/index.ts'
import type { Trace } from '../host/host.ts'
import type { Claimer, JobsClaimed } from './claimer.ts'
import type { Ledger } from './ledger.ts'
import { recordingDispatcher } from './recording-dispatcher.ts'

/** What a job-producer needs. */
export interface JobProducerOptions {
  readonly queue: string
  /** How many jobs to claim ahead of demand. */
  readonly prefetch: number
  readonly claimer: Claimer
  readonly ledger: Ledger
  readonly trace: Trace
}

/** The first stage of a queue. */
export function jobProducer(options: JobProducerOptions): ProducerDefinition<ClaimedJob> {
  const { queue, prefetch, claimer, ledger, trace } = options
  return producer<ClaimedJob>((self) => {
    let openDemand = 0
    const inHand: ClaimedJob[] = []
    const deliver = (): ClaimedJob[] => {
      const jobs: ClaimedJob[] = []
      let gone = 0
      while (jobs.length < openDemand) {
        const job = inHand.shift()
        if (job === undefined) break
        if (ledger.holds(job)) jobs.push(job)
        else gone += 1
      }
      // A job that was handed back while it waited here (a stop, a cancel) must not start; another is claimed for it.
      claimer.ask(queue, gone)
      openDemand -= jobs.length
      return jobs
    }
    self.ref.monitor(() => ledger.release(self.ref))
    claimer.attach(queue, self.ref)
    claimer.ask(queue, prefetch)
    return {
      dispatcher: recordingDispatcher(demandDispatcher<ClaimedJob>(), ledger, (job) => job),
      bufferSize: Infinity,
      handleDemand(demand) {
        trace.point('job-producer.demand', queue)
        openDemand += demand
        claimer.ask(queue, demand)
        return deliver()
      },
      handleCast(message) {
        trace.point('job-producer.jobs', queue)
        inHand.push(...(message as JobsClaimed).jobs) // only the claimer casts to a job-producer
        return deliver()
      },
    }
  })
}
