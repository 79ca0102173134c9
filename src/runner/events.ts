/** The events of a runner: what happens in this process. */

import type { ErrorRecord } from '../job/job.ts'
import type { NoticeEvent } from '../maintenance/dead-notifier.ts'
import type { ScaleDecision } from '../queue/autoscaling.ts'

/** What every event about one attempt carries. */
export interface AttemptEvent {
  readonly id: string
  readonly name: string
  readonly queue: string
  /** 1 in the first attempt. */
  readonly attempt: number
  /** From due to start, in milliseconds. */
  readonly waitMs: number
}

/** An attempt ended without an error. Sent once the store has taken it. */
export interface JobStopEvent extends AttemptEvent {
  /** How long the handler ran, in milliseconds; null when it never began. */
  readonly runMs: number | null
  readonly outcome: 'completed' | 'snoozed' | 'cancelled' | 'discarded'
  /** The reason of a cancelled or discarded job; why the result of a completed one could not be kept. */
  readonly error?: ErrorRecord | undefined
}

/** An attempt ended with an error. Sent once the store has taken it. */
export interface JobExceptionEvent extends AttemptEvent {
  readonly runMs: number | null
  /** `retry`: it will be tried again. `failed`: it is among the dead letters. */
  readonly outcome: 'retry' | 'failed'
  readonly error: ErrorRecord
}

/** A queue in numbers, every five seconds while this process works on it. */
export interface QueueDepthEvent {
  readonly queue: string
  readonly depth: number
  readonly scheduled: number
  readonly running: number
  readonly oldestAgeMs: number | null
}

/** A circuit breaker changed its state. Each process that works tells it, within moments, whoever made the change. */
export interface BreakerEvent {
  readonly queue: string
  /** Whether it is the breaker of a job name or of a key. */
  readonly by: 'name' | 'key'
  /** The job name or the key. */
  readonly subject: string
  readonly from: 'closed' | 'open' | 'half-open'
  /** Why, as a sentence without a full stop. */
  readonly reason: string
  /** How many calls were in the window, or how many probes had ended. */
  readonly calls: number
  readonly failures: number
  readonly at: Date
}

/** The events are published on channels of `node:diagnostics_channel` too, whose names begin with this. */
export const CHANNEL_PREFIX = 'millrace:'

/** Every event by its name. What each means is said in `event-table.ts` too, from which the documentation is made. */
export interface RunnerEvents {
  /** A job was enqueued by this process; with the option `tx`, before the transaction is committed. */
  'job:enqueue': {
    readonly id: string
    readonly name: string
    readonly queue: string
    readonly status: 'created' | 'duplicate' | 'replaced'
  }
  /** An enqueue got no answer: nobody knows whether its jobs are stored. */
  'job:unknown': { readonly ids: readonly string[]; readonly jobs: number }
  /** A handler begins. */
  'job:start': AttemptEvent
  'job:stop': JobStopEvent
  'job:exception': JobExceptionEvent
  /** The end of an attempt came too late: the job had been handed to another by then. It changed nothing. */
  'job:stale': AttemptEvent
  /** A handler was stopped before its end: its job runs again, and no attempt is charged. */
  'job:interrupt': {
    readonly id: string
    readonly name: string
    readonly queue: string
    readonly attempt: number
    readonly runMs: number
    readonly reason: 'interrupted' | 'lease-lost'
  }
  'queue:depth': QueueDepthEvent
  /**
   * The autoscaler of this process gave a queue another number of consumers (`from`, `to`), or wanted to and could not: the two
   * are the same then. `detail` is the reason in words.
   */
  'queue:scale': { readonly queue: string } & ScaleDecision
  /** The stages of a queue crashed too often; they start anew in `againInMs` milliseconds. */
  'queue:crash': { readonly queue: string; readonly reason: unknown; readonly againInMs: number }
  /** A handler goes on although its signal fired and its grace is over. Its slot is free; `stuck` such handlers go on now. */
  'job:stuck': {
    readonly id: string
    readonly name: string
    readonly queue: string
    readonly attempt: number
    readonly runMs: number
    readonly stuck: number
  }
  'node:start': { readonly node: string; readonly queues: readonly string[] }
  'node:stop': { readonly node: string }
  /**
   * The leases of this node are gone, because others took it for dead (`declared-dead`), or may be gone, because it could not
   * say for too long that it lives (`unconfirmed`). Its handlers were told to stop; it goes on as a new node.
   */
  'node:fenced': { readonly node: string; readonly reason: 'declared-dead' | 'unconfirmed' }
  /** As many handlers are stuck as `stuckLimit` says: it is time to stop, and to start a new process. Sent once. */
  'node:stuck': { readonly node: string; readonly stuck: number }
  /** An operator wants this node to begin no more jobs (`quiet`) or to end (`stop`); null: to go on. It does so from now on. */
  'node:order': { readonly node: string; readonly wanted: 'quiet' | 'stop' | null }
  /** This node found a dead one and freed its jobs. */
  'node:rescue': {
    readonly node: string
    readonly requeued: readonly string[]
    readonly failed: readonly string[]
    readonly cancelled: readonly string[]
    readonly quarantined: readonly string[]
  }
  /** Jobs of a name or key are kept back from now on, on every node. */
  'breaker:open': BreakerEvent
  /** Probes are let through. */
  'breaker:half-open': BreakerEvent
  /** Its jobs run again. */
  'breaker:close': BreakerEvent
  /** `onDeadLetter` was called for a dead letter, here, and has done its work. */
  'notice:stop': NoticeEvent
  /** `onDeadLetter` failed. `retry`: it is called again; `given-up`: it was called eight times. */
  'notice:exception': NoticeEvent & { readonly outcome: 'retry' | 'given-up'; readonly error: ErrorRecord }
  /** This node handed jobs back unended. */
  'node:give-back': { readonly node: string; readonly jobs: number }
  /** The store handed out more jobs than were asked for, which is a bug. */
  'node:surplus': { readonly node: string; readonly queue: string; readonly jobs: number }
  /** The wall clock went another way than time itself, by `jumpMs` milliseconds. */
  'node:clock': { readonly node: string; readonly jumpMs: number }
  /** The store failed; what was asked of it is asked again. */
  'store:error': { readonly error: unknown }
}
