/**
 * The job-producer: turns the demand of a queue's consumers into demand on the store, and keeps claimed jobs in hand for the
 * demand to come.
 *
 *              demand ──▶ open demand ─┐                                   jobs ──▶ hand ──▶ consumers
 *     prefetch (a number, or the pace) ┴─▶ units asked of the claimer               │ nobody takes it any more
 *                                                                                   └──▶ back to the store
 *
 * A unit asked for is one job that may be claimed. At any moment the units asked for are those already received, plus open
 * demand, plus what is to be held ahead, minus what is in hand; the producer tells the claimer the difference to what it told
 * before. While the hand and the units on their way cover at least half of what is to be held ahead, it says nothing: the
 * hand is filled up by one big claim, not by many small ones.
 *
 * With `prefetch: 'auto'` jobs that were claimed ahead go back, last ones first, when the consumers became so slow that they
 * would wait: others may run them sooner.
 *
 * Consumers come and leave. What one that left had asked for is demand no more; the runtime credits it to the next one that
 * asks, without a word to the producer, so the dispatcher here keeps the books on that.
 *
 * A restart begins with nothing: the consumers subscribe anew, and the ledger hands back what the dead producer held.
 */

import type { Host, Timer } from '../host/host.ts'
import type { ClaimedJob } from '../job/job.ts'
import { Mailbox } from '../process/mailbox.ts'
import { demandDispatcher, producer, type ProducerDefinition } from '../stage/index.ts'
import type { Claimer, JobsClaimed } from './claimer.ts'
import type { Ledger } from './ledger.ts'
import { Pace } from './prefetch.ts'
import type { QueueSettings } from './queue-settings.ts'
import { recordingDispatcher } from './recording-dispatcher.ts'

/** What a job-producer needs. */
export interface JobProducerOptions {
  readonly queue: string
  readonly settings: Pick<QueueSettings, 'prefetch'>
  readonly claimer: Claimer
  readonly ledger: Ledger
  readonly host: Pick<Host, 'clock' | 'trace'>
  /** Takes jobs that were claimed ahead and that nobody will need soon. */
  readonly giveBack: (jobs: readonly ClaimedJob[]) => void
}

/** The message that it is time to look whether what is in hand gets used; or that there is demand which was credited. */
interface Look {
  readonly type: 'look-at-hand' | 'credited'
}

/**
 * What is in hand is to be used up within this time, or goes back. Not much sooner: a store that is slow for a moment holds
 * everything up, and to hand thousands of jobs back would make it slower.
 */
const LONGEST_IN_HAND_MS = 500

const NONE: ClaimedJob[] = []

/** The first stage of a queue. */
export function jobProducer(options: JobProducerOptions): ProducerDefinition<ClaimedJob> {
  const { queue, settings, claimer, ledger, host, giveBack } = options
  const { clock, trace } = host
  return producer<ClaimedJob>((self) => {
    const hand = new Mailbox<ClaimedJob>()
    const pace = settings.prefetch === 'auto' ? new Pace(0) : undefined
    /** How many jobs the consumers can hold. */
    let slots = 0
    let openDemand = 0
    /** Demand of consumers that left, which the runtime will not tell of again. */
    let credit = 0
    let left = 0
    /** Units of demand of consumers that have just come, up to one for each slot; every later one is the end of a job. */
    let joined = 0
    let asked = 0
    let received = 0
    let timer: Timer | undefined
    let takenSinceLook = 0

    const aheadAt = (now: number): number => pace?.ahead(now) ?? Number(settings.prefetch)
    /** What will be in hand when all that is asked for has come and been handed out; below 0, what is missing to demand. */
    const level = (): number => asked - received - openDemand + hand.length
    const fillUp = (ahead: number): void => {
      const missing = ahead - level()
      asked += missing
      claimer.ask(queue, missing)
    }
    const fillUpWhenLow = (now: number): void => {
      const ahead = aheadAt(now)
      const current = level()
      if (current < ahead / 2 || current > ahead) fillUp(ahead)
    }

    const deliver = (): ClaimedJob[] => {
      if (openDemand === 0 || hand.length === 0) return NONE
      const jobs: ClaimedJob[] = []
      while (jobs.length < openDemand) {
        const job = hand.shift()
        if (job === undefined) break
        // A job that was handed back while it waited here (a stop, a cancel) must not start; another is claimed for it.
        if (ledger.holds(job)) jobs.push(job)
      }
      openDemand -= jobs.length
      takenSinceLook += jobs.length
      return jobs
    }

    const lookLater = (): void => {
      if (timer !== undefined || pace === undefined || hand.length === 0) return
      takenSinceLook = 0
      const look = (): void => self.ref.cast({ type: 'look-at-hand' } satisfies Look)
      timer = clock.after(LONGEST_IN_HAND_MS, look, { keepAlive: false })
    }
    const lookAtHand = (): void => {
      timer = undefined
      const now = clock.monotonic()
      const ahead = aheadAt(now)
      if (takenSinceLook < hand.length && ahead < hand.length) {
        const jobs: ClaimedJob[] = []
        for (let job = hand.shift(); job !== undefined; job = hand.shift()) jobs.push(job)
        for (const job of jobs.slice(0, ahead)) hand.push(job)
        const excess = jobs.slice(ahead).filter((job) => ledger.holds(job))
        trace.point('job-producer.give-back', excess.length)
        ledger.remove(excess)
        giveBack(excess)
      }
      fillUpWhenLow(now)
      lookLater()
    }

    const join = (demand: number): number => {
      const joining = Math.min(slots - joined, demand)
      joined += joining
      return joining
    }
    const inner = recordingDispatcher(demandDispatcher<ClaimedJob>(), ledger, (job) => job)
    const dispatcher: typeof inner = {
      ...inner,
      ask(state, subscription, count) {
        const credited = Math.min(credit, count)
        if (credited > 0) {
          credit -= credited
          openDemand += credited
          join(credited)
          self.ref.cast({ type: 'credited' } satisfies Look)
        }
        return inner.ask(state, subscription, count)
      },
      cancel(state, subscription) {
        const step = inner.cancel(state, subscription)
        left = inner.capacity(state) - inner.capacity(step.state)
        return step
      },
    }

    self.ref.monitor(() => {
      timer?.cancel()
      ledger.release(self.ref)
    })
    claimer.attach(queue, self.ref, () => fillUp(aheadAt(clock.monotonic())))
    fillUp(aheadAt(clock.monotonic()))
    return {
      dispatcher,
      bufferSize: Infinity,
      handleDemand(demand) {
        trace.point('job-producer.demand', queue)
        openDemand += demand
        const joining = join(demand)
        const jobs = deliver()
        const now = clock.monotonic()
        pace?.note(now, joined - openDemand, demand - joining)
        fillUpWhenLow(now)
        return jobs
      },
      handleSubscribe(_role, { maxDemand }) {
        slots += maxDemand
        pace?.resize(slots)
      },
      handleCancel(_cause, { options: { maxDemand } }) {
        slots -= maxDemand
        joined = Math.max(0, joined - maxDemand)
        openDemand -= left
        credit += left
        const now = clock.monotonic()
        pace?.resize(slots)
        pace?.note(now, joined - openDemand, 0)
        fillUpWhenLow(now)
      },
      handleCast(message) {
        const known = message as JobsClaimed | Look // only the claimer and this stage itself cast to it
        if (known.type === 'look-at-hand') {
          lookAtHand()
          return NONE
        }
        if (known.type === 'jobs') {
          trace.point('job-producer.jobs', queue)
          received += known.jobs.length
          for (const job of known.jobs) hand.push(job)
        }
        const jobs = deliver()
        const now = clock.monotonic()
        pace?.note(now, joined - openDemand, 0)
        fillUpWhenLow(now)
        lookLater()
        return jobs
      },
    }
  })
}
