/** Why a job is not running: a pure judgement over what the store knows of the job, its queue, and the nodes. */

import { unreachable } from '../host/errors.ts'
import { isoTime } from '../host/time.ts'
import { breakerTitle, isBlocking } from '../job/breaker.ts'
import type { JobRecord, JobState } from '../job/job.ts'
import type { BreakerRecord, NodeRecord, QueueRecord, QueueSnapshot } from '../store/store.ts'

/** Every reason that can be given; null is "for no reason: it runs, or it has ended". */
export const WAIT_REASONS = [
  'not-due',
  'no-worker',
  'paused',
  'breaker',
  'rate',
  'key',
  'concurrency',
  'stage',
  'no-demand',
] as const

/** One of {@link WAIT_REASONS}. */
export type WaitReason = (typeof WAIT_REASONS)[number]

/** The answer to "why is my job not running?". */
export interface Explanation {
  readonly state: JobState
  /** The first reason that holds, in the order of {@link WAIT_REASONS}; null when the job runs or has ended. */
  readonly waiting: WaitReason | null
  /** A sentence for people. */
  readonly detail: string
}

/** What the judgement is made from. */
export interface ExplainFacts {
  readonly job: JobRecord
  /** The job's queue; null when the store has nothing on it. */
  readonly queue: QueueRecord | null
  readonly nodes: readonly NodeRecord[]
  /** Circuit breakers, those of this job among them. */
  readonly breakers: readonly BreakerRecord[]
  /** Now, on the store's clock as near as known: milliseconds since 1970. */
  readonly now: number
}

/** Judges why a job is not running. */
export function explainJob(facts: ExplainFacts): Explanation {
  const { job } = facts
  switch (job.state) {
    case 'completed':
      return { state: job.state, waiting: null, detail: `it completed in attempt ${job.attempt}${atTime(job.endedAt)}` }
    case 'failed':
      return {
        state: job.state,
        waiting: null,
        detail: `it failed${atTime(job.endedAt)}: ${job.error?.message ?? 'no error was recorded'}; it runs again only when somebody retries it`,
      }
    case 'cancelled':
      return {
        state: job.state,
        waiting: null,
        detail: `it was cancelled${atTime(job.endedAt)}: ${job.error?.message ?? 'no reason was recorded'}`,
      }
    case 'running':
      return explainRunning(facts)
    case 'scheduled':
      if (job.dueAt > facts.now) return { state: job.state, waiting: 'not-due', detail: notDue(job, facts.now) }
      return explainQueued(facts)
    case 'queued':
      return explainQueued(facts)
    default:
      return unreachable(job.state)
  }
}

function explainRunning({ job, nodes }: ExplainFacts): Explanation {
  const node = nodes.find(({ id }) => id === job.node)
  const where = node === undefined ? 'a node that is gone' : `${node.host} (pid ${node.pid})`
  if (node === undefined || node.isDead) {
    return { state: job.state, waiting: null, detail: `it was claimed by ${where}; it will be rescued within seconds` }
  }
  const view = node.snapshot?.queues.find(({ queue }) => queue === job.queue)
  if (view?.buffered.includes(job.id) === true) {
    const detail = `it is claimed by ${where} and waits in a buffer before its consumers, while ${countOf(busyIn(view), 'job')} of the queue ${busyIn(view) === 1 ? 'runs' : 'run'} there`
    return { state: job.state, waiting: 'stage', detail }
  }
  return {
    state: job.state,
    waiting: null,
    detail: `it runs on ${where} in attempt ${job.attempt} of ${job.maxAttempts}`,
  }
}

function explainQueued({ job, queue, nodes, breakers, now }: ExplainFacts): Explanation {
  const { state } = job
  const serving = nodes.filter((node) => !node.isDead && node.queues.includes(job.queue))
  const knowing = serving.filter((node) => node.jobs.some(({ name }) => name === job.name))
  if (knowing.length === 0) return { state, waiting: 'no-worker', detail: noWorker(job, nodes, serving.length) }
  if (queue?.isPaused === true) {
    return { state, waiting: 'paused', detail: `queue "${job.queue}" is paused; resume it to go on` }
  }
  const breaker = breakers.find((one) => isBlocking(one) && isBreakerOf(one, job))
  if (breaker !== undefined) return { state, waiting: 'breaker', detail: breakerDetail(breaker, now) }
  const views = knowing.flatMap((node) => node.snapshot?.queues.filter((view) => view.queue === job.queue) ?? [])
  const ahead = queue === null ? 0 : Math.max(0, queue.depth - 1)
  if (views.length > 0 && views.every((view) => view.concurrency > 0 && busyIn(view) >= view.concurrency)) {
    const busy = views.reduce((sum, view) => sum + busyIn(view), 0)
    const detail = `${busy === 1 ? 'the only consumer' : `all ${busy} consumers`} of queue "${job.queue}" on ${countOf(views.length, 'node')} ${busy === 1 ? 'is' : 'are'} busy; ${waiting(ahead)}`
    return { state, waiting: 'concurrency', detail }
  }
  const detail = `no consumer of queue "${job.queue}" has asked for more work yet (${describeViews(views)}); ${waiting(ahead)}`
  return { state, waiting: 'no-demand', detail }
}

function isBreakerOf({ queue, by, subject }: BreakerRecord, job: JobRecord): boolean {
  return queue === job.queue && subject === (by === 'name' ? job.name : job.key)
}

function breakerDetail(breaker: BreakerRecord, now: number): string {
  const { state, mode, openUntil, changes, probes, calls, settings } = breaker
  const why = changes.at(-1)?.reason ?? 'an operator set it'
  if (state === 'half-open') {
    const want = countOf(settings?.probes ?? 1, 'probe')
    return `${breakerTitle(breaker)} is half-open: ${want} must pass before its jobs run again; ${probes} under way, ${calls} passed; they wait and no attempt is charged`
  }
  const until =
    mode === 'open'
      ? 'until an operator closes it or lets it go'
      : openUntil === null || openUntil <= now
        ? 'until a node lets probes through'
        : `until ${isoTime(openUntil)}, in ${Math.ceil((openUntil - now) / 1000)} s; then probes are let through`
  return `${breakerTitle(breaker)} is open (${why}) ${until}; its jobs wait and no attempt is charged`
}

function notDue(job: JobRecord, now: number): string {
  const why =
    job.attempt > 0
      ? `attempt ${job.attempt} of ${job.maxAttempts} ended and it waits for the next`
      : 'it was enqueued for later'
  const error = job.error === null ? '' : `; the last error was: ${job.error.message}`
  return `it is due at ${isoTime(job.dueAt)}, in ${Math.ceil((job.dueAt - now) / 1000)} s: ${why}${error}`
}

function noWorker(job: JobRecord, nodes: readonly NodeRecord[], serving: number): string {
  const alive = nodes.filter((node) => !node.isDead)
  if (alive.length === 0) return 'no worker is running; start one with `millrace start` or `runner.start()`'
  if (serving === 0) return `none of the ${countOf(alive.length, 'running node')} serves queue "${job.queue}"`
  return `none of the ${countOf(serving, 'node')} that serve queue "${job.queue}" knows a job named "${job.name}"; is its module registered under \`jobs\`, and was the worker restarted since?`
}

function describeViews(views: readonly QueueSnapshot[]): string {
  if (views.length === 0) return 'its nodes have not reported yet'
  return views.map((view) => `${busyIn(view)} of ${view.concurrency} consumers busy, demand ${view.demand}`).join('; ')
}

function busyIn(view: QueueSnapshot): number {
  return view.consumers.filter(({ job }) => job !== null).length
}

function waiting(count: number): string {
  return count === 1 ? '1 other job waits in the queue' : `${count} other jobs wait in the queue`
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function atTime(at: number | null): string {
  return at === null ? '' : ` at ${isoTime(at)}`
}
